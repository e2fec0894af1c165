"""Features of waveform blocks: moments, bands of the periodogram, levels in dB.

=================== ======================================= ===========================
asked for           gives                                   unit
=================== ======================================= ===========================
mean rms std peak   itself (see ``moments``)                the channel's
crest kurtosis      itself                                  1
bands               band_1 .. band_8, equal width           unit^2 (mean square)
octaves             octave_100, octave_200 .. octave_6400   dB re 1 unit^2
levels              level_1 .. level_32                     dB re 1 unit^2
power               nothing, only ``power`` for a model     unit^2 x samples^2
=================== ======================================= ===========================

Octaves are seven from 100 to 12,800 Hz, named by their lower edge in Hz. Levels cut the same
span into 32 bands that are equally wide in log(1 + f / 1 kHz), as the mel scale is: of equal
ratio at the top, yet not narrower at the bottom than what one block can tell from its own
noise. What would reach above half the rate is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.monitoring.manipulation.features.moments import MOMENTS, Moments
from agent.monitoring.manipulation.features.periodogram import (
    EQUAL_BANDS,
    EqualBands,
    LevelBands,
    Periodogram,
)
from agent.monitoring.types import FloatArray

LOWEST: Final = 100.0
HIGHEST: Final = 12_800.0
OCTAVES: Final = 7
LEVELS: Final = 32
CORNER: Final = 1000.0

FEATURES: Final = (*MOMENTS, "bands", "octaves", "levels", "power")
"""What can be asked for."""

# The squares and fourth powers of anything below are finite.
_LARGEST_SQUARE = 1e150


def names_of(features: Sequence[str], rate: float) -> tuple[str, ...]:
    """What these features are called one by one, at ``rate`` Hz.

    Raises ValueError for a feature that does not exist.
    """
    names: list[str] = []
    for feature in features:
        if feature in MOMENTS:
            names.append(feature)
        elif feature == "bands":
            names += [f"band_{i + 1}" for i in range(EQUAL_BANDS)]
        elif feature == "octaves":
            names += [f"octave_{edge:.0f}" for edge in _octave_edges(rate)[:-1]]
        elif feature == "levels":
            names += [f"level_{i + 1}" for i in range(len(_level_edges(rate)) - 1)]
        elif feature != "power":
            reason = f"unknown feature {feature!r}; there are {', '.join(FEATURES)}"
            raise ValueError(reason)
    return tuple(names)


class WaveformFeatures:
    """Features of blocks of ``samples`` samples at ``rate`` Hz; made once, used for every block.

    Raises ValueError for a feature that does not exist, or without a sample or a rate.
    """

    def __init__(self, features: Sequence[str], samples: int, rate: float) -> None:
        if samples < 1 or not rate > 0.0:
            reason = f"a waveform needs samples and a rate, not {samples} at {rate} Hz"
            raise ValueError(reason)
        self.names = names_of(features, rate)
        """The names of the elements of the vector that ``extract`` gives."""
        self.power: NDArray[np.float64] | None = None
        """|rfft|^2 of the last block (rectangular window), shape (samples // 2 + 1,), where
        ``bands`` or ``power`` is asked for; valid until the next block."""
        self._samples = samples
        self._values = np.empty(samples)
        moments = [name for name in self.names if name in MOMENTS]
        self._moments = Moments(moments, samples) if moments else None
        self._moment_places = [self.names.index(name) for name in moments]
        self._periodogram = Periodogram(samples) if not set(features) <= set(MOMENTS) else None
        self._wants_power = "bands" in features or "power" in features
        self._bands = EqualBands(samples) if "bands" in features else None
        self._bands_place = self._place("band_1", EQUAL_BANDS)
        self._levels: LevelBands | None = None
        self._level_places: list[tuple[slice, slice]] = []
        self._plan_levels(features, rate)

    def _plan_levels(self, features: Sequence[str], rate: float) -> None:
        rows: list[NDArray[np.float64]] = []
        done = 0
        for feature, edges in (("octaves", _octave_edges(rate)), ("levels", _level_edges(rate))):
            count = len(edges) - 1
            if feature not in features or count < 1:
                continue
            first = f"octave_{LOWEST:.0f}" if feature == "octaves" else "level_1"
            rows.append(edges)
            self._level_places.append((self._place(first, count), slice(done, done + count)))
            done += count
        if rows:
            self._levels = LevelBands(rows, self._samples, rate)

    def _place(self, first: str, count: int) -> slice:
        start = self.names.index(first) if first in self.names else 0
        return slice(start, start + count)

    def extract(self, values: FloatArray) -> NDArray[np.float64]:
        """The features of a block, shape (samples,) -> (len(names),).

        All are NaN where a sample is not finite or the squares overflow. Never raises.
        """
        out = np.empty(len(self.names))
        block = self._values
        block[:] = values
        square = float(block.dot(block))
        if not square < _LARGEST_SQUARE:
            out.fill(nan)
            if self._wants_power and self._periodogram is not None:
                self.power = self._periodogram.power
                self.power.fill(nan)
            return out
        if self._moments is not None:
            for place, moment in zip(self._moment_places, self._moments.of(block, square), strict=True):
                out[place] = moment
        if self._periodogram is not None:
            self._take_spectrum(self._periodogram, out)
        return out

    def _take_spectrum(self, periodogram: Periodogram, out: NDArray[np.float64]) -> None:
        periodogram.transform(self._values)
        if self._wants_power:
            self.power = periodogram.rectangular()
            if self._bands is not None:
                out[self._bands_place] = self._bands.of(self.power)
        if self._levels is not None:
            levels = self._levels.of(periodogram.hann_cumulative())
            for place, taken in self._level_places:
                out[place] = levels[taken]


def _octave_edges(rate: float) -> NDArray[np.float64]:
    return _up_to_half(LOWEST * 2.0 ** np.arange(OCTAVES + 1), rate)


def _level_edges(rate: float) -> NDArray[np.float64]:
    low, high = np.log1p(LOWEST / CORNER), np.log1p(HIGHEST / CORNER)
    return _up_to_half(CORNER * np.expm1(low + (high - low) / LEVELS * np.arange(LEVELS + 1)), rate)


def _up_to_half(edges: NDArray[np.float64], rate: float) -> NDArray[np.float64]:
    """The edges that are not above half the rate (but for rounding)."""
    return edges[edges <= 0.5 * rate * (1.0 + 1e-9)]
