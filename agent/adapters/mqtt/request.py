"""Where a request wants its answer: the two MQTT 5 properties that say so (MQTT 5.0, 4.10)."""

from __future__ import annotations

from typing import Final, NamedTuple

_RESPONSE_TOPIC: Final = 0x08
_CORRELATION: Final = 0x09
_FIXED: Final = {0x01: 1, 0x02: 4, 0x23: 2}
"""Payload format, message expiry, topic alias: how many bytes follow (MQTT 5.0, 2.2.2.2)."""
_STRINGS: Final = {0x03: 1, 0x26: 2, _RESPONSE_TOPIC: 1, _CORRELATION: 1}
"""Content type, user property: how many strings follow, each with its length in two bytes."""
_SUBSCRIPTION: Final = 0x0B


class Request(NamedTuple):
    """What a PUBLISH says of its answer; None where it says nothing of it."""

    response_topic: str | None = None
    correlation: bytes | None = None


def read_request(properties: bytes) -> Request:
    """From the properties of a PUBLISH, their length in front. Properties that make no sense say nothing."""
    try:
        return _read(properties)
    except (IndexError, KeyError, UnicodeDecodeError):
        return Request()


def _read(properties: bytes) -> Request:
    found: dict[int, bytes] = {}
    _, at = _variable_integer(properties, 0)
    while at < len(properties):
        kind = properties[at]
        at += 1
        if kind in _FIXED:
            at += _FIXED[kind]
        elif kind == _SUBSCRIPTION:
            _, at = _variable_integer(properties, at)
        else:
            for _ in range(_STRINGS[kind]):
                end = at + 2 + (properties[at] << 8 | properties[at + 1])
                found[kind] = properties[at + 2 : end]
                at = end
    if at > len(properties):
        return Request()
    topic = found.get(_RESPONSE_TOPIC)
    return Request(topic.decode() if topic else None, found.get(_CORRELATION))


def _variable_integer(octets: bytes, at: int) -> tuple[int, int]:
    """Seven bits a byte, the lowest first; the number and where it ends."""
    number, shift = 0, 0
    while True:
        octet = octets[at]
        number |= (octet & 127) << shift
        shift += 7
        at += 1
        if octet < 128:  # noqa: PLR2004 -- the top bit says whether another follows
            return number, at
