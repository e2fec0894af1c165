"""The raw samples that raised an alarm, with those shortly before: for whoever wants to see for themselves.

``Evidence`` keeps a tape of each asset and cuts the record of an alarm from it: not in the moment of the
alarm, which is told first, but with whatever comes next. A tape is lost with a restart: evidence then begins
after it.

A record holds for each channel its pieces without a gap::

    {"channel": "vibration", "unit": "g", "start": "2026-11-23T08:15:02.000000Z", "rate": 25600.0,
     "count": 2560, "encoding": "f4le+zlib+base64", "values": "..."}

Uneven samples have ``times`` instead of ``rate``: ns from one to the next (the first: from ``start``) as
``i8le+zlib+base64``, or the name of a channel before that has the same. ``pieces_of`` reads them.
"""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from math import floor
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.monitoring.spec import AssetSpec
from agent.monitoring.tape import Tape
from agent.monitoring.types import SECOND, Block, Nanos, Record
from agent.monitoring.wording import iso

MOST_A_DAY: Final = 24
"""Alarms of one asset a day (UTC, event time) that evidence is kept of: a fault that comes and goes tells
nothing new the 25th time."""
VALUES: Final = "f4le+zlib+base64"
TIMES: Final = "i8le+zlib+base64"

_CONCERNED: Final = frozenset({"machine", "limit"})
_MARGIN: Final = 0.97
"""Of the share of samples that should fit: compression is not even."""


class Piece(NamedTuple):
    """Consecutive samples of a channel: ``times`` in ns, int64, and ``values``, float32, both of shape (n,)."""

    channel: str
    unit: str
    times: NDArray[np.int64]
    values: NDArray[np.float32]
    rate: float | None


class _Owed(NamedTuple):
    alarm: Record
    start: str
    tape: Tape
    spec: AssetSpec
    withheld: int


class Evidence:
    """The samples of all assets, and the alarms whose evidence is still to be told."""

    def __init__(self) -> None:
        self._tapes: dict[str, Tape] = {}
        self._specs: dict[str, AssetSpec] = {}
        self._days: dict[str, tuple[int, int]] = {}
        self._withheld: dict[str, int] = {}
        self.owed: list[_Owed] = []

    def watch(self, spec: AssetSpec) -> None:
        """Keep an asset's samples from now on, unless they are its own."""
        self._tapes.pop(spec.id, None)
        # where every window is an alarm of its own, evidence would be the whole stream
        if spec.evidence is not None and not spec.persistence.every_window:
            self._tapes[spec.id] = Tape(spec, spec.evidence)
            self._specs[spec.id] = spec

    def retire(self, asset: str) -> None:
        """Keep its samples no longer."""
        self._tapes.pop(asset, None)

    def take(self, blocks: Sequence[Block]) -> None:
        """The blocks of one message, before anything is made of them."""
        if (tape := self._tapes.get(blocks[0].asset)) is not None:
            tape.take(blocks)

    def note(self, alarm: Record, records: Iterable[Record]) -> None:
        """An alarm was raised, among these ``records``: tell its evidence next."""
        tape = self._tapes.get(alarm.asset)
        if tape is None or alarm.body["concerns"] not in _CONCERNED:
            return
        channel = alarm.body.get("channel")
        start = next((record.body["start"] for record in records
                      if record.kind == "window" and record.time == alarm.time and record.body["channel"] == channel),
                     iso(alarm.time))
        today = alarm.time // (86_400 * SECOND)
        day, count = self._days.get(alarm.asset, (today, 0))
        count = count + 1 if day == today else 1
        self._days[alarm.asset] = (today, count)
        if count > MOST_A_DAY:
            self._withheld[alarm.asset] = self._withheld.get(alarm.asset, 0) + 1
            return
        self.owed.append(_Owed(
            alarm, start, tape, self._specs[alarm.asset], self._withheld.pop(alarm.asset, 0)))

    def told(self) -> list[Record]:
        """The records of what is owed."""
        owed, self.owed = self.owed, []
        return [_record(one) for one in owed]


def _record(owed: _Owed) -> Record:
    alarm, spec = owed.alarm, owed.spec
    assert spec.evidence is not None  # noqa: S101 -- nothing is owed otherwise
    channel = alarm.body.get("channel")
    # of a waveform also what tells how the machine ran: speed, load, temperatures
    names = [one for one in spec.channels if channel in {None, one.name} or one.role != "condition"]
    since = nanos(owed.start) - round(spec.evidence.context * SECOND)
    # a window by time ends before the sample that begins the next
    until = alarm.time - 1 if spec.window.seconds else alarm.time
    channels, left_out = _fitted(
        owed.tape, [(one.name, one.unit) for one in names], since, until, spec.evidence.max_bytes)
    body: dict[str, Any] = {
        "asset": alarm.asset,
        "alarm": alarm.body["alarm"],
        "channel": channel,
        "time": iso(alarm.time),
        "window": [owed.start, iso(alarm.time)],
        "channels": channels,
    }
    if left_out:
        body["left_out"] = left_out
    if owed.withheld:
        body["withheld"] = owed.withheld
    return Record("evidence", alarm.asset, alarm.time, body)


def _fitted(
    tape: Tape, names: Sequence[tuple[str, str]], since: Nanos, end: Nanos, most: int
) -> tuple[list[dict[str, Any]], int]:
    """The channels' pieces as they are told, ``most`` bytes compressed; the oldest are left out until it fits, so
    many samples."""
    total: int | None = None
    while True:
        found = [(unit, tape.between(name, since, end)) for name, unit in names]
        count = sum(block.values.size for _, blocks in found for block in blocks)
        total = count if total is None else total
        channels, size = _told(found)
        if size <= most or not count:
            return channels, total - count
        oldest = min(blocks[0].time for _, blocks in found if blocks)
        since = end - floor((end - oldest) * min(most / size, 1.0) * _MARGIN) if end > oldest else end + 1


def _told(found: Iterable[tuple[str, Sequence[Block]]]) -> tuple[list[dict[str, Any]], int]:
    """The pieces as they are told, and their bytes compressed."""
    told: list[dict[str, Any]] = []
    size = 0
    timed: dict[bytes, str] = {}
    for unit, blocks in found:
        for block in blocks:
            with np.errstate(over="ignore"):  # beyond float32 is infinity
                values = zlib.compress(block.values.astype("<f4").tobytes())
            size += len(values)
            piece: dict[str, Any] = {"channel": block.channel, "unit": unit, "start": iso(block.time)}
            if block.times is None:
                piece["rate"] = block.rate
            else:
                steps = np.diff(block.times, prepend=block.time).astype("<i8").tobytes()
                key = block.time.to_bytes(8, "little", signed=True) + steps
                if key in timed:
                    piece["times"] = timed[key]
                else:
                    timed[key] = block.channel
                    times = zlib.compress(steps)
                    size += len(times)
                    piece["times"] = {"encoding": TIMES, "values": b64encode(times).decode()}
            piece |= {"count": block.values.size, "encoding": VALUES, "values": b64encode(values).decode()}
            told.append(piece)
    return told, size


def pieces_of(body: Mapping[str, Any]) -> list[Piece]:
    """What a record of evidence holds. Raises KeyError, TypeError, ValueError or zlib.error where it is none."""
    pieces: list[Piece] = []
    for told in body["channels"]:
        values = np.frombuffer(zlib.decompress(b64decode(told["values"])), dtype="<f4")
        start, rate = nanos(told["start"]), told.get("rate")
        times: NDArray[np.int64]
        if rate is not None:
            times = start + np.rint(np.arange(values.size) * (SECOND / rate)).astype(np.int64)
        elif isinstance(told["times"], str):
            times = next(piece.times for piece in pieces if piece.channel == told["times"])
        else:
            steps = np.frombuffer(zlib.decompress(b64decode(told["times"]["values"])), dtype="<i8")
            times = start + np.cumsum(steps)
        pieces.append(Piece(told["channel"], told["unit"], times, values, rate))
    return pieces


_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00Z")


def nanos(text: str) -> Nanos:
    """The inverse of ``wording.iso``, to the microsecond."""
    return (datetime.fromisoformat(text) - _EPOCH) // timedelta(microseconds=1) * 1000
