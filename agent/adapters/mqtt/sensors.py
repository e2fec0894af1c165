"""A link that messages arrive over, the sensor broker's first of all: connection, subscriptions,
acknowledgements, alarms, answers.

paho is driven through its external-loop calls, in the worker's thread: there is no network
thread that could die and leave a zombie, and an exception in a callback is an exception here.

Acknowledgements survive a reconnect: the broker sends what is unacknowledged again, under the
same packet id and flagged as duplicate. Such a message is already worked in, so it is not
worked in twice; its acknowledgement goes out when its turn comes.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Callable, Collection, Iterable
from typing import Any, cast

import structlog
from paho.mqtt import client as mqtt
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from agent.adapters.backoff import Backoff
from agent.adapters.mqtt.endpoint import Endpoint, build_client, open_connection
from agent.adapters.mqtt.request import read_request
from agent.adapters.mqtt.tap import Arrival, PublishTap
from agent.monitoring.acquisition.topics import matches
from agent.ports import Delivery

_MAX_QUEUED_ALARMS = 4096
_STABLE = 10.0
_UNTIL_THE_END = 0xFFFF_FFFF
"""s; a will is published when the session ends, however long its delay (MQTT 5.0, 3.1.3.2.2)."""
_WITH_WILL = 0x04
"""DISCONNECT: with will message (MQTT 5.0, 3.14.2.1)."""

_log = structlog.get_logger(__name__)


class TappedClient(mqtt.Client):
    """paho's client on a tapped socket: the one place that reaches under its surface."""

    tap: PublishTap | None = None
    max_payload = 1_048_576

    def _create_socket(self) -> Any:
        sock: Any = super()._create_socket()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.tap = PublishTap(sock, properties=self.protocol == mqtt.MQTTv5, max_payload=self.max_payload)
        return self.tap


class SensorLink:
    """Fulfils ``agent.ports.Sensors``.

    ``now`` gives the wall time that arrivals are stamped with. ``peer``: how the log calls the broker.
    ``receive_maximum``: see ``open_connection``. ``obituary``: topic and payload that the broker publishes when
    our session there is over, because we have been away for longer than ``session_expiry`` s (MQTT 5).

    Attributes
    ----------
    sessions
        Connections for which the broker had kept nothing: what was sent meanwhile has not come this way.
    """

    def __init__(  # noqa: PLR0913 -- each from a key of the configuration
        self,
        endpoint: Endpoint,
        *,
        qos: int = 1,
        alarm_qos: int = 1,
        session_expiry: int = 3600,
        max_payload: int = 1_048_576,
        now: Callable[[], int] = time.time_ns,
        backoff: Backoff | None = None,
        peer: str = "sensor broker",
        receive_maximum: int | None = None,
        obituary: tuple[str, bytes] | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._obituary = obituary
        self._peer = peer
        self._receive_maximum = receive_maximum
        self.sessions = 0
        self._qos = qos
        self._alarm_qos = alarm_qos
        self._session_expiry = session_expiry
        self._now = now
        self._backoff = backoff or Backoff(first=0.5, most=30.0)
        self._filters: dict[str, int] = {}
        client = build_client(endpoint, clean=False, session_expiry=session_expiry, client_class=TappedClient)
        self._client = cast(TappedClient, client)
        self._client.max_payload = max_payload
        self._client.max_queued_messages_set(_MAX_QUEUED_ALARMS)
        self._client.max_inflight_messages_set(100)
        if obituary is not None:
            properties = Properties(PacketTypes.WILLMESSAGE)  # type: ignore[no-untyped-call]
            properties.WillDelayInterval = _UNTIL_THE_END
            self._client.will_set(*obituary, qos=1, properties=properties)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)  # noqa: FBT003
        self._wake_out.setblocking(False)  # noqa: FBT003
        self._sequence = 0
        self._owed: dict[int, int] = {}
        self._settled_away: set[int] = set()
        self._retry_at = 0.0
        self._connected_at: float | None = None
        self._misc_at = 0.0
        self._closed = False

    # -- agent.ports.Sensors -----------------------------------------------------------

    def connected(self) -> bool:
        """Whether the broker has accepted the connection."""
        return self._connected_at is not None

    def subscribe(self, filters: Collection[str], passing: Collection[str] = ()) -> None:
        """Receive these and no others; ``passing`` at QoS 0, which no broker keeps for later."""
        wanted = dict.fromkeys(filters, self._qos) | dict.fromkeys(passing, 0)
        before, self._filters = self._filters, wanted
        if self.connected():
            if gone := [old for old in before if old not in wanted]:
                self._client.unsubscribe(gone)
            if new := [(name, qos) for name, qos in wanted.items() if before.get(name) != qos]:
                self._client.subscribe(new)

    def poll(self, timeout: float, *, read: bool) -> list[Delivery]:
        """See the port."""
        tap = self._client.tap
        if tap is None or self._client.socket() is None:
            self._reconnect(timeout)
            return []
        wanted: list[Any] = [self._wake_in, tap] if read else [self._wake_in]
        if read and tap.pending():
            timeout = 0.0
        writes: list[Any] = [tap] if self._client.want_write() else []
        readable, writable, _ = select.select(wanted, writes, [], timeout)
        if self._wake_in in readable:
            self._drain_wakes()
        if writable:
            self._client.loop_write()
        arrivals = tap.pull() if tap in readable or (read and tap.pending()) else []
        while tap.owes_paho() and self._client.socket() is not None:
            if self._client.loop_read() != MQTTErrorCode.MQTT_ERR_SUCCESS:
                break
        self._housekeeping()
        return self._deliveries(arrivals) if arrivals else []

    def acknowledge(self, tokens: Iterable[int]) -> None:
        """Send PUBACKs in this order, in one write."""
        packets = bytearray()
        owed = self._owed
        for token in tokens:
            packet_id = token & 0xFFFF
            if owed.get(packet_id) != token:
                continue
            if self.connected():
                del owed[packet_id]
                packets += b"\x40\x02"
                packets += packet_id.to_bytes(2, "big")
            else:
                self._settled_away.add(token)
        tap = self._client.tap
        if packets and tap is not None:
            self._sending(lambda: tap.send(packets))

    def hold(self) -> None:
        """Collect alarms and acknowledgements until ``release``: one write for all of them."""
        if self._client.tap is not None:
            self._client.tap.hold()

    def release(self) -> None:
        """Send what was collected."""
        if self._client.tap is not None:
            self._sending(self._client.tap.release)

    def publish(self, topic: str, payload: bytes) -> bool:
        """Tell the local broker; kept in paho's short queue while it is away."""
        info = self._client.publish(topic, payload, qos=self._alarm_qos)
        return info.rc in {MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN}

    def answer(self, request: Delivery, payload: bytes) -> bool:
        """Publish where the request asks for it, unless that would come back to this link."""
        topic, correlation = read_request(request.properties)
        if topic is None or not _may_publish(topic) or any(
            matches(name, topic) is not None for name in self._filters
        ):
            topic = f"{request.topic}/reply"
        properties = None
        if correlation is not None:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.CorrelationData = correlation
        info = self._client.publish(topic, payload, qos=1, properties=properties)
        return info.rc in {MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN}

    def wake(self) -> None:
        """Make a waiting ``poll`` return."""
        # a full pipe wakes as well; a closed one has nobody to wake
        with contextlib.suppress(OSError):
            self._wake_out.send(b"\0")

    def close(self) -> None:
        """Leave the broker in good order; the session stays for the next start."""
        if self._closed:
            return
        self._closed = True
        if self._client.socket() is not None:
            # an ordinary DISCONNECT would take the obituary back
            reason = None if self._obituary is None else ReasonCode(PacketTypes.DISCONNECT, identifier=_WITH_WILL)
            self._client.disconnect(reasoncode=reason)
            self._client.loop_write()
        self._wake_in.close()
        self._wake_out.close()

    # -- the connection ----------------------------------------------------------------

    def _reconnect(self, timeout: float) -> None:
        left = self._retry_at - time.monotonic()
        if left > 0:
            if select.select([self._wake_in], [], [], min(timeout, left))[0]:
                self._drain_wakes()
            return
        self._retry_at = time.monotonic() + self._backoff.next()
        try:
            open_connection(self._client, self._endpoint, clean=False, session_expiry=self._session_expiry,
                            receive_maximum=self._receive_maximum)
        except OSError as failure:
            _log.warning(f"{self._peer} unreachable", host=self._endpoint.host, port=self._endpoint.port,
                         reason=str(failure), retry_in=round(self._retry_at - time.monotonic(), 1))

    def _sending(self, send: Callable[[], object]) -> None:
        try:
            send()
        except OSError as failure:
            # what was on its way is sent again: alarms by paho, messages without an
            # acknowledgement by the broker, whose duplicates are dropped
            _log.warning(f"sending to the {self._peer} failed", reason=str(failure))
            if self._client.tap is not None:
                self._client.tap.end()

    def _housekeeping(self) -> None:
        monotonic = time.monotonic()
        if monotonic >= self._misc_at:
            self._misc_at = monotonic + 1.0
            self._client.loop_misc()
            if self._connected_at is not None and monotonic - self._connected_at > _STABLE:
                self._backoff.reset()

    def _drain_wakes(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._wake_in.recv(4096):
                pass

    # -- arrivals ----------------------------------------------------------------------

    def _deliveries(self, arrivals: list[Arrival]) -> list[Delivery]:
        now = self._now()
        deliveries = []
        for topic, payload, packet_id, duplicate, retained, properties in arrivals:
            token = 0
            if packet_id:
                if duplicate and packet_id in self._owed:
                    self._again(packet_id)
                    continue
                self._sequence += 1
                token = self._sequence << 16 | packet_id
                self._owed[packet_id] = token
            deliveries.append(Delivery(topic, payload, now, token, retained, properties))
        return deliveries

    def _again(self, packet_id: int) -> None:
        token = self._owed[packet_id]
        if token in self._settled_away:
            self._settled_away.discard(token)
            self.acknowledge([token])

    # -- paho's callbacks (in this thread: what they raise is raised by poll) ------------

    def _on_connect(self, client: mqtt.Client, _: Any, flags: Any, reason: ReasonCode, __: Any) -> None:
        if reason.is_failure:
            _log.error(f"{self._peer} refused", reason=str(reason))
            return
        self._connected_at = time.monotonic()
        if not flags.session_present:
            self.sessions += 1
            self._owed.clear()
            self._settled_away.clear()
        if self._filters:
            client.subscribe(list(self._filters.items()))
        _log.info(f"{self._peer} connected", session_present=bool(flags.session_present),
                  filters=len(self._filters))

    def _on_disconnect(self, _: Any, __: Any, ___: Any, reason: ReasonCode, ____: Any) -> None:
        was_connected, self._connected_at = self._connected_at, None
        if was_connected is not None and not self._closed:
            _log.warning(f"{self._peer} lost", reason=str(reason))

    def _on_subscribe(self, _: Any, __: Any, ___: Any, reasons: list[ReasonCode], ____: Any) -> None:
        for name, reason in zip(self._filters, reasons, strict=False):
            if reason.is_failure:
                _log.error("subscription refused", filter=name, reason=str(reason),
                           remedy="allow this user to read the topic in the broker's ACL")


def _may_publish(topic: str) -> bool:
    """Whether a topic name is one, and not the broker's own (MQTT 5.0, 4.7)."""
    return not topic.startswith("$") and not any(sign in topic for sign in "+#\0")
