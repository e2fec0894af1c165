"""Alignment: samples of several channels onto one time grid, and windows over its cells.

Time is cut into cells as long as the window's stride, counted from the epoch. A cell keeps
per channel the count, sum, sum of squares, minimum and maximum of its samples, so that rates
may differ and nothing is interpolated. A window is the last ``seconds / stride`` cells.

A cell closes, by event time alone (a replay closes the same cells), as soon as

- every channel is done with it: it has sent something for a later cell, or has reached this one
  and the cell holds what the channel's rate promises, or
- some channel is ahead of the cell's end by the allowed lateness.

A sample for the cell that closed last (a jittered clock put two into one) is taken by the next.
One wrong time far ahead would make all that follows late for ever. So when nothing but late
samples has come for a while, the clock is believed to be right after all and the grid begins anew.

A block is taken exactly as its samples would be one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, nan
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.monitoring.manipulation.cell import empty, put, put_many, runs
from agent.monitoring.manipulation.sliding import Row, Sliding, SlidingSlope, highest, lowest, total
from agent.monitoring.types import SECOND, Block, Nanos

_BELIEVED_AFTER = 10
"""Late samples in a row, per channel, after which the grid begins anew."""

_NEVER = -(2**63)
"""Before all cells: the number of the open cell while there is none."""

_ROUNDING = 1e-9
"""Of a rate times a stride: 100 Hz for 0.29 s are 29 samples."""


class CellWindow(NamedTuple):
    """A window's statistics: ``moments``, channel by channel in each, are counts, sums, sums of squares,
    minima and maxima (the last two where extremes are kept); ``filled`` the fraction of its cells that
    hold samples; ``missing``: some channel has none in the whole window; ``slopes``, shape (channels,),
    per second."""

    start: Nanos
    end: Nanos
    moments: list[Row]
    filled: float
    missing: bool
    slopes: NDArray[np.float64] | None = None


class Grid:
    """Aligns the channels of one asset; ``rates`` in Hz, None where a channel's is unknown.

    ``seconds``, ``stride`` and ``lateness`` in s. Minima and maxima are kept where ``extremes``
    are asked for, slopes where ``slopes`` are.
    """

    MOVING: ClassVar[tuple[str, ...]] = (
        "_awaited", "_closed", "_filled", "_highs", "_late_in_a_row", "_lows", "_oldest", "_open", "_reached",
        "_slopes", "_sums", "_waiting", "late")

    def __init__(  # noqa: PLR0913 -- what a grid is
        self,
        rates: Sequence[float | None],
        seconds: float,
        stride: float,
        lateness: float,
        *,
        extremes: bool = True,
        slopes: bool = False,
    ) -> None:
        self._width = max(1, round(stride * SECOND))
        self._cells = max(1, round(seconds / stride))
        self._patience = 1 - (-round(lateness * SECOND) // self._width)  # cells ahead, rounded up
        self._expected = [inf if rate is None else max(1, int(rate * stride + _ROUNDING)) for rate in rates]
        self._channels = count = len(rates)
        self.one_each = all(expected == 1 for expected in self._expected)
        """Whether a sample of every channel fills a cell."""
        self._extremes = extremes
        self._empty = empty(count, extremes=extremes)
        self._sums = Sliding(total, 0.0, self._cells, 3 * count)
        self._lows = Sliding(lowest, inf, self._cells, count)
        self._highs = Sliding(highest, -inf, self._cells, count)
        self._slopes = SlidingSlope(self._cells, count, self._width / SECOND) if slopes else None
        self._open: dict[int, list[float]] = {}
        self._reached = [_NEVER] * count
        self._closed: int | None = None
        self._filled = 0  # a bit for each cell of the window, the newest the lowest: 1 where it holds samples
        # the oldest open cell, the only one that may close: its number, itself, whom it waits for
        self._oldest = _NEVER
        self._cell = self._empty
        self._awaited = [True] * count
        self._waiting = count
        self.late = 0
        self._late_in_a_row = 0

    def add(self, channel: int, block: Block) -> list[CellWindow]:
        """Take one block of the channel with this number; the windows that it completes."""
        values = block.values
        if values.size != 1:
            return self._add_block(channel, block)
        index = block.time // self._width
        value = values.item() + 0.0  # -0.0 would leave minima to the order of arrival
        if index != self._oldest:
            return self._add_sample(channel, index, value)
        # the oldest open cell: seven of eight samples come this way, hence in one piece
        self._late_in_a_row = 0
        cell = self._cell
        if cell[channel] or value != value:  # noqa: PLR0124 -- true for NaN alone
            put(cell, self._channels, channel, value)
        else:
            channels = self._channels
            cell[channel] = 1.0
            cell[channel + channels] = value
            cell[channel + 2 * channels] = value * value
            if self._extremes:
                cell[channel + 3 * channels] = cell[channel + 4 * channels] = value
        if self._reached[channel] < index:  # noqa: PLR1730 -- max would be a call
            self._reached[channel] = index
        if cell[channel] >= self._expected[channel] and self._awaited[channel]:
            self._awaited[channel] = False
            self._waiting -= 1
            if not self._waiting:
                return self._close_complete()
        return []

    def add_row(self, time: Nanos, values: Row) -> CellWindow | None:
        """Take one sample of every channel, all of one time and none of them NaN, that fill a cell of their own
        and close it: as ``add`` one by one. None, and nothing is taken, where they do not."""
        index = time // self._width
        if self._open or not self.one_each or (self._closed is not None and index <= self._closed):
            return None
        self._late_in_a_row = 0
        channels = self._channels
        self._reached = [index] * channels
        row = [value + 0.0 for value in values]  # see ``add``
        cell = [*([1.0] * channels), *row, *[value * value for value in row]]
        if self._extremes:
            cell += row + row
        return self._close(index, cell)

    def _add_sample(self, channel: int, index: int, value: float) -> list[CellWindow]:
        cell = self._cell_of(index)
        if cell is None:
            return []
        put(cell, self._channels, channel, value)
        self._reached[channel] = max(self._reached[channel], index)
        self._release(channel)
        return self._close_complete()

    def _cell_of(self, index: int) -> list[float] | None:
        """The open cell that takes a sample of this number; None where it is too late."""
        closed = self._closed
        if closed is not None and index <= closed:
            if index < closed:
                self.late += 1
                self._late_in_a_row += 1
                if self._late_in_a_row <= _BELIEVED_AFTER * self._channels:
                    return None
                self.begin_anew()
            else:
                index = closed + 1
        self._late_in_a_row = 0
        cell = self._open.get(index)
        if cell is None:
            cell = self._open[index] = self._empty.copy()
            if self._oldest == _NEVER or index < self._oldest:
                self._look_at(index)
        return cell

    def resume(self) -> None:
        """What moves was taken back."""
        self._cell = self._open.get(self._oldest, self._empty)

    def begin_anew(self) -> None:
        """Forget all cells: what comes next has nothing to do with what came before in time."""
        for sliding in (self._sums, self._lows, self._highs, self._slopes):
            if sliding is not None:
                sliding.reset()
        self._open.clear()
        self._oldest = _NEVER
        self._reached = [_NEVER] * self._channels
        self._closed = None
        self._filled = 0

    def _add_block(self, channel: int, block: Block) -> list[CellWindow]:
        windows: list[CellWindow] = []
        for index, values in runs(block, self._width):
            self._add_run(channel, index, values, windows)
        return windows

    def _add_run(
        self, channel: int, index: int, values: NDArray[np.float64], windows: list[CellWindow]
    ) -> None:
        """Samples of one cell, in pieces: cut after each sample that may let a cell close."""
        while values.size:
            if self._closed is not None and index < self._closed:
                late = min(values.size, _BELIEVED_AFTER * self._channels - self._late_in_a_row)
                self.late += late
                self._late_in_a_row += late
                values = values[late:]
                if not values.size:
                    return
            already = len(self._open) if self._reached[channel] >= index else -1
            cell = self._cell_of(index)
            assert cell is not None  # noqa: S101 -- what is too late has been taken off above
            good = ~np.isnan(values)
            taken = 1 if already != len(self._open) else self._up_to_promised(cell, channel, good)
            piece = values[:taken]
            if taken == 1:
                put(cell, self._channels, channel, piece.item())
            else:
                put_many(cell, self._channels, channel, piece if good[:taken].all() else piece[good[:taken]])
            self._reached[channel] = max(self._reached[channel], index)
            self._release(channel)
            windows += self._close_complete()
            values = values[taken:]

    def _up_to_promised(self, cell: list[float], channel: int, good: NDArray[np.bool_]) -> int:
        """How many samples make the cell hold what the rate promises; all where they cannot."""
        lacking = self._expected[channel] - cell[channel]
        if not 0 < lacking <= good.size:
            return good.size
        places = np.flatnonzero(good)
        return int(places[int(lacking) - 1]) + 1 if lacking <= places.size else good.size

    def _is_done(self, channel: int) -> bool:
        """Whether the oldest open cell need not wait for the channel."""
        reached = self._reached[channel]
        return reached > self._oldest or (
            reached == self._oldest and self._cell[channel] >= self._expected[channel]
        )

    def _release(self, channel: int) -> None:
        if self._awaited[channel] and self._is_done(channel):
            self._awaited[channel] = False
            self._waiting -= 1

    def _look_at(self, oldest: int) -> None:
        """Make this the cell that is to close next."""
        self._oldest = oldest
        self._cell = self._open[oldest]
        if max(self._reached) < oldest:
            self._awaited = [True] * self._channels
            self._waiting = self._channels
        else:
            self._awaited = [not self._is_done(channel) for channel in range(self._channels)]
            self._waiting = sum(self._awaited)

    def _close_complete(self) -> list[CellWindow]:
        windows: list[CellWindow] = []
        while self._open and (not self._waiting or max(self._reached) - self._oldest >= self._patience):
            cell = self._open.pop(self._oldest)
            windows.append(self._close(self._oldest, cell))
            self._oldest = _NEVER
            if self._open:
                self._look_at(min(self._open))
        return windows

    def _close(self, index: int, cell: Row) -> CellWindow:
        cells, channels = self._cells, self._channels
        counts = cell[:channels]
        skipped = cells if self._closed is None else min(index - self._closed, cells)
        self._closed = index
        self._filled = (self._filled << skipped | any(counts)) & ((1 << cells) - 1)
        sums = self._sums.push(index, cell[: 3 * channels])
        moments = [sums[:channels], sums[channels : 2 * channels], sums[2 * channels :]]
        if self._extremes:
            moments.append(self._lows.push(index, cell[3 * channels : 4 * channels]))
            moments.append(self._highs.push(index, cell[4 * channels :]))
        slopes = None
        if self._slopes is not None:
            means = [total / count if count else nan
                     for count, total in zip(counts, cell[channels : 2 * channels], strict=True)]
            slopes = self._slopes.push(index, np.array(means))
        end = (index + 1) * self._width
        return CellWindow(
            end - cells * self._width, end, moments, self._filled.bit_count() / cells, 0.0 in moments[0], slopes)
