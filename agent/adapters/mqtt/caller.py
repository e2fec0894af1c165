"""One request to a broker and the answer to it: how a command on the command line reaches the daemon.

::

    connect --> subscribe <topic>/reply --> publish <topic> --> the answer with our id, or none in time
"""

from __future__ import annotations

import math
import select
import time
from collections.abc import Callable
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from agent.adapters.mqtt.endpoint import Endpoint, build_client, open_connection
from agent.errors import Rejected, Unavailable

_TURN = 0.2
_UNHEARD = 0x10
"""PUBACK: nobody is subscribed (MQTT 5.0, 3.4.2.1)."""


def call(endpoint: Endpoint, topic: str, payload: bytes, is_answer: Callable[[bytes], bool], patience: float) -> bytes:
    """Publish a request and give the first answer on ``<topic>/reply`` that ``is_answer``.

    ``patience``: s for all of it; with MQTT 5 the broker hands the request over within that time or
    not at all. Raises Unavailable where the broker or the answer does not come, Rejected where the
    broker does not let us.
    """
    conversation = _Conversation(endpoint, topic, payload, is_answer, patience)
    try:
        return conversation.hold()
    finally:
        conversation.close()


class _Conversation:
    """paho's callbacks run inside ``hold``: what they raise is raised there."""

    def __init__(
        self, endpoint: Endpoint, topic: str, payload: bytes, is_answer: Callable[[bytes], bool], patience: float
    ) -> None:
        self._endpoint = endpoint
        self._broker = f"{endpoint.host}:{endpoint.port}"
        self._topic = topic
        self._payload = payload
        self._is_answer = is_answer
        self._patience = patience
        self._asked = False
        self._answer: bytes | None = None
        self._client = build_client(endpoint, clean=True)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_publish = self._on_publish
        self._client.on_message = self._on_message
        self._client.on_disconnect = self._on_disconnect

    def hold(self) -> bytes:
        deadline = time.monotonic() + self._patience
        try:
            open_connection(self._client, self._endpoint, clean=True)
        except OSError as fault:
            raise Unavailable(f"the broker at {self._broker} cannot be reached: {fault}") from None
        while self._answer is None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Unavailable(self._silence())
            self._serve(min(_TURN, left))
        return self._answer

    def close(self) -> None:
        self._client.on_disconnect = None
        self._client.disconnect()

    def _serve(self, timeout: float) -> None:
        sock = self._client.socket()
        if sock is None:
            raise Unavailable(f"the broker at {self._broker} hung up")
        pending = getattr(sock, "pending", None)
        # what TLS has read ahead, select does not see
        waits = 0.0 if pending is not None and pending() else timeout
        writes = [sock] if self._client.want_write() else []
        readable, writable, _ = select.select([sock], writes, [], waits)
        if writable:
            self._client.loop_write()
        if readable or not waits:
            self._client.loop_read()
        self._client.loop_misc()

    def _silence(self) -> str:
        if not self._asked:
            return f"the broker at {self._broker} does not answer"
        return (f"no answer within {self._patience:g} s on {self._topic}/reply at the broker {self._broker}. "
                "Is the daemon running, and are its commands enabled?")

    def _on_connect(self, client: Client, _: Any, __: Any, reason: ReasonCode, ___: Any) -> None:
        if reason.is_failure:
            raise Rejected(f"the broker at {self._broker} refuses the connection: {reason}")
        client.subscribe(f"{self._topic}/reply", 1)

    def _on_subscribe(self, client: Client, _: Any, __: Any, reasons: list[ReasonCode], ___: Any) -> None:
        if reasons[0].is_failure:
            raise Rejected(f"the broker at {self._broker} does not let us read {self._topic}/reply: {reasons[0]}")
        properties = None
        if self._endpoint.protocol == 5:  # noqa: PLR2004 -- MQTT 5
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            # who was told that nobody answered must not be surprised by it later
            properties.MessageExpiryInterval = math.ceil(self._patience)
        client.publish(self._topic, self._payload, qos=1, properties=properties)
        self._asked = True

    def _on_publish(self, _: Client, __: Any, ___: int, reason: ReasonCode, ____: Any) -> None:
        if reason.is_failure:
            raise Rejected(f"the broker at {self._broker} does not let us publish {self._topic}: {reason}")
        if reason.value == _UNHEARD:
            raise Unavailable(f"nobody listens on {self._topic} at the broker {self._broker}. "
                              "Is the daemon running, and are its commands enabled?")

    def _on_message(self, _: Client, __: Any, message: MQTTMessage) -> None:
        if not message.retain and self._is_answer(bytes(message.payload)):
            self._answer = bytes(message.payload)

    def _on_disconnect(self, _: Client, __: Any, ___: Any, reason: ReasonCode, ____: Any) -> None:
        raise Unavailable(f"the broker at {self._broker} hung up: {reason}")
