"""Broker addresses: ``mqtt://host:port`` and ``mqtts://host:port``."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

_PORTS = {"mqtt": 1883, "mqtts": 8883}


class BrokerAddress(NamedTuple):
    """Where a broker listens, and whether it speaks TLS there."""

    host: str
    port: int
    tls: bool


def broker_address(url: str) -> BrokerAddress:
    """Take a URL apart; without a port it is 1883, or 8883 for mqtts.

    Raises ValueError that says what is wrong, without repeating the URL: it might hold a password.
    """
    parts = urlsplit(url)
    if parts.scheme not in _PORTS:
        reason = "the URL must begin with mqtt:// or mqtts://"
        raise ValueError(reason)
    if "@" in parts.netloc:
        reason = "a user name or password does not belong in the URL: use username and password_file"
        raise ValueError(reason)
    if not parts.hostname:
        reason = "the URL names no host"
        raise ValueError(reason)
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        reason = "the URL has something after the port"
        raise ValueError(reason)
    try:
        port = parts.port
    except ValueError:
        reason = "the port must be a number from 1 to 65535"
        raise ValueError(reason) from None
    if port == 0:
        reason = "the port must be a number from 1 to 65535"
        raise ValueError(reason)
    return BrokerAddress(parts.hostname, port or _PORTS[parts.scheme], parts.scheme == "mqtts")
