"""A journal of an earlier layout becomes one of this version, whatever happens on the way."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

import pytest

from agent.adapters.sqlite.connection import checksum, row_id
from agent.adapters.sqlite.journal import SqliteJournal
from agent.adapters.sqlite.reading import read_status
from agent.adapters.sqlite.version import VERSION
from agent.errors import ConfigError
from agent.monitoring.types import RecordKind
from tests.adapters.sqlite.entries import ALARMS, SUMMARIES, T0, alarm, entry

LAYOUT_1: Final = """
PRAGMA journal_mode = WAL;
CREATE TABLE log (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, asset TEXT NOT NULL, time_ns INTEGER NOT NULL,
    payload TEXT NOT NULL, crc INTEGER NOT NULL, settled INTEGER NOT NULL,
    boot INTEGER GENERATED ALWAYS AS (id >> 40) VIRTUAL,
    seq INTEGER GENERATED ALWAYS AS (id & 1099511627775) VIRTUAL
);
CREATE INDEX log_kind ON log (kind, settled);
CREATE TABLE "snapshots" (
   "asset" TEXT PRIMARY KEY, "state" TEXT NOT NULL, "crc" INTEGER NOT NULL, "updated_ns" INTEGER NOT NULL
);
CREATE TABLE "boots" ("boot" INTEGER PRIMARY KEY, "started_ns" INTEGER NOT NULL);
CREATE TABLE "counters" ("name" TEXT PRIMARY KEY, "value" INTEGER NOT NULL);
CREATE VIEW windows AS SELECT boot, seq, asset FROM log WHERE kind = 'summary';
CREATE VIEW alarms AS SELECT boot, seq, asset FROM log WHERE kind = 'alarm';
CREATE VIEW events AS SELECT boot, seq, kind, asset FROM log WHERE kind IN ('event', 'quality');
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY, "migration_set" TEXT, "name" TEXT, "applied_at" TEXT
);
INSERT INTO _sqlite_migrations (migration_set, name, applied_at)
    VALUES ('journal', 'log_and_snapshots', '2026-10-01 12:00:00.000000+00:00');
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name" ON "_sqlite_migrations" ("migration_set", "name");
INSERT INTO boots VALUES (3, 1700000000000000000);
INSERT INTO counters VALUES ('evicted_summary', 5);
INSERT INTO snapshots VALUES ('pump', '{"n":1}', 0, 1);
PRAGMA user_version = 1;
"""
SNAPSHOT: Final = '{"n":1}'
ROWS: Final = 5000
PERIODS: Final[tuple[RecordKind, ...]] = ("summary",)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal as version 0.1 left it: an alarm, and what it called summaries, the first half of them delivered."""
    path = tmp_path / "journal.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(LAYOUT_1)
    connection.execute("UPDATE snapshots SET crc = ?", (checksum(SNAPSHOT.encode(), 0),))
    connection.execute("BEGIN")
    for seq in range(1, ROWS + 1):
        payload = entry(3, seq).payload.replace(b'"window"', b'"summary"')
        identifier = row_id(3, seq)
        connection.execute("INSERT INTO log VALUES (?, 'summary', 'pump', ?, ?, ?, ?)", (
            identifier, T0, payload.decode(), checksum(payload, identifier), int(seq <= ROWS // 2)))
    payload, identifier = alarm(3, ROWS + 1).payload, row_id(3, ROWS + 1)
    connection.execute("INSERT INTO log VALUES (?, 'alarm', 'pump', ?, ?, ?, 0)", (
        identifier, T0, payload.decode(), checksum(payload, identifier)))
    connection.execute("COMMIT")
    connection.close()
    return path


def test_what_layout_1_called_a_summary_is_a_window_settled_as_it_was(path: Path) -> None:
    journal = SqliteJournal(path)
    assert journal.set_aside is None
    assert journal.begin_boot(T0) == 4
    assert [e.seq for e in journal.pending(99_999, SUMMARIES)] == list(range(ROWS // 2 + 1, ROWS + 1))
    assert journal.pending(9, PERIODS) == []
    assert [e.seq for e in journal.pending(9, ALARMS)] == [ROWS + 1]
    assert journal.snapshots() == {"pump": {"n": 1}}
    assert journal.counters() == {"evicted_summary": 5}
    journal.close()
    assert read_status(path).counts == {"window": ROWS, "alarm": 1}
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
    for view, rows in {"windows": ROWS, "summaries": 0, "alarms": 1, "events": 0, "evidence": 0, "health": 0}.items():
        assert len(connection.execute(f"SELECT * FROM {view}").fetchall()) == rows  # noqa: S608
    connection.close()


def test_a_migration_that_a_power_cut_ended_is_taken_up_again(path: Path) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE log SET kind = 'window' WHERE seq <= 1700")
        connection.execute("DROP VIEW alarms")
    connection.close()
    journal = SqliteJournal(path)
    assert len(journal.pending(99_999, SUMMARIES)) == ROWS // 2
    journal.close()
    assert read_status(path).counts == {"window": ROWS, "alarm": 1}


def test_a_journal_that_is_full_to_its_budget_is_brought_forward_all_the_same(path: Path) -> None:
    budget = path.stat().st_size * 4 // 5
    journal = SqliteJournal(path, budget)
    journal.commit([alarm(4, 1)])
    assert len(journal.pending(9, ALARMS)) == 2
    journal.close()
    assert sum(read_status(path).counts.values()) == ROWS + 2 - sum(
        count for name, count in read_status(path).counters.items() if name != "evicted_summary")


def test_a_layout_of_the_future_is_refused_with_a_remedy(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(ConfigError, match=f"layout 99, this one knows {VERSION}.*Install the newer version"):
        SqliteJournal(path)
