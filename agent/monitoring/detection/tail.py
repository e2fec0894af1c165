"""The tail of a statistic under normal: from a value to the probability of exceeding it.

Up to the 90 % quantile the learned sample speaks for itself; beyond it an exponential tail is
fitted by the mean excess (a generalised Pareto with shape 0, the light-tailed case: Coles, An
Introduction to Statistical Modeling of Extreme Values, 2001, ch. 4). A few hundred learning
samples hold too few excesses to trust alone, so the scale has a floor relative to the body.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LEVELS = np.linspace(0.0, 0.9, 10)
_TAIL = 0.1
_SCALE_FLOOR = 0.1


@dataclass(frozen=True, slots=True)
class Tail:
    """Fitted distribution: ``quantiles`` at 0, 10, ... 90 % and the ``scale`` beyond."""

    quantiles: tuple[float, ...]
    scale: float

    @classmethod
    def fit(cls, sample: Sequence[float] | NDArray[np.float64]) -> Tail:
        """Fit to a sample of the statistic under normal, shape (n,), n >= 2."""
        values = np.asarray(sample, dtype=np.float64)
        quantiles = np.quantile(values, _LEVELS)
        high = float(quantiles[-1])
        excess = values[values > high] - high
        body = float(high - quantiles[5])
        floor = max(_SCALE_FLOOR * abs(high), 0.5 * body, 1e-9)
        scale = max(float(excess.mean()) if len(excess) else 0.0, floor)
        return cls(tuple(map(float, quantiles)), scale)

    def probability(self, value: float) -> float:
        """The probability, under normal, of a value at least this high; in (0, 1]."""
        quantiles = self.quantiles
        if value >= quantiles[-1]:
            return max(_TAIL * exp(-min((value - quantiles[-1]) / self.scale, 680.0)), 1e-300)
        return 1.0 - float(np.interp(value, quantiles, _LEVELS))

    def to_json(self) -> dict[str, Any]:
        """As a snapshot keeps it."""
        return {"quantiles": list(self.quantiles), "scale": self.scale}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Tail:
        """The inverse of ``to_json``."""
        return cls(tuple(document["quantiles"]), document["scale"])
