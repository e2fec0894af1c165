"""How full the journal is, asked while it is written."""

from __future__ import annotations

from pathlib import Path

from agent.adapters.sqlite.depth import depth_of
from agent.adapters.sqlite.journal import SqliteJournal
from tests.adapters.sqlite.entries import T0, alarm


def test_it_counts_what_is_there_and_what_is_owed(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path)
    boot = journal.begin_boot(T0)
    assert (depth_of(path) or ())[1:] == (0, 0, None)
    journal.commit([alarm(boot, seq) for seq in range(1, 11)])
    journal.commit([], settled=[(boot, seq) for seq in range(1, 4)])
    found = depth_of(path)
    assert found is not None
    assert (found.rows, found.undelivered) == (10, 7)
    assert found.oldest_undelivered == alarm(boot, 4).time
    assert found.bytes == sum(file.stat().st_size for file in tmp_path.iterdir() if file.name.endswith(("db", "wal")))
    journal.close()


def test_where_there_is_no_journal_nothing_is_told_and_none_is_made(tmp_path: Path) -> None:
    assert depth_of(tmp_path / "journal.db") is None
    (tmp_path / "other.db").write_bytes(b"no database, " * 1000)
    assert depth_of(tmp_path / "other.db") is None
    assert [file.name for file in tmp_path.iterdir()] == ["other.db"]
