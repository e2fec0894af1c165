"""The thread that waits on the disk, so that nothing else does: group commit to the journal.

::

    worker --> submit() --> [ backlog, bounded ] --> commit, one fsync for all --> on_committed(mark)
    courier --> settle() -->  settlements       -'

A group is committed when its oldest has waited for ``max_delay`` seconds, when ``max_rows`` wait,
or at once when one of it is urgent. What comes in during a commit is the next group, so that a
slow disk makes larger groups and not a longer queue. Groups follow each other no faster than
every 20 ms, because at full load each one takes the interpreter from the worker several times;
only ``hurry``, when the broker would stall, does not wait for that.

**While the disk refuses** (full, read-only, broken, or hanging) records wait in the backlog, whose
least important go when it is full. After two seconds of that the device alarm ``journal`` stands
and all marks are told as if they were stored, so that monitoring and the broker's stream go on: from
then until the disk takes records again, a power cut loses what is in memory. The backlog is tried
again and again, in its order; a journal that cannot even be opened likewise.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Final

import structlog

from agent.errors import JournalCorrupt, JournalFull
from agent.monitoring.types import Nanos, Snapshot
from agent.ports import Entry, Journal
from agent.runtime.backlog import Backlog
from agent.runtime.flash import FlashBudget
from agent.runtime.tray import Group, Tray
from agent.runtime.troubles import JournalTroubles

_ROWS_A_COMMIT: Final = 1000
_IDLE: Final = 1.0
_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 5.0
_REFUSED_AFTER: Final = 2.0
"""s without success, after which the disk counts as refusing."""
_HANGING: Final = 600.0
"""s that one call of the disk may take before the thread counts as wedged: kernels try a broken card for
minutes, and a new process could not use it either."""
_NO_ANSWER: Final = "the disk does not answer"

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class WriterCounters:
    """What the writer has done; plain numbers, read without a lock.

    ``shed``: records that found no room in memory. ``failures``: commits that had to be tried again.
    ``unkept``: windows that the day's budget of the flash had no bytes for.
    """

    commits: int = 0
    rows: int = 0
    shed: int = 0
    failures: int = 0
    unkept: int = 0


class Writer(threading.Thread):
    """Fulfils ``agent.ports.LogWriter``; owns the journal's writing connection while it runs.

    Parameters
    ----------
    journal
        Committed to from this thread alone. None: it could not be opened yet.
    on_committed
        Called with the highest ``mark`` that is stored: in this thread after each commit, in the submitting
        one while the disk refuses.
    opening
        Gives the journal, ready for this boot's entries; asked again and again while it raises JournalFull.
    max_delay, max_rows
        How long, s, an entry may wait for others to share its fsync, and how many end the wait.
    most_waiting, most_bytes
        Bounds on the entries that wait in memory while the disk refuses.
    flash
        Above its budget windows are not kept until the next day.

    Attributes
    ----------
    journal
        The open journal; None until it could be opened.
    refused
        Whether the disk takes nothing at present, so that records wait in memory.
    troubles
        ``troubles.report`` is told what is wrong with the disk; to be set before ``start``.
    """

    def __init__(  # noqa: PLR0913 -- a disk's tuning
        self,
        journal: Journal | None,
        on_committed: Callable[[int], None],
        *,
        opening: Callable[[], Journal] | None = None,
        max_delay: float = 1.0,
        max_rows: int = 50,
        most_waiting: int = 20_000,
        most_bytes: int = 8_388_608,
        flash: FlashBudget | None = None,
    ) -> None:
        super().__init__(name="writer", daemon=True)
        self.journal = journal
        self._opening = opening
        self._on_committed = on_committed
        self._flash = flash
        self._backlog = Backlog(most_waiting, most_bytes)
        self._tray = Tray(self._backlog, max_delay, max_rows)
        self.troubles = JournalTroubles()
        # the tray's lock also serialises what follows, up to ``_reason``
        self._lock = self._tray.lock
        self._told = 0
        self._trying_since: float | None = None
        self.refused = False
        self._reason = _NO_ANSWER
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
        """See ``LogWriter``. What finds no room in memory is counted as shed, and its mark told all the same."""
        if self._flash is not None and self._flash.exceeded:
            entries = self._without_windows(entries)
        if gone := self._tray.put(entries, snapshots, mark, urgent=urgent):
            self.counters.shed += sum(gone.values())
        self._bear()
        return True

    def hurry(self) -> None:
        """Commit what waits without delay: somebody cannot go on before it is stored."""
        self._tray.hurry()
        self._bear()

    def repair(self, boot: int, before_seq: int, offset: Nanos) -> None:
        """See ``LogWriter``: after the next group, which holds all that was submitted."""
        self._tray.repair((boot, before_seq, offset))

    def settle(self, pairs: Sequence[tuple[int, int]]) -> bool:
        """Have entries marked as settled, in the next group. False where too many wait: the disk
        stalls, and nothing more should be sent before these are on it."""
        return self._tray.settle(pairs)

    def count(self, name: str, value: int) -> None:
        """Raise one of the journal's counters, with the next group; that alone brings none about."""
        self._tray.count(name, value)

    def flush(self, timeout: float) -> bool:
        """Commit what waits now; whether it was on the disk within ``timeout`` seconds."""
        return self._tray.flush(timeout)

    def stop(self, timeout: float) -> bool:
        """Commit what waits and end; whether that was done within ``timeout`` seconds."""
        self._give_up_at = time.monotonic() + timeout
        self._tray.end()
        if self.ident is not None:
            self.join(timeout)
        return not self.is_alive() and self._tray.empty

    def counts(self) -> dict[str, float | str | None]:
        """What it has done, and what waits for it. Any thread may ask."""
        with self._lock:
            rows, size, oldest = self._backlog.rows, self._backlog.bytes, self._backlog.oldest
        return asdict(self.counters) | {
            "refused": self.refused, "waiting": rows, "waiting_bytes": size,
            "oldest_waiting_s": None if oldest is None else round(time.monotonic() - oldest, 3),
            "flash_bytes_today": None if self._flash is None else self._flash.spent,
        }

    def _without_windows(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        kept = [entry for entry in entries if entry.kind != "window"]
        if unkept := len(entries) - len(kept):
            self.counters.unkept += unkept
            self.count("unkept_window", unkept)
        return kept

    def _bear(self) -> None:
        """Any thread: where the disk has been refusing for long, nobody waits for it any more."""
        since = self._trying_since
        if since is None or time.monotonic() - since < _REFUSED_AFTER:
            return
        with self._lock:
            if self._trying_since != since:
                return  # it has taken something just now
            self.refused = True
            mark = self._backlog.mark
            news = mark > self._told
            self._told = max(mark, self._told)
        self.troubles.refused(self._reason)
        if news:
            self._on_committed(mark)

    # -- the thread --------------------------------------------------------------------

    def run(self) -> None:
        """Group after group until stopped."""
        tray = self._tray
        try:
            while self._give_up_at is None or (tray and not self._gave_up()):
                self.last_progress = time.monotonic()
                # a journal that is not open yet is opened, whether or not anything waits for it
                group = tray.take() if self.journal is None else tray.due(_IDLE)
                if group is not None:
                    self._commit_group(group)
        except BaseException as bug:  # noqa: BLE001 -- the supervisor reads it and ends the process
            self.failure = bug

    def _commit_group(self, group: Group) -> None:
        """Piece by piece, each again and again while the disk refuses, or until told to stop meanwhile."""
        self._trying_since = time.monotonic()
        if self._flash is not None:
            group.counts.update(self._flash.tell(at_once=self._give_up_at is not None))
        pause = _FIRST_PAUSE
        ended = False
        while not ended:
            try:
                ended = self._commit_piece(group)
            except (JournalFull, JournalCorrupt) as refusal:
                self._refuse(refusal)
                if not self._wait(pause):
                    _log.error("left with records that the journal did not take", entries=self._backlog.rows)
                    return
                pause = min(_LONGEST_PAUSE, pause * 2)
            else:
                pause = _FIRST_PAUSE
        self._trying_since = None
        if self._flash is not None:
            self._flash.measure()
            self.troubles.written(self._flash)
        self._tray.stored(group)

    def _commit_piece(self, group: Group) -> bool:
        """The next of it, durably; whether it was the last."""
        self.last_progress = time.monotonic() + _HANGING
        journal = self._opened()
        with self._lock:
            piece = self._backlog.piece(_ROWS_A_COMMIT, group.last)
        ends = not piece or piece[-1].number >= group.last
        entries = [entry for submission in piece for entry in submission.entries]
        if not ends:
            journal.commit(entries)
            self.counters.commits += 1
        elif entries or group.snapshots or group.settlements or group.counts:
            # the snapshots with the last piece: a snapshot that knows of an alarm must not be on the
            # disk before the alarm is
            journal.commit(entries, group.snapshots, group.settlements, group.counts)
            group.snapshots, group.settlements = [], []
            group.counts.clear()
            self.counters.commits += 1
        self.counters.rows += len(entries)
        with self._lock:
            self._trying_since = time.monotonic()
            self.refused, self._reason = False, _NO_ANSWER
            self._told = max(self._told, self._backlog.stored())
        if piece:
            self._on_committed(self._told)
        while ends and group.repairs:
            journal.repair(*group.repairs[0])
            group.repairs.pop(0)
        self.troubles.taken(journal)
        return ends

    def _opened(self) -> Journal:
        if self.journal is None:
            if self._opening is None:
                raise JournalFull("there is no journal")
            self.journal = self._opening()
            if self._flash is not None:
                self._flash.remember(self.journal.counters())
        return self.journal

    def _refuse(self, refusal: JournalFull | JournalCorrupt) -> None:
        self.counters.failures += 1
        self._reason = str(refusal)
        with self._lock:
            self._backlog.let_go()
        if isinstance(refusal, JournalCorrupt) and self.journal is not None and self._opening is not None:
            # opening it anew sets aside what is damaged
            with suppress(JournalFull, JournalCorrupt):
                self.journal.close()
            self.journal = None

    def _wait(self, pause: float) -> bool:
        """In short steps: a stop must not wait for the end of a long pause. False when told to stop meanwhile."""
        until = time.monotonic() + pause
        while (now := time.monotonic()) < until:
            self.last_progress = now
            self._bear()
            if self._gave_up():
                return False
            time.sleep(min(_FIRST_PAUSE, until - now))
        return True

    def _gave_up(self) -> bool:
        return self._give_up_at is not None and time.monotonic() >= self._give_up_at
