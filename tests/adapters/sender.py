"""Drives an uplink as the courier does, for the tests of the uplink."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agent.adapters.backoff import Backoff
from agent.adapters.mqtt.endpoint import Endpoint, ProtocolLevel
from agent.adapters.mqtt.uplink import MqttUplink, UplinkSettings, Verdict
from agent.errors import Unavailable
from agent.ports import Entry
from tests.adapters.office import eventually

TOPIC = "plant/v1/site/d"
Place = tuple[int, int]


class Sender:
    """Drives an uplink as the courier does."""

    def __init__(self, port: int, protocol: ProtocolLevel = 5, **settings: Any) -> None:
        endpoint = settings.pop("endpoint", None) or Endpoint(
            host="127.0.0.1", port=port, client_id="d-uplink", protocol=protocol, keepalive=5)
        self.uplink = MqttUplink(
            UplinkSettings(endpoint=endpoint, topic=TOPIC, **settings),
            Backoff(0.01, 0.2, draw=lambda: 1.0))
        self.settled: list[tuple[Place, Verdict]] = []

    def step(self, timeout: float = 0.05) -> None:
        self.settled += self.uplink.step(timeout)

    def until(self, condition: Callable[[], object], within: float = 8.0) -> None:
        def stepped() -> object:
            self.step(0.01)
            return condition()

        assert eventually(stepped, within), self.settled[-5:]

    def connect(self) -> None:
        self.until(self.uplink.connected)

    def send(self, entries: list[Entry], *, historical: bool = False) -> None:
        for e in entries:
            while True:
                try:
                    self.uplink.send(e, historical=historical)
                except Unavailable:
                    self.step()
                else:
                    break

    def accepted(self) -> set[Place]:
        return {place for place, verdict in self.settled if verdict == "accepted"}
