"""Reading the log beside its writer, and the queries that both share."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

import orjson

from agent.adapters.sqlite import quarantine
from agent.adapters.sqlite.connection import (
    Identity,
    checksum,
    identity,
    open_for_reading,
    place,
    row_id,
    translated,
)
from agent.errors import JournalCorrupt, JournalFull
from agent.monitoring.types import Nanos, Record, RecordKind
from agent.ports import Entry

LOOK_BACK: Final = 20_000
"""How many of the newest entries are searched for each asset's last window or alarm: a second at
most on an SD card, where the whole log may be a quarter of a gigabyte."""


class JournalReader:
    """Fulfils ``agent.ports.LogReader``: the courier's own connection, which cannot write.

    Opened with the first question, the journal may not be there yet; and again when another file has
    taken its place. Damage that it meets it only reports, for the writer to set the file aside: until
    then the journal cannot be read. ``damaged`` counts rows whose checksum failed; they are passed over.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.damaged = 0
        self._identity: Identity | None = None
        self._opened: sqlite3.Connection | None = None

    def pending(
        self, limit: int, kinds: Collection[RecordKind], after: tuple[int, int] = (0, 0)
    ) -> list[Entry]:
        """The oldest unsettled entries of these kinds beyond (boot, seq) ``after``. Raises JournalFull."""
        with self._guard() as connection:
            entries, damaged = pending_of(connection, limit, kinds, after)
        self.damaged += damaged
        return entries

    def newest(self) -> tuple[int, int]:
        """(boot, seq) of the last entry committed; (0, 0) where there is none. Raises JournalFull."""
        with self._guard() as connection:
            return place(connection.execute("SELECT max(id) FROM log").fetchone()[0] or 0)

    def close(self) -> None:
        """Close the connection."""
        connection, self._opened = self._opened, None
        if connection is not None:
            connection.close()

    @contextmanager
    def _guard(self) -> Iterator[sqlite3.Connection]:
        found = identity(self._path)
        if found != self._identity:
            self.close()
        try:
            if self._opened is None:
                self._opened = open_for_reading(self._path)
                self._identity = identity(self._path)
            yield self._opened
        except sqlite3.DatabaseError as fault:
            self.close()
            error = translated(fault, self._path)
            if not isinstance(error, JournalCorrupt):
                raise error from fault
            if identity(self._path) == self._identity:
                quarantine.condemn(self._path)
            raise JournalFull(str(error)) from fault


def pending_of(
    connection: sqlite3.Connection, limit: int, kinds: Collection[RecordKind], after: tuple[int, int]
) -> tuple[list[Entry], int]:
    """The oldest unsettled entries of some kinds, and how many damaged rows were passed over."""
    found: list[Entry] = []
    damaged = 0
    for kind in kinds:
        entries, passed = _pending_of_kind(connection, limit, kind, row_id(*after))
        found += entries
        damaged += passed
    if len(kinds) > 1:
        found.sort(key=attrgetter("boot", "seq"))
    return found[:limit], damaged


def snapshots_of(connection: sqlite3.Connection) -> dict[str, Mapping[str, Any]]:
    """Each asset's snapshot whose checksum holds."""
    return {
        asset: orjson.loads(state)
        for asset, state, crc in connection.execute(
            "SELECT asset, CAST(state AS BLOB), crc FROM snapshots ORDER BY asset")
        if checksum(state, 0) == crc
    }


def window_times_of(connection: sqlite3.Connection) -> dict[str, Nanos]:
    """The end of each asset's last window, ns, among the newest entries."""
    return dict(connection.execute(
        "SELECT asset, max(time_ns) FROM (SELECT asset, kind, time_ns FROM log ORDER BY id DESC LIMIT ?)"
        " WHERE kind = 'window' GROUP BY asset", (LOOK_BACK,)))


def newest_of(connection: sqlite3.Connection, kinds: Collection[RecordKind]) -> list[Record]:
    """Those of the newest entries that are of these kinds, in their order; damaged ones are passed over."""
    marks = ", ".join("?" * len(kinds))
    rows = connection.execute(
        "SELECT id, kind, asset, time_ns, CAST(payload AS BLOB), crc FROM"  # noqa: S608 -- marks
        f" (SELECT * FROM log ORDER BY id DESC LIMIT ?) WHERE kind IN ({marks}) ORDER BY id",
        (LOOK_BACK, *kinds))
    return [
        Record(kind, asset, time_ns, orjson.loads(payload))
        for identifier, kind, asset, time_ns, payload, crc in rows
        if checksum(payload, identifier) == crc
    ]


def _pending_of_kind(
    connection: sqlite3.Connection, limit: int, kind: RecordKind, after: int
) -> tuple[list[Entry], int]:
    """The oldest unsettled entries of one kind beyond the row ``after``, and how many rows were
    found damaged and passed over."""
    found: list[Entry] = []
    damaged = 0
    while len(found) < limit:
        rows = connection.execute(
            "SELECT id, asset, time_ns, CAST(payload AS BLOB), crc FROM log"
            " WHERE kind = ? AND settled = 0 AND id > ? ORDER BY id LIMIT ?",
            (kind, after, limit - len(found)),
        ).fetchall()
        if not rows:
            break
        for identifier, asset, time_ns, payload, crc in rows:
            if checksum(payload, identifier) == crc:
                found.append(Entry(*place(identifier), kind, asset, time_ns, payload))
            else:
                damaged += 1
        after = rows[-1][0]
    return found, damaged
