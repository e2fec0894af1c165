"""Streams and receipts: what of a stream is stored without a gap, and how a device is told.

A device numbers what it sends 1, 2, 3 ... within each stream of a link. Messages may come doubled, out of
order and to different collectors; a receipt names the last number up to which all are stored. What is stored
beyond a gap is remembered until the gap is closed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from agent.intake import Arrival, Mark, Origin, Place, Rejection, Stream, Stretch
from agent.office.reading import KINDS

EMPTY: Final = Stretch(0, (0, 0), {})
"""A stream of which nothing is stored."""

_FARTHEST: Final = 65_536
"""How far beyond a gap numbers are remembered: no device has so many on their way, and a broken one must not fill
the database."""


def stream_of(origin: Origin, mark: Mark) -> Stream:
    """The stream that a message belongs to."""
    return Stream(origin, mark.link, mark.stream)


def numbers(messages: Iterable[Arrival | Rejection]) -> dict[Stream, dict[int, Place]]:
    """The numbers of messages that ask for a receipt, by their streams."""
    found: dict[Stream, dict[int, Place]] = {}
    for message in messages:
        if message.mark is not None and message.origin is not None:
            stream = stream_of(message.origin, message.mark)
            found.setdefault(stream, {})[message.mark.number] = message.place
    return found


def extended(stretch: Stretch, stored: Mapping[int, Place]) -> Stretch:
    """The stretch with what has been stored just now, in whatever order."""
    number, place = stretch.number, stretch.place
    beyond = {**stretch.beyond, **stored}
    while number + 1 in beyond:
        number += 1
        place = beyond.pop(number)
    return Stretch(number, place, {later: at for later, at in beyond.items() if 0 < later - number <= _FARTHEST})


def receipts(stretches: Mapping[Stream, Stretch]) -> dict[Origin, list[bytes]]:
    """What to tell each device: one JSON document for each of its links. A stream of which not even the first
    is stored is not spoken of."""
    told: dict[tuple[Origin, str], dict[str, Any]] = {}
    for stream, (number, (boot, seq), _) in stretches.items():
        if number:
            lines = told.setdefault((stream.origin, stream.link), {})
            lines[stream.name] = {"number": number, "boot": boot, "seq": seq}
    documents: dict[Origin, list[bytes]] = {}
    for (origin, link), lines in told.items():
        documents.setdefault(origin, []).append(orjson.dumps({"link": link, "receipts": lines}))
    return documents


def receipt_topic(prefix: str, origin: Origin) -> str:
    """Where a device waits for its receipts."""
    return f"{prefix}/v1/{origin.site}/{origin.device}/receipt"


def hello_topic(prefix: str) -> str:
    """Where devices hear that a collector has begun anew."""
    return f"{prefix}/v1/collector/hello"


def record_filters(prefix: str, group: str) -> list[str]:
    """Subscriptions that bring each record to one collector of the group; '' for a collector by itself."""
    share = f"$share/{group}/" if group else ""
    return [f"{share}{prefix}/v1/+/+/{kind}" for kind in KINDS]


def state_filter(prefix: str) -> str:
    """The subscription that brings every device's state, what is retained too, to every collector."""
    return f"{prefix}/v1/+/+/state"
