"""A broker of the configuration as the MQTT adapters take it."""

from __future__ import annotations

from agent.adapters.mqtt.endpoint import Endpoint, TlsFiles
from agent.adapters.systemd import credential
from agent.config.settings import Connection, Tls


def endpoint(connection: Connection) -> Endpoint:
    """Where the broker is and as whom to come, password included. Raises ConfigError."""
    return Endpoint(
        host=connection.host,
        port=connection.port,
        tls=_tls_files(connection.tls),
        client_id=connection.client_id,
        keepalive=connection.keepalive,
        protocol=5 if connection.protocol == "5" else 311,
        username=connection.username,
        password=connection.password(credential),
    )


def _tls_files(tls: Tls | None) -> TlsFiles | None:
    if tls is None:
        return None
    ca, cert, key = (None if file is None else str(file) for file in (tls.ca_file, tls.cert_file, tls.key_file))
    return TlsFiles(ca_file=ca, cert_file=cert, key_file=key)
