"""The daemon with a thread and a queue between the network and the work, to measure what they cost.

``python -m tests.bench.handover run --config FILE`` is ``watchkeeper run`` but for this: a thread of
its own serves the broker's socket and hands deliveries over; the worker's acknowledgements and alarms
go back the same way. Run it as the contestant instead of the daemon in the peers' harness.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Collection, Iterable
from queue import Empty, SimpleQueue

from agent import app
from agent.adapters.mqtt.sensors import SensorLink
from agent.cli import main
from agent.ports import Delivery

_AHEAD = 4096


class QueuedLink(SensorLink):
    """A sensor link served by its own thread."""

    def __init__(self, *args: object, **settings: object) -> None:
        super().__init__(*args, **settings)  # type: ignore[arg-type]
        self._arrived: SimpleQueue[list[Delivery]] = SimpleQueue()
        self._asked: deque[tuple[str, tuple[object, ...]]] = deque()
        self._waiting = 0
        self._ending = False
        self._server: threading.Thread | None = None

    def poll(self, timeout: float, *, read: bool) -> list[Delivery]:
        """Take what the serving thread has brought."""
        if self._server is None:
            self._server = threading.Thread(target=self._serve, daemon=True)
            self._server.start()
        if not read:
            return []
        try:
            deliveries = self._arrived.get(timeout=timeout) if timeout else self._arrived.get_nowait()
        except Empty:
            return []
        self._waiting -= len(deliveries)
        return deliveries

    def _serve(self) -> None:
        while not self._ending:
            deliveries = super().poll(0.5, read=self._waiting < _AHEAD)
            while self._asked:
                name, arguments = self._asked.popleft()
                getattr(SensorLink, name)(self, *arguments)
            if deliveries:
                self._waiting += len(deliveries)
                self._arrived.put(deliveries)

    def _ask(self, name: str, *arguments: object) -> None:
        self._asked.append((name, arguments))
        super().wake()

    def acknowledge(self, tokens: Iterable[int]) -> None:
        """In the serving thread."""
        self._ask("acknowledge", list(tokens))

    def publish(self, topic: str, payload: bytes) -> bool:
        """In the serving thread."""
        self._ask("publish", topic, payload)
        return True

    def subscribe(self, filters: Collection[str], passing: Collection[str] = ()) -> None:
        """In the serving thread, once there is one."""
        if self._server is None:
            super().subscribe(filters, passing)
        else:
            self._ask("subscribe", filters, passing)

    def wake(self) -> None:
        """The worker waits on the queue."""
        self._arrived.put([])

    def close(self) -> None:
        """End the serving thread, then leave."""
        self._ending = True
        super().wake()
        if self._server is not None:
            self._server.join(2)
        super().close()


if __name__ == "__main__":
    setattr(app, "SensorLink", QueuedLink)  # noqa: B010 -- the seam is one name of the composition root
    sys.exit(main())
