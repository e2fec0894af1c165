"""Simulated machines and recorded files, published over MQTT as real sensors would.

At QoS 1 every message is waited for; while the broker is away it is tried again. (A publish of a
disconnected paho client is queued *and* reported as failed, and its queue has no useful bound: so at
most ``_AHEAD`` messages are ever handed to it.)
"""

from __future__ import annotations

import csv
import gzip
import heapq
import json
import math
import socket
import sys
import time
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, NamedTuple, Self
from urllib.parse import urlsplit

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from simulators.bearing import RATE
from simulators.faults import SECOND
from simulators.scenario import Scenario

_AHEAD = 100


class Message(NamedTuple):
    """What is to be said when; ``time`` in ns since the epoch."""

    time: int
    topic: str
    payload: bytes


class Publisher:
    """A client that loses nothing at QoS 1; a context manager. ``url``: mqtt://host:port."""

    def __init__(self, url: str, qos: int = 1, client_id: str = "") -> None:
        parts = urlsplit(url if "//" in url else f"mqtt://{url}")
        self._host, self._port, self._qos = parts.hostname or "127.0.0.1", parts.port or 1883, qos
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id)
        self._client.reconnect_delay_set(1, 5)
        self._client.on_socket_open = lambda _client, _data, sock: sock.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._ahead: deque[mqtt.MQTTMessageInfo] = deque()

    def __enter__(self) -> Self:
        self._client.connect(self._host, self._port)
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()
        self._client.disconnect()
        self._client.loop_stop()

    def send(self, topic: str, payload: bytes) -> None:
        """Publish; at QoS 1 at most so many are on their way at a time."""
        while not self._client.is_connected():
            time.sleep(0.02)
        self._ahead.append(self._client.publish(topic, payload, qos=self._qos))
        while len(self._ahead) > _AHEAD:
            self._wait(self._ahead.popleft())

    def flush(self) -> None:
        """Wait until the broker has all of it."""
        while self._ahead:
            self._wait(self._ahead.popleft())

    def _wait(self, info: mqtt.MQTTMessageInfo) -> None:
        if self._qos == 0:
            return
        while True:
            try:
                info.wait_for_publish(1.0)
                if info.is_published():
                    return
            except RuntimeError:  # handed over while disconnected: paho sends it once it is back
                if info.mid not in self._client._out_messages:  # noqa: SLF001 -- the only place that tells
                    return
                time.sleep(0.05)


def telemetry_messages(scenario: Scenario, topic: str) -> Iterator[Message]:
    """One JSON object a second; a sensor that says nothing is null."""
    for at, values in scenario.telemetry():
        said = {name: None if math.isnan(value) else value for name, value in values.items()}
        yield Message(at, topic, json.dumps({"ts": at // 1_000_000, **said}).encode())


def vibration_messages(scenario: Scenario, topic: str, form: str) -> Iterator[Message]:
    """Records: raw little-endian float32 (``raw``), or JSON with their time (``json``)."""
    for at, record in scenario.vibration():
        if form == "raw":
            yield Message(at, topic, record.astype("<f4").tobytes())
        else:
            values = [round(float(value), 6) for value in record]
            yield Message(at, topic, json.dumps({"ts": at // 1_000_000, "rate": RATE, "values": values}).encode())


def in_order(*streams: Iterator[Message]) -> Iterator[Message]:
    """Several streams as one, by time."""
    return heapq.merge(*streams, key=lambda message: message.time)


def paced(messages: Iterator[Message], speed: float) -> Iterator[Message]:
    """Each message when its time has come, ``speed`` times as fast as real; 0: do not wait."""
    begun, first = time.monotonic(), None
    for message in messages:
        first = message.time if first is None else first
        if speed > 0:
            left = (message.time - first) / SECOND / speed - (time.monotonic() - begun)
            if left > 0:
                time.sleep(left)
        yield message


def publish(messages: Iterator[Message], publisher: Publisher, speed: float) -> int:
    """Publish all of it; how many there were."""
    count = 0
    for message in paced(messages, speed):
        publisher.send(message.topic, message.payload)
        count += 1
    publisher.flush()
    return count


def recorded_messages(path: Path, separator: str, time_column: str | None, topic: str) -> Iterator[Message]:
    """One JSON object a row of a CSV file: ``ts`` in ms and each column under its own name."""
    with _open(path) as stream:
        rows = csv.DictReader(stream, delimiter=separator)
        names = rows.fieldnames or []
        when = time_column or (names[0] if names else "time")
        if when not in names:
            print(f"{path}: no column {when!r}; there are {', '.join(names)}", file=sys.stderr)
            raise SystemExit(2)
        for number, row in enumerate(rows, 2):
            try:
                at = _nanoseconds(row.pop(when))
                values: dict[str, Any] = {name: float(value) if value else None for name, value in row.items()}
            except (TypeError, ValueError) as fault:
                print(f"{path}, line {number}: {fault}", file=sys.stderr)
                raise SystemExit(2) from None
            yield Message(at, topic, json.dumps({"ts": at // 1_000_000, **values}).encode())


def _nanoseconds(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1e6) * 1000


def _open(path: Path) -> IO[str]:
    try:
        return gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="")
    except OSError as fault:
        print(f"{path}: cannot be read: {fault.strerror}", file=sys.stderr)
        raise SystemExit(2) from None
