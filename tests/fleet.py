"""A device upstream made of real paho, that sends records as a courier in receipt mode does, and hears receipts."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

PREFIX = "watchkeeper"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def iso(time: datetime) -> str:
    """As devices write it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def record(seq: int, kind: str = "event", *, boot: int = 1, device: str = "d-1", **body: Any) -> dict[str, Any]:
    """An envelope with a body, about noon plus ``seq`` seconds."""
    at = NOON + timedelta(seconds=seq)
    return {
        "device": device, "boot": boot, "seq": seq, "recorded": iso(at), "monotonic": float(seq),
        "synchronised": True, "kind": kind, "asset": "pump", "time": iso(at), **body,
    }


def summary(seq: int, *, start: datetime = NOON, minutes: int = 5, **body: Any) -> dict[str, Any]:
    """A summary of a period."""
    document = record(seq, "summary", **{
        "channel": "vibration", "start": iso(start), "end": iso(start + timedelta(minutes=minutes)), "windows": 300,
        "alarm_windows": 0, "score": {"count": 300, "min": 0.1, "mean": 0.2, "p95": 0.4, "max": 0.5},
        "health": {"min": 0.9, "mean": 0.95, "last": 0.94}, "features": {"rms": {"min": 1, "mean": 2, "max": 3}},
        "states": {"normal": 300}, "quality": {"gap": 1}, **body})
    del document["time"]
    return document


def on_its_way(document: dict[str, Any], link: str, stream: str, number: int, *, historical: bool = False) -> bytes:
    """The payload as it goes upstream in receipt mode."""
    return json.dumps({**document, "historical": historical, "stream": stream, "link": link, "number": number}).encode()


class FakeDevice:
    """Publishes with QoS 1; ``receipts`` and ``hellos`` are what it has heard."""

    def __init__(self, port: int, device: str = "d-1", site: str = "lab") -> None:
        self.device = device
        self.base = f"{PREFIX}/v1/{site}/{device}"
        self.receipts: list[dict[str, Any]] = []
        self.hellos = 0
        self.link = "1.1"
        self._numbers: dict[tuple[str, str], int] = {}
        subscribed = threading.Event()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=f"{device}-uplink", protocol=mqtt.MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe(
            [(f"{self.base}/receipt", 1), (f"{PREFIX}/v1/collector/hello", 1)])
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 1)
        self._client.max_inflight_messages_set(1000)
        # as devices do: else an acknowledgement on its way holds the next record back for 40 ms
        self._client.on_socket_open = _send_at_once
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert subscribed.wait(5)

    def _on_message(self, _: Any, __: Any, message: mqtt.MQTTMessage) -> None:
        if message.topic.endswith("/hello"):
            self.hellos += 1
        else:
            self.receipts.append(json.loads(message.payload))

    def send(self, document: dict[str, Any], stream: str = "live", number: int | None = None) -> None:
        """A record in the next place of a stream of the present link."""
        key = self.link, stream
        number = number or self._numbers.get(key, 0) + 1
        self._numbers[key] = number
        self.publish(document["kind"], on_its_way(document, self.link, stream, number))

    def publish(self, kind: str, payload: bytes, *, retain: bool = False) -> None:
        """Anything, on the topic of a kind."""
        self._client.publish(f"{self.base}/{kind}", payload, qos=1, retain=retain)

    def stored(self, stream: str = "live") -> int:
        """Up to which number of the present link's stream everything is stored, as far as was heard."""
        return max((receipt["receipts"][stream]["number"] for receipt in list(self.receipts)
                    if receipt["link"] == self.link and stream in receipt["receipts"]), default=0)

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _send_at_once(_: mqtt.Client, __: Any, sock: Any) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def eventually(condition: Callable[[], object], within: float = 15.0) -> bool:
    """Whether the condition comes true in time."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
