"""The envelope of a block in the band where it is most impulsive, and the spectrum of its square.

A defect in a rolling bearing hits once a pass and rings the structure's resonances; the envelope of a band
around one shows how often. The squared envelope is taken, as its spectrum has lines at the fault's frequency
without those that a root would add (R. B. Randall and J. Antoni, "Rolling element bearing diagnostics - a
tutorial", Mechanical Systems and Signal Processing 25 (2011) 485-520, sec. 5.2).

The band is the kurtogram's best, on the mean of the latest records: one record's best band wanders, and what is
compared with a baseline should be taken in the same place. It moves when another band is clearly better.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import nan, sqrt
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.monitoring.manipulation.features.kurtogram import Band, Kurtogram, taper

NAMES: Final = ("envelope_rms", "envelope_kurtosis", "envelope_band_low", "envelope_band_high")

_MEMORY: Final = 16
"""Records over which kurtoses are averaged (exponentially, from the first one on)."""
_MOST: Final = 8.0
"""What the kurtosis of one record counts at most: a single knock shall not move the band."""
_ERRORS: Final = 2.0
"""A band is as good as its kurtosis less so many standard errors: narrow bands have larger ones."""
_BETTER: Final = 1.3
_BETTER_BY: Final = 0.5
"""A band takes the place of another where its kurtosis is better by the factor and by the difference."""
_EDGE: Final = 8
"""Samples of the envelope left out at both ends, where the block's end meets its beginning."""
_FINER: Final = 2
"""Points of the envelope's spectrum a bin of the block."""


class EnvelopeSpectrum(NamedTuple):
    """Power of the squared envelope at ``spacing`` Hz, from 0 on, only as high as the band is wide;
    ``resolution``: Hz of a bin of the block."""

    power: NDArray[np.float64]
    spacing: float
    resolution: float


class Envelope:
    """Of blocks of ``samples`` samples at ``rate`` Hz. It remembers which band is best.

    Blocks of less than 72 samples have no band: all is NaN.
    """

    def __init__(self, samples: int, rate: float) -> None:
        self._kurtogram = Kurtogram(samples, rate)
        self._samples = samples
        self._resolution = rate / samples
        self._mean: NDArray[np.float64] | None = None
        self._seen = 0
        self._chosen: int | None = None
        self._square: NDArray[np.float64] = np.empty(0)

    @property
    def band(self) -> Band | None:
        """Where the envelope is taken; None before the first record."""
        return None if self._chosen is None else self._kurtogram.bands[self._chosen]

    def take(self, spectrum: NDArray[np.complex128]) -> bool:
        """Take a block by its rfft; False where there is no band or nothing in it."""
        kurtoses = self._kurtogram.of(spectrum)
        if not len(kurtoses) or not np.isfinite(kurtoses).all():
            self._square = np.empty(0)
            return False
        self._seen = min(self._seen + 1, _MEMORY)
        counted = np.minimum(kurtoses, _MOST)
        self._mean = counted if self._mean is None else self._mean + (counted - self._mean) / self._seen
        self._chosen = self._choice(self._mean)
        band = self._kurtogram.bands[self._chosen]
        # twice the band's own rate: the square of an envelope reaches twice as high
        padded = np.zeros(2 * band.size, dtype=np.complex128)
        np.multiply(spectrum[band.first : band.first + band.size], taper(band.size), out=padded[: band.size])
        envelope = np.fft.ifft(padded) * (4.0 * band.size / self._samples)
        self._square = (envelope.real**2 + envelope.imag**2)[_EDGE:-_EDGE]
        return True

    def _choice(self, kurtoses: NDArray[np.float64]) -> int:
        worth = kurtoses - _ERRORS * self._kurtogram.errors
        best = int(worth.argmax())
        if self._chosen is None:
            return best
        standing = float(worth[self._chosen])
        return best if worth[best] > max(standing * _BETTER, standing + _BETTER_BY) else self._chosen

    def to_json(self) -> dict[str, Any]:
        """What is known of the bands, for the snapshot."""
        return {
            "mean": None if self._mean is None else self._mean.tolist(), "seen": self._seen, "chosen": self._chosen}

    def restore(self, document: Mapping[str, Any]) -> None:
        """The inverse of ``to_json``. Raises ValueError for other bands."""
        mean, chosen = document["mean"], document["chosen"]
        if mean is not None and not (len(mean) == len(self._kurtogram.bands) and 0 <= int(chosen) < len(mean)):
            reason = "what is known of the envelope belongs to other bands"
            raise ValueError(reason)
        self._mean = None if mean is None else np.array(mean, dtype=np.float64)
        self._seen, self._chosen = int(document["seen"]), None if chosen is None else int(chosen)

    def features(self) -> tuple[float, float, float, float]:
        """In the order of ``NAMES``, of the block taken last: the RMS of the envelope in the channel's unit (a
        steady line in the middle of the band counts with its peak amplitude), the spectral kurtosis, and the
        band's edges in Hz."""
        square, band = self._square, self.band
        if not len(square) or band is None:
            return nan, nan, nan, nan
        mean = float(square.sum()) / len(square)
        kurtosis = float(square.dot(square)) / len(square) / (mean * mean) - 2.0 if mean > 0.0 else nan
        return sqrt(mean), kurtosis, band.low, band.high

    def spectrum(self) -> EnvelopeSpectrum | None:
        """Of the squared envelope of the block taken last, its mean taken out, Hann window; None without one."""
        square, band = self._square, self.band
        if not len(square) or band is None:
            return None
        # half a step later than the taper's, so that it is the same from both ends
        window = taper(2 * len(square))[1::2]
        centred = (square - square.sum() / len(square)) * window
        lines = np.fft.rfft(centred, _FINER * 2 * band.size)[: _FINER * band.size // 2]
        power = (lines.real**2 + lines.imag**2) * (4.0 / window.sum() ** 2)
        return EnvelopeSpectrum(power, self._resolution / _FINER, self._resolution)
