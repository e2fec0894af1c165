"""How long until a drifting index first reaches its limit: the distribution of the first passage.

Of a Wiener process with a known drift it is the inverse Gaussian (Whitmore, The inverse Gaussian
distribution as a model of hospital stay, Health Services Research 10 (1975) 297-302); with a drift known
up to a normal error, the mixture that has a closed form (Peng & Tseng, Mis-specification analysis of linear
degradation models, IEEE Trans. Reliability 58 (2009) 444-455).

No machine keeps its pace, and the past does not tell how it will change. What was measured on degradations
is put in as a prior: a trend is noticed where it happens to be steep and then often slows down (``PACES``),
and wear begets wear (``GAINS``), the more the farther one looks compared with the stretch that was seen.
"""

from __future__ import annotations

from collections.abc import Callable
from math import erfc, exp, inf, log, pi, sqrt
from typing import Final

from agent.monitoring.prognosis.drift import Drift

PACES: Final = (0.25, 0.7, 1.2)
"""The coming drift over that of the stretch, each as likely as the others."""
GAINS: Final = (0.0, 2.0, 8.0)
"""By how much of itself the coming drift grows while as long passes as the stretch was, each as likely."""
_UNREST: Final = 2.0
"""The index wanders on with so many times the variance: the noise of today's value counts, too."""
QUANTILES: Final = (0.1, 0.5, 0.9)
_NEAREST: Final = 0.2
"""Points from the limit that count as reached in no time."""
_FARTHEST: Final = 100.0
"""Over the time that a straight line takes: what is not reached by then is not said to be reached."""
_STEPS: Final = 16
"""Of bisection: to 0.02 %."""
_TAIL: Final = -20.0
_COARSE: Final = 0.1
"""Points that an index wanders over a stretch, at least: it is no exact quantity."""


def remaining(distance: float, drift: Drift, span: float) -> tuple[float, float, float]:
    """Windows until an index that is ``distance`` above its limit first reaches it: the 10 %, 50 % and 90 %
    quantiles, infinite where it may well never. ``drift``: as it was, negative, over ``span`` windows."""
    pace = -drift.mean
    straight = max(distance, _NEAREST) / pace
    low, middle, high = (_quantile(share, straight, _reached(distance, drift, span)) for share in QUANTILES)
    return low, middle, high


def _reached(distance: float, drift: Drift, span: float) -> Callable[[float], float]:
    """The probability that the limit is reached within so many windows."""
    away = max(distance, _NEAREST)
    wandering = max(_UNREST * drift.wandering, _COARSE**2 / span)
    cases = len(PACES) * len(GAINS)

    def probability(windows: float) -> float:
        found = 0.0
        for gain in GAINS:
            # a drift that grows takes as far in this time as a steady one would in ``steady``
            steady = windows * (1.0 + 0.5 * gain * windows / span)
            for factor in PACES:
                found += first_passage(steady, away, -drift.mean * factor, drift.deviation * factor, wandering)
        return found / cases

    return probability


def first_passage(time: float, distance: float, drift: float, deviation: float, wandering: float) -> float:
    """The probability that a Wiener process has covered ``distance`` > 0 within ``time``.

    ``drift`` towards it, known up to a normal error of standard deviation ``deviation``; ``wandering`` > 0:
    variance per unit of time.
    """
    if time <= 0.0:
        return 0.0
    spread = sqrt(wandering * time + (deviation * time) ** 2)
    beyond = _normal((drift * time - distance) / spread)
    # the paths that have been there and come back, by reflection
    bend = deviation**2 * distance / wandering
    reflected = 2.0 * distance / wandering * (drift + bend) + _log_normal(
        -(2.0 * bend * time + drift * time + distance) / spread)
    return min(1.0, beyond + exp(min(reflected, 0.0)))


def _quantile(share: float, straight: float, reached: Callable[[float], float]) -> float:
    """When ``reached`` comes to ``share``, by bisection of the logarithm of time."""
    low, high = log(straight / _FARTHEST), log(straight * _FARTHEST)
    if reached(exp(high)) < share:
        return inf
    for _ in range(_STEPS):
        middle = 0.5 * (low + high)
        if reached(exp(middle)) < share:
            low = middle
        else:
            high = middle
    return exp(high)


def _normal(value: float) -> float:
    return 0.5 * erfc(-value / sqrt(2.0))


def _log_normal(value: float) -> float:
    """Logarithm of the normal distribution function, also where that itself is 0 in floating point."""
    if value > _TAIL:
        return log(_normal(value))
    # Abramowitz & Stegun, Handbook of Mathematical Functions, 26.2.12: the first two terms
    return -0.5 * value**2 - log(-value * sqrt(2.0 * pi)) + log(1.0 - 1.0 / value**2)
