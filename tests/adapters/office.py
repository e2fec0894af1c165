"""A listener at a broker upstream, as the tests of the uplink and the courier need it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any, Self

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


def eventually(condition: Callable[[], object], within: float = 8.0) -> bool:
    """Whether the condition comes true in time."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True


class Office:
    """Hears everything under ``plant/#`` at QoS 1; its session outlives the broker's restarts."""

    def __init__(self, port: int, name: str = "office") -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.at: list[float] = []
        subscribed = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe("plant/#", 1)
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 1)
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 3600
        self._client.connect("127.0.0.1", port, clean_start=False, properties=properties)
        self._client.loop_start()
        assert subscribed.wait(5)

    def _on_message(self, _: Any, __: Any, message: mqtt.MQTTMessage) -> None:
        self.heard.append((message.topic, bytes(message.payload)))
        self.at.append(time.monotonic())

    def states(self) -> list[str]:
        """What was said under ``state``, in order."""
        return [payload.decode() for topic, payload in self.heard if topic.endswith("/state")]

    def bodies(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The entries heard, of a kind or all, copies included."""
        return [
            json.loads(payload) for topic, payload in self.heard
            if not topic.endswith("/state") and (kind is None or topic.endswith(f"/{kind}"))
        ]

    def places(self, kind: str | None = None) -> list[tuple[int, int]]:
        """(boot, seq) of the entries heard, in order, first copies only."""
        return list(dict.fromkeys((body["boot"], body["seq"]) for body in self.bodies(kind)))

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
