"""Features of telemetry windows: mean, std, min, max and rms of each channel.

std is the population's (divided by n), as the windows are descriptions and no samples of a
larger one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from agent.monitoring.manipulation.grid import COUNT, HIGH, LOW, SQUARE, SUM
from agent.monitoring.types import FloatArray

STATISTICS = ("mean", "std", "min", "max", "rms")


def names_of(channels: Sequence[str]) -> tuple[str, ...]:
    """The names in the order of the vectors below: statistic by statistic, ``channel.mean`` ...
    (a single channel: ``mean`` ...)."""
    if len(channels) == 1:
        return STATISTICS
    return tuple(f"{channel}.{statistic}" for statistic in STATISTICS for channel in channels)


def from_moments(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Feature vector, shape (5 x channels,), of a grid window's moments, shape (5, channels).

    A channel without samples gives NaN.
    """
    counts = moments[COUNT]
    out = np.empty(moments.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        np.divide(moments[SUM], counts, out=out[0])
        square = moments[SQUARE] / counts
    np.sqrt(np.maximum(square - out[0] * out[0], 0.0), out=out[1])
    out[2] = moments[LOW]
    out[3] = moments[HIGH]
    np.sqrt(square, out=out[4])
    if not counts.all():
        out[:, counts == 0] = np.nan
    return out.ravel()


def from_samples(values: FloatArray) -> NDArray[np.float64]:
    """Feature vector, shape (5,), of one channel's samples, shape (n,); NaN samples do not count."""
    total = float(values.sum())
    if total != total:  # noqa: PLR0124 -- NaN
        values = values[~np.isnan(values)]
        if not len(values):
            return np.full(5, np.nan)
        total = float(values.sum())
    size = len(values)
    mean = total / size
    square = float(values.dot(values)) / size
    variance = square - mean * mean
    if variance < 1e-9 * square:  # cancellation: the mean dwarfs the spread
        centred = values - mean
        variance = float(centred.dot(centred)) / size
    return np.array(
        (mean, max(variance, 0.0) ** 0.5, float(values.min()), float(values.max()), square**0.5)
    )
