"""How fast a health index drifts, and how sure that is: a Wiener process seen through noise.

The level of the index wanders: x(t) = x0 + drift t + sigma B(t), B a Brownian motion, as degradation is
commonly modelled (the review of Si, Wang, Hu & Zhou, Remaining useful life estimation, European J. of
Operational Research 213 (2011) 1-14). What is seen is x and noise that lasts for some windows, since the
index is a mean of several (Whitmore, Estimating degradation by a Wiener diffusion process subject to
measurement error, Lifetime Data Analysis 1 (1995) 307-319).

How much of the unrest is wandering and how much is noise decides how sure the drift is: a straight line
through noise is soon certain, through a random walk hardly ever, and a line fitted by least squares calls
every random walk a trend. The share is not known, hence both are weighed over a grid of shares by their
marginal likelihood; given a share the drift follows by generalised least squares, with a Student
distribution, in closed form. Increments of bins are what is fitted, so that the level drops out.
"""

from __future__ import annotations

from functools import lru_cache
from math import exp, sqrt
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

REMEMBERED: Final = 15.0
"""Windows that the noise of a health index lasts: its mean has a time constant of ten, after a median of
five (see ``assessment.health``)."""
_SHARES: Final = np.array([0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0])
"""Variance of the noise over that of wandering through the whole stretch, as the grid has it."""
_LEAST: Final = 1e-6
"""Points squared that any stretch is unsure by: numbers have ends."""


class Drift(NamedTuple):
    """Of a stretch of an index: its ``mean`` change and its ``deviation`` (one standard deviation of what
    is not known of it), points a window; and the variance of its ``wandering``, points squared a window."""

    mean: float
    deviation: float
    wandering: float

    @property
    def certainty(self) -> float:
        """The mean in units of its deviation."""
        return self.mean / self.deviation


def drift(means: NDArray[np.float64], windows: int) -> Drift:
    """The drift of consecutive bins, shape (n,) with n >= 5, of ``windows`` windows each."""
    bins = len(means)
    design = _design(bins, windows)
    increments = np.diff(means)
    slopes = design.weights @ increments
    rest = increments - slopes[:, None]
    squares = np.einsum("si,sij,sj->s", rest, design.inverse, rest) + _LEAST
    freedom = bins - 2
    likelihood = design.constant - 0.5 * freedom * np.log(squares)
    weight = np.exp(likelihood - likelihood.max())
    weight /= weight.sum()
    variance = squares / freedom
    slope = float(weight @ slopes)
    # a Student distribution with so many degrees of freedom is wider than its scale; and the shares disagree
    unsure = variance / design.information * freedom / (freedom - 2) + (slopes - slope) ** 2
    return Drift(slope / windows, sqrt(float(weight @ unsure)) / windows, float(weight @ variance) / (bins * windows))


class _Design(NamedTuple):
    """What follows from the number and the length of the bins alone, for each share of noise."""

    inverse: NDArray[np.float64]
    """Of the covariance of the increments, shape (shares, n - 1, n - 1); wandering has unit variance over
    the stretch."""
    weights: NDArray[np.float64]
    """Generalised least squares' of the increments in the slope, shape (shares, n - 1)."""
    information: NDArray[np.float64]
    """Over the variance it is the slope's precision, shape (shares,)."""
    constant: NDArray[np.float64]
    """What the log marginal likelihood has beside the residuals' part, shape (shares,)."""


@lru_cache(maxsize=16)
def _design(bins: int, windows: int) -> _Design:
    number = np.arange(bins)
    # Brownian motion averaged over bins: Cov = the earlier bin's middle; within a bin a third of it, not a half
    wandering = np.minimum.outer(number, number) + 0.5
    wandering[np.diag_indices(bins)] = number + 1.0 / 3.0
    # an exponentially correlated noise averaged over bins, in closed form
    length = windows / REMEMBERED
    lost = 1.0 - exp(-length)
    noise = np.exp(-length * np.maximum(number - 1.0, 0.0)) * (lost / length) ** 2
    noise[0] = 2.0 / length - 2.0 * lost / length**2
    seen = wandering / bins + _SHARES[:, None, None] * noise[np.abs(np.subtract.outer(number, number))]
    differences = np.diff(np.eye(bins), axis=0)
    covariance = differences @ seen @ differences.T
    inverse = np.linalg.inv(covariance)
    towards = inverse.sum(axis=2)
    information = towards.sum(axis=1)
    constant = -0.5 * (np.linalg.slogdet(covariance)[1] + np.log(information))
    return _Design(inverse, towards / information[:, None], information, constant)
