"""The journal's tables and views, and how an older file becomes one of this version.

Imported only when there is something to migrate: sqlite-utils costs 5 MB that a running daemon
has no use for.

::

    log        one row an entry; id = boot << 40 | seq
    snapshots  what an asset must remember over a restart
    boots      when the daemon was started
    counters   what was evicted or lost, and other sums
    windows, alarms, events   views on log for people: Datasette, the sqlite3 shell

A payload or snapshot is text: SQLite's JSON functions read no blobs.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from sqlite_utils import Database, Migrations

from agent.adapters.sqlite.connection import SEQ_BITS
from agent.adapters.sqlite.version import VERSION

_migrations = Migrations("journal")

_SEQ_MASK: Final = (1 << SEQ_BITS) - 1


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to this version; each step is one transaction with its own record."""
    database = Database(connection)
    _migrations.apply(database)
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _json_columns(*names: str) -> str:
    return ", ".join(f"json_extract(payload, '$.{name}') AS \"{name}\"" for name in names)


@_migrations()
def log_and_snapshots(database: Database) -> None:
    """Lay out version 1."""
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
    at = "strftime('%Y-%m-%dT%H:%M:%fZ', time_ns / 1e9, 'unixepoch') AS at"
    database.create_view("windows", f"""
        SELECT boot, seq, asset, {at}, {_json_columns(
            "channel", "start", "end", "score", "probability", "threshold", "regime", "state", "alarm",
            "features")}, settled
        FROM log WHERE kind = 'window'
    """)  # noqa: S608 -- constants of this module
    database.create_view("alarms", f"""
        SELECT boot, seq, asset, {at}, {_json_columns(
            "channel", "transition", "severity", "since", "feature", "value", "limit", "score",
            "probability", "threshold", "source")}, settled
        FROM log WHERE kind = 'alarm'
    """)  # noqa: S608
    database.create_view("events", f"""
        SELECT boot, seq, kind, asset, {at},
            coalesce(json_extract(payload, '$.event'), json_extract(payload, '$.quality')) AS what,
            payload, settled
        FROM log WHERE kind IN ('event', 'quality')
    """)  # noqa: S608
