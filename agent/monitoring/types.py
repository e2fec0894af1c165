"""The frozen domain types that travel along the chain; nothing else.

Times are integer nanoseconds since the Unix epoch (UTC): grid arithmetic on them is
exact, so that a replay gives the same records bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntFlag
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Nanos: TypeAlias = int
FloatArray: TypeAlias = NDArray[np.float64] | NDArray[np.float32]

SECOND: Final[Nanos] = 1_000_000_000


class Quality(IntFlag):
    """What is doubtful about samples; counted per channel and shown per window."""

    GOOD = 0
    OUT_OF_ORDER = 1
    DUPLICATE = 2
    LATE = 4
    GAP = 8
    STUCK = 16
    OUT_OF_RANGE = 32
    NOT_A_NUMBER = 64
    SHED = 128


class Block(NamedTuple):
    """Consecutive samples of one channel of one asset.

    ``values`` has shape (n,), n >= 1, in the channel's unit (scale and offset applied;
    may hold NaN). ``time`` is the time of the first sample. Evenly spaced samples carry
    their ``rate`` in Hz and no ``times``; unevenly spaced ones carry ``times``, shape (n,)
    int64. A single sample needs neither.
    """

    asset: str
    channel: str
    time: Nanos
    values: FloatArray
    rate: float | None = None
    times: NDArray[np.int64] | None = None


RecordKind: TypeAlias = Literal["window", "summary", "event", "alarm", "quality", "evidence", "health"]
"""``window``: what one window said; it stays on the device unless asked for. ``summary``: what the
windows of a period said together. ``event``: a state change, or that something was learned.
``alarm``: a transition of an alarm. ``quality``: gaps, shed data, dead letters. ``evidence``: the raw
samples that raised an alarm. ``health``: how the device itself is."""


class Record(NamedTuple):
    """One line of the log: what the chain has to say, ready to be serialised.

    ``body`` holds only what orjson writes (str, int, float, bool, None, dict, list).
    ``time`` is the event time that the record is about (the window's end).
    """

    kind: RecordKind
    asset: str
    time: Nanos
    body: Mapping[str, Any]


class Snapshot(NamedTuple):
    """What an asset must remember over a restart (learned baseline, standing alarm).

    ``asset`` is the asset's id; ``state`` holds only what orjson writes.
    """

    asset: str
    state: Mapping[str, Any]


CommandName: TypeAlias = Literal["ack", "shelve", "unshelve", "out-of-service", "in-service", "recommission", "revert"]


class Command(NamedTuple):
    """What a person (or a system on their behalf) tells the chain to do with an asset's alarms.

    ``alarm`` names one alarm of the asset (None: all of it); ``actor`` who asks; ``seconds`` how
    long it is shelved; ``reason`` in their words.
    """

    name: CommandName
    asset: str
    actor: str
    alarm: str | None = None
    seconds: float | None = None
    reason: str = ""
