"""What the collector keeps of the devices, and what it asks of a store: one transaction for each batch.

``agent.office`` says what is done with what devices send; ``agent.adapters.sql`` does it in a database.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol, TypeAlias

Place: TypeAlias = tuple[int, int]
"""(boot, seq) of a record; in one device unique for ever."""


class Origin(NamedTuple):
    """The device that speaks, as the topic says it."""

    site: str
    device: str


class Mark(NamedTuple):
    """Where a record stands in a stream: ``number`` counts 1, 2, 3 ... within (link, stream). ``link``
    is ``<boot>.<count>``: receipts answer one link only."""

    link: str
    stream: str
    number: int


class Stream(NamedTuple):
    """One ordered stream of a device over one link."""

    origin: Origin
    link: str
    name: str


class Stretch(NamedTuple):
    """What is stored of a stream: all up to ``number`` (0: nothing yet), which is the record at ``place``, and
    ``beyond`` a gap some more, by their numbers."""

    number: int
    place: Place
    beyond: Mapping[int, Place]


class ClockStep(NamedTuple):
    """A device's clock was set from a time that was certainly wrong: ``offset`` belongs to times that its
    ``boot`` stamped before ``before_seq``."""

    origin: Origin
    boot: int
    before_seq: int
    offset: timedelta


class Period(NamedTuple):
    """What a summary is of. ``channel`` None: of all channels; ``thinned``: how many summaries it has been
    merged of, 0 for one as it was made."""

    channel: str | None
    begins: datetime
    ends: datetime
    thinned: int


class Arrival(NamedTuple):
    """A record as it came. ``at``: what time it is about; ``payload``: the JSON document as the device wrote it,
    without what only concerns its way; ``mark`` None where no receipt is asked for."""

    origin: Origin
    boot: int
    seq: int
    kind: str
    asset: str
    at: datetime
    received: datetime
    historical: bool
    payload: str
    mark: Mark | None = None
    period: Period | None = None
    step: ClockStep | None = None

    @property
    def place(self) -> Place:
        """(boot, seq)."""
        return self.boot, self.seq


class Rejection(NamedTuple):
    """A message that is no record, and why. ``mark``: it has a number in a stream all the same."""

    topic: str
    payload: bytes
    reason: str
    received: datetime
    origin: Origin | None = None
    mark: Mark | None = None
    place: Place = (0, 0)


class Presence(NamedTuple):
    """``online``, ``offline`` or ``stopped``. ``retained``: it was so at some earlier time."""

    origin: Origin
    state: str
    received: datetime
    retained: bool


class Heard(NamedTuple):
    """That a device has sent something, at ``seen``, over ``link``; its ``state`` if it told. None: not told."""

    seen: datetime | None = None
    link: str | None = None
    state: str | None = None
    state_since: datetime | None = None


class Transaction(Protocol):
    """One unit of work in the store: done as a whole or not at all. Raises Unavailable where the database is
    away or busy, Rejected where it does not take a value."""

    def hold(self, heard: Mapping[Origin, Heard]) -> None:
        """Note what was heard of these devices, and keep other collectors from them until the end."""

    def remember(self, steps: Iterable[ClockStep]) -> None:
        """Keep these steps of clocks, and put right the times of records that are stored already: those of the
        step's boot, before its number, before the floor."""

    def steps(self, origins: Collection[Origin]) -> list[ClockStep]:
        """The steps of these devices' clocks that are known."""

    def thinned(self, summaries: Sequence[Arrival]) -> list[tuple[Origin, str, Period]]:
        """The merged summaries, (device, asset, period), that may cover some of these."""

    def add(self, arrivals: Sequence[Arrival]) -> list[Arrival]:
        """Store records, no two with one place; those are given back in whose place stands another."""

    def replace(self, summary: Arrival) -> None:
        """Store a merged summary instead of all those of its point within its period."""

    def reject(self, rejections: Sequence[Rejection]) -> None:
        """Keep what could not be stored as a record, for inspection."""

    def stretches(self, streams: Collection[Stream]) -> dict[Stream, Stretch]:
        """What is stored of these streams."""

    def advance(self, before: Mapping[Stream, Stretch], after: Mapping[Stream, Stretch]) -> None:
        """Remember what is stored of these streams; ``before`` is what ``stretches`` gave."""

    def tidy(self, before: datetime) -> None:
        """Forget streams of past links that have not moved since ``before``, and the oldest of too many
        rejections."""


class Store(Protocol):
    """Where records are kept. One thread uses it."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Begin; on leaving it is committed, on an exception undone. Raises Unavailable and Rejected."""

    def close(self) -> None:
        """Leave the database."""
