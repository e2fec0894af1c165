"""Features of telemetry windows: mean, std, min, max, rms and slope of each channel.

std is the population's (divided by n), as the windows are descriptions and no samples of a
larger one. slope is per second, by least squares over the window's cells (windows by count: over
its samples). Only what somebody reads is computed: see ``wanted``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import nan, sqrt
from operator import truediv
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.monitoring.manipulation.cell import COUNT, HIGH, LOW
from agent.monitoring.manipulation.grid import CellWindow
from agent.monitoring.spec import AssetSpec
from agent.monitoring.types import SECOND, FloatArray

STATISTICS: Final = ("mean", "std", "min", "max", "rms", "slope")

_NOISE: Final = 64 * float(np.finfo(np.float64).eps)
"""Share of the mean square that may be rounding alone, in a difference of two of its size."""
_SURE: Final = 1.0 - _NOISE


def wanted(asset: AssetSpec, others: Iterable[str] = ()) -> tuple[str, ...]:
    """The statistics that somebody reads, in the order of the vectors below.

    The baseline reads mean and std, regimes the extremes of operating channels, records what
    ``features`` names, limits theirs; ``others`` is what the caller reads beside those.
    """
    read = {"mean", "std", *others, *asset.features}
    read.update(limit.feature.rpartition(".")[2] for limit in asset.limits)
    if asset.running is not None or any(channel.role == "operating" for channel in asset.channels):
        read.update(("min", "max"))
    return tuple(statistic for statistic in STATISTICS if statistic in read)


def names_of(channels: Sequence[str], statistics: Sequence[str] = STATISTICS) -> tuple[str, ...]:
    """The names in the order of the vectors below: statistic by statistic, ``channel.mean`` ...
    (a single channel: ``mean`` ...)."""
    if len(channels) == 1:
        return tuple(statistics)
    return tuple(f"{channel}.{statistic}" for statistic in statistics for channel in channels)


class GridStatistics:
    """These ``statistics`` of a grid's windows; mean and std are among them and come first."""

    __slots__ = ("_rest",)

    def __init__(self, statistics: Sequence[str]) -> None:
        if tuple(statistics[:2]) != STATISTICS[:2]:
            raise ValueError("mean and std are always computed, and come first")
        self._rest = tuple(statistics[2:])

    def of(self, window: CellWindow) -> NDArray[np.float64]:
        """Feature vector, shape (statistics x channels,); NaN where a channel has no samples."""
        counts, sums, squares = window.moments[:3]
        if window.missing:
            counts = [count or nan for count in counts]
        means = list(map(truediv, sums, counts))
        powers = list(map(truediv, squares, counts))
        # below 0 lies only rounding: a constant has no spread
        found = means + [
            0.0 if (variance := power * _SURE - mean * mean) <= 0.0 else sqrt(variance)
            for mean, power in zip(means, powers, strict=True)
        ]
        for statistic in self._rest:
            found += self._other(statistic, window, powers)
        return np.array(found)

    @staticmethod
    def _other(statistic: str, window: CellWindow, powers: list[float]) -> list[float]:
        match statistic:
            case "min" | "max":
                extremes = window.moments[LOW if statistic == "min" else HIGH]
                if not window.missing:
                    return extremes
                return [value if count else nan for value, count in zip(extremes, window.moments[COUNT], strict=True)]
            case "rms":
                return [sqrt(power) for power in powers]
            case _:
                assert window.slopes is not None  # noqa: S101 -- the grid is told by the same statistics
                slopes: list[float] = window.slopes.tolist()
                return slopes


def from_samples(
    values: FloatArray, statistics: Sequence[str] = STATISTICS[:5], times: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    """Feature vector, shape (statistics,), of one channel's samples, shape (n,); NaN samples do
    not count. ``times``, ns, shape (n,), are needed for the slope."""
    total = float(values.sum())
    if total != total:  # noqa: PLR0124 -- NaN
        good = ~np.isnan(values)
        if not good.any():
            return np.full(len(statistics), np.nan)
        values, times = values[good], None if times is None else times[good]
        total = float(values.sum())
    size = len(values)
    mean = total / size
    square = float(values.dot(values)) / size
    variance = square - mean * mean
    if variance < 1e-9 * square:  # cancellation: the mean dwarfs the spread
        centred = values - mean
        variance = float(centred.dot(centred)) / size
    found = {"mean": mean, "std": max(variance, 0.0) ** 0.5, "rms": square**0.5}
    if "min" in statistics or "max" in statistics:
        found |= {"min": float(values.min()), "max": float(values.max())}
    if "slope" in statistics:
        found["slope"] = np.nan if times is None else _slope(values, times)
    return np.array([found[statistic] for statistic in statistics])


def _slope(values: FloatArray, times: NDArray[np.int64]) -> float:
    """Least squares, per second; NaN where all samples are of one time."""
    seconds = (times - times[0]) / SECOND
    seconds -= seconds.mean()
    spread = float(seconds.dot(seconds))
    return float(seconds.dot(values)) / spread if spread else np.nan
