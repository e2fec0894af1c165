"""The streams in which the log goes upstream, and on what terms."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from agent.monitoring.types import RecordKind
from agent.runtime.receipts import Place

START: Final[Place] = (0, 0)
"""Before the first entry."""
_REMEMBERED: Final = 8192
STREAMS: Final[Mapping[str, tuple[RecordKind, ...]]] = {
    "alarm": ("alarm",),
    "event": ("event",),
    "quality": ("quality", "health"),
    "live": ("summary", "window"),
    "evidence": ("evidence",),
    "history": ("summary", "window"),
}
"""Each stream's kinds, the most important first."""


@dataclass(slots=True)
class Stream:
    """Entries of these kinds beyond ``cursor``; at most so many may be under way when it sends."""

    name: str
    kinds: tuple[RecordKind, ...]
    most: int
    cursor: Place = START
    drained: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How entries are delivered. ``receipts``: a collector settles them, and not the broker. ``window``: entries
    under way, at most; history leaves a quarter of it to the others. ``windows``: whether each window goes.
    ``topic_bytes``: what a message takes beside its payload."""

    receipts: bool = False
    window: int = 32
    windows: bool = True
    topic_bytes: int = 64
    receipt_within: float = 20.0


@dataclass(slots=True)
class Lately:
    """Places that were settled, and may not be marked in the journal yet."""

    order: deque[Place] = field(default_factory=deque)
    places: set[Place] = field(default_factory=set)

    def add(self, place: Place) -> None:
        self.order.append(place)
        self.places.add(place)
        if len(self.order) > _REMEMBERED:
            self.places.discard(self.order.popleft())
