"""How well a statistic tells faulty records from normal ones, as a device would use it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SMOOTHED = 5
"""Records whose median is judged, as ``monitoring.detection.spectrum`` does."""


class Separation(NamedTuple):
    """``auc``: the chance that a faulty record scores higher than a normal one (ties: half).
    ``detected``: the share of faulty records above the 99 % quantile of normal ones."""

    auc: float
    detected: float


def causal_median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median of each value and up to four before it, along the first axis."""
    smoothed = np.empty_like(values)
    for i in range(len(values)):
        smoothed[i] = np.median(values[max(0, i - SMOOTHED + 1) : i + 1], axis=0)
    return smoothed


def octave_rise(octaves: NDArray[np.float64]) -> NDArray[np.float64]:
    """The plain rule: the largest smoothed rise in dB of any octave; (records, octaves) -> (records,)."""
    rise: NDArray[np.float64] = causal_median(octaves).max(axis=1)
    return rise


def error_rise(errors: NDArray[np.float64], baseline: int) -> NDArray[np.float64]:
    """Smoothed reconstruction error in dB over its median in the first ``baseline`` records."""
    levels = 10.0 * np.log10(np.maximum(errors, 1e-12))
    smoothed = causal_median(levels)
    rise: NDArray[np.float64] = smoothed - np.median(levels[:baseline])
    return rise


def separation(scores: NDArray[np.float64], faulty: NDArray[np.bool_]) -> Separation:
    """Raises ValueError without a normal and a faulty record."""
    bad, good = np.sort(scores[faulty]), np.sort(scores[~faulty])
    if not len(bad) or not len(good):
        reason = "nothing to tell apart: records of both kinds are needed"
        raise ValueError(reason)
    # Mann and Whitney's U: pairs won, and half of the pairs drawn
    won = np.searchsorted(good, bad, side="left") + np.searchsorted(good, bad, side="right")
    auc = float(won.sum()) / (2.0 * len(good) * len(bad))
    return Separation(auc, float(np.mean(bad > np.quantile(good, 0.99))))
