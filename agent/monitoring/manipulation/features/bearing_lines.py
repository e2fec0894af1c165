"""How far the frequencies of a bearing's faults stand out of the envelope's spectrum.

Each fault has a comb of lines: the first three harmonics of its frequency, an inner-race fault with sidebands at
the shaft's speed beside them (it goes through the load zone once a turn), a rolling element with those of
the cage (Randall and Antoni 2011, sec. 3; see ``envelope``). Rolling elements slip, so that a comb is looked for
within two percent, all its lines together. The level is the mean of its harmonics' dB over the noise around them:
a line of another fault that falls on one of three harmonics moves it little, which is the idea of the harmonic
product spectrum (A. M. Noll, 1969).

Lines are followed in orders of the shaft and averaged over the latest records: the noise averages out, whatever
the speed does.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, nan
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from agent.monitoring.manipulation.features.envelope import EnvelopeSpectrum
from agent.monitoring.spec import BearingSpec

FAULTS: Final = ("bpfo", "bpfi", "bsf", "ftf")
_HARMONICS: Final = np.array([1.0, 2.0, 3.0])
_SLIP: Final = 0.02
_STEP: Final = 0.5
"""Bins between two slips that are tried, at ``_SEARCHED`` Hz."""
_SEARCHED: Final = 2000.0
_MOST_SLIPS: Final = 257
_LOWEST: Final = 3.0
"""Bins of the block: below, a line is not told from the mean that was taken out."""
_MEMORY: Final = 4
_FLOOR_BINS: Final = 24
"""Bins whose median is the noise in their middle."""
_MEDIAN: Final = 0.6931
"""Of the power of noise, of which the mean is 1: exponential, ln 2."""
_LEAST: Final = 1e-6


def names_of(bearings: Sequence[BearingSpec]) -> tuple[str, ...]:
    """``<bearing>.bpfo`` ... of all of them."""
    return tuple(f"{bearing.name}.{fault}" for bearing in bearings for fault in FAULTS)


class BearingLines:
    """Of ``bearings``, in blocks of ``samples`` samples at ``rate`` Hz. It remembers the latest lines.

    bsf is looked for at twice its frequency, where a defect meets both races. NaN where the speed is not
    known, and where the first harmonic is below three bins of the block or above what the envelope's band
    holds: a cage's frequency takes six turns of the shaft or more in the block.
    """

    MOVING: ClassVar[tuple[str, ...]] = ("_mean", "_seen")

    def __init__(self, bearings: Sequence[BearingSpec], samples: int, rate: float) -> None:
        self.names: Final = names_of(bearings)
        self.frequencies: dict[str, float] = {}
        """Hz at which the first harmonic of each fault was found in the latest block, by name."""
        slips = min(2 * ceil(_SLIP * _SEARCHED * samples / rate / _STEP) + 1, _MOST_SLIPS)
        self._slips = 1.0 + _SLIP * np.linspace(-1.0, 1.0, slips)
        combs = [comb for b in bearings for comb in
                 ((b.bpfo, 0.0, 0.0), (b.bpfi, 1.0, 0.0), (2.0 * b.bsf, 0.0, b.ftf), (b.ftf, 0.0, 0.0))]
        self._orders, of_shaft, of_cage = np.array(combs).T
        sides = np.array([-1.0, 0.0, 1.0])
        slipped = np.multiply.outer(self._orders, np.multiply.outer(self._slips, _HARMONICS))
        # the cage slips with the elements, the shaft does not: (sides, faults, slips, harmonics)
        beside = of_shaft[:, None, None] + of_cage[:, None, None] * self._slips[:, None]
        self._places = slipped + np.multiply.outer(sides, beside * np.ones(len(_HARMONICS)))
        self._highest = self._orders[:, None] * _HARMONICS * (1.0 + _SLIP)
        self._mean = np.full(slipped.shape, nan)
        self._seen = 0

    def of(self, spectrum: EnvelopeSpectrum, speed: float | None) -> NDArray[np.float64]:
        """Levels in dB over the noise, shape (faults of all bearings,), in the order of the names; ``speed`` in Hz."""
        self.frequencies = {}
        out = np.full(len(self.names), nan)
        if speed is None or not speed > 0.0:
            return out
        told = self._highest * speed < (len(spectrum.power) - 1) * spectrum.spacing
        told &= (self._orders * speed >= _LOWEST * spectrum.resolution)[:, None]
        found = told[:, 0]
        if not found.any():
            return out
        relative = spectrum.power / np.maximum(_floor(spectrum), 1e-300)
        places = self._places * (speed / spectrum.spacing)
        each = np.interp(places.ravel(), np.arange(len(relative)), relative).reshape(places.shape)
        lines = np.add.reduce(each, axis=0) / len(each)
        self._seen = min(self._seen + 1, _MEMORY)
        known = ~np.isnan(self._mean)
        lines = np.where(known, self._mean + (lines - np.where(known, self._mean, 0.0)) / self._seen, lines)
        self._mean = np.where(told[:, None, :], lines, self._mean)
        levels = 10.0 * np.log10(np.maximum(lines, _LEAST))
        counts = np.maximum(told.sum(axis=1), 1)
        combs = (levels * told[:, None, :]).sum(axis=2) / counts[:, None]
        best = combs.argmax(axis=1)
        for fault in np.flatnonzero(found).tolist():
            out[fault] = combs[fault, best[fault]]
            self.frequencies[self.names[fault]] = float(self._orders[fault] * self._slips[best[fault]] * speed)
        return out


def _floor(spectrum: EnvelopeSpectrum) -> NDArray[np.float64]:
    """The noise at each point of the spectrum: medians of stretches, joined by straight lines."""
    points = len(spectrum.power)
    stretch = min(round(_FLOOR_BINS * spectrum.resolution / spectrum.spacing), points)
    first = min(round(2 * spectrum.resolution / spectrum.spacing), points - stretch)
    count = max(1, (points - first) // stretch)
    ranked = np.sort(spectrum.power[first : first + count * stretch].reshape(count, stretch), axis=1)
    medians = 0.5 * (ranked[:, (stretch - 1) // 2] + ranked[:, stretch // 2])
    middles = first + stretch * (np.arange(count) + 0.5)
    return np.interp(np.arange(points), middles, medians) / _MEDIAN
