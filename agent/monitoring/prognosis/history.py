"""What is remembered of a health index: fine for the last windows, ever coarser for what is longer ago.

::

    level 0   a bin of    4 windows   the last 24 bins        |||||||||
    level 1   a bin of   16           the last 24     | | | | | | | | |
    level 2   a bin of   64           the last 24  |   |   |   |   |   |

A fault may take minutes or months to grow, and nobody knows which beforehand. Each level holds the
same number of bins, so that every pace is looked at with the same care and memory stays bounded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.monitoring.types import SECOND, Nanos

BINS: Final = 24
FOLD: Final = 4
"""Windows to a bin of the finest level, and bins of each level to one of the next."""
_LEVELS: Final = 10
"""24 x 4^10 windows: most of a year of windows every second."""
FEWEST: Final = 8
"""Bins that a trend rests on."""


class Stretch(NamedTuple):
    """The last bins of one level, the oldest first: ``means`` of shape (bins,), each of ``windows``
    windows that came every ``pace`` seconds. The pace counts standstills in: where a machine ran half
    the time, its windows took twice as long."""

    means: NDArray[np.float64]
    windows: int
    pace: float

    @property
    def span(self) -> float:
        """How many windows it covers."""
        return float(len(self.means) * self.windows)


class _Level:
    """The bins of one level, and the one that is being filled."""

    __slots__ = ("count", "ends", "means", "total")

    def __init__(self) -> None:
        self.means: deque[float] = deque(maxlen=BINS)
        self.ends: deque[Nanos] = deque(maxlen=BINS)
        self.total = 0.0
        self.count = 0


class History:
    """A health index over its windows."""

    def __init__(self) -> None:
        self._levels = [_Level()]
        self.last: float | None = None
        """The newest value."""
        self._time: Nanos | None = None

    def add(self, time: Nanos, value: float) -> None:
        """Take the value of a window that ended at ``time``. What is not finite, or not later than the
        window before, says nothing."""
        if not isfinite(value) or (self._time is not None and time <= self._time):
            return
        self._time, self.last = time, value
        for number, level in enumerate(self._levels):
            level.total += value
            level.count += 1
            if level.count < FOLD:
                return
            value = level.total / FOLD
            level.total, level.count = 0.0, 0
            level.means.append(value)
            level.ends.append(time)
            if number + 1 == len(self._levels) < _LEVELS:
                self._levels.append(_Level())

    def stretches(self) -> Iterator[Stretch]:
        """The levels that hold enough bins, the shortest stretch of time first."""
        windows = 1
        for level in self._levels:
            windows *= FOLD
            if len(level.means) >= FEWEST:
                steps = (len(level.means) - 1) * windows
                pace = (level.ends[-1] - level.ends[0]) / SECOND / steps
                yield Stretch(np.array(level.means), windows, pace)

    def clock_stepped(self, offset: Nanos) -> None:
        """The clock of the windows was set by ``offset``: the pace at which they came has not changed."""
        if self._time is not None:
            self._time += offset
        for level in self._levels:
            level.ends = deque((end + offset for end in level.ends), maxlen=BINS)

    def to_json(self) -> dict[str, Any]:
        """As a snapshot keeps it."""
        return {
            "last": self.last,
            "time": self._time,
            "levels": [
                {"means": list(level.means), "ends": list(level.ends), "total": level.total, "count": level.count}
                for level in self._levels
            ],
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """The inverse of ``to_json``. Raises ValueError where the document is none of these."""
        try:
            levels = [_restored(kept) for kept in document["levels"]]
            last = None if document["last"] is None else float(document["last"])
            time = None if document["time"] is None else int(document["time"])
        except (AttributeError, KeyError, TypeError) as mismatch:
            raise ValueError(f"no history of a health index: {mismatch}") from mismatch
        if not 1 <= len(levels) <= _LEVELS:
            raise ValueError(f"no history of a health index: {len(levels)} levels")
        self._levels, self.last, self._time = levels, last, time


def _restored(kept: Mapping[str, Any]) -> _Level:
    level = _Level()
    level.means.extend(float(mean) for mean in kept["means"])
    level.ends.extend(int(end) for end in kept["ends"])
    if len(level.means) != len(level.ends):
        raise ValueError("no history of a health index: bins without an end")
    level.total, level.count = float(kept["total"]), int(kept["count"])
    if not 0 <= level.count < FOLD:
        raise ValueError(f"no history of a health index: {level.count} windows in an open bin")
    return level
