"""The durable log on one SQLite file: group commits, a byte budget, a CRC in every row.

A file that is damaged, deleted or replaced while it is in use is found out within a second of commits: it is
set aside, a new one begun with what can be read of it (``file``), and the commit at hand goes on.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar, get_args

from agent.adapters.sqlite import boots
from agent.adapters.sqlite.connection import primary_code, row_id, translated
from agent.adapters.sqlite.eviction import Eviction
from agent.adapters.sqlite.file import JournalFile
from agent.adapters.sqlite.reader import JournalReader, newest_of, pending_of, snapshots_of, window_times_of
from agent.adapters.sqlite.room import Room, room_within
from agent.adapters.sqlite.statements import Statement, insertions, raised, remember, settle
from agent.errors import JournalFull
from agent.monitoring.types import Nanos, Record, RecordKind, Snapshot
from agent.ports import Entry
from agent.shipped import FLOOR

DEFAULT_BUDGET: Final = 256 * 1024 * 1024
KINDS: Final = frozenset(get_args(RecordKind))

_EVICT_AT_ONCE: Final = 1000
_EVICT_A_LOOK: Final = 500
_EVICTIONS: Final = 12
_LOOK_AT_DISK_EVERY: Final = 60.0
_ATTEMPTS: Final = 3

_T = TypeVar("_T")


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
    disk_share
        Of the disk's free space, what the journal has already counted as free: its budget where that
        is less, but no less than 4 MB.

    Raises
    ------
    ConfigError
        The file is of a newer version.
    JournalFull
        It cannot be opened now: no space, no permission, an I/O error. Nothing is left half open.
    """

    def __init__(
        self,
        path: Path | str,
        budget_bytes: int = DEFAULT_BUDGET,
        *,
        owed: Collection[RecordKind] = KINDS,
        disk_share: float = 0.95,
    ) -> None:
        self.path = Path(path)
        self._owed = frozenset(owed)
        self._room = Room(self.path, budget_bytes, disk_share)
        self._file = JournalFile(self.path, self._room)
        self._eviction = Eviction()
        self._look_at_disk_at = time.monotonic() + _LOOK_AT_DISK_EVERY
        self._connection.execute("SELECT 1")

    @property
    def set_aside(self) -> str | None:
        """Where a damaged file went; None in the normal case."""
        return self._file.set_aside

    @property
    def salvaged(self) -> int:
        """How many rows of it were saved."""
        return self._file.salvaged

    @property
    def lost(self) -> int:
        """How many undelivered entries had to go, or were thinned, since it was opened."""
        return self._eviction.lost

    # -- agent.ports.Journal -----------------------------------------------------------

    def begin_boot(self, now: Nanos, boot: int | None = None) -> int:
        """Count this start, durably, in the file and beside it. ``boot``: it goes by this number already."""
        if boot is None:
            newest = self._ask(lambda log: log.execute("SELECT max(boot) FROM boots").fetchone()[0])
            boot = max(newest or 0, boots.last_boot_beside(self.path)) + 1
        try:
            boots.keep_boot_beside(self.path, boot)
        except OSError as fault:
            raise JournalFull(f"the boot number cannot be kept beside {self.path}: {fault}") from fault
        self._store([("INSERT OR IGNORE INTO boots (boot, started_ns) VALUES (?, ?)", (boot, now))])
        self._file.boot = (boot, now)
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
        statements = list(insertions(entries, self._owed))
        statements += map(remember, snapshots)
        if settled:
            statements.append(settle(settled))
        statements += raised(counts)
        if self._file.look_after():
            self._keep_to_room()
        if statements:
            self._store(statements)

    def counters(self) -> dict[str, int]:
        """All sums, by name."""
        return self._ask(lambda log: dict(log.execute("SELECT name, value FROM counters ORDER BY name")))

    def repair(self, boot: int, before_seq: int, offset: Nanos) -> None:
        """Add ``offset`` ns to the times of entries of this ``boot`` before ``before_seq`` that lie before
        ``agent.shipped.FLOOR``; their payloads, and so their checksums, stay as they are."""
        self._store([(
            "UPDATE log SET time_ns = time_ns + ? WHERE id >= ? AND id < ? AND time_ns < ?",
            (offset, row_id(boot, 0), row_id(boot, before_seq), FLOOR),
        )])

    def snapshots(self) -> Mapping[str, Mapping[str, Any]]:
        """The newest snapshot of each asset; one whose checksum fails counts as not there."""
        return self._ask(snapshots_of)

    def pending(
        self, limit: int, kinds: Collection[RecordKind], after: tuple[int, int] = (0, 0)
    ) -> list[Entry]:
        """The oldest unsettled entries of these kinds beyond (boot, seq) ``after``."""
        return self._ask(lambda log: pending_of(log, limit, kinds, after))[0]

    def close(self) -> None:
        """Checkpoint and close."""
        self._file.close()

    # -- beyond the port ---------------------------------------------------------------

    def last_times(self) -> Mapping[str, Nanos]:
        """The end of each asset's last window on record."""
        return self._ask(window_times_of)

    def newest(self, kinds: Collection[RecordKind]) -> list[Record]:
        """Those of the newest entries that are of these kinds, in their order, without what the log adds to them."""
        return self._ask(lambda log: newest_of(log, kinds))

    def reader(self) -> JournalReader:
        """A read connection of its own, for another thread."""
        return JournalReader(self.path)

    # -- within ------------------------------------------------------------------------

    @property
    def _connection(self) -> sqlite3.Connection:
        return self._file.connection

    def _ask(self, question: Callable[[sqlite3.Connection], _T]) -> _T:
        """The answer, of a new file where this one proves to be damaged."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return question(self._connection)
            except sqlite3.DatabaseError as fault:
                if attempt == _ATTEMPTS:
                    raise translated(fault, self.path) from fault
                self._file.heal(fault)
        raise AssertionError("an attempt returns or raises")

    def _store(self, statements: Sequence[Statement]) -> None:
        """All or nothing, durably; something goes where the budget asks for it."""
        size = sum(len(value) for _, values in statements for value in values if isinstance(value, str))
        evicting = _EVICT_AT_ONCE
        for _ in range(_EVICTIONS):
            if self._ask(lambda log: _stored(log, statements)):
                return
            if self._ask(lambda log: room_within(log, size)):
                raise JournalFull(f"the disk takes no more for {self.path}")
            if not self._ask(lambda log, rows=evicting: self._eviction.make_room(log, rows)):  # type: ignore[misc]
                break
            evicting *= 2
        raise JournalFull(f"no room in {self.path}, and nothing left to evict for it")

    def _keep_to_room(self) -> None:
        """Follow the disk: others may have filled it. What it refuses of that is tried again a second later."""
        now = time.monotonic()
        with contextlib.suppress(sqlite3.OperationalError):
            if now >= self._look_at_disk_at:
                self._look_at_disk_at = now + _LOOK_AT_DISK_EVERY
                self._room.set_bounds(self._connection)
            if self._room.exceeded(self._connection):
                self._eviction.make_room(self._connection, _EVICT_A_LOOK)


def _stored(log: sqlite3.Connection, statements: Sequence[Statement]) -> bool:
    """Whether there was room. Raises as sqlite3 does for anything else; either way all or nothing is stored."""
    execute: Callable[..., Any] = log.execute
    try:
        if len(statements) == 1:
            execute(*statements[0])  # a transaction by itself: one step, one fsync, the GIL won back once
            return True
        execute("BEGIN IMMEDIATE")
        try:
            for statement, values in statements:
                execute(statement, values)
            execute("COMMIT")
        finally:
            if log.in_transaction:
                execute("ROLLBACK")
    except sqlite3.DatabaseError as fault:
        if primary_code(fault) != sqlite3.SQLITE_FULL:
            raise
        return False
    return True
