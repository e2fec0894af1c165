"""What is heard at a broker: every record as it arrives, with the time of its arrival."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from simulators.demo.story import SECOND, plant_time

_SUBSCRIBED_WITHIN: Final = 10.0


@dataclass(frozen=True, slots=True)
class Heard:
    """One message: ``at`` in s of plant time, ``kind`` the last level of its topic.

    ``body`` is the record; of the device's ``state`` it is ``{"state": ...}``.
    """

    at: float
    kind: str
    body: dict[str, Any]

    @property
    def place(self) -> tuple[int, int]:
        """(boot, seq), unique for ever; (0, 0) of what is no record."""
        return self.body.get("boot", 0), self.body.get("seq", 0)

    @property
    def asset(self) -> str:
        """The machine that it is about."""
        return str(self.body.get("asset", ""))

    @property
    def time(self) -> float:
        """When it happened: the end of the window, in s of plant time."""
        said = self.body.get("end") or self.body.get("time")
        if not isinstance(said, str):
            return self.at
        moment = datetime.fromisoformat(said)
        return plant_time(int(moment.timestamp()) * SECOND) + moment.microsecond / 1e6


class Listener:
    """Subscribes to a topic at QoS 1 and keeps what it hears; a context manager. ``clock`` tells
    the plant time."""

    def __init__(self, name: str, port: int, topic: str, clock: Callable[[], float]) -> None:
        self._port = port
        self._clock = clock
        self._heard: list[Heard] = []
        self._lock = threading.Lock()  # guards _heard between paho's thread and the story's
        self._subscribed = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name)
        self._client.on_connect = lambda client, *_: client.subscribe(topic, 1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message

    def __enter__(self) -> Self:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        if not self._subscribed.wait(_SUBSCRIBED_WITHIN):
            raise OSError(f"the broker on port {self._port} takes no subscription")
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def heard(self) -> list[Heard]:
        """All of it so far, in order of arrival."""
        with self._lock:
            return list(self._heard)

    def since(self, count: int) -> list[Heard]:
        """What came after the first ``count``."""
        with self._lock:
            return self._heard[count:]

    def _on_message(self, _: Any, __: Any, message: mqtt.MQTTMessage) -> None:
        at = self._clock()
        kind = message.topic.rpartition("/")[2]
        text = message.payload.decode(errors="replace")
        body = {"state": text} if kind == "state" else json.loads(text)
        with self._lock:
            self._heard.append(Heard(at, kind, body))
