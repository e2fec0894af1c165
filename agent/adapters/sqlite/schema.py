"""The journal's tables and views, and how an older file becomes one of this version.

Imported only when there is something to migrate: sqlite-utils costs 5 MB that a running daemon
has no use for. What each table, view and column means is in README.md beside this file.

A payload or snapshot is text: SQLite's JSON functions read no blobs.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Final

from sqlite_utils import Database, Migrations

from agent.adapters.sqlite.connection import SEQ_BITS
from agent.adapters.sqlite.version import VERSION

_migrations = Migrations("journal")

_SEQ_MASK: Final = (1 << SEQ_BITS) - 1
_SPARE_PAGES: Final = 512
_ROWS_AT_ONCE: Final = 2000


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to this version, in steps that can be taken again: a power cut costs nothing.

    A journal that is full to its budget has room for it: the limit is lifted by 2 MB meanwhile.
    """
    pages: int = connection.execute("PRAGMA max_page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + _SPARE_PAGES}")
    _migrations.apply(Database(connection))
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute(f"PRAGMA max_page_count = {pages}")


@_migrations()
def log_and_snapshots(database: Database) -> None:
    """Lay out version 1; its views are those of ``periods_and_evidence``."""
    # settled: 0 owed to the uplink, 1 accepted there (or none is configured). The one index
    # answers: what is pending, what goes first when room is needed, how many there are.
    database.execute(f"""
        CREATE TABLE log (
            id INTEGER PRIMARY KEY,
            kind TEXT NOT NULL,
            asset TEXT NOT NULL,
            time_ns INTEGER NOT NULL,
            payload TEXT NOT NULL,
            crc INTEGER NOT NULL,
            settled INTEGER NOT NULL,
            boot INTEGER GENERATED ALWAYS AS (id >> {SEQ_BITS}) VIRTUAL,
            seq INTEGER GENERATED ALWAYS AS (id & {_SEQ_MASK}) VIRTUAL
        )
    """)
    database.execute("CREATE INDEX log_kind ON log (kind, settled)")
    database.table("snapshots").create(
        {"asset": str, "state": str, "crc": int, "updated_ns": int},
        pk="asset", not_null={"state", "crc", "updated_ns"})
    database.table("boots").create({"boot": int, "started_ns": int}, pk="boot", not_null={"started_ns"})
    database.table("counters").create({"name": str, "value": int}, pk="name", not_null={"value"})


@_migrations(transactional=False)
def windows_are_windows(database: Database) -> None:
    """What version 1 called a summary was what one window said: a window. A few rows at a time, so that the
    write-ahead log stays small; as long as the file says version 1, nothing else in it is called a summary."""
    while database.execute(
        "UPDATE log SET kind = 'window' WHERE id IN (SELECT id FROM log WHERE kind = 'summary' LIMIT ?)",
        [_ROWS_AT_ONCE],
    ).rowcount:
        pass


@_migrations()
def periods_and_evidence(database: Database) -> None:
    """Lay out version 2: a view for each kind of record."""
    for name, (kinds, columns) in _VIEWS.items():
        database.execute(f"DROP VIEW IF EXISTS {name}")
        among = ", ".join(f"'{kind}'" for kind in kinds)
        # a row with a flipped bit must not end the query of all others
        database.create_view(name, f"""
            SELECT boot, seq, {"kind, " if len(kinds) > 1 else ""}asset,
                strftime('%Y-%m-%dT%H:%M:%fZ', time_ns / 1e9, 'unixepoch') AS at,
                {", ".join(f'{expression} AS "{column}"' for column, expression in columns.items())}, settled
            FROM log WHERE kind IN ({among}) AND json_valid(payload)
        """)  # noqa: S608 -- constants of this module


def _members(*names: str) -> dict[str, str]:
    """Columns that are members of the payload."""
    return {name: f"json_extract(payload, '$.{name}')" for name in names}


def _paths(**paths: str) -> dict[str, str]:
    """Columns that lie deeper."""
    return {name: f"json_extract(payload, '$.{path}')" for name, path in paths.items()}


_VIEWS: Final[Mapping[str, tuple[tuple[str, ...], Mapping[str, str]]]] = {
    "windows": (("window",), _members(
        "channel", "start", "end", "score", "probability", "threshold", "regime", "state", "alarm", "health",
        "features")),
    "summaries": (("summary",), {
        **_members("channel", "start", "end", "windows", "alarm_windows", "thinned"),
        **_paths(score_mean="score.mean", score_p95="score.p95", score_max="score.max",
                 health_min="health.min", health_mean="health.mean", health_last="health.last"),
        **_members("states", "features", "quality"),
    }),
    "alarms": (("alarm",), _members(
        "alarm", "channel", "concerns", "transition", "state", "severity", "cause", "actor", "reason", "until",
        "since", "feature", "value", "limit", "score", "probability", "threshold", "health", "advice", "source")),
    "events": (("event", "quality"), {
        "what": "coalesce(json_extract(payload, '$.event'), json_extract(payload, '$.quality'))",
        "payload": "payload",
    }),
    "evidence": (("evidence",), {
        **_members("alarm", "time"),
        **_paths(start="window[0]", end="window[1]"),
        "channels": "json_array_length(payload, '$.channels')",
        "bytes": "length(payload)",
        "payload": "payload",
    }),
    "health": (("health",), {
        **_members("uptime_s", "cpu_share", "rss_bytes", "temperature_c", "disk_free_bytes"),
        **_paths(journal_bytes="journal.bytes", undelivered="journal.undelivered"),
        "payload": "payload",
    }),
}
