"""Robust statistics of commissioning windows: medians, spreads and fits that a few odd windows do not bend."""

from __future__ import annotations

from math import nan
from typing import Final

import numpy as np
from numpy.typing import NDArray

_MAD: Final = 1.4826
"""Of normal noise the median absolute deviation times this is the standard deviation (Hampel, J. Am. Stat.
Assoc. 69 (1974) 383-393)."""
_QUANTILES: Final = 2.563
"""And from the 10 % to the 90 % quantile it is so many standard deviations."""


def spread(rest: NDArray[np.float64]) -> float:
    """A standard deviation of values around 0, shape (n,): the larger of what the median absolute deviation and
    the outer quantiles say, as windows of several loads are no single heap."""
    low, high = np.quantile(rest, (0.1, 0.9))
    return max(_MAD * float(np.median(np.abs(rest))), float(high - low) / _QUANTILES)


def medians(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Per column, shape (rows, n) -> (n,), of what is finite; NaN where nothing is."""
    return np.array([
        float(np.median(known)) if len(known := column[np.isfinite(column)]) else nan for column in rows.T
    ])


def fit(design: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Coefficients of ``values``, shape (n,), over ``design``, shape (n, k), whose first column is 1: least
    squares, once more without what is beyond four spreads, centred on the median; and the spread they leave."""
    coefficients = np.linalg.lstsq(design, values, rcond=None)[0]
    rest = values - design @ coefficients
    near = np.abs(rest - np.median(rest)) <= 4.0 * spread(rest - np.median(rest))
    if near.sum() > 2 * design.shape[1]:
        coefficients = np.linalg.lstsq(design[near], values[near], rcond=None)[0]
        rest = values - design @ coefficients
    middle = float(np.median(rest))
    coefficients[0] += middle
    return coefficients, spread(rest - middle)
