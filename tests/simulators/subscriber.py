"""A listener at a real broker that keeps what it hears."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any, Self

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion


class Subscriber:
    """Subscribes to everything at QoS 1; a context manager. ``heard``: (topic, payload) in order.

    ``session``: the id of a session that the broker keeps for it, over the broker's own restart too.
    """

    def __init__(self, port: int, session: str = "") -> None:
        self.heard: list[tuple[str, bytes]] = []
        self._different: set[tuple[str, bytes]] = set()
        self._port = port
        self._changed = threading.Condition()
        self._listening = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=session, clean_session=not session)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_message = self._on_message
        self._client.on_subscribe = lambda *_: self._listening.set()

    def wait_for(self, count: int, within: float = 10.0) -> None:
        """Until so many different messages have been heard; AssertionError when they are not."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: len(self._different) >= count, within)
        assert arrived, f"{len(self._different)} of {count} messages"

    def __enter__(self) -> Self:
        self._client.connect("127.0.0.1", self._port)
        self._client.subscribe("#", qos=1)
        self._client.loop_start()
        assert self._listening.wait(5)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, _client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        with self._changed:
            self.heard.append((message.topic, bytes(message.payload)))
            self._different.add(self.heard[-1])
            self._changed.notify_all()
