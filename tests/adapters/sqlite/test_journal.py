"""What is committed stays, whatever happens to the process; what is read is what was written."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.adapters.sqlite.journal import SqliteJournal
from agent.adapters.sqlite.version import VERSION
from agent.errors import ConfigError, JournalFull
from agent.monitoring.types import SECOND, Snapshot
from tests.adapters.sqlite.entries import SUMMARIES, T0, alarm, entry, summaries


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[SqliteJournal]:
    opened = SqliteJournal(path)
    yield opened
    opened.close()


def test_entries_come_back_as_they_were_given(journal: SqliteJournal) -> None:
    boot = journal.begin_boot(T0)
    given = [entry(boot, 1, note="Überdruck \u0000 \U0001f6a8"), alarm(boot, 2), entry(boot, 3, "quality")]
    journal.commit(given)
    assert journal.pending(10, ("window", "alarm", "quality")) == given


def test_pending_is_oldest_first_of_the_kinds_asked_for_and_beyond_a_place(journal: SqliteJournal) -> None:
    boot = journal.begin_boot(T0)
    journal.commit([entry(boot, 1), alarm(boot, 2), entry(boot, 3), entry(boot, 4, "event"), entry(boot, 5)])
    assert [e.seq for e in journal.pending(2, SUMMARIES)] == [1, 3]
    assert [e.seq for e in journal.pending(9, SUMMARIES, (boot, 1))] == [3, 5]
    assert [e.seq for e in journal.pending(9, ("event", "alarm"))] == [2, 4]


def test_entries_of_an_earlier_boot_come_before_those_of_a_later_one(journal: SqliteJournal) -> None:
    first = journal.begin_boot(T0)
    journal.commit(summaries(first, 1, 3))
    second = journal.begin_boot(T0)
    journal.commit(summaries(second, 1, 2))
    assert [(e.boot, e.seq) for e in journal.pending(9, SUMMARIES)] == [
        (first, 1), (first, 2), (first, 3), (second, 1), (second, 2)]


def test_what_is_settled_is_pending_no_more_but_still_on_record(journal: SqliteJournal) -> None:
    boot = journal.begin_boot(T0)
    journal.commit(summaries(boot, 1, 3))
    journal.commit((), settled=[(boot, 1), (boot, 3)])
    assert [e.seq for e in journal.pending(9, SUMMARIES)] == [2]
    with sqlite3.connect(journal.path) as reader:
        rows = reader.execute("SELECT seq, settled FROM log ORDER BY id").fetchall()
    assert rows == [(1, 1), (2, 0), (3, 1)]
    reader.close()


def test_without_an_uplink_nothing_is_ever_pending(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j.db", owed=())
    journal.commit(summaries(journal.begin_boot(T0), 1, 3))
    assert journal.pending(9, SUMMARIES) == []
    assert journal.last_times() == {"pump": T0 + 3 * SECOND}
    journal.close()


def test_a_commit_that_is_tried_again_stores_nothing_twice(journal: SqliteJournal) -> None:
    boot = journal.begin_boot(T0)
    journal.commit(summaries(boot, 1, 300))
    journal.commit(summaries(boot, 1, 301))
    assert [e.seq for e in journal.pending(999, SUMMARIES)] == list(range(1, 302))


def test_the_newest_snapshot_of_each_asset_is_kept(path: Path) -> None:
    journal = SqliteJournal(path)
    journal.commit((), [Snapshot("pump", {"n": 1}), Snapshot("fan", {"n": 7})])
    journal.commit((), [Snapshot("pump", {"n": 2})])
    journal.close()
    again = SqliteJournal(path)
    assert again.snapshots() == {"pump": {"n": 2}, "fan": {"n": 7}}
    again.close()


def test_a_snapshot_whose_checksum_fails_counts_as_not_there(journal: SqliteJournal) -> None:
    journal.commit((), [Snapshot("pump", {"n": 1}), Snapshot("fan", {"n": 7})])
    _tamper(journal.path, "UPDATE snapshots SET state = '{\"n\":3}' WHERE asset = 'pump'")
    assert journal.snapshots() == {"fan": {"n": 7}}


def test_a_row_whose_checksum_fails_is_passed_over(journal: SqliteJournal) -> None:
    boot = journal.begin_boot(T0)
    journal.commit(summaries(boot, 1, 5))
    _tamper(journal.path, "UPDATE log SET payload = replace(payload, 'pump', 'pomp') WHERE seq <= 3")
    assert [e.seq for e in journal.pending(2, SUMMARIES)] == [4, 5]


def test_boots_are_numbered_on_even_when_the_journal_is_lost(path: Path) -> None:
    journal = SqliteJournal(path)
    assert [journal.begin_boot(T0), journal.begin_boot(T0)] == [1, 2]
    journal.close()
    path.unlink()
    again = SqliteJournal(path)
    assert again.begin_boot(T0) == 3
    again.close()


def test_a_newer_layout_is_refused_and_left_alone(path: Path) -> None:
    SqliteJournal(path).close()
    _tamper(path, f"PRAGMA user_version = {VERSION + 1}")
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="newer watchkeeper"):
        SqliteJournal(path)
    assert path.read_bytes() == before


def test_every_commit_is_synced_to_the_disk(journal: SqliteJournal) -> None:
    full = 2
    assert journal._connection.execute("PRAGMA synchronous").fetchone() == (full,)
    assert journal._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


WRITER = """
    import sys
    from agent.adapters.sqlite.journal import SqliteJournal
    from tests.adapters.sqlite.entries import alarm, summaries
    journal = SqliteJournal(sys.argv[1])
    boot = journal.begin_boot(0)
    for seq in range(1, 1_000_000, 8):
        journal.commit([*summaries(boot, seq, 7), alarm(boot, seq + 7)])
        print(seq + 7, flush=True)
"""


def test_nothing_committed_is_lost_when_the_process_is_killed(path: Path) -> None:
    for boot in (1, 2):
        child = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WRITER), str(path)], stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
        assert child.stdout is not None
        said = [int(child.stdout.readline()) for _ in range(40)]
        child.send_signal(signal.SIGKILL)
        said += [int(line) for line in child.stdout if line.endswith("\n")]
        child.stdout.close()
        child.wait(10)
        journal = SqliteJournal(path)
        assert journal.set_aside is None
        kept = [e.seq for e in journal.pending(1_000_000, ("window", "alarm")) if e.boot == boot]
        journal.close()
        assert kept == list(range(1, len(kept) + 1))
        assert len(kept) % 8 == 0, "a part of a commit is on record"
        assert len(kept) >= said[-1]


def test_a_full_disk_is_told_as_journal_full_and_what_was_there_stays(journal: SqliteJournal) -> None:
    boot = journal.begin_boot(T0)
    journal.commit([alarm(boot, 1)])
    # SQLite's own VFS reports what a device without space reports: no page more
    pages = journal._connection.execute("PRAGMA page_count").fetchone()[0]
    journal._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(JournalFull):
        journal.commit([entry(boot, 2, note="x" * 400_000)])
    assert not journal._connection.in_transaction


def test_a_file_that_cannot_be_written_is_told_as_journal_full(journal: SqliteJournal) -> None:
    boot = journal.begin_boot(T0)
    journal._connection.execute("PRAGMA query_only = 1")
    with pytest.raises(JournalFull, match="cannot be used now"):
        journal.commit([entry(boot, 1)])
    journal._connection.execute("PRAGMA query_only = 0")
    journal.commit([entry(boot, 1)])
    assert len(journal.pending(9, SUMMARIES)) == 1


def _tamper(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement)
    connection.close()
