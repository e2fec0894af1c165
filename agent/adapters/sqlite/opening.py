"""Opening the journal for a boot: at the start, or as soon as the disk lets it.

A device whose disk is full, read-only or broken starts all the same. Its boot then goes by the number after
the last one known, and so that (boot, seq) stays unique even where a number was used before that nobody could
write down, its entries are numbered from a place of their own: a random multiple of 2^20 below 2^39. The number
is the first thing that is stored when the journal opens.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import structlog

from agent.adapters.sqlite.apart import lay_out_apart
from agent.adapters.sqlite.boots import last_boot_beside
from agent.adapters.sqlite.connection import open_for_reading, translated
from agent.adapters.sqlite.journal import SqliteJournal
from agent.adapters.sqlite.reader import newest_of, snapshots_of, window_times_of
from agent.errors import JournalCorrupt, JournalFull
from agent.monitoring.types import Nanos, Record, RecordKind

_STRIDE: Final = 1 << 20
_PLACES: Final = 1 << 19
_REMEMBERED: Final[tuple[RecordKind, ...]] = ("window", "summary")

_log = structlog.get_logger(__name__)


class Memory(NamedTuple):
    """What a start takes up from earlier runs: each asset's snapshot, the end of its last window, and the newest
    windows and summaries in their order."""

    snapshots: Mapping[str, Mapping[str, Any]]
    last_times: Mapping[str, Nanos]
    log: Sequence[Record]


class Opening:
    """Opens the journal for this boot; called again where it could not be.

    Parameters
    ----------
    path, budget_bytes, owed, disk_share
        See ``SqliteJournal``.
    now
        Gives the wall time.

    Attributes
    ----------
    boot
        The number of this boot; 0 before ``at_start``.
    after
        The entries of this boot are numbered from behind it.
    """

    def __init__(
        self, path: Path, budget_bytes: int, owed: Collection[RecordKind], now: Callable[[], Nanos],
        *, disk_share: float = 0.5,
    ) -> None:
        self._path = path
        self._budget = budget_bytes
        self._owed = owed
        self._now = now
        self._disk_share = disk_share
        self._journal: SqliteJournal | None = None
        self.boot = 0
        self.after = 0

    def __call__(self) -> SqliteJournal:
        """The journal, with this boot in it. Raises JournalFull where it cannot be opened now, and ConfigError
        where a newer version wrote it."""
        lay_out_apart(self._path)
        try:
            journal = SqliteJournal(self._path, self._budget, owed=self._owed, disk_share=self._disk_share)
        except OSError as fault:
            raise JournalFull(f"the journal {self._path} cannot be opened now: {fault}") from fault
        try:
            self.boot = journal.begin_boot(self._now(), self.boot or None)
        except BaseException:
            with suppress(JournalFull, JournalCorrupt):
                journal.close()
            raise
        self._journal = journal
        _log.info("the journal is open", boot=self.boot, salvaged=journal.salvaged, set_aside=journal.set_aside)
        return journal

    def at_start(self) -> SqliteJournal | None:
        """The journal, or None where it cannot be opened now: ``boot`` and ``after`` are known either way."""
        try:
            return self()
        except (JournalFull, JournalCorrupt) as refusal:
            _log.error("the journal cannot be opened: records wait in memory", reason=str(refusal))
        self.boot = self._last_boot() + 1
        self.after = (1 + secrets.randbelow(_PLACES - 1)) * _STRIDE
        return None

    def recall(self) -> Memory | None:
        """What earlier runs have left, also on a file system that is read-only; None where it cannot be read."""
        if (journal := self._journal) is not None:  # damage that shows only now is healed
            with suppress(JournalFull, JournalCorrupt):
                return Memory(journal.snapshots(), journal.last_times(), journal.newest(_REMEMBERED))
            return None
        if not self._path.exists():
            return Memory({}, {}, ())
        try:
            with closing(open_for_reading(self._path)) as connection:
                return Memory(
                    snapshots_of(connection), window_times_of(connection), newest_of(connection, _REMEMBERED))
        except sqlite3.DatabaseError as fault:
            _log.error("what earlier runs have learned cannot be read", reason=str(translated(fault, self._path)))
            return None

    def _last_boot(self) -> int:
        known = last_boot_beside(self._path)
        with suppress(sqlite3.DatabaseError), closing(open_for_reading(self._path)) as connection:
            known = max(known, connection.execute("SELECT max(boot) FROM boots").fetchone()[0] or 0)
        return known
