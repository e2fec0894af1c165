"""The thread that brings the log upstream when there is a link: what matters most goes first.

::

    alarm -> event -> quality -> live summaries -> history (oldest first)

Each lane remembers how far it has sent, so that the journal is asked only for what comes after;
what is in flight is the uplink's to send again, and what is settled is marked in the journal by
the writer. History goes in small pieces and leaves room in flight, so that an alarm never waits
for a long drain.

**What is historical**: an entry that was on record before the present connection came up. It is
decided by the place in the log and never by a clock: a device's clock may jump, and replayed data
is of any age.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from agent.errors import JournalFull, Unavailable
from agent.monitoring.types import RecordKind
from agent.ports import Clock, Entry, LogReader, Uplink

_IDLE: Final = 1.0
_PIECE: Final = 16
_LINGER: Final = 1.0
_MOST_RANGES: Final = 64
_REACHING: Final = 120.0
"""s that a connection attempt may take beyond the supervisor's patience: name resolution has no
timeout of its own, and with dead name servers it takes half a minute each time."""

_Place = tuple[int, int]
_START: Final[_Place] = (0, 0)

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class CourierCounters:
    """What the courier has done; plain numbers, read without a lock."""

    sent: int = 0
    accepted: int = 0
    refused: int = 0


@dataclass(slots=True)
class _Lane:
    """Entries of one kind beyond ``cursor``; at most so many may be in flight when it sends."""

    kind: RecordKind
    most_inflight: int
    cursor: _Place = _START
    drained: bool = False


@dataclass(slots=True)
class _History:
    """Summaries of past connections and boots: what is owed of each stretch of the log, (from, to]."""

    ranges: deque[tuple[_Place, _Place]] = field(default_factory=deque)

    def add(self, begin: _Place, end: _Place) -> None:
        if begin >= end:
            return
        self.ranges.append((begin, end))
        if len(self.ranges) > _MOST_RANGES:
            # a link that flaps for days: joined, at the price of sending again what lies between
            (_, last), (first, _) = self.ranges.pop(), self.ranges.pop()
            self.ranges.append((first, last))

    def advance(self, place: _Place) -> None:
        """The first stretch is sent up to ``place``."""
        self.ranges[0] = place, self.ranges[0][1]


class Courier(threading.Thread):
    """Sends what the journal holds unsettled, and has it settled.

    Parameters
    ----------
    log
        The courier's own connection to the journal.
    uplink
        Used by this thread alone, and closed by it.
    settle
        Takes (boot, seq) of what need not be sent again; False where it cannot take them now.
    window
        Entries in flight, at most; history leaves a quarter of it to the others.
    """

    def __init__(
        self,
        log: LogReader,
        uplink: Uplink,
        settle: Callable[[Sequence[_Place]], bool],
        clock: Clock,
        *,
        window: int = 32,
    ) -> None:
        super().__init__(name="courier", daemon=True)
        self._journal = log
        self._uplink = uplink
        self._settle = settle
        self._clock = clock
        self._window = window
        self._lanes = tuple(_Lane(kind, window) for kind in ("alarm", "event", "quality", "window"))
        self._live = self._lanes[-1]
        self._history = _History()
        self._drain_window = max(1, window * 3 // 4)
        self._inflight = 0
        self._linked = False
        self._mark = _START
        self._unsettled: list[_Place] = []
        self._news = True
        self._look_at = 0.0
        self._stopping = threading.Event()
        self.counters = CourierCounters()
        self.last_progress = clock.monotonic()
        self.failure: BaseException | None = None

    # -- called from other threads -----------------------------------------------------

    def notify(self) -> None:
        """There is something new in the journal."""
        if not self._news:
            self._news = True
            self._uplink.wake()

    def stop(self) -> None:
        """Send what is there, for a second at most while the link is up; then leave."""
        self._stopping.set()
        self._uplink.wake()

    # -- the thread --------------------------------------------------------------------

    def run(self) -> None:
        """Turn by turn until stopped."""
        try:
            while not self._stopping.is_set():
                self.turn()
            self._finish()
            self._uplink.close(graceful=True)
        except BaseException as bug:  # noqa: BLE001 -- the supervisor reads it and ends the process
            self.failure = bug
        finally:
            self._journal.close()

    def turn(self, patience: float = _IDLE) -> bool:
        """Send what there is room for, serve the link once; whether more is waiting to be sent."""
        uplink = self._uplink
        more = False
        if uplink.connected():
            if not self._linked:
                self._begin_link()
            more = self._send()
            self.last_progress = self._clock.monotonic()
        else:
            self._linked = False
            self.last_progress = self._clock.monotonic() + _REACHING
        for place, accepted in uplink.step(0.0 if more else patience):
            self._inflight -= 1
            self._unsettled.append(place)
            if accepted:
                self.counters.accepted += 1
            else:
                self.counters.refused += 1
        if self._unsettled and self._settle(self._unsettled):
            self._unsettled = []
        return more

    def _finish(self) -> None:
        until = self._clock.monotonic() + _LINGER
        self._news = True
        while self._uplink.connected() and (left := until - self._clock.monotonic()) > 0:
            if not self.turn(min(left, 0.05)) and not self._inflight:
                break

    def _begin_link(self) -> None:
        """The link came up: all that is on record by now is history."""
        newest = self._newest()
        if newest is None:
            return
        self._linked = True
        self._mark = newest
        self._history.add(self._live.cursor, newest)
        self._live.cursor = max(self._live.cursor, newest)
        self._news = True

    # -- sending -----------------------------------------------------------------------

    def _send(self) -> bool:
        """A piece of the first lane that has something; True while there is more and room for it."""
        if not self._linked or len(self._unsettled) > self._window:
            return False
        now = self._clock.monotonic()
        if self._news or now >= self._look_at:
            self._news = False
            self._look_at = now + _IDLE
            for lane in self._lanes:
                lane.drained = False
        for lane in self._lanes:
            while not lane.drained:
                if (asked := self._room(lane.most_inflight)) <= 0:
                    return False
                entries = self._pending(asked, lane.kind, lane.cursor)
                if entries is None:
                    return False
                lane.drained = len(entries) < asked
                for entry in entries:
                    if not self._hand_over(entry):
                        lane.drained = False
                        return False
                    lane.cursor = entry.boot, entry.seq
        return self._drain()

    def _drain(self) -> bool:
        """A piece of history."""
        ranges = self._history.ranges
        if not ranges or (asked := self._room(self._drain_window)) <= 0:
            return False
        begin, end = ranges[0]
        entries = self._pending(asked, "window", begin)
        if entries is None:
            return False
        owed = [entry for entry in entries if (entry.boot, entry.seq) <= end]
        for entry in owed:
            if not self._hand_over(entry):
                return False
            self._history.advance((entry.boot, entry.seq))
        if len(owed) < asked:
            ranges.popleft()
            if not ranges:
                _log.info("history is sent", up_to=list(end))
        return True

    def _room(self, most_inflight: int) -> int:
        return min(_PIECE, most_inflight - self._inflight)

    def _hand_over(self, entry: Entry) -> bool:
        try:
            self._uplink.send(entry, historical=(entry.boot, entry.seq) <= self._mark)
        except Unavailable:
            return False
        self._inflight += 1
        self.counters.sent += 1
        return True

    # -- the journal -------------------------------------------------------------------

    def _pending(self, limit: int, kind: RecordKind, after: _Place) -> list[Entry] | None:
        """None where the journal cannot be read now; it is asked again with the next turn."""
        try:
            return self._journal.pending(limit, (kind,), after)
        except JournalFull as refusal:
            _log.warning("the journal cannot be read", reason=str(refusal))
            return None

    def _newest(self) -> _Place | None:
        try:
            return self._journal.newest()
        except JournalFull as refusal:
            _log.warning("the journal cannot be read", reason=str(refusal))
            return None
