"""Statistics over the last cells of a grid, in a time that does not grow with the window.

Sums that subtract the cell that leaves would carry the rounding of every cell that ever was in
them (one glitch of 1e12, and the squares are wrong for ever), so nothing is ever subtracted. Cells
are cut into runs as long as the window; every window is the end of one run and the beginning of
the next, and both are at hand::

    cells     | 0  1  2  3 | 4  5  6  7 |
    window            [ 2  3   4  5 ]        suffix[2] of the first run, prefix of the second

Two operations a cell, and one accumulation a run (van Herk, Pattern Recognition Letters 13, 1992;
Gil and Werman, IEEE PAMI 15, 1993). It serves sums, minima and maxima alike, and what it gives
depends on the cells of the window and their numbers alone: not on when the agent was started.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import add
from typing import ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

Row: TypeAlias = list[float]
"""To a few channels a list is several times quicker than an array."""


def total(one: Row, other: Row) -> Row:
    """The sums, element by element."""
    return list(map(add, one, other))


def lowest(one: Row, other: Row) -> Row:
    """The minima, element by element."""
    return [a if a <= b else b for a, b in zip(one, other)]  # noqa: B905, FURB136 -- thrice as quick without calls


def highest(one: Row, other: Row) -> Row:
    """The maxima, element by element."""
    return [a if a >= b else b for a, b in zip(one, other)]  # noqa: B905, FURB136


class Sliding:
    """One associative ``operation`` over the last ``length`` cells, rows of ``width`` numbers.

    ``identity`` is what a cell without samples holds (0 for sums, infinity for minima).
    """

    __slots__ = ("_cells", "_empty", "_length", "_operation", "_prefix", "_run", "_suffix")
    MOVING: ClassVar[tuple[str, ...]] = ("_cells", "_prefix", "_run", "_suffix")

    def __init__(self, operation: Callable[[Row, Row], Row], identity: float, length: int, width: int) -> None:
        self._operation = operation
        self._length = length
        self._empty = [identity] * width
        self._run: int | None = None
        self._cells = [self._empty] * length
        self._suffix = [self._empty] * (length + 1)
        self._prefix = self._empty

    def push(self, index: int, row: Row) -> Row:
        """Take the cell with this number, which is later than those before; cells between count
        as empty. The aggregate of the window that ends with it, as long as ``row``, a new list."""
        run, place = divmod(index, self._length)
        if run != self._run:
            self._begin(run)
        self._cells[place] = row
        self._prefix = prefix = self._operation(self._prefix, row)
        return self._operation(self._suffix[place + 1], prefix)

    def _begin(self, run: int) -> None:
        follows = self._run is not None and run == self._run + 1
        # one row more than cells: the window that ends with its run takes nothing from the one before
        suffix = [self._empty] * (self._length + 1)
        if follows:
            for place in range(self._length - 1, -1, -1):
                suffix[place] = self._operation(suffix[place + 1], self._cells[place])
        self._suffix = suffix
        self._cells = [self._empty] * self._length
        self._prefix = self._empty
        self._run = run

    def reset(self) -> None:
        """Forget all cells."""
        self._run = None
        self._cells = [self._empty] * self._length
        self._prefix = self._empty


class SlidingSlope:
    """Least-squares slope, per second, of each channel's cell means over the last ``length`` cells.

    Every cell with samples counts the same, at its middle. ``stride``: s from cell to cell.
    """

    __slots__ = ("_last", "_length", "_means", "_positions", "_seconds", "_weights")
    MOVING: ClassVar[tuple[str, ...]] = ("_last", "_means")

    def __init__(self, length: int, channels: int, stride: float) -> None:
        self._length = length
        self._means = np.full((length, channels), np.nan)
        centred = np.arange(length) - (length - 1) / 2
        # twice in a row: any rotation of them is a view, so that the ring is never put in order
        self._seconds = np.tile(centred * stride, 2)
        self._weights = self._seconds / max(float((centred * centred).sum()) * stride * stride, 1e-300)
        self._last: int | None = None

    def push(self, index: int, means: NDArray[np.float64]) -> NDArray[np.float64]:
        """Take the means of the cell with this number (NaN without samples); the slopes, shape
        (channels,), NaN where fewer than two cells hold samples."""
        length, ring = self._length, self._means
        if self._last is not None:
            for empty in range(max(self._last, index - length) + 1, index):
                ring[empty % length] = np.nan
        self._last = index
        place = index % length
        ring[place] = means
        oldest = length - 1 - place
        slopes: NDArray[np.float64] = self._weights[oldest : oldest + length] @ ring
        if length == 1 or np.isnan(slopes).any():
            return self._with_gaps(self._seconds[oldest : oldest + length, None])
        return slopes

    def _with_gaps(self, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        held = ~np.isnan(self._means)
        count = np.maximum(held.sum(axis=0), 1)
        seconds = np.where(held, seconds - np.where(held, seconds, 0.0).sum(axis=0) / count, 0.0)
        spread = (seconds * seconds).sum(axis=0)
        product = (seconds * np.where(held, self._means, 0.0)).sum(axis=0)
        return np.where(count > 1, product / np.where(count > 1, spread, 1.0), np.nan)

    def reset(self) -> None:
        """Forget all cells."""
        self._last = None
        self._means.fill(np.nan)
