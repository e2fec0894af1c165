"""The way upstream: the log's entries to a broker, each until the broker has taken it.

::

    send --> in flight (bounded) --PUBACK--> settled, accepted or refused
                 |  the link goes
                 v
             forgotten here: the courier sends again what the journal still holds as owed

The broker keeps no session for the device (clean start). A receiver may see an entry twice, and
drops what has a (device, boot, seq) that it knows. MQTT 5 says where nobody was subscribed.

A link that carries nothing any more need not look broken. Two deadlines find that out: MQTT's
keep-alive while nothing is sent, and ``ack_timeout`` while entries are in flight.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import structlog
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from agent.adapters.backoff import Backoff
from agent.adapters.mqtt.endpoint import Endpoint, build_client, open_connection
from agent.errors import Unavailable
from agent.ports import Entry

_QOS: Final = 1
_HOUSEKEEPING: Final = 1.0
_FAREWELL: Final = 1.0
_REFUSED: Final = 0x80
_UNHEARD: Final = 0x10
_OVERHEAD: Final = 16
_HEARD_AT_MOST: Final = 256
_TAKEN_OVER: Final = 0x8E
_OFTEN: Final = 5
_WITHIN: Final = 120.0

Verdict = Literal["accepted", "refused", "unheard"]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkSettings:
    """Where entries go: to ``<topic>/<kind>``, and whether the device is there to ``<topic>/state``.
    ``max_inflight``: entries without a PUBACK, at most (fewer where the broker says so).
    ``listens``: what is subscribed to, by the name under which ``heard`` gives it.
    ``ack_timeout``: s without any PUBACK while some are owed, until the link counts as dead.
    ``first_delay`` and ``longest_delay``: s, the ceilings of the pauses between connections.
    ``stable_after``: s that a connection must last before the pauses begin from the first again.
    """

    endpoint: Endpoint
    topic: str
    listens: Mapping[str, str] = field(default_factory=dict)
    max_inflight: int = 64
    ack_timeout: float = 20.0
    first_delay: float = 0.5
    longest_delay: float = 60.0
    stable_after: float = 10.0


@dataclass(slots=True)
class UplinkCounters:
    """``unheard``: entries that the broker took though nobody was subscribed (MQTT 5 says so)."""

    connections: int = 0
    accepted: int = 0
    refused: int = 0
    unheard: int = 0


class MqttUplink:
    """Fulfils ``agent.ports.Uplink`` with paho driven from the caller's thread."""

    def __init__(self, settings: UplinkSettings, backoff: Backoff | None = None) -> None:
        self._settings = settings
        self._endpoint = settings.endpoint
        self._backoff = backoff or Backoff(settings.first_delay, settings.longest_delay)
        self._state_topic = f"{settings.topic}/state"
        self._client = self._new_client()
        self._inflight: dict[int, Entry | None] = {}
        """By message id; None is a message about the device's state."""
        self._settled: list[tuple[tuple[int, int], Verdict]] = []
        self._heard: deque[tuple[str, bytes]] = deque(maxlen=_HEARD_AT_MOST)
        self._thrown_out: deque[float] = deque(maxlen=_OFTEN)
        self._room = settings.max_inflight
        self._max_packet: int | None = None
        self._retry_at = 0.0
        self._opened_at = 0.0
        self._connected_at: float | None = None
        self._acked_at = 0.0
        self._misc_at = 0.0
        self._closing = False
        self._wake_in, self._wake_out = socket.socketpair()
        for end in (self._wake_in, self._wake_out):
            end.setblocking(False)  # noqa: FBT003 -- socket's signature
        self.counters = UplinkCounters()

    # -- agent.ports.Uplink ------------------------------------------------------------

    def connected(self) -> bool:
        """Whether the broker has accepted the connection."""
        return self._connected_at is not None

    def send(self, entry: Entry, *, historical: bool, more: bytes = b"") -> None:
        """Hand over one entry, with ``more`` members at its payload's end. Raises Unavailable when there is no link
        or no room."""
        if not self.connected():
            raise Unavailable("the uplink is down")
        if len(self._inflight) >= self._room:
            raise Unavailable("too many entries are in flight")
        if not self._publish(entry, _marked(entry.payload, more, historical=historical)):
            raise Unavailable("the uplink went down")

    def heard(self) -> list[tuple[str, bytes]]:
        """What has come on the topics listened to since the last call: (name, payload)."""
        heard = list(self._heard)
        self._heard.clear()
        return heard

    @property
    def disputed(self) -> bool:
        """Whether another client seems to come under this client id: each throws the other out."""
        thrown = self._thrown_out
        return len(thrown) == _OFTEN and time.monotonic() - thrown[0] < _WITHIN

    def step(self, timeout: float) -> list[tuple[tuple[int, int], Verdict]]:
        """Serve the connection; what was settled meanwhile."""
        sock = self._client.socket()
        if sock is None:
            self._reconnect(timeout)
        else:
            self._serve(sock, 0.0 if self._settled else timeout)
        settled, self._settled = self._settled, []
        return settled

    def wake(self) -> None:
        """Make a waiting ``step`` return. Any thread may call this."""
        with contextlib.suppress(OSError):  # a full pipe wakes as well; a closed one has nobody to wake
            self._wake_out.send(b"\0")

    def close(self, *, graceful: bool) -> None:
        """Say ``stopped`` (graceful) and leave; else just hang up, and the broker says ``offline``."""
        if self._closing:
            return
        self._closing = True
        if graceful and self.connected():
            self._farewell()
        else:
            self._hang_up()
        self._wake_in.close()
        self._wake_out.close()

    # -- the connection ----------------------------------------------------------------

    def _new_client(self) -> Client:
        client = build_client(self._endpoint, clean=True)
        client.will_set(self._state_topic, b"offline", qos=_QOS, retain=True)
        client.max_inflight_messages_set(0)  # the bound is this module's
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        return client

    def _reconnect(self, timeout: float) -> None:
        left = self._retry_at - time.monotonic()
        if left > 0:
            self._wait(min(timeout, left))
            return
        delay = self._backoff.next()
        # paho would send these by itself, beyond every bound
        self._client.drop_out_messages()
        try:
            open_connection(self._client, self._endpoint, clean=True)
        except OSError as failure:
            _log.warning("uplink unreachable", host=self._endpoint.host, port=self._endpoint.port,
                         reason=str(failure), retry_in=round(delay, 1))
        self._opened_at = time.monotonic()
        self._retry_at = self._opened_at + delay

    def _serve(self, sock: Any, timeout: float) -> None:
        pending = getattr(sock, "pending", None)
        if pending is not None and pending():
            timeout = 0.0
        timeout = min(timeout, max(0.0, self._misc_at - time.monotonic()))
        readable, writable, _ = select.select(
            [sock, self._wake_in], [sock] if self._client.want_write() else [], [], timeout)
        if self._wake_in in readable:
            self._drain_wakes()
        if writable:
            self._client.loop_write()
        if sock in readable or timeout == 0.0:
            self._client.loop_read()
        now = time.monotonic()
        if now >= self._misc_at:
            self._misc_at = now + _HOUSEKEEPING
            self._client.loop_misc()
            self._judge(now)

    def _judge(self, now: float) -> None:
        """Hang up on a broker that says nothing where it should; forgive what is long past."""
        if self._client.socket() is None:
            return
        if self._connected_at is None:
            if now - self._opened_at > self._settings.ack_timeout:
                _log.warning("uplink does not answer", seconds=round(now - self._opened_at, 1))
                self._hang_up()
        elif self._inflight and now - self._acked_at > self._settings.ack_timeout:
            _log.warning("uplink acknowledges nothing", seconds=round(now - self._acked_at, 1),
                         inflight=len(self._inflight))
            self._hang_up()
        elif now - self._connected_at > self._settings.stable_after:
            self._backoff.reset()

    def _hang_up(self) -> None:
        """Cut the connection without a DISCONNECT: what is lost is lost, and the last will tells it."""
        sock = self._client.socket()
        if sock is None:
            return
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)  # type: ignore[attr-defined]
        self._client.loop_read()

    def _farewell(self) -> None:
        self._put_in_flight(self._state_topic, b"stopped", None)
        deadline = time.monotonic() + _FAREWELL
        while self._inflight and self.connected() and (left := deadline - time.monotonic()) > 0:
            sock = self._client.socket()
            if sock is not None:
                self._serve(sock, left)
        self._client.disconnect()
        self._client.loop_write()

    def _wait(self, timeout: float) -> None:
        if select.select([self._wake_in], [], [], timeout)[0]:
            self._drain_wakes()

    def _drain_wakes(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._wake_in.recv(4096):
                pass

    # -- publishing --------------------------------------------------------------------

    def _publish(self, entry: Entry, payload: bytes) -> bool:
        """Put an entry in flight; False when the link went meanwhile."""
        topic = f"{self._settings.topic}/{entry.kind}"
        if self._max_packet is not None and len(payload) + len(topic) + _OVERHEAD > self._max_packet:
            self._refuse(entry, f"larger than the broker's limit of {self._max_packet} bytes")
            return True
        return self._put_in_flight(topic, payload, entry)

    def _put_in_flight(self, topic: str, payload: bytes, entry: Entry | None) -> bool:
        info = self._client.publish(topic, payload, qos=_QOS, retain=entry is None)
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS or not self.connected():
            return False
        if not self._inflight:
            self._acked_at = time.monotonic()
        self._inflight[info.mid] = entry
        return True

    def _refuse(self, entry: Entry, reason: str) -> None:
        self.counters.refused += 1
        self._settled.append(((entry.boot, entry.seq), "refused"))
        _log.error("uplink refused an entry", kind=entry.kind, boot=entry.boot, seq=entry.seq, reason=reason)

    # -- paho's callbacks (in this thread: what they raise is raised by step) --------------

    def _on_connect(self, _: Client, __: Any, ___: Any, reason: ReasonCode, properties: Any) -> None:
        if reason.is_failure:
            _log.error("uplink refused the connection", reason=str(reason))
            return
        self._connected_at = self._acked_at = time.monotonic()
        self.counters.connections += 1
        self._room = min(self._settings.max_inflight, getattr(properties, "ReceiveMaximum", 65_535))
        self._max_packet = getattr(properties, "MaximumPacketSize", None)
        for topic in self._settings.listens.values():
            self._client.subscribe(topic, qos=_QOS)
        self._put_in_flight(self._state_topic, b"online", None)
        _log.info("uplink connected")

    def _on_disconnect(self, _: Client, __: Any, ___: Any, reason: ReasonCode, ____: Any) -> None:
        was_connected, self._connected_at = self._connected_at, None
        owed = [entry for entry in self._inflight.values() if entry is not None]
        self._inflight.clear()
        now = time.monotonic()
        if reason.value == _TAKEN_OVER or (was_connected and now - was_connected < self._settings.stable_after):
            self._thrown_out.append(now)  # not every broker says why it drops, right after its welcome
        if was_connected is not None and not self._closing:
            _log.warning("uplink lost", reason=str(reason), unacknowledged=len(owed))

    def _on_publish(self, _: Client, __: Any, mid: int, reason: ReasonCode, ___: Any) -> None:
        self._acked_at = time.monotonic()
        entry = self._inflight.pop(mid, None)
        if entry is None:
            return
        if reason.value >= _REFUSED:
            # not authorised, quota exceeded, payload not accepted: it would be refused again
            self._refuse(entry, str(reason))
            return
        if reason.value == _UNHEARD:
            self.counters.unheard += 1
            self._settled.append(((entry.boot, entry.seq), "unheard"))
            return
        self.counters.accepted += 1
        self._settled.append(((entry.boot, entry.seq), "accepted"))

    def _on_message(self, _: Client, __: Any, message: MQTTMessage) -> None:
        for name, topic in self._settings.listens.items():
            if message.topic == topic:
                self._heard.append((name, bytes(message.payload)))


def _marked(payload: bytes, more: bytes, *, historical: bool) -> bytes:
    """The entry's JSON object with ``historical`` and ``more`` as its last members."""
    return b"%b,%b%b}" % (payload[:-1], b'"historical":true' if historical else b'"historical":false', more)
