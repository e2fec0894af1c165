"""What simulated machines say, published over MQTT as real sensors would.

paho's queues have no useful bound, and a publish while disconnected is queued *and* reported as
failed: so messages are counted through ``on_publish``, and at most ``_AHEAD`` are ever handed over.
"""

from __future__ import annotations

import heapq
import json
import math
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Final, Literal, NamedTuple, Self, TypeAlias
from urllib.parse import SplitResult, unquote, urlsplit

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from simulators.bearing import RATE
from simulators.faults import SECOND
from simulators.scenario import Scenario

_AHEAD: Final = 100
_ANSWER_WITHIN: Final = 10.0
_DEFAULT_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}

Form: TypeAlias = Literal["raw", "json"]


class Message(NamedTuple):
    """What is to be said when; ``time`` in ns since the epoch."""

    time: int
    topic: str
    payload: bytes


def split_url(url: str) -> SplitResult:
    """The parts of ``mqtt[s]://[user:password@]host[:port]``; ValueError when it is not one."""
    parts = urlsplit(url if "//" in url else f"mqtt://{url}")
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or parts.port == 0:
        raise ValueError("a broker is mqtt://HOST[:PORT] or mqtts://HOST[:PORT]")  # it may hold a password
    return parts


class Publisher:
    """A client that loses nothing at QoS 1, whatever becomes of the broker; a context manager.

    ``url`` as ``split_url`` takes it. Entering raises
    OSError where no broker answers or it refuses; later the broker may come and go. At QoS 0 nothing
    is sent while it is away, and what was on its way is lost.
    """

    def __init__(self, url: str, qos: Literal[0, 1] = 1, client_id: str = "") -> None:
        parts = split_url(url)
        self._host, self._port = parts.hostname or "", parts.port or _DEFAULT_PORTS[parts.scheme]
        self._qos = qos
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id)
        if parts.username:
            self._client.username_pw_set(unquote(parts.username), unquote(parts.password or ""))
        if parts.scheme == "mqtts":
            self._client.tls_set()
        self._client.reconnect_delay_set(1, 5)
        self._client.on_socket_open = _send_at_once
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        # Guards the three below. Never held while paho is called: paho holds its own locks around callbacks.
        self._changed = threading.Condition()
        self._connected = False
        self._refusal = ""
        self._ahead = 0

    def __enter__(self) -> Self:
        try:
            self._client.connect(self._host, self._port)
        except OSError as fault:
            raise ConnectionError(f"{self._host}:{self._port}: {fault.strerror or fault}") from fault
        self._client.loop_start()
        with self._changed:
            self._changed.wait_for(lambda: self._connected or self._refusal, _ANSWER_WITHIN)
            connected, refusal = self._connected, self._refusal
        if not connected:
            self._leave()
            raise ConnectionError(f"{self._host}:{self._port}: {refusal or 'no answer'}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Whoever presses Ctrl-C does not want to wait for a broker that is away.
        if kind is None or issubclass(kind, Exception):
            self.flush()
        self._leave()

    def send(self, topic: str, payload: bytes) -> None:
        """Publish; waits while the broker is away or too much is on its way."""
        with self._changed:
            self._changed.wait_for(lambda: self._connected and self._ahead < _AHEAD)
            self._ahead += 1
        message = self._client.publish(topic, payload, qos=self._qos)
        if self._qos == 0 and message.rc == mqtt.MQTT_ERR_NO_CONN:
            self._settle()

    def flush(self) -> None:
        """Wait until the broker has all of it."""
        with self._changed:
            self._changed.wait_for(lambda: self._ahead == 0)

    def _leave(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _settle(self) -> None:
        with self._changed:
            self._ahead = max(0, self._ahead - 1)
            self._changed.notify_all()

    def _on_connect(
        self, _client: mqtt.Client, _userdata: Any, _flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        with self._changed:
            self._connected = not reason.is_failure
            self._refusal = str(reason) if reason.is_failure else ""
            self._changed.notify_all()

    def _on_disconnect(self, *_: Any) -> None:
        with self._changed:
            self._connected = False
            if self._qos == 0:
                self._ahead = 0
            self._changed.notify_all()

    def _on_publish(self, *_: Any) -> None:
        self._settle()


def _send_at_once(_client: mqtt.Client, _userdata: Any, sock: Any) -> None:
    # Nagle and delayed acknowledgement would otherwise hold a small packet back for 40 ms
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def telemetry_messages(scenario: Scenario, topic: str) -> Iterator[Message]:
    """One JSON object a second; a sensor that says nothing is null."""
    for at, values in scenario.telemetry():
        said = {name: None if math.isnan(value) else value for name, value in values.items()}
        yield Message(at, topic, json.dumps({"ts": at // 1_000_000, **said}).encode())


def vibration_messages(scenario: Scenario, topic: str, form: Form) -> Iterator[Message]:
    """Records: raw little-endian float32 (``raw``), or JSON with their time (``json``)."""
    for at, record in scenario.vibration():
        if form == "raw":
            yield Message(at, topic, record.astype("<f4").tobytes())
        else:
            values = [round(float(value), 6) for value in record]
            document = {"ts": at // 1_000_000, "rate": RATE, "values": values}
            yield Message(at, topic, json.dumps(document).encode())


def in_order(*streams: Iterator[Message]) -> Iterator[Message]:
    """Several streams as one, by time."""
    return heapq.merge(*streams, key=lambda message: message.time)


def paced(messages: Iterable[Message], speed: float) -> Iterator[Message]:
    """Each message when its time has come, ``speed`` times as fast as real; 0: do not wait."""
    begun, first = time.monotonic(), None
    for message in messages:
        first = message.time if first is None else first
        if speed > 0:
            left = (message.time - first) / SECOND / speed - (time.monotonic() - begun)
            if left > 0:
                time.sleep(left)
        yield message


def publish(messages: Iterable[Message], publisher: Publisher, speed: float) -> int:
    """Publish all of it; how many there were."""
    count = 0
    for message in paced(messages, speed):
        publisher.send(message.topic, message.payload)
        count += 1
    publisher.flush()
    return count
