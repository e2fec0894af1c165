"""Windows of one channel by count of samples, or one a message.

Chunking a stream differently changes nothing: the same samples give the same windows.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.monitoring.types import SECOND, Block, FloatArray, Nanos


class SampleWindow(NamedTuple):
    """``values`` and their ``times``, shape (n,): only valid until the next block is added.

    No ``times`` where the window is a block as it came: ``times_of`` has them.
    """

    start: Nanos
    end: Nanos
    values: FloatArray
    times: NDArray[np.int64] | None = None


class MessageWindows:
    """Each block is a window."""

    MOVING: ClassVar[tuple[str, ...]] = ()

    def add(self, block: Block) -> list[SampleWindow]:
        """The window that is this block."""
        return [SampleWindow(block.time, _time_after(block), block.values)]

    def reset(self) -> None:
        """Nothing is held back."""


class CountWindows:
    """Windows of ``count`` samples, a new one every ``stride`` samples. A window ends with the time
    of its last sample: of one that came alone no period is known."""

    MOVING: ClassVar[tuple[str, ...]] = ("_held", "_times", "_values")

    def __init__(self, count: int, stride: int | None = None) -> None:
        self._count = count
        self._stride = stride or count
        self._values: FloatArray = np.empty(count)
        self._times = np.empty(count, dtype=np.int64)
        self._held = 0

    def reset(self) -> None:
        """Forget the open window (after a gap a waveform must not be joined)."""
        self._held = 0

    def add(self, block: Block) -> list[SampleWindow]:
        """The windows that the block completes."""
        values = block.values
        size = len(values)
        held = self._held
        if size == 1:
            self._values[held] = values[0]
            self._times[held] = block.time
            self._held = held = held + 1
            return [self._emit()] if held == self._count else []
        if not held and size == self._count == self._stride:
            return [SampleWindow(block.time, _last_time(block), values)]
        return self._add_chunks(block)

    def _add_chunks(self, block: Block) -> list[SampleWindow]:
        values, times = block.values, times_of(block)
        windows: list[SampleWindow] = []
        done = 0
        while done < len(values):
            take = min(self._count - self._held, len(values) - done)
            self._values[self._held : self._held + take] = values[done : done + take]
            self._times[self._held : self._held + take] = times[done : done + take]
            self._held += take
            done += take
            if self._held == self._count:
                windows.append(self._emit(copied=True))
        return windows

    def _emit(self, *, copied: bool = False) -> SampleWindow:
        kept = self._count - self._stride
        values, times = self._values, self._times
        start, end = int(times[0]), int(times[-1])
        if kept or copied:
            values, times = values.copy(), times.copy()
        if kept:
            self._values[:kept] = values[self._stride :]
            self._times[:kept] = times[self._stride :]
        self._held = kept
        return SampleWindow(start, end, values, times)


def times_of(block: Block) -> NDArray[np.int64]:
    """The time of each of the block's samples, ns, shape (n,)."""
    if block.times is not None:
        return block.times
    period = SECOND / (block.rate or 1.0)
    times: NDArray[np.int64] = block.time + np.round(np.arange(len(block.values)) * period).astype(np.int64)
    return times


def _last_time(block: Block) -> Nanos:
    if block.times is not None:
        return int(block.times[-1])
    return block.time + round((len(block.values) - 1) * (SECOND / (block.rate or 1.0)))


def _time_after(block: Block) -> Nanos:
    """Where the block ends: one period after its last sample, where the period is known."""
    if block.rate:
        return block.time + round(len(block.values) * SECOND / block.rate)
    return int(block.times[-1]) if block.times is not None else block.time
