"""One MQTT broker as a device reaches it, and a paho client that is set up for it.

paho is used through its external-loop calls only (``socket``, ``loop_read``, ``loop_write``,
``loop_misc``): no network thread, and so none that can die of a callback while the client goes
on calling itself connected.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from paho.mqtt.client import Client, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from agent.errors import ConfigError, Problem

ProtocolLevel: TypeAlias = Literal[5, 311]
"""MQTT 5.0 or 3.1.1."""

_MQTT_5: Final = 5
_MQTT_311: Final = 311
_PROTOCOLS: Final = {_MQTT_5: MQTTv5, _MQTT_311: MQTTv311}


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """PEM files. ``ca_file`` None: the system's authorities. ``cert_file`` and ``key_file``
    (None: in the same file) are the device's own, for brokers that ask for them.
    """

    ca_file: Path | str | None = None
    cert_file: Path | str | None = None
    key_file: Path | str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a broker is and as whom to come. ``keepalive`` and ``connect_timeout`` in s.

    Credentials are not part of its ``repr``, so they cannot slip into a log.
    """

    host: str
    port: int = 1883
    client_id: str
    protocol: ProtocolLevel = 5
    keepalive: int = 15
    connect_timeout: float = 3.0
    tls: TlsFiles | None = None
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)


def build_client(
    endpoint: Endpoint, *, clean: bool, session_expiry: int = 0, client_class: type[Client] = Client
) -> Client:
    """A client of ``client_class`` that is ready for ``open_connection``, with TCP_NODELAY.

    ``clean``: begin without what the broker still keeps. ``session_expiry``: s that it keeps a
    session beyond the connection; MQTT 5 is told with each CONNECT (``open_connection``), MQTT
    3.1.1 knows only to keep it (above 0) or not. Raises ConfigError where a TLS file is unusable.
    """
    client = client_class(
        CallbackAPIVersion.VERSION2,
        client_id=endpoint.client_id,
        clean_session=(clean or not session_expiry) if endpoint.protocol == _MQTT_311 else None,
        protocol=_PROTOCOLS[endpoint.protocol],
        reconnect_on_failure=False,
    )
    client.connect_timeout = endpoint.connect_timeout
    client.on_socket_open = _send_at_once
    if endpoint.username is not None:
        client.username_pw_set(endpoint.username, endpoint.password)
    if endpoint.tls is not None:
        client.tls_set_context(tls_context(endpoint.tls))
    return client


def open_connection(
    client: Client, endpoint: Endpoint, *, clean: bool, session_expiry: int = 0, receive_maximum: int | None = None
) -> None:
    """Connect the socket (and TLS) and send CONNECT; the answer comes through ``on_connect``.

    ``receive_maximum``: messages that the broker may send ahead of acknowledgements (MQTT 5; None: as many
    as it likes, of its own accord few).
    Blocks for up to ``connect_timeout`` for TCP and once more for TLS. Raises OSError (the
    errors of ``ssl`` and of name resolution are OSErrors too) where the broker is not reached.
    """
    version_5: dict[str, Any] = {}
    if endpoint.protocol == _MQTT_5:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = session_expiry
        if receive_maximum is not None:
            properties.ReceiveMaximum = receive_maximum
        version_5 = {"clean_start": clean, "properties": properties}
    code = client.connect(endpoint.host, endpoint.port, endpoint.keepalive, **version_5)
    if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
        raise ConnectionError(f"CONNECT could not be sent: {code.name}")


def tls_context(files: TlsFiles) -> ssl.SSLContext:
    """TLS 1.2 or newer, the broker's certificate and name verified.

    Raises ConfigError naming the file that is missing or unusable.
    """
    try:
        context = ssl.create_default_context(cafile=files.ca_file)
    except (OSError, ValueError) as fault:
        raise _unusable("ca_file", files.ca_file, fault) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if files.cert_file is not None:
        try:
            context.load_cert_chain(files.cert_file, files.key_file)
        except (OSError, ValueError) as fault:
            raise _unusable("cert_file", files.cert_file, fault) from None
    return context


def _unusable(key: str, path: Path | str | None, fault: OSError | ValueError) -> ConfigError:
    reason = (isinstance(fault, OSError) and fault.strerror) or str(fault)
    return ConfigError((
        Problem(str(path or "the system's authorities"), key, "", f"cannot be used: {reason}",
                "Give a PEM file that the daemon's user can read."),
    ))


def _send_at_once(_: Client, __: object, sock: object) -> None:
    # two small packets in a row would otherwise wait for each other (Nagle and delayed ACK)
    if isinstance(sock, socket.socket):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
