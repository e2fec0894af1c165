"""Times that a wrong clock has stamped are put right in the log, in their turn."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from agent.adapters.sqlite.journal import SqliteJournal
from agent.monitoring.types import SECOND
from agent.ports import Entry
from agent.runtime.writer import Writer
from agent.shipped import FLOOR

OFFSET = FLOOR + 1000 * SECOND


def times(path: Path) -> list[int]:
    with sqlite3.connect(path) as connection:
        return [row[0] for row in connection.execute("SELECT time_ns FROM log ORDER BY id")]


def test_what_was_submitted_before_the_step_is_repaired_and_nothing_else(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.db")
    earlier, boot = journal.begin_boot(1), journal.begin_boot(2)
    writer = Writer(journal, lambda _: None, max_delay=0.01)

    def window(of: int, seq: int, time: int) -> Entry:
        return Entry(of, seq, "window", "pump", time, b'{"seq":%d}' % seq)

    journal.commit([window(earlier, 1, 50)])
    writer.submit([window(boot, 1, 60), window(boot, 2, FLOOR + 5), window(boot, 3, 70)], mark=1)
    writer.repair(boot, 4, OFFSET)
    writer.start()
    writer.submit([window(boot, 4, 80)], mark=2)
    assert writer.flush(5.0)
    writer.stop(5.0)
    journal.close()
    assert times(tmp_path / "journal.db") == [50, 60 + OFFSET, FLOOR + 5, 70 + OFFSET, 80]


def test_a_repair_waits_for_a_disk_that_takes_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path)
    boot = journal.begin_boot(1)
    journal.commit([Entry(boot, 1, "window", "pump", 60, b"{}")])
    journal._connection.execute("PRAGMA busy_timeout = 20")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writer = Writer(journal, lambda _: None, max_delay=0.01)
    writer.start()
    writer.repair(boot, 2, OFFSET)
    writer.flush(0.3)
    assert times(path) == [60]
    other.execute("ROLLBACK")
    other.close()
    writer.submit([Entry(boot, 2, "window", "pump", OFFSET, b"{}")], mark=1)
    assert writer.flush(10.0)
    writer.stop(5.0)
    journal.close()
    assert times(path) == [60 + OFFSET, OFFSET]
