"""The thread that brings the log upstream when there is a link: what matters most goes first.

::

    alarm -> event -> quality, health -> live summaries -> evidence -> history (oldest first)

Each of these streams remembers how far it has sent. When a link comes up, all of them begin again with
the oldest that is owed: what was in flight when the last one went is owed like all else, and goes no
sooner than what matters more. History goes in small pieces and leaves room in flight, so that an alarm
never waits for a long drain; yet it gets a turn after so many others, so that it comes through.

**What settles an entry.** ``puback``: the broker has taken it for somebody. Where nobody listens (MQTT 5 says
so) it is not delivered: the courier pauses, and tries again. ``receipt``: a collector says that it is stored
(see ``receipts``). Where receipts stay away everything is sent again, less and less often.

**What is historical**: an entry that was on record before the present connection came up. It is decided by
the place in the log and never by a clock: a device's clock may jump, and replayed data is of any age.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from agent.errors import JournalFull, Unavailable
from agent.monitoring.types import RecordKind
from agent.ports import Clock, Entry, LogReader, Uplink
from agent.runtime.allowance import Allowance
from agent.runtime.receipts import Place, Receipts
from agent.runtime.streams import START, STREAMS, Lately, Stream, Terms

_IDLE: Final = 1.0
_PIECE: Final = 16
_LINGER: Final = 1.0
_TURN_OF_HISTORY: Final = 9
"""Entries of other streams, after which history has a turn where it waits."""
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_HELLO_WITHIN: Final = 2.0
_REACHING: Final = 120.0
"""s that a connection attempt may take beyond the supervisor's patience: name resolution has no
timeout of its own, and with dead name servers it takes half a minute each time."""
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class CourierCounters:
    """What the courier has done; plain numbers, read without a lock. ``unheard``: entries that nobody listened
    to; ``links``: how often everything owed was begun anew; ``bytes_today``: of the allowance's day."""

    sent: int = 0
    accepted: int = 0
    refused: int = 0
    unheard: int = 0
    links: int = 0
    bytes_today: int = 0


def _ignore(trouble: str, standing: bool, detail: str = "") -> None:  # noqa: FBT001
    """Nobody is told."""


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
    boot
        Of this run; names the links.
    report
        Told of troubles of the device: ``quota``.
    """

    def __init__(  # noqa: PLR0913 -- the parts that the composition root puts together
        self,
        log: LogReader,
        uplink: Uplink,
        settle: Callable[[Sequence[Place]], bool],
        clock: Clock,
        *,
        boot: int = 0,
        terms: Terms | None = None,
        allowance: Allowance | None = None,
        report: Callable[[str, bool, str], None] = _ignore,
    ) -> None:
        super().__init__(name="courier", daemon=True)
        self._journal = log
        self._uplink = uplink
        self._settle = settle
        self._clock = clock
        self._terms = terms = terms or Terms()
        self._allowance = allowance or Allowance(None, None)
        self._report = report
        self._told: dict[str, bool] = {}
        window = terms.window
        self._streams = {
            name: Stream(name, tuple(kind for kind in kinds if terms.windows or kind != "window"), window)
            for name, kinds in STREAMS.items()
        }
        self._streams["history"].most = max(1, window * 3 // 4)
        self._receipts = Receipts(boot, terms.receipt_within) if terms.receipts else None
        self._inflight = 0
        self._linked = False
        self._begin_at: float | None = None
        self._pause = _FIRST_PAUSE
        self._unheard = False
        self._mark = START
        self._since_history = 0
        self._unsettled: list[Place] = []
        self._lately = Lately()
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
        now = self._clock.monotonic()
        if uplink.connected():
            self.last_progress = now
            if not self._linked or (self._begin_at is not None and now >= self._begin_at and not self._inflight):
                self._begin_link(now)
            if self._linked and self._begin_at is None:
                more = self._send()
                if self._receipts is not None and self._receipts.overdue(now):
                    _log.warning("no receipt from a collector", owed=len(self._receipts))
                    self._begin_at = now  # sent again, on a new link
        else:
            self._linked = False
            self.last_progress = now + _REACHING
        if self._begin_at is not None:
            patience = min(patience, max(0.01, self._begin_at - now))
        for place, verdict in uplink.step(0.0 if more else patience):
            self._hear(place, verdict)
        for name, payload in uplink.heard():
            self._hear_collector(name, payload)
        self._tell("client-id", uplink.disputed, "upstream")
        if self._unsettled and self._settle(self._unsettled):
            self._unsettled = []
        return more

    def _tell(self, trouble: str, standing: bool, detail: str) -> None:  # noqa: FBT001 -- as it is reported
        """Report a trouble where it has begun or ended; the first time in any case."""
        if self._told.get(trouble) is not standing:
            self._told[trouble] = standing
            self._report(trouble, standing, detail)

    def _finish(self) -> None:
        until = self._clock.monotonic() + _LINGER
        self._news = True
        while self._uplink.connected() and (left := until - self._clock.monotonic()) > 0:
            waiting = len(self._receipts) if self._receipts is not None else self._inflight
            if not self.turn(min(left, 0.05)) and not waiting:
                break

    def _begin_link(self, now: float) -> None:
        """All that is on record by now is history, and all that is owed is sent, from the oldest on."""
        if not self._linked:
            try:
                self._mark = self._journal.newest()
            except JournalFull as refusal:
                _log.warning("the journal cannot be read", reason=str(refusal))
                return
            self._inflight = 0
        self._linked = True
        self._begin_at = None
        self._unheard = False
        for stream in self._streams.values():
            stream.cursor = START
        self._streams["live"].cursor = self._mark
        if self._receipts is not None:
            self._receipts.begin(now)
        self.counters.links += 1
        self._news = True

    def _hear(self, place: Place, verdict: str) -> None:
        """What the broker says of an entry."""
        self._inflight = max(0, self._inflight - 1)
        if verdict == "unheard":
            self.counters.unheard += 1
            if not self._unheard:
                self._unheard = True
                self._begin_at = self._clock.monotonic() + random.uniform(0.5, 1.0) * self._pause  # noqa: S311
                self._pause = min(_LONGEST_PAUSE, 2.0 * self._pause)
                _log.warning("nobody is subscribed upstream", again_in=round(self._begin_at - self._clock.monotonic()))
        elif verdict == "refused":
            self.counters.refused += 1
            self._settled(place)
        elif self._receipts is None:
            self._pause = _FIRST_PAUSE
            self.counters.accepted += 1
            self._settled(place)

    def _hear_collector(self, name: str, payload: bytes) -> None:
        """A receipt, or the hello of a collector that has just begun."""
        if self._receipts is None:
            return
        now = self._clock.monotonic()
        if name == "hello":
            if self._linked:
                self._begin_at = now + random.uniform(0.0, _HELLO_WITHIN)  # noqa: S311 -- full jitter
            return
        for place in self._receipts.take(payload, now):
            self.counters.accepted += 1
            self._settled(place)

    def _settled(self, place: Place) -> None:
        self._unsettled.append(place)
        self._lately.add(place)

    # -- sending -----------------------------------------------------------------------

    def _send(self) -> bool:
        """A piece of the first stream that has something; True while there is more and room for it."""
        if len(self._unsettled) > self._terms.window:
            return False
        now = self._clock.monotonic()
        if self._news or now >= self._look_at:
            self._news = False
            self._look_at = now + _IDLE
            for stream in self._streams.values():
                stream.drained = False
        *others, history = self._streams.values()
        for stream in others:
            while not stream.drained:
                if self._since_history >= _TURN_OF_HISTORY and not history.drained:
                    self._send_piece(history, 1)
                    self._since_history = 0
                sent = self._send_piece(stream, _PIECE)
                if sent is None:
                    return False
                self._since_history += sent
        return bool(self._send_piece(history, _PIECE)) and not history.drained

    def _send_piece(self, stream: Stream, most: int) -> int | None:
        """Up to ``most`` entries of a stream; how many, None where no more can go now."""
        asked = min(most, stream.most - self._under_way())
        if asked <= 0:
            return None
        entries = self._pending(asked, stream.kinds, stream.cursor)
        if entries is None:
            return None
        stream.drained = len(entries) < asked
        sent = 0
        for entry in entries:
            place = (entry.boot, entry.seq)
            if stream.name == "history" and place > self._mark:
                stream.drained = True
                break
            if place not in self._lately.places:
                if not self._hand_over(stream.name, entry, place):
                    stream.drained = False
                    return None
                sent += 1
            stream.cursor = place
        return sent

    def _under_way(self) -> int:
        return max(self._inflight, len(self._receipts)) if self._receipts is not None else self._inflight

    def _hand_over(self, stream: str, entry: Entry, place: Place) -> bool:
        allowance = self._allowance
        allowed = allowance.allows(
            alarm=entry.kind == "alarm", now=self._clock.now(), monotonic=self._clock.monotonic())
        self._tell("quota", allowance.exhausted, f"{allowance.spent} bytes today")
        if not allowed:
            return False
        more = b"" if self._receipts is None else self._receipts.mark(stream)
        try:
            self._uplink.send(entry, historical=place <= self._mark, more=more)
        except Unavailable:
            return False
        if self._receipts is not None:
            self._receipts.sent(stream, place)
        self._inflight += 1
        self.counters.sent += 1
        allowance.spend(len(entry.payload) + len(more) + self._terms.topic_bytes)
        self.counters.bytes_today = allowance.spent
        return True

    # -- the journal -------------------------------------------------------------------

    def _pending(self, limit: int, kinds: Collection[RecordKind], after: Place) -> list[Entry] | None:
        """None where the journal cannot be read now; it is asked again with the next turn."""
        try:
            return self._journal.pending(limit, kinds, after)
        except JournalFull as refusal:
            _log.warning("the journal cannot be read", reason=str(refusal))
            return None
