"""Alignment: samples of several channels onto one time grid, and windows over its cells.

Time is cut into cells as long as the window's stride, counted from the epoch. A cell keeps
per channel the count, sum, sum of squares, minimum and maximum of its samples, so that rates
may differ and nothing is interpolated. A window is the last ``seconds / stride`` cells.

A cell closes, by event time alone (a replay closes the same cells), as soon as

- every channel has sent what its rate promises for the cell, or
- every channel has sent something for a later cell, or
- some channel is ahead of the cell's end by the allowed lateness.

One wrong time far ahead would make all that follows late for ever. So when nothing but late
samples has come for a while, the clock is believed to be right after all and the grid begins anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.monitoring.types import SECOND, Block, Nanos

_BELIEVED_AFTER = 10
"""Late samples in a row, per channel, after which the grid begins anew."""

COUNT, SUM, SQUARE, LOW, HIGH = range(5)


class CellWindow(NamedTuple):
    """A window's statistics: ``moments`` of shape (5, channels), rows count, sum, sum of
    squares, minimum, maximum; ``newest`` the same for its last cell alone; ``filled`` the
    fraction of its cells that hold samples."""

    start: Nanos
    end: Nanos
    moments: NDArray[np.float64]
    newest: NDArray[np.float64]
    filled: float


class Grid:
    """Aligns the channels of one asset; ``rates`` in Hz, None where a channel's is unknown."""

    def __init__(
        self, rates: Sequence[float | None], seconds: float, stride: float, lateness: float
    ) -> None:
        self._width = max(1, round(stride * SECOND))
        self._cells = max(1, round(seconds / stride))
        self._lateness = round(lateness * SECOND)
        self._expected = [None if rate is None else max(1, int(rate * stride)) for rate in rates]
        self._channels = len(rates)
        self._empty = np.zeros((5, self._channels))
        self._empty[LOW] = np.inf
        self._empty[HIGH] = -np.inf
        self._ring = np.repeat(self._empty[:, None, :], self._cells, axis=1)
        self._open: dict[int, NDArray[np.float64]] = {}
        self._reached = [-1] * self._channels
        self._closed: int | None = None
        self.late = 0
        self._late_in_a_row = 0

    def add(self, channel: int, block: Block) -> list[CellWindow]:
        """Take one block of the channel with this number; the windows that it completes."""
        values = block.values
        if len(values) == 1:
            self._add_sample(channel, block.time, float(values[0]))
        else:
            self._add_block(channel, block)
        return self._close_complete()

    def _cell(self, index: int) -> NDArray[np.float64] | None:
        closed = self._closed
        if closed is not None and index <= closed:
            if index < closed:
                self.late += 1
                self._late_in_a_row += 1
                if self._late_in_a_row <= _BELIEVED_AFTER * self._channels:
                    return None
                self._begin_anew()
                return self._cell(index)
            index = closed + 1  # a jittered clock put two samples in one cell: the next takes it
        self._late_in_a_row = 0
        cell = self._open.get(index)
        if cell is None:
            cell = self._open[index] = self._empty.copy()
        return cell

    def _begin_anew(self) -> None:
        self._ring[:] = self._empty[:, None, :]
        self._open.clear()
        self._reached = [-1] * self._channels
        self._closed = None

    def _add_sample(self, channel: int, time: Nanos, value: float) -> None:
        index = time // self._width
        cell = self._cell(index)
        if cell is None:
            return
        self._reached[channel] = max(self._reached[channel], index)
        if value == value:  # noqa: PLR0124 -- false for NaN alone, and far quicker than isnan
            cell[COUNT, channel] += 1.0
            cell[SUM, channel] += value
            cell[SQUARE, channel] += value * value
            cell[LOW, channel] = min(value, cell[LOW, channel])
            cell[HIGH, channel] = max(value, cell[HIGH, channel])

    def _add_block(self, channel: int, block: Block) -> None:
        values = np.asarray(block.values, dtype=np.float64)
        if block.times is not None:
            indices = block.times // self._width
        else:
            period = SECOND / (block.rate or 1.0)
            indices = (block.time + np.round(np.arange(len(values)) * period).astype(np.int64)) // self._width
        for index in np.unique(indices):
            cell = self._cell(int(index))
            chosen = values[indices == index]
            if cell is None:
                continue
            self._reached[channel] = max(self._reached[channel], int(index))
            chosen = chosen[~np.isnan(chosen)]
            if len(chosen):
                cell[COUNT, channel] += len(chosen)
                cell[SUM, channel] += chosen.sum()
                cell[SQUARE, channel] += chosen.dot(chosen)
                cell[LOW, channel] = min(cell[LOW, channel], chosen.min())
                cell[HIGH, channel] = max(cell[HIGH, channel], chosen.max())

    def _close_complete(self) -> list[CellWindow]:
        windows: list[CellWindow] = []
        while self._open:
            index = min(self._open)
            if not self._is_complete(index):
                break
            windows.append(self._close(index))
        return windows

    def _is_complete(self, index: int) -> bool:
        cell = self._open[index]
        counts = cell[COUNT]
        behind = False
        for channel, expected in enumerate(self._expected):
            if self._reached[channel] > index:
                continue
            if expected is None or counts[channel] < expected:
                behind = True
                break
        if not behind:
            return True
        newest = max(self._reached) * self._width
        return newest - (index + 1) * self._width >= self._lateness

    def _close(self, index: int) -> CellWindow:
        cell = self._open.pop(index)
        ring, cells = self._ring, self._cells
        if self._closed is not None:
            skipped = index - self._closed - 1
            if skipped >= cells:
                ring[:] = self._empty[:, None, :]
            else:
                for gone in range(self._closed + 1, index):
                    ring[:, gone % cells] = self._empty
        ring[:, index % cells] = cell
        self._closed = index
        moments = np.empty((5, self._channels))
        ring[:LOW].sum(axis=1, out=moments[:LOW])
        ring[LOW].min(axis=0, out=moments[LOW])
        ring[HIGH].max(axis=0, out=moments[HIGH])
        filled = int((ring[COUNT].max(axis=1) > 0).sum()) / cells
        end = (index + 1) * self._width
        return CellWindow(end - cells * self._width, end, moments, cell, filled)
