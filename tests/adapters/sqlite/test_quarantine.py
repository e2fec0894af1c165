"""A damaged journal never keeps the daemon from starting, and what can be read of it is kept."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from agent.adapters.sqlite import quarantine
from agent.adapters.sqlite.journal import SqliteJournal
from agent.adapters.sqlite.reading import read_alarms, read_snapshots, read_status
from agent.errors import JournalFull
from agent.monitoring.types import Snapshot
from agent.ports import Entry
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


def places(entries: list[Entry]) -> list[tuple[int, int]]:
    return [(entry.boot, entry.seq) for entry in entries]


def aside_of(path: Path) -> list[Path]:
    return sorted(path.parent.glob("journal.db.damaged-*[0-9Z]"))


EVERYTHING = [(1, 1), *((1, seq) for seq in range(2, 2002)), (1, 3000), (1, 3001)]


def test_a_file_without_a_header_is_set_aside_and_costs_nothing(path: Path) -> None:
    overwrite(path, 0, 4096)
    journal = SqliteJournal(path)
    assert journal.set_aside == str(aside_of(path)[0])
    assert Path(journal.set_aside).stat().st_size > 100_000
    assert journal.begin_boot(T0) == 2
    journal.commit(summaries(2, 1, 1))
    assert places(journal.pending(9999, ("window", "alarm", "event"))) == [*EVERYTHING, (2, 1)]
    assert journal.snapshots() == {"pump": {"baseline": [1.5, 2.5]}}
    journal.close()


def test_damage_met_by_a_commit_costs_what_it_hit_and_the_commit_goes_on(path: Path) -> None:
    journal = SqliteJournal(path)
    boot = journal.begin_boot(T0)
    journal.commit((), counts={"flash_bytes 2023-11-14": 7})
    journal._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    middle = path.stat().st_size // 2 // 4096 * 4096
    overwrite(path, middle, 20 * 4096)
    journal._connection.execute("PRAGMA shrink_memory")
    journal.commit([alarm(boot, 1)], settled=[(1, seq) for seq in range(2, 2002)])
    assert journal.set_aside is not None
    kept = journal._connection.execute("SELECT boot, seq, settled FROM log ORDER BY id").fetchall()
    assert {(boot, seq) for boot, seq, _ in kept} < {*EVERYTHING, (boot, 1)}
    assert len(EVERYTHING) > len(kept) > len(EVERYTHING) - 20 * 40
    assert places(journal.pending(9999, ("window", "alarm", "event"))) == [(1, 1), (1, 3000), (1, 3001), (boot, 1)]
    assert journal.snapshots() == {"pump": {"baseline": [1.5, 2.5]}}
    journal.close()
    again = SqliteJournal(path)
    assert again.set_aside is None
    assert again.begin_boot(T0) == boot + 1
    again.close()


def test_damage_that_a_reader_meets_is_healed_by_the_writer_and_the_reader_goes_on(path: Path) -> None:
    journal = SqliteJournal(path)
    boot = journal.begin_boot(T0)
    journal._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    with sqlite3.connect(path) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'log_kind'").fetchone()
    connection.close()
    overwrite(path, (root - 1) * 4096, 4096)
    reader = journal.reader()
    with pytest.raises(JournalFull, match="damaged"):
        reader.pending(9, ALARMS)
    journal._file._look_at = 0.0
    journal.commit([alarm(boot, 1)])
    assert places(reader.pending(9, ALARMS)) == [(1, 1), (1, 3000), (boot, 1)]
    reader.close()
    journal.close()


@pytest.mark.parametrize("suffix", ["", "-wal"])
def test_a_file_that_is_deleted_under_the_journal_costs_nothing(path: Path, suffix: str) -> None:
    journal = SqliteJournal(path)
    boot = journal.begin_boot(T0)
    journal.commit([alarm(boot, 1)])
    reader = journal.reader()
    assert len(reader.pending(9, ALARMS)) == 3
    path.with_name(path.name + suffix).unlink()
    journal._file._look_at = 0.0
    journal.commit([alarm(boot, 2)])
    for log in (journal, reader):
        assert places(log.pending(9999, ("window", "alarm", "event"))) == [*EVERYTHING, (boot, 1), (boot, 2)]
    assert journal.set_aside is not None
    reader.close()
    journal.close()
    again = SqliteJournal(path)
    assert again.set_aside is None
    assert again.begin_boot(T0) == boot + 1
    assert len(again.pending(9999, ALARMS)) == 4
    again.close()


def test_a_file_that_is_replaced_is_gone_on_with_and_gets_what_the_other_held(path: Path, tmp_path: Path) -> None:
    other = SqliteJournal(tmp_path / "other.db")
    other.commit([alarm(7, 1)])
    other.close()
    journal = SqliteJournal(path)
    (tmp_path / "other.db").replace(path)
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).unlink()
    journal._file._look_at = 0.0
    journal.commit([alarm(9, 1)])
    assert places(journal.pending(9999, ("window", "alarm", "event"))) == [*EVERYTHING, (7, 1), (9, 1)]
    journal.close()


def test_a_broken_write_ahead_log_costs_the_pages_that_it_hit(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path)
    boot = journal.begin_boot(T0)
    for seq in range(1, 301):
        journal.commit([alarm(boot, seq)])
    log = path.with_name(path.name + "-wal")
    content = bytearray(log.read_bytes())
    content[len(content) // 3] ^= 0x10
    kept = path.read_bytes()
    journal.close()
    path.write_bytes(kept)
    log.write_bytes(content)
    again = SqliteJournal(path)
    assert again.set_aside is not None
    assert len(again.pending(9999, ALARMS)) == 300, "later pages hold the rows of the broken one, too"
    assert again.begin_boot(T0) == boot + 1
    again.close()


def test_a_write_ahead_log_whose_end_is_torn_is_what_a_power_cut_leaves(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path)
    for seq in range(1, 11):
        journal.commit([alarm(1, seq)])
    log = path.with_name(path.name + "-wal")
    content, kept = log.read_bytes(), path.read_bytes()
    journal.close()
    path.write_bytes(kept)
    log.write_bytes(content[:-5000])
    again = SqliteJournal(path)
    assert again.set_aside is None
    assert [seq for _, seq in places(again.pending(99, ALARMS))] == list(range(1, 10))
    again.close()


def test_a_power_cut_before_the_remains_are_saved_does_not_lose_them(path: Path) -> None:
    for step in ("renamed", "begun"):
        aside = quarantine.set_aside(path)
        if step == "begun":
            path.touch()  # the new file's first moment
        journal = SqliteJournal(path)
        assert journal.set_aside == str(aside)
        assert places(journal.pending(9999, ("window", "alarm", "event"))) == EVERYTHING
        journal.close()
        assert not quarantine.condemned(path)


def test_text_that_is_no_text_any_more_is_passed_over(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE log SET payload = CAST(x'7bff7d' AS TEXT) WHERE seq IN (1, 5, 3001)")
        connection.execute("UPDATE log SET asset = CAST(x'ff' AS TEXT) WHERE seq = 5")
        connection.execute("UPDATE snapshots SET state = CAST(x'ff' AS TEXT)")
    connection.close()
    journal = SqliteJournal(path)
    assert journal.snapshots() == {}
    assert len(journal.pending(9999, SUMMARIES)) == 1999
    assert journal.last_times()["pump"] == summaries(1, 2001, 1)[0].time
    assert len(journal.newest(SUMMARIES)) == 1999
    assert len(read_status(path).windows) == 1
    assert [line.seq for line in read_alarms(path)] == [3000]
    assert list(read_snapshots(path)) == []
    journal.close()


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
