"""What the journal's writer says to SQLite, each statement of as many rows as goes."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import orjson

from agent.adapters.sqlite.connection import checksum, row_id
from agent.monitoring.types import RecordKind, Snapshot
from agent.ports import Entry

Statement: TypeAlias = tuple[str, Sequence[Any]]

ROWS_A_STATEMENT: Final = 128

COUNT: Final = (
    "INSERT INTO counters (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value"
)
_UPSERT: Final = (
    "INSERT INTO snapshots (asset, state, crc, updated_ns) VALUES (?, ?, ?, ?) ON CONFLICT (asset)"
    " DO UPDATE SET state = excluded.state, crc = excluded.crc, updated_ns = excluded.updated_ns"
)
_SETTLE: Final = "UPDATE log SET settled = 1 WHERE id IN (SELECT value FROM json_each(?))"
_FORGET: Final = (
    "DELETE FROM counters WHERE name GLOB '* [0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'"
    " AND substr(name, -10) < date(?, '-31 days')"
)
_DAY: Final = re.compile(r" (\d{4}-\d{2}-\d{2})$")


def insertions(entries: Sequence[Entry], owed: Collection[RecordKind]) -> Iterator[Statement]:
    """Statements of many rows each; what is not ``owed`` upstream is born settled.

    sqlite3 gives up the GIL for every step and must win it back after it. With one row a
    statement a busy neighbour thread makes each row wait for its turn (5 ms): measured at
    400 rows/s beside a spinning thread, and 15,000 rows/s with 128 rows a statement. The
    numbers of rows are powers of two, so that few statements serve all groups.
    """
    begin, size = 0, ROWS_A_STATEMENT
    while left := len(entries) - begin:
        while size > left:
            size //= 2
        values: list[Any] = []
        for boot, seq, kind, asset, time_ns, payload in entries[begin : begin + size]:
            identifier = row_id(boot, seq)
            crc = checksum(payload, identifier)
            values += identifier, kind, asset, time_ns, payload.decode(), crc, int(kind not in owed)
        yield _insert(size), values
        begin += size


@functools.cache
def _insert(rows: int) -> str:
    return (
        "INSERT INTO log (id, kind, asset, time_ns, payload, crc, settled) VALUES "  # noqa: S608 -- marks
        + ", ".join(["(?, ?, ?, ?, ?, ?, ?)"] * rows)
        + " ON CONFLICT (id) DO NOTHING"
    )


def remember(snapshot: Snapshot) -> Statement:
    """The newest snapshot of its asset."""
    state = orjson.dumps(snapshot.state)
    return _UPSERT, (snapshot.asset, state.decode(), checksum(state, 0), time.time_ns())


def settle(pairs: Collection[tuple[int, int]]) -> Statement:
    """These (boot, seq) are owed no more."""
    return _SETTLE, (orjson.dumps([row_id(boot, seq) for boot, seq in pairs]).decode(),)


def raised(counts: Mapping[str, int]) -> Iterator[Statement]:
    """Add to counters. Where a day is named, those of days more than a month before it go."""
    for name, value in counts.items():
        yield COUNT, (name, value)
    if days := [found[1] for name in counts if (found := _DAY.search(name))]:
        yield _FORGET, (max(days),)
