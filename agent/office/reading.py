"""From an MQTT message to what the collector keeps: a record, a device's state, or a rejection that says why.

Nothing that a device can send raises here: what is no record is kept as a rejection, so that a broken
sender is seen and neither stops the collector nor is sent again for ever.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias, get_args

import orjson

from agent.intake import Arrival, ClockStep, Mark, Origin, Period, Place, Presence, Rejection
from agent.monitoring.types import RecordKind
from agent.ports import Delivery
from agent.shipped import FLOOR

KINDS: Final[tuple[str, ...]] = get_args(RecordKind)
STREAMS: Final = frozenset({"alarm", "event", "quality", "health", "evidence", "live", "history"})
STATES: Final = frozenset({"online", "offline", "stopped"})
FLOOR_TIME: Final = datetime.fromtimestamp(FLOOR / 1e9, UTC)
"""A clock that reads less is wrong."""
LARGEST: Final = 4 * 1024 * 1024
"""Bytes of one message: twice the evidence of an alarm at its most."""

_MOST: Final = 2**63 - 1
_LONGEST: Final = 256
_LINK: Final = re.compile(r"[0-9]{1,19}\.[0-9]{1,19}")
_NAME: Final = re.compile(r"[a-z0-9-]{1,64}")
_WAY: Final = ("historical", "stream", "link", "number")
"""What concerns the way of a record, and not the record."""

Read: TypeAlias = Arrival | Presence | Rejection


class _No(Exception):
    """Why a message is no record."""


def read(message: Delivery, prefix: str) -> Read:
    """What a message on ``<prefix>/v1/<site>/<device>/<kind>`` is."""
    received = datetime.fromtimestamp(message.received / 1e9, UTC)
    origin: Origin | None = None
    document: dict[str, Any] = {}
    try:
        origin, kind = _addressed(message.topic, prefix)
        if kind == "state":
            return _presence(message, origin, received)
        document = _document(message.payload)
        return _arrival(document, origin, kind, received)
    except _No as verdict:
        mark, place = _numbered(document)
        return Rejection(message.topic, message.payload, str(verdict), received, origin, mark, place)


def _addressed(topic: str, prefix: str) -> tuple[Origin, str]:
    head = f"{prefix}/v1/"
    parts = topic.removeprefix(head).split("/")
    if not topic.startswith(head) or len(parts) != 3:  # noqa: PLR2004 -- site, device, kind
        raise _No("the topic is not <prefix>/v1/<site>/<device>/<kind>")
    site, device, kind = parts
    if not (_NAME.fullmatch(site) and _NAME.fullmatch(device)):
        raise _No("site and device must be lower-case letters, digits and hyphens")
    if kind not in KINDS and kind != "state":
        raise _No("there is no such kind of record")
    return Origin(site, device), kind


def _presence(message: Delivery, origin: Origin, received: datetime) -> Presence:
    state = message.payload.decode("ascii", "replace")
    if state not in STATES:
        raise _No("a state is online, offline or stopped")
    return Presence(origin, state, received, message.retained)


def _document(payload: bytes) -> dict[str, Any]:
    if len(payload) > LARGEST:
        raise _No(f"it is larger than {LARGEST} bytes")
    try:
        document = orjson.loads(payload)
    except orjson.JSONDecodeError as fault:
        raise _No(f"it is no JSON: {fault}") from None
    if not isinstance(document, dict):
        raise _No("it is no JSON object")
    return document


def _arrival(document: dict[str, Any], origin: Origin, kind: str, received: datetime) -> Arrival:
    if document.get("device") != origin.device:
        raise _No(f"it says that it is of another device than its topic: {_shown(document.get('device'))}")
    if document.get("kind") != kind:
        raise _No(f"it says that it is of another kind than its topic: {_shown(document.get('kind'))}")
    place = (_whole(document, "boot"), _whole(document, "seq"))
    asset = document.get("asset", "")
    if not isinstance(asset, str) or len(asset) > _LONGEST:
        raise _No("its asset is no name")
    historical = document.get("historical", False)
    if not isinstance(historical, bool):
        raise _No("historical must be true or false")
    return Arrival(
        origin=origin,
        boot=place[0],
        seq=place[1],
        kind=kind,
        asset=asset.replace("\0", "\ufffd"),
        at=_about(document) or received,
        received=received,
        historical=historical,
        mark=_mark(document),
        period=_period(document) if kind == "summary" else None,
        step=_step(document, origin, place) if kind == "event" else None,
        payload=_text(document),
    )


def _whole(document: Mapping[str, Any], name: str) -> int:
    value = document.get(name)
    if type(value) is not int or not 1 <= value <= _MOST:
        raise _No(f"its {name} is no number of a record: {_shown(value)}")
    return value


def _time(document: Mapping[str, Any], name: str) -> datetime | None:
    """UTC; None where there is none. A time without a zone is taken for UTC."""
    text = document.get(name)
    if text is None:
        return None
    if not isinstance(text, str):
        raise _No(f"its {name} is no time: {_shown(text)}")
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _No(f"its {name} is no time: {_shown(text)}") from None


def _about(document: Mapping[str, Any]) -> datetime | None:
    """What time a record is about: its own, the end of what it is about, else when it was written."""
    return _time(document, "time") or _time(document, "end") or _time(document, "recorded")


def _mark(document: Mapping[str, Any]) -> Mark | None:
    if document.get("link") is None:
        return None
    link, stream = document["link"], document.get("stream")
    if not isinstance(link, str) or not _LINK.fullmatch(link):
        raise _No(f"its link is no <boot>.<count>: {_shown(link)}")
    if stream not in STREAMS:
        raise _No(f"there is no such stream: {_shown(stream)}")
    return Mark(link, stream, _whole(document, "number"))


def _numbered(document: Mapping[str, Any]) -> tuple[Mark | None, Place]:
    """The number that a rejected record has in its stream: what follows must not wait for it."""
    try:
        return _mark(document), (_whole(document, "boot"), _whole(document, "seq"))
    except _No:
        return None, (0, 0)


def _period(document: Mapping[str, Any]) -> Period:
    channel = document.get("channel")
    if channel is not None and (not isinstance(channel, str) or len(channel) > _LONGEST):
        raise _No("its channel is no name")
    begins, ends = _time(document, "start"), _time(document, "end")
    if begins is None or ends is None or ends < begins:
        raise _No("it is a summary of no period")
    thinned = _whole(document, "thinned") if "thinned" in document else 0
    return Period(channel and channel.replace("\0", "\ufffd"), begins, ends, thinned)


def _step(document: Mapping[str, Any], origin: Origin, place: Place) -> ClockStep | None:
    """What an event says of the clock, where times can be put right by it (as the device's own journal does)."""
    if document.get("event") != "clock":
        return None
    before, after = _time(document, "from"), _time(document, "to")
    if before is None or after is None or not before < FLOOR_TIME <= after:
        return None
    offset = document.get("offset_s")
    if not isinstance(offset, int | float) or isinstance(offset, bool):
        raise _No(f"its offset_s is no number: {_shown(offset)}")
    try:
        return ClockStep(origin, place[0], _whole(document, "before_seq"), timedelta(seconds=offset))
    except OverflowError:
        raise _No(f"no clock is wrong by {_shown(offset)} s") from None


def _text(document: Mapping[str, Any]) -> str:
    record = {name: value for name, value in document.items() if name not in _WAY}
    try:
        text = orjson.dumps(record)
    except TypeError as fault:  # nested deeper than it writes
        raise _No(f"it cannot be kept: {fault}") from None
    if b"\\u0000" in text:
        # PostgreSQL has no NUL in text; what else a person typed is worth more than it
        text = orjson.dumps(_without_nul(record))
    return text.decode()


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(held) for key, held in value.items()}
    if isinstance(value, list):
        return [_without_nul(held) for held in value]
    return value


def _shown(value: Any) -> str:
    return repr(value)[:_LONGEST]
