"""The kurtogram: how impulsive a block is in each of many bands, so that the envelope is taken where a fault rings.

After J. Antoni, "Fast computation of the kurtogram for the detection of transient faults", Mechanical Systems
and Signal Processing 21 (2007) 108-124: the plane of frequency and bandwidth, bandwidths of the 1/3-binary
tree (1/2, 1/3, 1/4, 1/6, 1/8 ... of half the rate), and in each band the spectral kurtosis of the complex envelope
c, <|c|^4> / <|c|^2>^2 - 2: 0 for noise, -1 for a steady tone, large for impulses.

What differs: the filters are Hann-shaped slices of the block's own spectrum instead of a cascade of FIR
filters, each level's overlapping by half, so that they add up to one and a resonance between two bands of the
tree has one of its own. A slice's inverse transform is the band's complex envelope at its own, lower rate.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

_DIVISIONS: Final = (2, 3, 4, 6, 8, 12, 16)
"""Into how many bandwidths half the rate is cut, level by level."""
_EDGE: Final = 4
"""Samples of an envelope at both ends where the block's end meets its beginning: a step that is none."""
_FEWEST: Final = 64
"""Samples of an envelope for a kurtosis: its standard error is then 0.25 (2 / sqrt(n))."""
_FAST: Final = (2, 3, 5)


class Band(NamedTuple):
    """``low`` and ``high`` in Hz are where its filter has fallen to half the amplitude; it takes ``size`` bins
    of the spectrum from ``first`` on."""

    low: float
    high: float
    first: int
    size: int


class Kurtogram:
    """Of blocks of ``samples`` samples at ``rate`` Hz; without bands where those are too short."""

    def __init__(self, samples: int, rate: float) -> None:
        bins = samples // 2
        spacing = rate / samples
        self._spectrum: NDArray[np.complex128] = np.zeros(bins + 1, dtype=np.complex128)
        self._levels: list[_Level] = []
        bands: list[Band] = []
        for division in _DIVISIONS:
            size = _fast_size(2 * bins // division)
            if size < _FEWEST + 2 * _EDGE:
                break
            level = _Level(self._spectrum, size)
            self._levels.append(level)
            for first in level.starts:
                centre = first + size // 2
                low, high = (centre - size / 4) * spacing, (centre + size / 4) * spacing
                bands.append(Band(low, high, first, size))
        self.bands: Final = tuple(bands)
        """In the order of the kurtoses."""
        self.errors: Final = np.array([2.0 / np.sqrt(band.size - 2 * _EDGE) for band in bands])
        """The standard error of each kurtosis in Gaussian noise."""

    def of(self, spectrum: NDArray[np.complex128]) -> NDArray[np.float64]:
        """The spectral kurtosis of each band, shape (bands,), of a block's rfft; NaN in silence."""
        self._spectrum[:] = spectrum
        if not self._levels:
            return np.empty(0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.concatenate([level.kurtosis() for level in self._levels])


class _Level:
    """Bands of one width, each ``size`` bins with a Hann taper, half a width apart."""

    def __init__(self, spectrum: NDArray[np.complex128], size: int) -> None:
        step = size // 2
        self.starts = range(0, len(spectrum) - size + 1, step)
        self._slices = np.lib.stride_tricks.sliding_window_view(spectrum, size)[::step]
        self._taper = taper(size)
        self._tapered = np.empty(self._slices.shape, dtype=np.complex128)
        self._square = np.empty(self._slices.shape)
        self._other = np.empty(self._slices.shape)

    def kurtosis(self) -> NDArray[np.float64]:
        np.multiply(self._slices, self._taper, out=self._tapered)
        envelope = np.fft.ifft(self._tapered)
        square = self._square
        np.multiply(envelope.real, envelope.real, out=square)
        np.multiply(envelope.imag, envelope.imag, out=self._other)
        square += self._other
        inner = square[:, _EDGE:-_EDGE]
        second = np.add.reduce(inner, axis=1)
        fourth = np.einsum("ij,ij->i", inner, inner)
        kurtosis: NDArray[np.float64] = fourth * inner.shape[1] / (second * second) - 2.0
        return kurtosis


@lru_cache(maxsize=64)
def taper(size: int) -> NDArray[np.float64]:
    """The shape of a band's filter over its bins: a Hann window, 0 at its first bin. Not to be written to."""
    shape: NDArray[np.float64] = np.sin(np.pi * np.arange(size) / size) ** 2
    shape.flags.writeable = False
    return shape


def _fast_size(most: int) -> int:
    """The largest even size up to ``most`` whose transform is fast: products of 2, 3 and 5."""
    size = most - most % 2
    while size > 1:
        rest = size
        for factor in _FAST:
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return size
        size -= 2
    return 0
