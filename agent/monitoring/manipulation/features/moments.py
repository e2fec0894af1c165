"""Moments of one block of a waveform: mean, rms, std, peak, crest, kurtosis.

By dot products, not by powers: a fifth of the time of ``np.mean(d ** 4)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import nan, sqrt

import numpy as np
from numpy.typing import NDArray

MOMENTS = ("mean", "rms", "std", "peak", "crest", "kurtosis")

# A spread this far below the rms (squared) is rounding of a constant, not a signal.
_CONSTANT = 1e-26


class Moments:
    """``names``: which of ``MOMENTS`` to compute, of blocks of ``samples`` samples.

    mean, rms, std (divided by n) and peak (largest absolute value) are in the channel's unit;
    crest is peak / rms; kurtosis is the plain fourth standardised moment, 3 for normal noise
    (not the excess). NaN where undefined: crest of silence, kurtosis of a constant.
    """

    def __init__(self, names: Sequence[str], samples: int) -> None:
        self._names = tuple(names)
        self._centred = np.empty(samples)
        self._ones = np.ones(samples)
        self._wants_peak = "peak" in names or "crest" in names
        self._wants_spread = "std" in names or "kurtosis" in names
        self._wants_mean = "mean" in names or self._wants_spread
        self._wants_fourth = "kurtosis" in names

    def of(self, values: NDArray[np.float64], square: float) -> list[float]:
        """The moments of ``values``, shape (samples,), whose ``square`` = values . values is finite;
        in the order of the names."""
        size = len(values)
        mean = peak = spread = fourth = 0.0
        mean_square = square / size
        if self._wants_mean:
            mean = float(values.dot(self._ones)) / size  # a third of the time of values.sum()
        if self._wants_spread:
            centred = self._centred
            np.subtract(values, mean, out=centred)
            spread = float(centred.dot(centred)) / size
            if self._wants_fourth:
                np.multiply(centred, centred, out=centred)
                fourth = float(centred.dot(centred)) / size
        if self._wants_peak:
            peak = max(float(values.max()), -float(values.min()))
        rms = sqrt(mean_square)
        variance_square = spread * spread if spread > _CONSTANT * mean_square else 0.0
        moments = {
            "mean": mean,
            "rms": rms,
            "std": sqrt(spread),
            "peak": peak,
            "crest": peak / rms if rms else nan,
            "kurtosis": fourth / variance_square if variance_square else nan,
        }
        return [moments[name] for name in self._names]
