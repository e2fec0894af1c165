"""The thread that waits on the disk, so that nothing else does: group commit to the journal.

::

    worker --> submit() --> [ waiting, bounded ] --> commit, one fsync for all --> on_committed(mark)
    courier --> settle() -->  settlements        -'

A group is committed when its oldest has waited for ``max_delay`` seconds, when ``max_rows`` wait,
or at once when one of it is urgent. What comes in during a commit is the next group, so that a
slow disk makes larger groups and not a longer queue. Groups follow each other no faster than
every 20 ms, because at full load each one takes the interpreter from the worker several times;
only ``hurry``, when the broker would stall, does not wait for that.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

import structlog

from agent.errors import JournalFull
from agent.monitoring.types import Nanos, Snapshot
from agent.ports import Entry, Journal

_ROWS_A_COMMIT: Final = 1000
_IDLE: Final = 1.0
_PACE: Final = 0.02
_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 5.0
_SETTLEMENTS: Final = 10_000

_DISPENSABLE: Final = "window"

_log = structlog.get_logger(__name__)


_Repair: TypeAlias = tuple[int, int, Nanos]


class _Submission(NamedTuple):
    entries: Sequence[Entry]
    mark: int


@dataclass(slots=True)
class WriterCounters:
    """What the writer has done; plain numbers, read without a lock.

    ``shed``: summaries that found no room. ``failures``: commits that had to be tried again.
    """

    commits: int = 0
    rows: int = 0
    shed: int = 0
    failures: int = 0


class Writer(threading.Thread):
    """Fulfils ``agent.ports.LogWriter``; owns the journal's writing connection while it runs.

    Parameters
    ----------
    journal
        Committed to from this thread alone.
    on_committed
        Called in this thread after each commit with the highest ``mark`` it held (0: none).
    max_delay, max_rows
        How long, s, an entry may wait for others to share its fsync, and how many end the wait.
    most_waiting, most_bytes
        Bounds on what waits while the disk stalls. At half of them summaries find no room, at
        the whole nothing does.
    """

    def __init__(  # noqa: PLR0913 -- a disk's tuning
        self,
        journal: Journal,
        on_committed: Callable[[int], None],
        *,
        max_delay: float = 1.0,
        max_rows: int = 50,
        most_waiting: int = 20_000,
        most_bytes: int = 8_388_608,
    ) -> None:
        super().__init__(name="writer", daemon=True)
        self._journal = journal
        self._on_committed = on_committed
        self._max_delay = max_delay
        self._max_rows = max_rows
        self._most_waiting = most_waiting
        self._most_bytes = most_bytes
        # serialises what is handed over: the fields below, up to ``_stopping``
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._stored = threading.Condition(self._lock)
        self._waiting: list[_Submission] = []
        self._snapshots: dict[str, Snapshot] = {}
        self._settlements: list[tuple[int, int]] = []
        self._repairs: list[_Repair] = []
        self._rows_waiting = 0
        self._rows = 0  # with those in the commit at hand; so are the bytes
        self._bytes = 0
        self._urgent = False
        self._hurried = False
        self._group_ended = 0.0
        self._submitted = 0
        self._done = 0
        self._stopping = False
        self._give_up_at: float | None = None
        self.counters = WriterCounters()
        self.last_progress = time.monotonic()
        self.failure: BaseException | None = None

    # -- called from other threads -----------------------------------------------------

    def submit(
        self,
        entries: Sequence[Entry],
        snapshots: Sequence[Snapshot] = (),
        mark: int = 0,
        urgent: bool = False,  # noqa: FBT001, FBT002 -- the port's signature
    ) -> bool:
        size = 0
        for entry in entries:
            size += len(entry.payload)
        with self._lock:
            if self._rows * 2 >= self._most_waiting or self._bytes * 2 >= self._most_bytes:
                kept = [entry for entry in entries if entry.kind != _DISPENSABLE]
                full = self._rows >= self._most_waiting or self._bytes >= self._most_bytes
                if full or not kept:
                    self.counters.shed += len(entries)
                    return not entries
                self.counters.shed += len(entries) - len(kept)
                entries = kept
                size = sum(len(entry.payload) for entry in kept)
            if entries or snapshots or mark:
                self._waiting.append(_Submission(entries, mark))
                for snapshot in snapshots:
                    self._snapshots[snapshot.asset] = snapshot
                self._submitted += 1
                self._rows_waiting += len(entries)
                self._rows += len(entries)
                self._bytes += size
            elif not self._waiting:
                return True
            # wake the writer once for each reason, not with every submission while it waits its turn
            begun = len(self._waiting) == 1
            due = urgent and not self._urgent
            if due:
                self._urgent = True
            filled = self._rows_waiting - len(entries) < self._max_rows <= self._rows_waiting
            if begun or due or filled:
                self._work.notify()
        return True

    def hurry(self) -> None:
        """Commit what waits without delay: somebody cannot go on before it is stored."""
        with self._lock:
            if not self._hurried and self._waiting:
                self._hurried = self._urgent = True
                self._work.notify()

    def repair(self, boot: int, before_seq: int, offset: Nanos) -> None:
        """See ``LogWriter``: after the next group, which holds all that was submitted."""
        with self._lock:
            self._repairs.append((boot, before_seq, offset))
            self._submitted += 1
            self._work.notify()

    def settle(self, pairs: Sequence[tuple[int, int]]) -> bool:
        """Have entries marked as settled, in the next group. False where too many wait: the disk
        stalls, and nothing more should be sent before these are on it."""
        with self._lock:
            if len(self._settlements) >= _SETTLEMENTS:
                return False
            if not self._settlements and not self._waiting:
                self._work.notify()
            self._settlements += pairs
            self._submitted += 1
        return True

    def flush(self, timeout: float) -> bool:
        """Commit what waits now; whether it was on the disk within ``timeout`` seconds."""
        with self._lock:
            last = self._submitted
            self._urgent = True
            self._work.notify()
            return self._stored.wait_for(lambda: self._done >= last, timeout)

    def stop(self, timeout: float) -> bool:
        """Commit what waits and end; whether that was done within ``timeout`` seconds."""
        with self._lock:
            self._stopping = True
            self._give_up_at = time.monotonic() + timeout
            self._work.notify()
        if self.ident is not None:
            self.join(timeout)
        return not self.is_alive() and self._done == self._submitted

    # -- the thread --------------------------------------------------------------------

    def run(self) -> None:
        """Group after group until stopped."""
        try:
            while self._await_group():
                self._commit_group()
        except BaseException as bug:  # noqa: BLE001 -- the supervisor reads it and ends the process
            self.failure = bug

    def _await_group(self) -> bool:
        """Wait until a group is due; False when there will be none any more."""
        oldest: float | None = None
        with self._lock:
            while True:
                now = self.last_progress = time.monotonic()
                waits = bool(self._waiting or self._settlements or self._repairs)
                if self._stopping:
                    return waits and not self._gave_up(now)
                timeout = _IDLE
                if waits:
                    oldest = oldest or now
                    timeout = min(_IDLE, oldest + self._max_delay - now)
                    if self._urgent or timeout <= 0 or self._rows_waiting >= self._max_rows:
                        timeout = self._group_ended + _PACE - now
                        if self._hurried or timeout <= 0:
                            return True
                else:
                    self._urgent = False
                self._work.wait(timeout)

    def _commit_group(self) -> None:
        with self._lock:
            group, self._waiting = self._waiting, []
            snapshots, self._snapshots = list(self._snapshots.values()), {}
            settlements, self._settlements = self._settlements, []
            repairs, self._repairs = self._repairs, []
            submitted = self._submitted
            self._rows_waiting = 0
            self._urgent = self._hurried = False
        pieces = list(_pieces(group)) or [[]]
        for piece in pieces:
            entries = [entry for submission in piece for entry in submission.entries]
            # the snapshots with the last piece: a snapshot that knows of an alarm must not be on
            # the disk before the alarm is
            last = piece is pieces[-1]
            if not self._commit(entries, snapshots if last else [], settlements):
                return
            settlements = []
            self.counters.commits += 1
            self.counters.rows += len(entries)
            with self._lock:
                self._rows -= len(entries)
                self._bytes -= sum(len(entry.payload) for entry in entries)
                if last:
                    self._done = submitted
                    self._stored.notify_all()
            if piece:
                self._on_committed(max(submission.mark for submission in piece))
        self._repair(repairs)
        self._group_ended = time.monotonic()

    def _repair(self, repairs: list[_Repair]) -> None:
        while repairs:
            try:
                self._journal.repair(*repairs[0])
            except JournalFull:
                with self._lock:
                    self._repairs = repairs + self._repairs  # with the next group, once the disk takes it again
                return
            repairs.pop(0)

    def _commit(
        self, entries: list[Entry], snapshots: list[Snapshot], settlements: list[tuple[int, int]]
    ) -> bool:
        """Commit, again and again while the disk refuses; False when told to stop meanwhile."""
        pause = _FIRST_PAUSE
        failing = False
        while True:
            try:
                self._journal.commit(entries, snapshots, settlements)
            except JournalFull as refusal:
                self.counters.failures += 1
                if not failing:
                    _log.error("the journal takes nothing, records wait in memory", reason=str(refusal))
                failing = True
            else:
                if failing:
                    _log.info("the journal takes records again", shed=self.counters.shed)
                return True
            # in short steps: a stop must not wait for the end of a long pause
            until = time.monotonic() + pause
            pause = min(_LONGEST_PAUSE, pause * 2)
            while (now := time.monotonic()) < until:
                self.last_progress = now
                if self._gave_up(now):
                    _log.error("left with records that the journal did not take", entries=len(entries))
                    return False
                time.sleep(min(_FIRST_PAUSE, until - now))

    def _gave_up(self, now: float) -> bool:
        return self._give_up_at is not None and now >= self._give_up_at


def _pieces(group: list[_Submission]) -> Iterator[list[_Submission]]:
    """The group in its order, in pieces of some 1000 entries."""
    piece: list[_Submission] = []
    rows = 0
    for submission in group:
        piece.append(submission)
        rows += len(submission.entries)
        if rows >= _ROWS_A_COMMIT:
            yield piece
            piece, rows = [], 0
    if piece:
        yield piece
