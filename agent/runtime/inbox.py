"""The bounded waiting room between the sensor broker and the worker.

::

    link.poll() --> [ Inbox: bounded in messages and bytes ] --> worker
                          | full, and for longer than patience
                          v
                       shed the oldest of the most frequent topic, counted

Below its bound it is a plain queue. At its bound the link simply stops reading: TCP holds the
broker back, and nothing is lost. Only when that has lasted for ``patience`` seconds does the
overload count as lasting: then the link reads on and the inbox sheds, so that a sensor gone mad
costs its own data and not the others' (a broker would drop blindly, across all topics).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from agent.monitoring.types import Nanos
from agent.ports import Delivery

SHED: Final = b""
"""The payload (this very object) of a delivery that was shed: only its acknowledgement is owed."""


class Inbox:
    """Deliveries that wait. Owned by one thread (or guarded by its owner)."""

    def __init__(self, max_messages: int, max_bytes: int, patience: float) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._patience = patience
        self._order: deque[str] = deque()
        self._queues: dict[str, deque[Delivery]] = {}
        self._shed: dict[str, deque[Delivery]] = {}
        self._messages = 0
        self._bytes = 0
        self._full_since: float | None = None

    def __len__(self) -> int:
        """How many deliveries wait, those shed included."""
        return len(self._order)

    @property
    def bytes(self) -> int:
        """Bytes of payload that wait."""
        return self._bytes

    @property
    def full(self) -> bool:
        """Whether it is at one of its bounds."""
        return self._messages >= self._max_messages or self._bytes >= self._max_bytes

    def wants_more(self, monotonic: float) -> bool:
        """Whether the link should read: there is room, or the overload has lasted too long."""
        if not self.full:
            self._full_since = None
            return True
        if self._full_since is None:
            self._full_since = monotonic
        return monotonic - self._full_since >= self._patience

    def offer(self, deliveries: list[Delivery]) -> dict[str, int]:
        """Take them in; how many of which topic were shed for it."""
        queues, order = self._queues, self._order
        for delivery in deliveries:
            topic = delivery.topic
            queue = queues.get(topic)
            if queue is None:
                queue = queues[topic] = deque()
            queue.append(delivery)
            order.append(topic)
            self._bytes += len(delivery.payload)
        self._messages += len(deliveries)
        shed: dict[str, int] = {}
        # over the bound by a whole read is the normal way to become full; shed only beyond that
        while self._full_since is not None and self._over():
            topic = self._shed_one()
            shed[topic] = shed.get(topic, 0) + 1
        return shed

    def restamp(self, restamped: Callable[[Nanos], Nanos]) -> None:
        """The clock that they were stamped by was set."""
        for queues in (self._queues, self._shed):
            for topic, queue in queues.items():
                queues[topic] = deque(
                    delivery._replace(received=restamped(delivery.received)) for delivery in queue)

    def _over(self) -> bool:
        return self._messages > self._max_messages or self._bytes > self._max_bytes

    def _shed_one(self) -> str:
        topic = max(self._queues, key=lambda name: len(self._queues[name]))
        queue = self._queues[topic]
        delivery = queue.popleft()
        if not queue:
            del self._queues[topic]
        # its place in the order stays: acknowledgements must leave in the order of arrival
        self._shed.setdefault(topic, deque()).append(delivery._replace(payload=SHED))
        self._messages -= 1
        self._bytes -= len(delivery.payload)
        return topic

    def take(self, most: int) -> list[Delivery]:
        """The oldest deliveries, at most so many, with those shed among them in their places."""
        taken: list[Delivery] = []
        order, queues, shed = self._order, self._queues, self._shed
        while order and len(taken) < most:
            topic = order.popleft()
            if shed and topic in shed:
                taken.append(shed[topic].popleft())
                if not shed[topic]:
                    del shed[topic]
                continue
            queue = queues[topic]
            delivery = queue.popleft()
            if not queue:
                del queues[topic]
            self._bytes -= len(delivery.payload)
            self._messages -= 1
            taken.append(delivery)
        return taken
