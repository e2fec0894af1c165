"""A damaged journal never keeps the daemon from starting, and what can be read of it is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.adapters.sqlite.journal import SqliteJournal
from agent.errors import JournalCorrupt
from agent.monitoring.types import Snapshot
from tests.adapters.sqlite.entries import ALARMS, SUMMARIES, T0, alarm, entry, summaries


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed journal: 2000 summaries, an alarm before and one after them, a snapshot."""
    journal = SqliteJournal(tmp_path / "journal.db")
    boot = journal.begin_boot(T0)
    journal.commit([alarm(boot, 1)], [Snapshot("pump", {"baseline": [1.5, 2.5]})])
    for seq in range(2, 2002, 500):
        journal.commit(summaries(boot, seq, 500))
    journal.commit([alarm(boot, 3000, "cleared"), entry(boot, 3001, "event", event="learned")])
    journal.close()
    return tmp_path / "journal.db"


def overwrite(path: Path, begin: int, length: int) -> None:
    with path.open("r+b") as stream:
        stream.seek(begin)
        stream.write(b"\xa5" * length)


def test_a_file_without_a_header_is_set_aside_and_boots_number_on(path: Path) -> None:
    overwrite(path, 0, 4096)
    journal = SqliteJournal(path)
    assert journal.set_aside is not None
    assert Path(journal.set_aside).stat().st_size > 100_000
    assert journal.begin_boot(T0) == 2
    journal.commit(summaries(2, 1, 1))
    assert [(e.boot, e.seq) for e in journal.pending(9, SUMMARIES)] == [(2, 1)]
    journal.close()


def test_damage_met_while_running_is_told_and_the_next_start_begins_anew(path: Path) -> None:
    journal = SqliteJournal(path)
    boot = journal.begin_boot(T0)
    journal._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    # every page from the middle on, but the last ones
    middle = path.stat().st_size // 2 // 4096 * 4096
    overwrite(path, middle, path.stat().st_size - middle - 3 * 4096)
    journal._connection.execute("PRAGMA shrink_memory")
    with pytest.raises(JournalCorrupt):
        journal.commit((), settled=[(1, seq) for seq in range(2, 2002)])
    journal._connection.close()

    again = SqliteJournal(path)
    assert again.set_aside is not None
    assert again.begin_boot(T0) == boot + 1
    assert again.snapshots() == {"pump": {"baseline": [1.5, 2.5]}}
    assert (1, 1) in [(e.boot, e.seq) for e in again.pending(99, ALARMS)]
    assert again.salvaged >= 4
    again.close()
    third = SqliteJournal(path)
    assert third.set_aside is None
    third.close()


def test_a_file_that_lacks_a_table_is_set_aside_and_the_rest_saved(path: Path) -> None:
    journal = SqliteJournal(path)
    journal._connection.execute("DROP TABLE counters")
    journal.close()
    again = SqliteJournal(path)
    assert again.set_aside is not None
    assert [e.seq for e in again.pending(9, ("alarm", "event"))] == [1, 3000, 3001]
    again.close()


def test_only_the_newest_damaged_file_is_kept(path: Path) -> None:
    older = path.with_name("journal.db.damaged-20200101T000000Z")
    older.write_bytes(b"old")
    overwrite(path, 0, 100)
    SqliteJournal(path).close()
    left = list(path.parent.glob("journal.db.damaged-*"))
    assert older not in left
    assert len(left) == 1
