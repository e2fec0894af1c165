"""The plant around the daemon: two real brokers, a link between them that fails, and the pumps."""

from __future__ import annotations

import socket
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from iotcore import Broker

from simulators.demo.daemon import Daemon
from simulators.demo.hearing import Listener
from simulators.demo.story import END, messages, plant_time
from simulators.proxy import Proxy
from simulators.publishing import Message, Publisher, paced

_LARGEST: Final = 1_048_576
"""Bytes in a message; a vibration record in JSON has about 26,000."""


class Pumps(threading.Thread):
    """Publishes what both pumps say, ``speed`` times as fast as they would.

    ``sent`` tells when each message went out: topic -> plant time -> monotonic s.
    """

    def __init__(self, port: int, speed: float) -> None:
        super().__init__(name="pumps", daemon=True)
        self._port = port
        self._speed = speed
        self._begun: float | None = None
        self._leaving = threading.Event()
        self.failure: OSError | None = None
        self.sent: dict[str, dict[float, float]] = defaultdict(dict)

    def run(self) -> None:
        """Until the story ends."""
        try:
            with Publisher(f"mqtt://127.0.0.1:{self._port}", client_id="pumps") as publisher:
                for message in self._paced():
                    self.sent[message.topic][plant_time(message.time)] = self.now()
                    publisher.send(message.topic, message.payload)
        except OSError as fault:
            self.failure = fault

    def now(self) -> float:
        """The plant time in s; 0 before the beginning, and it goes on after the end."""
        return 0.0 if self._begun is None else (time.monotonic() - self._begun) * self._speed

    def leave(self) -> None:
        """Stop before the end."""
        self._leaving.set()

    def _paced(self) -> Iterator[Message]:
        self._begun = time.monotonic()
        for message in paced(messages(), self._speed):
            if self._leaving.is_set():
                return
            yield message


class Plant:
    """Everything, running; a context manager that ends all of it.

    Raises OSError where a broker or the daemon does not start.
    """

    def __init__(self, folder: Path, speed: float) -> None:
        self.speed = speed
        sensors, upstream = _broker(), _broker()
        self._brokers = (sensors, upstream)
        self.proxy = Proxy(("127.0.0.1", upstream.port))
        self.pumps = Pumps(sensors.port, speed)
        self.daemon = Daemon(folder, sensors.port, self.proxy.port)
        self.local = Listener("operator", sensors.port, "watchkeeper/#", self.pumps.now)
        self.upstream = Listener("office", upstream.port, "watchkeeper/#", self.pumps.now)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for broker in self._brokers:
                try:
                    stack.enter_context(broker)
                except RuntimeError as fault:
                    raise OSError(f"the embedded broker: {fault}") from fault
            for part in (self.proxy, self.local, self.upstream, self.daemon):
                stack.enter_context(part)
            self.daemon.wait_until_connected()
            self._stack = stack.pop_all()
        self.pumps.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pumps.leave()
        self.pumps.join(2.0)
        self._stack.__exit__(kind, fault, trace)

    def check(self) -> None:
        """Raises OSError where something that must run has ended by itself."""
        if self.pumps.failure is not None:
            raise self.pumps.failure
        if not self.daemon.running():
            raise OSError("the daemon has ended:\n" + self.daemon.last_words())

    def finished(self) -> bool:
        """Whether the sensors have said all they had to say."""
        return self.pumps.now() > END and not self.pumps.is_alive()


def _broker() -> Broker:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return Broker(port=port, listen="127.0.0.1", max_payload_size=_LARGEST)
