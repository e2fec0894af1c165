"""RMS velocity of vibration over 10-1000 Hz, the measure that ISO 20816 judges machines by.

An acceleration is integrated in the frequency domain: its power at f is divided by (2 pi f)^2. A Hann
window keeps strong lines and trends from leaking into the lowest bins, which the division lifts most.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import nan, pi, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

BAND: Final = (10.0, 1000.0)
"""Hz; ISO 20816-1:2016, 4.2 (broad-band vibration of machines from 600 rpm on)."""

_PER_SECOND: Final[Mapping[str, float]] = {"mm/s": 1.0, "m/s": 1000.0, "um/s": 0.001, "µm/s": 0.001, "in/s": 25.4}
_PER_SECOND_SQUARED: Final[Mapping[str, float]] = {
    "g": 9806.65, "mg": 9.80665,  # standard gravity, ISO 80000-3
    **dict.fromkeys(("m/s2", "m/s^2", "m/s²", "m/s**2"), 1000.0),
    **dict.fromkeys(("mm/s2", "mm/s^2", "mm/s²", "mm/s**2"), 1.0),
    **dict.fromkeys(("in/s2", "in/s^2", "in/s²"), 25.4),
}  # fmt: skip
_FEWEST_BINS: Final = 2.0
"""The band begins so many bins above 0: the main lobe of a Hann window reaches two bins to each side."""


def is_vibration(unit: str) -> bool:
    """Whether a velocity can be told from values in this unit (of acceleration or of velocity)."""
    plain = _plain(unit)
    return plain in _PER_SECOND or plain in _PER_SECOND_SQUARED


class Velocity:
    """Of blocks of ``samples`` samples at ``rate`` Hz in ``unit``.

    NaN, not a wrong number, where the unit is of neither acceleration nor velocity, where half the rate is
    below 1 kHz, and where the block is shorter than 0.2 s: its bins are then wider than 5 Hz and cannot
    tell 10 Hz from the mean. A line at 10 bins or more is told within 2 %, whatever the block's length; at the
    band's edges half of a line's power is outside, and in blocks of 0.2 s one near 10 Hz may be 4 dB off.
    """

    def __init__(self, samples: int, rate: float, unit: str) -> None:
        self._weights: NDArray[np.float64] | None = None
        self._bins = slice(0)
        spacing, plain = rate / samples, _plain(unit)
        low, high = BAND
        if not is_vibration(unit) or rate < 2.0 * high or spacing * _FEWEST_BINS > low * (1.0 + 1e-9):
            return
        centres = np.arange(samples // 2 + 1) * spacing
        covered = np.minimum(centres + 0.5 * spacing, high) - np.maximum(centres - 0.5 * spacing, low)
        inside = np.flatnonzero(covered > 0.0)
        self._bins = slice(int(inside[0]), int(inside[-1]) + 1)
        weights = covered[self._bins] / spacing
        if plain in _PER_SECOND:
            self._weights = weights * _PER_SECOND[plain] ** 2
        else:
            self._weights = weights * (_PER_SECOND_SQUARED[plain] / (2.0 * pi * centres[self._bins])) ** 2

    def of(self, power: NDArray[np.float64]) -> float:
        """mm/s RMS, of the one-sided mean square by bin (``Periodogram.hann``)."""
        return nan if self._weights is None else sqrt(float(self._weights.dot(power[self._bins])))


def _plain(unit: str) -> str:
    return unit.strip().lower().replace(" ", "")
