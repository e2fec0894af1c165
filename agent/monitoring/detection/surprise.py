"""How surprising a metric's next value is, in decades: its residuals over several scales, its range.

The surprise of a part is -log10 of the probability of so high a value under normal, so that all
parts speak in one measure whatever the metric's unit and spread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from math import inf, log, log10
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

SCALES: Final = (1, 3, 10, 50)
"""Samples, over which residuals are averaged: about half a decade from one to the next."""
HISTORY: Final = 4_000
"""Residuals that are remembered: two weeks at 5 minutes."""
_LONGEST: Final = SCALES[-1]
_REFRESHED: Final = 25
"""Samples from one look at the tails to the next."""
_SHARE: Final = 0.02
"""Of the past, what is taken as tail."""
_FEWEST: Final = 50
"""Samples that make a tail, or a range."""
_MOST: Final = 12.0
"""Decades that one part can say."""
_BEYOND: Final = 0.02
"""How far values go beyond the range, as a share of it, before any did."""
_NO_TAIL: Final = (inf, 1.0)
_DECADE: Final = log(10.0)
_LEAST: Final = 1e-6
_TINY: Final = 1e-12
"""What a constant metric is granted as spread: relative, absolute."""


class Means:
    """Means of the latest residuals over each scale, judged by the tails of their own past.

    The highest 2 % are taken as exponential beyond their quantile (Coles, An Introduction to
    Statistical Modeling of Extreme Values, 2001, ch. 4); what is below says nothing.
    """

    def __init__(self) -> None:
        self._latest = deque([0.0] * _LONGEST, maxlen=_LONGEST)
        # of the last (scale - 1) residuals: the next one makes the scale full
        self._sums = [0.0] * len(SCALES)
        self._history = np.zeros(HISTORY)
        self._tails = [_NO_TAIL] * len(SCALES)
        self.count = 0

    def surprises(self, residual: float) -> list[float]:
        """Decades of each scale, were this the next residual."""
        said = []
        for scale, total, (level, excess) in zip(SCALES, self._sums, self._tails, strict=True):
            mean = abs(total + residual) / min(scale, self.count + 1)
            said.append(min(_MOST, (mean - level) / (excess * _DECADE) - log10(_SHARE)) if mean > level else 0.0)
        return said

    def learn(self, residual: float) -> None:
        """Take in a residual; now and then look at the tails anew."""
        latest = self._latest
        for position, scale in enumerate(SCALES):
            if scale > 1:
                self._sums[position] += residual - latest[_LONGEST - scale + 1]
        latest.append(residual)
        self._history[self.count % HISTORY] = residual
        self.count += 1
        if self.count % _REFRESHED == 0:
            self._refresh()

    def _refresh(self) -> None:
        """Fit the tails to the history, and sum the latest afresh: no rounding gathers."""
        latest = list(self._latest)
        self._sums = [sum(latest[_LONGEST - scale + 1 :]) for scale in SCALES]
        if self.count <= HISTORY:
            history = self._history[: self.count]
        else:
            begin = self.count % HISTORY
            history = np.concatenate((self._history[begin:], self._history[:begin]))
        sums = np.concatenate(((0.0,), np.cumsum(history)))
        self._tails = []
        for scale in SCALES:
            means = np.abs(sums[scale:] - sums[:-scale]) / scale
            if self.count <= HISTORY:
                # the first were over fewer, and widen the tail while little is known
                few = min(scale, len(sums))
                means = np.concatenate((np.abs(sums[1:few]) / np.arange(1, few), means))
            self._tails.append(_tail(means))

    def to_json(self) -> dict[str, Any]:
        """As a snapshot keeps it; the tails are those of the last look."""
        size = min(self.count, HISTORY)
        return {
            "count": self.count,
            "latest": list(self._latest),
            "sums": list(self._sums),
            "history": self._history[:size].tolist(),
            "tails": [None if level == inf else [level, excess] for level, excess in self._tails],
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """The inverse of ``to_json``. Raises ValueError where it does not fit."""
        count = int(document["count"])
        latest = [float(value) for value in document["latest"]]
        sums = [float(value) for value in document["sums"]]
        history = np.array(document["history"], dtype=np.float64)
        tails = [_NO_TAIL if tail is None else (float(tail[0]), float(tail[1])) for tail in document["tails"]]
        fits = (len(latest), len(sums), len(tails)) == (_LONGEST, len(SCALES), len(SCALES))
        if not fits or history.shape != (min(count, HISTORY),):
            reason = "what was learned of the metric has other scales or another length"
            raise ValueError(reason)
        self._latest = deque(latest, maxlen=_LONGEST)
        self._history[: len(history)] = history
        self._sums, self._tails, self.count = sums, tails, count


def _tail(statistic: NDArray[np.float64]) -> tuple[float, float]:
    """Where the highest of a statistic begin, and their mean excess over it."""
    if len(statistic) < _FEWEST:
        return _NO_TAIL
    # np.quantile with all its checks costs twice as much
    place = (len(statistic) - 1) * (1.0 - _SHARE)
    below = int(place)
    part = np.partition(statistic, (below, below + 1))
    level = float(part[below] + (place - below) * (part[below + 1] - part[below]))
    above = part[below:]
    above = above[above > level]
    excess = float(above.mean()) - level if len(above) else 0.0
    return level, max(excess, _LEAST * level, _TINY)


class Range:
    """The lowest and the highest value so far: how seldom, and by how much, there was a new one.

    Extremes are forgotten after one to two lengths of the history: one absurd reading shall not make
    room for all that follow.
    """

    def __init__(self) -> None:
        self._seen = 0
        self._now: tuple[float, float] | None = None
        self._before: tuple[float, float] | None = None
        # new extremes and how far they were beyond, both fading over the length of the history
        self._times = 0.0
        self._total = 0.0

    def surprise(self, value: float) -> float:
        """Decades, were this the next value: the chance of a new extreme times that of so far a one."""
        beyond = self._beyond(value)
        if beyond <= 0.0 or self._seen < _FEWEST:
            return 0.0
        chance = (self._times + 1.0) / (min(self._seen, HISTORY) + 1.0)
        mean = (self._total + _BEYOND) / (self._times + 1.0)
        return min(_MOST, beyond / (mean * _DECADE) - log10(chance))

    def _beyond(self, value: float) -> float:
        """How far outside, as a share of the range; negative inside."""
        if self._now is None:
            return 0.0
        low, high = self._now
        if self._before is not None:
            low, high = min(low, self._before[0]), max(high, self._before[1])
        return max(value - high, low - value) / max(high - low, _LEAST * max(abs(low), abs(high)), _TINY)

    def learn(self, value: float) -> None:
        """Take in a value."""
        beyond = self._beyond(value)
        self._times *= 1.0 - 1.0 / HISTORY
        self._total *= 1.0 - 1.0 / HISTORY
        if beyond > 0.0 and self._seen >= _FEWEST:
            self._times += 1.0
            self._total += beyond
        if self._seen and self._seen % HISTORY == 0:
            self._before, self._now = self._now, None
        low, high = self._now or (value, value)
        self._now = (min(low, value), max(high, value))
        self._seen += 1

    def to_json(self) -> dict[str, Any]:
        """As a snapshot keeps it."""
        return {
            "seen": self._seen,
            "now": list(self._now) if self._now else None,
            "before": list(self._before) if self._before else None,
            "times": self._times,
            "total": self._total,
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """The inverse of ``to_json``."""
        now, before = (
            None if pair is None else (float(pair[0]), float(pair[1])) for pair in (document["now"], document["before"])
        )
        self._seen, self._now, self._before = int(document["seen"]), now, before
        self._times, self._total = float(document["times"]), float(document["total"])
