"""Where others leave what the writer is to store, and when the next group of it is due."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from agent.monitoring.types import Nanos, RecordKind, Snapshot
from agent.ports import Entry
from agent.runtime.backlog import Backlog

_PACE: Final = 0.02
_SETTLEMENTS: Final = 10_000

Repair: TypeAlias = tuple[int, int, Nanos]
"""Boot, sequence number before which, offset: see ``agent.ports.Journal.repair``."""


@dataclass(slots=True)
class Group:
    """What is committed together: the entries up to the submission ``last`` (they stay in the backlog until they are
    stored), and the rest. ``handed``: how many things had been handed over when it was taken."""

    last: int
    handed: int
    snapshots: list[Snapshot]
    settlements: list[tuple[int, int]]
    counts: Counter[str]
    repairs: list[Repair]


class Tray:
    """Any thread puts in, the writer's takes out.

    Parameters
    ----------
    backlog
        Keeps the entries; guarded by ``lock``.
    max_delay, max_rows
        A group is due when its oldest has waited so long, s, or when so many entries wait.
    """

    def __init__(self, backlog: Backlog, max_delay: float, max_rows: int) -> None:
        self.backlog = backlog
        self._max_delay = max_delay
        self._max_rows = max_rows
        self.lock = threading.Lock()
        self._work = threading.Condition(self.lock)
        self._stored = threading.Condition(self.lock)
        self._snapshots: dict[str, Snapshot] = {}
        self._settlements: list[tuple[int, int]] = []
        self._counts: Counter[str] = Counter()
        self._repairs: list[Repair] = []
        self._since: float | None = None
        self._urgent = False
        self._hurried = False
        self._taken_at = 0.0
        self._handed = 0
        self._done = 0
        self._ending = False

    def __bool__(self) -> bool:
        """Whether anything waits that nobody has taken up."""
        return self._since is not None

    # -- putting in --------------------------------------------------------------------

    def put(
        self, entries: Sequence[Entry], snapshots: Sequence[Snapshot], mark: int, *, urgent: bool
    ) -> Mapping[RecordKind, int]:
        """Of each asset's snapshots the newest is kept. How many entries of which kind had to go for want of room."""
        now = time.monotonic()
        with self.lock:
            before = self.backlog.rows - self.backlog.held
            gone: Mapping[RecordKind, int] = {}
            if entries or mark:
                gone = self.backlog.add(entries, mark, now)
                if gone:
                    self._counts.update({f"shed_{kind}": count for kind, count in gone.items()})
            for snapshot in snapshots:
                self._snapshots[snapshot.asset] = snapshot
            # wake the writer once for each reason, not with every submission while it waits its turn
            wakes = before < self._max_rows <= before + len(entries)
            if entries or snapshots or mark:
                wakes = self._begun(now) or wakes
            if urgent and not self._urgent and self:
                self._urgent = wakes = True
            if wakes:
                self._work.notify()
        return gone

    def settle(self, pairs: Sequence[tuple[int, int]]) -> bool:
        """Entries that are delivered; False where too many wait to be marked so."""
        with self.lock:
            if len(self._settlements) >= _SETTLEMENTS:
                return False
            self._settlements += pairs
            if self._begun(time.monotonic()):
                self._work.notify()
        return True

    def repair(self, repair: Repair) -> None:
        """To be done after the group that holds all that was put in before."""
        with self.lock:
            self._repairs.append(repair)
            self._begun(time.monotonic())
            self._work.notify()

    def count(self, name: str, value: int) -> None:
        """With the next group; that alone brings none about."""
        with self.lock:
            self._counts[name] += value

    def hurry(self) -> None:
        """What waits is due now, whatever the pace."""
        with self.lock:
            if not self._hurried and self:
                self._hurried = self._urgent = True
                self._work.notify()

    def flush(self, timeout: float) -> bool:
        """Have all stored that was put in; whether it was within ``timeout`` seconds."""
        with self.lock:
            last = self._handed
            self._urgent = True
            self._work.notify()
            return self._stored.wait_for(lambda: self._done >= last, timeout)

    def end(self) -> None:
        """Nothing more will come, and nothing waits for company any more."""
        with self.lock:
            self._ending = True
            self._work.notify()

    @property
    def empty(self) -> bool:
        """Whether all that was ever put in is stored."""
        return self._done == self._handed

    def _begun(self, now: float) -> bool:
        self._handed += 1
        if self._since is not None:
            return False
        self._since = now
        return True

    # -- taking out --------------------------------------------------------------------

    def due(self, patience: float) -> Group | None:
        """The next group as soon as it is due; None where that is not within ``patience`` seconds."""
        with self.lock:
            until = time.monotonic() + patience
            while True:
                now = time.monotonic()
                timeout = until - now
                if self._since is None:
                    self._urgent = False
                    if self._ending:
                        return None
                else:
                    wait = self._since + self._max_delay - now
                    if self._urgent or self._ending or wait <= 0 or self.backlog.rows >= self._max_rows:
                        wait = self._taken_at + _PACE - now
                        if self._hurried or self._ending or wait <= 0:
                            return self._take()
                    timeout = min(timeout, wait)
                if timeout <= 0:
                    return None
                self._work.wait(timeout)

    def take(self) -> Group:
        """All that is there now, due or not."""
        with self.lock:
            return self._take()

    def _take(self) -> Group:
        group = Group(self.backlog.newest, self._handed, list(self._snapshots.values()), self._settlements,
                      self._counts, self._repairs)
        self._snapshots, self._settlements, self._counts, self._repairs = {}, [], Counter(), []
        self._since = None
        self._urgent = self._hurried = False
        return group

    def stored(self, group: Group) -> None:
        """All of the group is on the disk; the next follows at its pace."""
        with self.lock:
            self._taken_at = time.monotonic()
            self._done = group.handed
            self._stored.notify_all()
