"""One open cell of a grid, and which cells the samples of a block belong to.

A cell is a list of floats, statistic by statistic (counts of all channels, then their sums, their
squares and, where asked for, minima and maxima): to one sample at a time an array is several
times slower. Sums are taken in the order of the samples, never by pairs as ``numpy.sum`` does, so
that a block gives the same bits as its samples one by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import inf
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.monitoring.types import SECOND, Block, Nanos

COUNT, SUM, SQUARE, LOW, HIGH = range(5)
_EXTREMES: Final = HIGH + 1


def empty(channels: int, *, extremes: bool) -> list[float]:
    """A cell without samples."""
    return [0.0] * (LOW * channels) + ([inf] * channels + [-inf] * channels if extremes else [])


def put(cell: list[float], channels: int, channel: int, value: float) -> None:
    """Add a sample of the channel; NaN is a sign of life and counts for nothing."""
    if value != value:  # noqa: PLR0124 -- true for NaN alone, and far quicker than isnan
        return
    cell[channel] += 1.0
    cell[channel + channels] += value
    cell[channel + 2 * channels] += value * value
    if len(cell) == _EXTREMES * channels:
        low, high = channel + 3 * channels, channel + 4 * channels
        cell[low] = min(value, cell[low])
        cell[high] = max(value, cell[high])


def put_many(cell: list[float], channels: int, channel: int, values: NDArray[np.float64]) -> None:
    """Add samples of the channel, shape (n,), none of them NaN."""
    if not values.size:
        return
    running = np.empty(values.size + 1)
    cell[channel] += values.size
    for place, terms in ((channel + channels, values), (channel + 2 * channels, values * values)):
        running[0] = cell[place]
        running[1:] = terms
        cell[place] = float(np.add.accumulate(running)[-1])
    if len(cell) == _EXTREMES * channels:
        low, high = channel + 3 * channels, channel + 4 * channels
        cell[low] = min(float(values.min()), cell[low])
        cell[high] = max(float(values.max()), cell[high])


def runs(block: Block, width: Nanos) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """The block's samples in their order, cut where the number of their cell changes."""
    values: NDArray[np.float64] = np.add(block.values, 0.0, dtype=np.float64)  # 0.0 for -0.0: see Grid.add
    if block.times is not None:
        indices = block.times // width
    else:
        period = SECOND / (block.rate or 1.0)
        first = block.time // width
        if (block.time + round((values.size - 1) * period)) // width == first:
            yield first, values
            return
        indices = (block.time + np.round(np.arange(values.size) * period).astype(np.int64)) // width
    cuts = [0, *(np.flatnonzero(np.diff(indices)) + 1).tolist(), values.size]
    for begin, end in pairwise(cuts):
        yield int(indices[begin]), values[begin:end]
