"""What a machine's means should be at an operating point, from the load bands learned so far.

Within a band the point still moves by some percent, and a pump's head goes with the square of its
speed. So a band's means are carried to the point by a quadratic in the operating variables,
fitted to the means of all bands learned (least squares of least norm while they are few). How wrong
that may be is told by leaving each band out in turn; before there are enough bands, by the laws of
similarity: no quantity goes with more than the third power of speed (Guelich, Centrifugal Pumps,
2020, ch. 3). A deviation that such doubt explains is no fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.monitoring.detection.bands import Bands

_STEEPEST: Final = 3.0
_ENOUGH: Final = 4
"""So many bands, and the interpolation is believed as far as it has proved itself."""
_PROVED: Final = 0.8
"""The quantile of the bands' leave-one-out errors that is taken as the doubt."""
_SMALL: Final = 1e-3
"""Singular values below this share of the largest are left out of the fit."""


class Expectation:
    """``bands`` says where the bands are; ``fit`` is told their means."""

    def __init__(self, bands: Bands) -> None:
        self._bands = bands
        self._centres: dict[int, NDArray[np.float64]] = {}
        self._scale = np.ones(len(bands.variables))
        self._origin = np.zeros(len(bands.variables))
        self._weights = np.zeros((0, 0))
        self._slope = np.zeros(0)
        self._terms: dict[int, NDArray[np.float64]] = {}

    def fit(self, means: Mapping[int, NDArray[np.float64]]) -> None:
        """``means`` of each band, shape (channels,)."""
        if not self._bands.variables:
            return
        numbers = list(means)
        points = np.array([self._bands.centre(number) for number in numbers])
        values = np.array([means[number] for number in numbers])
        self._scale = np.maximum(np.abs(points).max(axis=0), 1e-12)
        self._origin = points.mean(axis=0)
        self._centres = dict(zip(numbers, points, strict=True))
        terms = np.array([self._of(point) for point in points])
        self._weights = _solve(terms, values)
        self._terms = dict(zip(numbers, terms, strict=True))
        self._slope = _STEEPEST * np.abs(values).max(axis=0)
        if len(numbers) >= _ENOUGH:
            self._slope = np.minimum(self._slope, self._proved(points, terms, values))

    def at(self, point: NDArray[np.float64], band: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """By how much the means at ``point`` differ from those of its ``band``, and the doubt about
        it (a standard deviation), shape (channels,) each."""
        moved = (self._of(point) - self._terms[band]) @ self._weights
        away = float((np.abs(point - self._centres[band]) / self._scale).max())
        return moved, self._slope * away

    def _of(self, point: NDArray[np.float64]) -> NDArray[np.float64]:
        """Linear and quadratic terms of an operating point."""
        x = (point - self._origin) / self._scale
        return np.concatenate([x, np.outer(x, x)[np.triu_indices(len(x))]])

    def _proved(
        self, points: NDArray[np.float64], terms: NDArray[np.float64], values: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Error of the interpolation per distance to the nearest band, of each channel."""
        found = []
        for number in range(len(points)):
            others = np.arange(len(points)) != number
            distances = (np.abs(points[others] - points[number]) / self._scale).max(axis=1)
            nearest = int(distances.argmin())
            weights = _solve(terms[others], values[others])
            expected = values[others][nearest] + (terms[number] - terms[others][nearest]) @ weights
            found.append(np.abs(values[number] - expected) / max(float(distances[nearest]), 1e-6))
        return np.asarray(np.quantile(found, _PROVED, axis=0))


def _solve(terms: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights, shape (terms, channels), of the differences from the mean."""
    centred = terms - terms.mean(axis=0)
    return np.asarray(np.linalg.pinv(centred, rcond=_SMALL) @ (values - values.mean(axis=0)))
