"""What a machine's means should be at an operating point, from the points it has been run at.

A pump's head goes with the square of its speed: what is normal moves with speed and load even within
a load band. The means are a quadratic in the operating variables, learned from stays (spans at one
operating point) by Bayesian linear regression (Bishop, Pattern Recognition and Machine Learning,
2006, ch. 3.3)::

    mean(x) = w . (1, x1, x2, x1^2, x1 x2, x2^2),   x = (point - origin) / scale

What is believed before anything was learned is the laws of similarity: no quantity goes with more
than the third power of speed (Guelich, Centrifugal Pumps, 2020, ch. 3), so that a relative change of
the point changes a mean by up to three times as much. The posterior tells how sure the expectation is
at a point; a deviation that its doubt explains is no fault. What a quadratic cannot follow is seen
in the residuals of the stays, and added to the doubt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

_STEEPEST: Final = 3.0
_ANYWHERE: Final = 10.0
"""Prior deviation of the constant term, in sizes of the mean: it is learned from one stay."""
_MISFIT: Final = 0.003
"""What the quadratic is taken to miss, as a share of the mean, before the stays can tell."""
_APART: Final = 0.01
"""Of the scale: nearer than this to a stay, another one later adds nothing (see ``add_new``)."""
_MOVED: Final = 0.005
"""Of the scale: a point that is further away begins another stay."""
_MOST: Final = 96
UNTOLD: Final = np.inf
"""In place of the mean of a channel that is left out: a stay says nothing of it, and all of the others."""


class Stay(NamedTuple):
    """A span at one operating ``point``, shape (variables,): the ``means``, shape (channels,), of so
    many independent ``windows``; ``UNTOLD`` of a channel that was not to be believed then."""

    point: NDArray[np.float64]
    means: NDArray[np.float64]
    windows: float


class Expectation:
    """Of ``channels`` means over ``variables`` operating variables."""

    def __init__(self, variables: int, channels: int) -> None:
        self._variables = variables
        self._channels = channels
        self._stays: list[Stay] = []
        self._origin = np.zeros(variables)
        self._scale = np.ones(variables)
        self._pairs = np.triu_indices(variables)
        terms = 1 + variables + len(self._pairs[0])
        self._weights = np.zeros((terms, channels))
        self._covariance = np.zeros((channels * terms, terms))
        self._misfit = np.zeros(channels)

    def __len__(self) -> int:
        return len(self._stays)

    def add(self, stays: Sequence[Stay]) -> None:
        """Take in what was learned."""
        self._stays += stays
        if len(self._stays) > _MOST:  # the shortest say least
            kept = sorted(range(len(self._stays)), key=lambda i: (-self._stays[i].windows, i))[:_MOST]
            self._stays = [self._stays[i] for i in sorted(kept)]

    def add_new(self, stays: Sequence[Stay]) -> int:
        """Take in stays at points where there was none, and say how many: what was learned elsewhere is
        refined, but nowhere replaced by what came later."""
        taken = 0
        for stay in stays:
            points = np.array([known.point for known in self._stays])
            if len(points) < _MOST and (np.abs(points - stay.point) / self._scale).max(axis=1).min() > _APART:
                self._stays.append(stay)
                taken += 1
        return taken

    def fit(self, spread: NDArray[np.float64]) -> None:
        """Learn from the stays; ``spread``: standard deviation of independent windows' means at one
        point, shape (channels,)."""
        points = np.array([stay.point for stay in self._stays])
        values = np.array([stay.means for stay in self._stays])
        windows = np.array([stay.windows for stay in self._stays])
        told = np.isfinite(values)
        values = np.where(told, values, 0.0)
        self._scale = np.maximum(np.abs(points).max(axis=0), 1e-12)
        self._origin = points.mean(axis=0)
        design = np.array([self._terms(point) for point in points])
        spread = np.where(np.isfinite(spread), spread, 0.0)
        size = np.maximum(np.abs(values).max(axis=0), np.maximum(10.0 * spread, 1e-9))
        sampling = spread[:, None] ** 2 / np.maximum(windows, 1.0)  # (channels, stays)
        misfit = _MISFIT * size
        freedom = told.sum(axis=0) - design.shape[1]
        enough = freedom >= 2  # noqa: PLR2004 -- fewer residuals tell nothing
        for _ in range(2):
            noise = np.where(told.T, sampling + (misfit**2)[:, None] + 1e-18, np.inf)
            residuals = np.where(told, self._solve(design, values, noise, size), 0.0)
            drawn = np.where(told.T, sampling, 0.0).sum(axis=1) / np.maximum(told.sum(axis=0), 1)
            unexplained = (residuals**2).sum(axis=0) / np.maximum(freedom, 1) - drawn
            misfit = np.where(enough, np.sqrt(np.maximum(unexplained, (0.1 * _MISFIT * size) ** 2)), misfit)
            if not enough.any():
                break
        self._misfit = misfit

    def _solve(
        self, design: NDArray[np.float64], values: NDArray[np.float64], noise: NDArray[np.float64],
        size: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Posterior of each channel; the residuals of the stays, shape (stays, channels)."""
        terms = design.shape[1]
        prior = np.full(terms, _STEEPEST)
        prior[0] = _ANYWHERE
        covariances = np.empty((self._channels, terms, terms))
        for channel in range(self._channels):
            scaled = design / noise[channel][:, None]
            precision = design.T @ scaled + np.diag(1.0 / (prior * size[channel]) ** 2)
            covariances[channel] = np.linalg.inv(precision)
            self._weights[:, channel] = covariances[channel] @ (scaled.T @ values[:, channel])
        self._covariance = covariances.reshape(self._channels * terms, terms)
        return np.asarray(values - design @ self._weights)

    def at(self, point: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The means expected at ``point``, and the variance of that expectation, shape (channels,)
        each."""
        terms = self._terms(point)
        variance = (self._covariance @ terms).reshape(self._channels, -1) @ terms
        return terms @ self._weights, variance + self._misfit * self._misfit

    def _terms(self, point: NDArray[np.float64]) -> NDArray[np.float64]:
        x = (point - self._origin) / self._scale
        return np.concatenate([[1.0], x, x[self._pairs[0]] * x[self._pairs[1]]])

    def to_json(self) -> list[Any]:
        """As a snapshot keeps it: the stays."""
        return [_written(stay) for stay in self._stays]

    def restore(self, document: Sequence[Any]) -> None:
        """The inverse of ``to_json``; ``fit`` has to follow."""
        self._stays = [_read(kept) for kept in document]


class Stays:
    """Splits windows in the order of their coming into stays."""

    def __init__(self, overlap: float) -> None:
        self._overlap = overlap
        self._points: NDArray[np.float64] | None = None
        self._means: NDArray[np.float64] | None = None
        self._count = 0
        self._closed: list[Stay] = []

    def take(self, point: NDArray[np.float64], means: NDArray[np.float64], scale: NDArray[np.float64]) -> None:
        """A window at ``point``; one that misses a channel (NaN) says nothing."""
        if np.isnan(means).any():
            return
        if self._points is not None and self._means is not None:
            away = np.abs(point - self._points / self._count) / np.maximum(scale, 1e-12)
            if away.max() <= _MOVED:
                self._points = self._points + point
                self._means = self._means + means
                self._count += 1
                return
            self._close()
        self._points, self._means, self._count = point.copy(), means.copy(), 1

    def _close(self) -> None:
        if self._points is not None and self._means is not None and len(self._closed) < _MOST:
            count = self._count
            self._closed.append(Stay(self._points / count, self._means / count, count / self._overlap))
        self._points = self._means = None
        self._count = 0

    def interrupt(self) -> None:
        """Drop the stay that is going on."""
        self._points = self._means = None
        self._count = 0

    def to_json(self) -> dict[str, Any]:
        """As a snapshot keeps it."""
        going = None
        if self._points is not None and self._means is not None:
            going = _written(Stay(self._points, self._means, self._count))
        return {"going": going, "closed": [_written(stay) for stay in self._closed]}

    def restore(self, document: Mapping[str, Any]) -> None:
        """The inverse of ``to_json``."""
        self.interrupt()
        self._closed = [_read(kept) for kept in document["closed"]]
        if document["going"] is not None:
            self._points, self._means, count = _read(document["going"])
            self._count = int(count)

    def drain(self) -> list[Stay]:
        """The stays so far; begins anew."""
        self._close()
        closed, self._closed = self._closed, []
        return closed


def _written(stay: Stay) -> list[Any]:
    means = [mean if mean != UNTOLD else None for mean in stay.means.tolist()]
    return [stay.point.tolist(), means, stay.windows]


def _read(document: Sequence[Any]) -> Stay:
    point, means, windows = document
    told = [UNTOLD if mean is None else mean for mean in means]
    return Stay(np.array(point, dtype=np.float64), np.array(told, dtype=np.float64), float(windows))
