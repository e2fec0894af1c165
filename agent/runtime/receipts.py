"""The collector's word that entries are stored: cumulative, for each stream of one link.

The courier numbers what it sends, 1, 2, 3 ... within each stream of a link, and says so in the payload::

    ..., "historical": false, "stream": "live", "link": "12.3", "number": 17}

A collector answers ``{"link": "12.3", "receipts": {"live": {"number": 17, "boot": 12, "seq": 3045}}}``: every entry
of that stream and link up to that number is in its database. A link is one connection, or less: where receipts
stay away the courier begins another one and sends again what is owed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final

import orjson

from agent.errors import MalformedMessage

Place = tuple[int, int]
"""(boot, seq)."""
_LONGEST: Final = 300.0
_LARGEST: Final = 65_536
"""Bytes: a receipt of seven streams has some 500."""


class Receipts:
    """What was sent on the present link and is not known to be stored. ``within``: s without any receipt,
    while some are owed, after which they are overdue; twice as long each time, up to five minutes."""

    def __init__(self, boot: int, within: float) -> None:
        self._boot = boot
        self._within = self._patience = within
        self._heard_at = 0.0
        self._links = 0
        self._sent: dict[str, deque[tuple[int, Place]]] = {}
        self._numbers: dict[str, int] = {}
        self.malformed = 0

    def __len__(self) -> int:
        return sum(len(waiting) for waiting in self._sent.values())

    @property
    def link(self) -> str:
        """The name of the present link."""
        return f"{self._boot}.{self._links}"

    def begin(self, now: float) -> None:
        """Begin a new link: nothing is sent on it yet."""
        self._links += 1
        self._heard_at = now
        self._sent = {}
        self._numbers = {}

    def mark(self, stream: str) -> bytes:
        """What the payload of the next entry of the stream says of it."""
        number = self._numbers.get(stream, 0) + 1
        return b',"stream":"%b","link":"%b","number":%d' % (stream.encode(), self.link.encode(), number)

    def sent(self, stream: str, place: Place) -> None:
        """The entry was sent under the number that ``mark`` gave."""
        self._numbers[stream] = number = self._numbers.get(stream, 0) + 1
        self._sent.setdefault(stream, deque()).append((number, place))

    def overdue(self, now: float) -> bool:
        """Whether receipts have stayed away for too long; then asked again only after a longer time."""
        if not self:
            self._heard_at = now
        if now - self._heard_at <= self._patience:
            return False
        self._patience = min(_LONGEST, 2.0 * self._patience)
        return True

    def take(self, payload: bytes, now: float) -> list[Place]:
        """The places that a receipt settles; none for one of another link, or that makes no sense."""
        try:
            link, upto = _read(payload)
        except MalformedMessage:
            self.malformed += 1
            return []
        settled: list[Place] = []
        if link == self.link:
            for stream, number in upto.items():
                waiting = self._sent.get(stream, deque())
                while waiting and waiting[0][0] <= number:
                    settled.append(waiting.popleft()[1])
        if settled:
            self._heard_at, self._patience = now, self._within
        return settled


def _read(payload: bytes) -> tuple[str, dict[str, int]]:
    """(link, stream -> number). Raises MalformedMessage."""
    if len(payload) > _LARGEST:
        raise MalformedMessage("a receipt of this size is none")
    try:
        document = orjson.loads(payload)
    except orjson.JSONDecodeError as fault:
        raise MalformedMessage(f"a receipt is JSON: {fault}") from None
    link = document.get("link") if isinstance(document, Mapping) else None
    receipts = document.get("receipts") if isinstance(document, Mapping) else None
    if not isinstance(link, str) or not isinstance(receipts, Mapping):
        raise MalformedMessage("a receipt has a link and receipts")
    upto = {}
    for stream, receipt in receipts.items():
        number = receipt.get("number") if isinstance(receipt, Mapping) else None
        if not isinstance(number, int) or isinstance(number, bool):
            raise MalformedMessage(f"the receipt of {stream} has no number")
        upto[str(stream)] = number
    return link, upto
