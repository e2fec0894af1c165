"""The durable log on one SQLite file: group commits, a byte budget, a CRC in every row."""

from __future__ import annotations

import functools
import re
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, get_args

import orjson

from agent.adapters.sqlite import boots, quarantine
from agent.adapters.sqlite.connection import checksum, open_for_writing, primary_code, row_id, translated
from agent.adapters.sqlite.eviction import evict
from agent.adapters.sqlite.reader import JournalReader, newest_of, pending_of, snapshots_of, window_times_of
from agent.adapters.sqlite.version import VERSION, version_of
from agent.errors import JournalCorrupt, JournalFull
from agent.monitoring.types import Nanos, Record, RecordKind, Snapshot
from agent.ports import Entry
from agent.shipped import FLOOR

DEFAULT_BUDGET: Final = 256 * 1024 * 1024
KINDS: Final = frozenset(get_args(RecordKind))

_ROWS_A_STATEMENT: Final = 128
_EVICT_AT_ONCE: Final = 1000
_EVICTIONS: Final = 12
_WAL_RESERVE: Final = 8 * 1024 * 1024

_UPSERT: Final = (
    "INSERT INTO snapshots (asset, state, crc, updated_ns) VALUES (?, ?, ?, ?) ON CONFLICT (asset)"
    " DO UPDATE SET state = excluded.state, crc = excluded.crc, updated_ns = excluded.updated_ns"
)

_LOST: Final = "SELECT coalesce(sum(value), 0) FROM counters WHERE name GLOB 'lost_*' OR name = 'thinned_summary'"
_COUNT: Final = (
    "INSERT INTO counters (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value"
)
_FORGET: Final = (
    "DELETE FROM counters WHERE name GLOB '* [0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'"
    " AND substr(name, -10) < date(?, '-31 days')"
)
_DAY: Final = re.compile(r" (\d{4}-\d{2}-\d{2})$")

_Statement = tuple[str, Sequence[Any]]


class SqliteJournal:
    """Fulfils ``agent.ports.Journal``.

    Parameters
    ----------
    path
        The file; it and its folder are made where they do not exist.
    budget_bytes
        Room for the file and its write-ahead log together. At its end the oldest of the least
        important goes (see ``eviction``).
    owed
        The kinds that go upstream. What does not is born settled.

    Attributes
    ----------
    set_aside
        Where a damaged file went that stood here before; None in the normal case.
    salvaged
        How many rows of it were saved.
    lost
        How many undelivered entries had to go, or were thinned, since it was opened.

    Raises
    ------
    ConfigError
        The file is of a newer version.
    JournalFull
        It cannot be opened now: no space, no permission, an I/O error.
    """

    def __init__(
        self, path: Path | str, budget_bytes: int = DEFAULT_BUDGET, *, owed: Collection[RecordKind] = KINDS
    ) -> None:
        self.path = Path(path)
        self.set_aside: str | None = None
        self.salvaged = 0
        self.lost = 0
        self._budget = budget_bytes
        self._owed = frozenset(owed)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            if quarantine.condemned(self.path):
                self._connection = self._begin_anew()
            else:
                self._connection = self._open()
        except JournalCorrupt:
            self._connection = self._begin_anew()
        self._lost_before = self._lost_ever()

    # -- agent.ports.Journal -----------------------------------------------------------

    def begin_boot(self, now: Nanos, boot: int | None = None) -> int:
        """Count this start, durably, in the file and beside it. ``boot``: it goes by this number already."""
        if boot is None:
            with self._guard():
                newest = self._connection.execute("SELECT max(boot) FROM boots").fetchone()[0]
            boot = max(newest or 0, boots.last_boot_beside(self.path)) + 1
        try:
            boots.keep_boot_beside(self.path, boot)
        except OSError as fault:
            raise JournalFull(f"the boot number cannot be kept beside {self.path}: {fault}") from fault
        self._store([("INSERT OR IGNORE INTO boots (boot, started_ns) VALUES (?, ?)", (boot, now))])
        return boot

    def commit(
        self,
        entries: Sequence[Entry],
        snapshots: Sequence[Snapshot] = (),
        settled: Collection[tuple[int, int]] = (),
        counts: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """Store all of it in one transaction; on return it survives a power cut.

        An entry that is there already is left as it is: a commit may be tried again. ``counts`` are added
        to the counters of these names; those of a day (``flash_bytes 2026-11-23``) go after a month.
        """
        statements = list(self._insertions(entries))
        statements += [_upsert(snapshot) for snapshot in snapshots]
        if settled:
            identifiers = orjson.dumps([row_id(boot, seq) for boot, seq in settled]).decode()
            statements.append(
                ("UPDATE log SET settled = 1 WHERE id IN (SELECT value FROM json_each(?))", (identifiers,)))
        statements += _raised(counts)
        self._store(statements)

    def counters(self) -> dict[str, int]:
        """All sums, by name."""
        with self._guard():
            return dict(self._connection.execute("SELECT name, value FROM counters ORDER BY name"))

    def repair(self, boot: int, before_seq: int, offset: Nanos) -> None:
        """Add ``offset`` ns to the times of entries of this ``boot`` before ``before_seq`` that lie before
        ``agent.shipped.FLOOR``; their payloads, and so their checksums, stay as they are."""
        self._store([(
            "UPDATE log SET time_ns = time_ns + ? WHERE id >= ? AND id < ? AND time_ns < ?",
            (offset, row_id(boot, 0), row_id(boot, before_seq), FLOOR),
        )])

    def snapshots(self) -> Mapping[str, Mapping[str, Any]]:
        """The newest snapshot of each asset; one whose checksum fails counts as not there."""
        with self._guard():
            return snapshots_of(self._connection)

    def pending(
        self, limit: int, kinds: Collection[RecordKind], after: tuple[int, int] = (0, 0)
    ) -> list[Entry]:
        """The oldest unsettled entries of these kinds beyond (boot, seq) ``after``."""
        with self._guard():
            return pending_of(self._connection, limit, kinds, after)[0]

    def close(self) -> None:
        """Checkpoint and close."""
        with self._guard():
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            self._connection.close()

    # -- beyond the port ---------------------------------------------------------------

    def last_times(self) -> Mapping[str, Nanos]:
        """The end of each asset's last window on record."""
        with self._guard():
            return window_times_of(self._connection)

    def newest(self, kinds: Collection[RecordKind]) -> list[Record]:
        """Those of the newest entries that are of these kinds, in their order, without what the log adds to them."""
        with self._guard():
            return newest_of(self._connection, kinds)

    def reader(self) -> JournalReader:
        """A read connection of its own, for another thread."""
        return JournalReader(self.path)

    # -- opening -----------------------------------------------------------------------

    def _open(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = None
        try:
            connection = open_for_writing(self.path)
            self._keep_to_budget(connection)
            if version_of(connection, self.path) < VERSION:
                from agent.adapters.sqlite.schema import migrate  # noqa: PLC0415 -- 5 MB, seldom needed

                migrate(connection)
            self._probe(connection)
        except sqlite3.DatabaseError as fault:
            if connection is not None:
                connection.close()
            raise translated(fault, self.path) from fault
        except BaseException:
            if connection is not None:
                connection.close()
            raise
        return connection

    def _keep_to_budget(self, connection: sqlite3.Connection) -> None:
        page: int = connection.execute("PRAGMA page_size").fetchone()[0]
        reserve = min(_WAL_RESERVE, self._budget // 4)
        connection.execute(f"PRAGMA max_page_count = {max(16, (self._budget - reserve) // page)}")
        # half of the reserve until a checkpoint is due, the other half for a commit that comes before it
        connection.execute(f"PRAGMA wal_autocheckpoint = {max(16, reserve // 2 // page)}")
        connection.execute(f"PRAGMA journal_size_limit = {reserve // 2}")

    def _probe(self, connection: sqlite3.Connection) -> None:
        """Touch every table; tables that are not there are damage too."""
        try:
            for table in ("log", "snapshots", "boots", "counters"):
                connection.execute(f"SELECT * FROM {table} ORDER BY rowid DESC LIMIT 1").fetchone()  # noqa: S608
        except sqlite3.OperationalError as fault:
            if primary_code(fault) == sqlite3.SQLITE_ERROR:
                raise JournalCorrupt(f"{self.path} lacks a table: {fault}", str(self.path)) from fault
            raise

    def _begin_anew(self) -> sqlite3.Connection:
        aside = quarantine.set_aside(self.path)
        self.set_aside = str(aside)
        connection = self._open()
        self.salvaged = quarantine.salvage(aside, connection)
        return connection

    # -- writing -----------------------------------------------------------------------

    def _insertions(self, entries: Sequence[Entry]) -> Iterator[_Statement]:
        """Statements of many rows each.

        sqlite3 gives up the GIL for every step and must win it back after it. With one row a
        statement a busy neighbour thread makes each row wait for its turn (5 ms): measured at
        400 rows/s beside a spinning thread, and 15,000 rows/s with 128 rows a statement. The
        numbers of rows are powers of two, so that few statements serve all groups.
        """
        owed = self._owed
        begin, size = 0, _ROWS_A_STATEMENT
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

    def _store(self, statements: list[_Statement]) -> None:
        """All or nothing, durably; evict where the budget asks for it."""
        evicting = _EVICT_AT_ONCE
        for _ in range(_EVICTIONS):
            try:
                self._transact(statements)
            except sqlite3.DatabaseError as fault:
                if primary_code(fault) != sqlite3.SQLITE_FULL:
                    raise self._told(fault) from fault
            else:
                return
            with self._guard():
                if not evict(self._connection, evicting):
                    break
                self.lost = self._lost_ever() - self._lost_before
            evicting *= 2
        raise JournalFull(f"no room in {self.path}, and nothing left to evict for it")

    def _lost_ever(self) -> int:
        lost: int = self._connection.execute(_LOST).fetchone()[0]
        return lost

    def _transact(self, statements: list[_Statement]) -> None:
        execute: Callable[..., Any] = self._connection.execute
        if len(statements) == 1:
            execute(*statements[0])  # a transaction by itself: one step, one fsync, the GIL won back once
            return
        execute("BEGIN IMMEDIATE")
        try:
            for statement, values in statements:
                execute(statement, values)
            execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                execute("ROLLBACK")

    @contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as fault:
            raise self._told(fault) from fault

    def _told(self, fault: sqlite3.DatabaseError) -> Exception:
        error = translated(fault, self.path)
        if isinstance(error, JournalCorrupt):
            quarantine.condemn(self.path)
        return error


@functools.cache
def _insert(rows: int) -> str:
    return (
        "INSERT INTO log (id, kind, asset, time_ns, payload, crc, settled) VALUES "  # noqa: S608 -- marks
        + ", ".join(["(?, ?, ?, ?, ?, ?, ?)"] * rows)
        + " ON CONFLICT (id) DO NOTHING"
    )


def _raised(counts: Mapping[str, int]) -> Iterator[_Statement]:
    for name, value in counts.items():
        yield _COUNT, (name, value)
    if days := [found[1] for name in counts if (found := _DAY.search(name))]:
        yield _FORGET, (max(days),)


def _upsert(snapshot: Snapshot) -> _Statement:
    state = orjson.dumps(snapshot.state)
    return _UPSERT, (snapshot.asset, state.decode(), checksum(state, 0), time.time_ns())
