"""Third-octave bands: the exact base-10 centres of IEC 61260-1, named by their nominal ones."""

from __future__ import annotations

from math import floor, log10
from typing import Final

import numpy as np
from numpy.typing import NDArray

LOWEST: Final = 100.0
_PER_DECADE: Final = 10
_HALF: Final = 10.0 ** (1.0 / 20.0)
"""From a centre to its upper edge: half a band, IEC 61260-1:2014, 5.4 to 5.6."""
_NOMINAL: Final = (100, 125, 160, 200, 250, 315, 400, 500, 630, 800)
"""IEC 61260-1:2014, annex E: the first decade, the others are multiples."""


def names(rate: float) -> tuple[str, ...]:
    """``third_100``, ``third_125`` ...: those that lie wholly below half of ``rate`` Hz."""
    found = []
    for place in range(_count(rate)):
        decade, step = divmod(place, _PER_DECADE)
        found.append(f"third_{_NOMINAL[step] * 10**decade}")
    return tuple(found)


def edges(rate: float) -> NDArray[np.float64]:
    """Hz, shape (bands + 1,): each band begins where the one below ends."""
    lower: NDArray[np.float64] = LOWEST / _HALF * 10.0 ** (np.arange(_count(rate) + 1) / _PER_DECADE)
    return lower


def _count(rate: float) -> int:
    """Bands whose upper edge is not above half the rate (but for rounding)."""
    return max(0, floor(_PER_DECADE * log10(0.5 * rate / (LOWEST * _HALF)) + 1.0 + 1e-9))
