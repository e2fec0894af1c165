"""The tail of a statistic under normal: from a false-alarm budget to a threshold.

Excesses over a high ``level`` are taken as exponential (a generalised Pareto with shape 0, the
light-tailed case: Coles, An Introduction to Statistical Modeling of Extreme Values, 2001, ch. 4).
Their rate has a gamma prior, so that the predictive distribution of the next excess is a Lomax::

    P(value > level + x) = share * (1 + x / beta) ** -alpha
    alpha = weight + excesses seen,   beta = weight * prior scale + their sum
    share = (weight + excesses seen) / (weight / 0.1 + windows seen)

A few hundred learning samples hold a handful of excesses, and pure extreme-value fits on 100 gave
thresholds from 4 to 52 dB: hence the prior, worth ``weight`` excesses, and a floor. While the prior
speaks alone the threshold is a little higher than its own scale asks for; as normal windows come
in, alpha grows, the Lomax becomes the exponential, and the threshold tightens. Windows that overlap
are not independent and count for their new share only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import expm1, inf, log
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

MONTH: Final = 30 * 86_400.0
"""s, of a false-alarm budget."""
_SHARE: Final = 0.1
"""What is prior to be above the level."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """What a statistic does under normal, before a machine has shown its own.

    ``level``: about its 90 % quantile; ``scale``: mean excess over it; ``weight``: as how many
    excesses this counts; ``floor``: the lowest threshold.
    """

    level: float
    scale: float
    weight: float
    floor: float


class Tail:
    """What was seen of a statistic's tail, and the threshold for it."""

    def __init__(self, prior: Prior) -> None:
        self._prior = prior
        self._windows = 0.0
        self._excesses = 0.0
        self._sum = 0.0
        self._fit = self._fitted()

    def learn(self, values: NDArray[np.float64], overlap: float = 1.0) -> None:
        """Take in the statistic of normal windows, shape (n,); ``overlap``: how many of them share
        each sample."""
        above = values[values > self._prior.level]
        self.add(len(values) / overlap, len(above) / overlap, float((above - self._prior.level).sum()) / overlap)

    def add(self, windows: float, excesses: float, total: float) -> None:
        """Take in what ``learn`` would have made of windows: their effective number, how many of
        them were above the level, and the sum of what they were above it."""
        self._windows += windows
        self._excesses += excesses
        self._sum += total
        self._fit = self._fitted()

    @property
    def level(self) -> float:
        """Where the tail begins."""
        return self._prior.level

    def threshold(self, probability: float) -> float:
        """The value that a normal window exceeds with this probability; at least the floor, and
        infinite where nothing may exceed it (a budget of 0, or nothing learned yet)."""
        if probability <= 0.0:
            return inf
        alpha, beta, share = self._fit
        if probability >= share:
            return self._prior.floor
        return max(self._prior.floor, self._prior.level + beta * expm1(log(share / probability) / alpha))

    def probability(self, value: float) -> float:
        """The probability, under normal, of a value at least this high; in (0, 1]. Below the level,
        where no decision falls, it is interpolated."""
        alpha, beta, share = self._fit
        level = self._prior.level
        if value >= level:
            return max(share * float((1.0 + (value - level) / beta) ** -alpha), 1e-300)
        return 1.0 - (1.0 - share) * max(value, 0.0) / level

    def _fitted(self) -> tuple[float, float, float]:
        prior = self._prior
        alpha = prior.weight + self._excesses
        beta = prior.weight * prior.scale + self._sum
        return alpha, beta, alpha / (prior.weight / _SHARE + self._windows)

    def to_json(self) -> dict[str, float]:
        """As a snapshot keeps it."""
        return {"windows": self._windows, "excesses": self._excesses, "sum": self._sum}

    def restore(self, document: Mapping[str, Any]) -> None:
        """The inverse of ``to_json``."""
        self._windows, self._excesses, self._sum = (float(document[key]) for key in ("windows", "excesses", "sum"))
        self._fit = self._fitted()


class Threshold:
    """The threshold of one statistic: its tail, held against a budget. ``overlap``: how many windows share
    each sample."""

    def __init__(self, prior: Prior, false_alarms_per_month: float, overlap: float, typical: float) -> None:
        self._tail = Tail(prior)
        self._budget = false_alarms_per_month
        self._overlap = overlap
        self._seconds = 0.0
        self.value = 0.0
        """0 before anything was learned."""
        self.typical = typical
        """The usual ratio of the statistic and the threshold under normal, 0 to below 1."""

    def learn(self, statistic: NDArray[np.float64], seconds: float) -> None:
        """Take in the statistic of a commissioned span, shape (n,), a window every so many ``seconds``."""
        self._tail.learn(statistic, self._overlap)
        self._seconds = seconds
        self._set()
        self.typical = min(0.9, max(0.0, float(np.median(statistic)) / self.value))

    def follow(self, windows: float, excesses: float, total: float) -> list[float]:
        """Take in what was collected (see ``Tail.add``); the threshold before and after."""
        before = self.value
        self._tail.add(windows, excesses, total)
        self._set()
        return [before, self.value]

    def excess(self, value: float) -> float:
        """How far a value is above the level where the tail begins."""
        return value - self._tail.level

    def probability(self, value: float) -> float:
        """See ``Tail.probability``."""
        return self._tail.probability(value)

    def _set(self) -> None:
        self.value = self._tail.threshold(per_window(self._budget, self._seconds * self._overlap))

    def to_json(self) -> dict[str, Any]:
        """As a snapshot keeps it."""
        return {"tail": self._tail.to_json(), "seconds": self._seconds, "typical": self.typical}

    def restore(self, document: Mapping[str, Any]) -> None:
        """The inverse of ``to_json``."""
        self._tail.restore(document["tail"])
        self._seconds = float(document["seconds"])
        self.typical = float(document["typical"])
        self._set()


def per_window(false_alarms_per_month: float, seconds: float) -> float:
    """The probability that each independent window may have of a false alarm: a window every so
    many ``seconds``."""
    return false_alarms_per_month * seconds / MONTH
