"""The thread that serves the link: messages into batches, and once a batch is kept, acknowledgements and receipts.

::

    broker --> read --> batch (<= 50 ms, <= 500) --> Storer --kept--> PUBACKs to the broker, receipts to the devices

While the storer keeps one batch the next one gathers, so that a busy collector commits rarely and an idle one
at once. A message that is not kept is never acknowledged: the broker hands it over again, to this collector or,
when this one is gone, to another of its group.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from agent.intake import Rejection
from agent.office.reading import Read, read
from agent.office.storing import Batch, Done, Storer
from agent.office.streams import hello_topic, receipt_topic, receipts, record_filters, state_filter
from agent.ports import Clock, Delivery, Sensors

LINGER: Final = 0.05
"""s from the first message of a batch until it is kept, at most, while the storer is idle."""
MOST: Final = 500
"""Messages of a batch."""
IN_FLIGHT: Final = 2 * MOST
"""Messages that the broker is asked to send ahead of acknowledgements: one batch that is kept, one that gathers."""
_HELD: Final = 8 * MOST
_HELD_BYTES: Final = 32 * 1024 * 1024
"""Where a broker sends more than it was asked for, nothing is read beyond these."""
_TURN: Final = 1.0
_LEAVE_WITHIN: Final = 4.0

_log = structlog.get_logger(__name__)


class Link(Sensors, Protocol):
    """Where messages come from. ``sessions``: connections for which the broker had kept nothing."""

    sessions: int


@dataclass(slots=True)
class ReceiverCounters:
    """Plain numbers, read without a lock."""

    messages: int = 0
    receipts: int = 0


class Receiver(threading.Thread):
    """Belongs to a link, which it closes. ``group`` '': this collector by itself."""

    def __init__(self, link: Link, storer: Storer, clock: Clock, *, prefix: str, group: str) -> None:
        super().__init__(name="receiver", daemon=True)
        self._link = link
        self._storer = storer
        self._clock = clock
        self._prefix = prefix
        self._messages: list[Read] = []
        self._tokens: list[int] = []
        self._bytes = 0
        self._begun = 0.0
        self._held = self._held_bytes = 0
        self._out: int = 0
        self._greeted = -1
        self._ending = threading.Event()
        self.ever_connected = False
        self.counters = ReceiverCounters()
        self.last_progress = clock.monotonic()
        self.failure: BaseException | None = None
        link.subscribe(record_filters(prefix, group), passing=[state_filter(prefix)])

    def connected(self) -> bool:
        """Whether the broker has accepted the connection."""
        return self._link.connected()

    def stop(self) -> None:
        """Take nothing more; what is with the storer is finished."""
        self._ending.set()
        self._link.wake()

    def run(self) -> None:
        """Until ``stop``, or a bug."""
        try:
            while not self._ending.is_set():
                self._turn(read_on=True)
            self._finish()
            self._link.close()
        except BaseException as bug:  # noqa: BLE001 -- the thread's edge: the supervisor tells it and ends the process
            self.failure = bug

    def _turn(self, *, read_on: bool) -> None:
        self.last_progress = self._clock.monotonic()
        room = self._held < _HELD and self._held_bytes < _HELD_BYTES
        for delivery in self._link.poll(self._patience(), read=read_on and room):
            self._take(delivery)
        self._greet()
        for done in self._storer.done():
            self._settle(done)
        if self._messages and not self._out and self._due():
            self._hand_over()

    def _patience(self) -> float:
        """Until something must be done that no message and no storer announces."""
        if not self._messages or self._out:
            return _TURN
        return max(0.0, self._begun + LINGER - self._clock.monotonic())

    def _due(self) -> bool:
        return len(self._messages) >= MOST or self._clock.monotonic() >= self._begun + LINGER

    def _take(self, delivery: Delivery) -> None:
        message = read(delivery, self._prefix)
        if isinstance(message, Rejection):
            _log.warning("a message was rejected", topic=delivery.topic, reason=message.reason)
        if not self._messages:
            self._begun = self._clock.monotonic()
        size = len(delivery.payload)
        self._messages.append(message)
        if delivery.token:
            self._tokens.append(delivery.token)
        self._bytes += size
        self._held += 1
        self._held_bytes += size
        self.counters.messages += 1

    def _hand_over(self) -> None:
        self._out += 1
        self._storer.offer(Batch(tuple(self._messages), tuple(self._tokens), self._bytes))
        self._messages, self._tokens, self._bytes = [], [], 0

    def _settle(self, done: Done) -> None:
        self._out -= 1
        self._held -= len(done.batch.messages)
        self._held_bytes -= done.batch.bytes
        self._link.hold()
        self._link.acknowledge(done.batch.tokens)
        for origin, documents in receipts(done.stretches).items():
            for document in documents:
                self.counters.receipts += self._link.publish(receipt_topic(self._prefix, origin), document)
        self._link.release()

    def _greet(self) -> None:
        """Say hello at the start, and where the broker has lost what it kept for us: devices send again at once
        what is owed, and need not find out that receipts stay away."""
        if self._link.connected() and self._greeted != self._link.sessions:
            self._greeted = self._link.sessions
            self.ever_connected = True
            self._link.publish(hello_topic(self._prefix), b"{}")

    def _finish(self) -> None:
        deadline = self._clock.monotonic() + _LEAVE_WITHIN
        if self._messages and not self._out:
            self._hand_over()
        while self._out and self._clock.monotonic() < deadline:
            self._turn(read_on=False)
