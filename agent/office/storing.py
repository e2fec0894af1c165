"""The thread that waits for the database, so that the link is served meanwhile.

It keeps one batch at a time, and tries until it is kept: a database that is away, busy, full or read-only is
an operator's matter or a matter of time, and what is not kept is neither acknowledged nor receipted. A message
that the database refuses for what it says is set apart, and holds nothing else up.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, Protocol

import structlog

from agent.errors import Rejected, Unavailable
from agent.intake import Arrival, Rejection, Store, Stream, Stretch
from agent.office.keeping import Kept, keep
from agent.office.reading import Read
from agent.ports import Clock

_TURN: Final = 1.0
_ANSWERING: Final = 120.0
"""s that a call to the database may take beyond the supervisor's patience."""
_TIDY_EVERY: Final = 600.0
_PAST_LINKS: Final = timedelta(days=1)

_log = structlog.get_logger(__name__)


class Batch(NamedTuple):
    """Messages that are kept together, and the tokens by which they are acknowledged then."""

    messages: tuple[Read, ...]
    tokens: tuple[int, ...]
    bytes: int


class Done(NamedTuple):
    """A batch that is kept, and what is stored now of the streams that it concerns."""

    batch: Batch
    stretches: dict[Stream, Stretch]


class Pauses(Protocol):
    """How long to wait before the next attempt (``agent.adapters.backoff.Backoff``)."""

    def next(self) -> float: ...

    def reset(self) -> None: ...


@dataclass(slots=True)
class StoreCounters:
    """Plain numbers, read without a lock. ``records`` were new or stood there already."""

    batches: int = 0
    records: int = 0
    rejected: int = 0
    failures: int = 0


class Storer(threading.Thread):
    """Keeps batches. ``wake``: called when one is done."""

    def __init__(self, store: Store, clock: Clock, pauses: Pauses, wake: Callable[[], None]) -> None:
        super().__init__(name="storer", daemon=True)
        self._store = store
        self._clock = clock
        self._pauses = pauses
        self._wake = wake
        self._waiting: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Done] = queue.SimpleQueue()
        self._ending = threading.Event()
        self._tidy_at = clock.monotonic()
        self.counters = StoreCounters()
        self.last_progress = clock.monotonic()
        self.failure: BaseException | None = None

    def offer(self, batch: Batch) -> None:
        """Have a batch kept, after those that were offered before."""
        self._waiting.put(batch)

    def done(self) -> list[Done]:
        """What has been kept since the last call, in order."""
        done = []
        while not self._done.empty():
            done.append(self._done.get())
        return done

    def stop(self) -> None:
        """Give up what is not kept yet: it was not acknowledged, and comes again."""
        self._ending.set()
        self._waiting.put(None)

    def run(self) -> None:
        """Until ``stop``, or a bug."""
        try:
            while not self._ending.is_set():
                self.last_progress = self._clock.monotonic()
                self._tidy()
                try:
                    batch = self._waiting.get(timeout=_TURN)
                except queue.Empty:
                    continue
                if batch is not None:
                    self._keep(batch)
        except BaseException as bug:  # noqa: BLE001 -- the thread's edge: the supervisor tells it and ends the process
            self.failure = bug
        finally:
            self._store.close()

    def _keep(self, batch: Batch) -> None:
        while not self._ending.is_set():
            try:
                kept = self._attempt(batch.messages)
            except Unavailable as away:
                self.counters.failures += 1
                self._pause(away)
                continue
            self._pauses.reset()
            self.counters.batches += 1
            self.counters.records += kept.records
            self.counters.rejected += kept.rejected
            self._done.put(Done(batch, kept.stretches))
            self._wake()
            return

    def _attempt(self, messages: Sequence[Read]) -> Kept:
        """All in one transaction, or where the database refuses a value, all but what has it."""
        self.last_progress = self._clock.monotonic() + _ANSWERING
        try:
            with self._store.transaction() as transaction:
                return keep(transaction, messages)
        except Rejected as refusal:
            if len(messages) == 1:
                return self._set_apart(messages[0], str(refusal))
            half = len(messages) // 2
            first, second = self._attempt(messages[:half]), self._attempt(messages[half:])
            return Kept(first.records + second.records, first.rejected + second.rejected,
                        {**first.stretches, **second.stretches})

    def _set_apart(self, message: Read, reason: str) -> Kept:
        if not isinstance(message, Arrival):
            _log.error("the database does not even take a note", message=type(message).__name__, reason=reason)
            return Kept(0, 1, {})
        rejection = Rejection(
            f"{message.origin.site}/{message.origin.device}/{message.kind}", message.payload.encode(),
            f"the database does not take it: {reason}", message.received, message.origin, message.mark, message.place)
        _log.warning("a record was set apart", topic=rejection.topic, reason=rejection.reason)
        with self._store.transaction() as transaction:
            return keep(transaction, (rejection,))

    def _pause(self, away: Unavailable) -> None:
        delay = self._pauses.next()
        _log.warning("the database is away: nothing is acknowledged", reason=str(away), retry_in=round(delay, 1))
        left = delay
        while left > 0 and not self._ending.is_set():
            self.last_progress = self._clock.monotonic()
            self._ending.wait(min(_TURN, left))
            left -= _TURN

    def _tidy(self) -> None:
        now = self._clock.monotonic()
        if now < self._tidy_at:
            return
        self._tidy_at = now + _TIDY_EVERY
        before = datetime.fromtimestamp(self._clock.now() / 1e9, UTC) - _PAST_LINKS
        self.last_progress = now + _ANSWERING
        try:
            with self._store.transaction() as transaction:
                transaction.tidy(before)
        except Unavailable as away:
            _log.warning("the database is away", reason=str(away))
