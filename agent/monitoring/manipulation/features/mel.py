"""Log-mel energies: what small neural networks for machine sounds are fed, and dense where most faults are.

The mel scale is O'Shaughnessy's, m = 2595 log10(1 + f / 700) (Speech Communication, 1987); triangular bands of
equal width on it from 0 to half the rate, each reaching from its lower to its upper neighbour's centre.
"""

from __future__ import annotations

from math import log10
from typing import Final

import numpy as np
from numpy.typing import NDArray

MELS: Final = 32
FRAME: Final = 1024
HOP: Final = 512

_FLOOR: Final = 1e-20
_HANN_POWER: Final = 3.0 / 8.0


def names(count: int = MELS) -> tuple[str, ...]:
    """``mel_1`` ... from the lowest up."""
    return tuple(f"mel_{i + 1}" for i in range(count))


class LogMel:
    """Of blocks of ``samples`` samples at ``rate`` Hz, ``count`` bands in dB re 1 unit^2 (mean square).

    The mean of frames of 1024 samples every 512, Hann window; a shorter block is one frame, and the rest at
    a block's end that fills no frame is left out. A bin's power is spread evenly over its width, so that no band
    is empty, however narrow.
    """

    def __init__(self, samples: int, rate: float, count: int = MELS) -> None:
        size = min(samples, FRAME)
        self._size = size
        self._count = (samples - size) // HOP + 1
        self._window = np.sin(np.pi * np.arange(size) / size) ** 2
        self._frames = np.empty((self._count, size))
        shares = _shares(size // 2 + 1, rate / size, count, 0.5 * rate)
        both_sides = np.full(size // 2 + 1, 2.0)
        both_sides[0] = 1.0
        if size % 2 == 0:
            both_sides[-1] = 1.0
        shares *= both_sides / (_HANN_POWER * size * size * self._count)
        # Two bands at most have a part in a bin. A matrix product would do as well, but BLAS takes
        # several threads for one of this size, and waits for them longer than it works.
        bands, self._bins = np.nonzero(shares)
        self._shares = shares[bands, self._bins]
        self._starts = np.searchsorted(bands, np.arange(count))

    def of(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shape (count,), of a block, shape (samples,); its mean is taken out."""
        frames = np.lib.stride_tricks.sliding_window_view(values, self._size)[::HOP]
        np.subtract(frames, values.sum() / len(values), out=self._frames)
        self._frames *= self._window
        spectra = np.fft.rfft(self._frames)
        squares = spectra.real**2
        squares += spectra.imag**2
        power: NDArray[np.float64] = np.add.reduce(squares, axis=0)
        energies: NDArray[np.float64] = np.add.reduceat(power[self._bins] * self._shares, self._starts)
        np.maximum(energies, _FLOOR, out=energies)
        np.log10(energies, out=energies)
        energies *= 10.0
        return energies


def _shares(bins: int, spacing: float, count: int, highest: float) -> NDArray[np.float64]:
    """How much of each bin's power counts to each band, shape (count, bins): the mean of the band's triangle
    over the bin's width."""
    corners = 700.0 * (10.0 ** (np.linspace(0.0, 2595.0 * log10(1.0 + highest / 700.0), count + 2) / 2595.0) - 1.0)
    edges = np.clip((np.arange(bins + 1) - 0.5) * spacing, 0.0, highest)
    widths = np.diff(edges)
    shares = np.zeros((count, bins))
    for band in range(count):
        low, centre, high = corners[band : band + 3]
        rising = np.clip(edges, low, centre) - low
        falling = high - np.clip(edges, centre, high)
        area = rising**2 / (2.0 * (centre - low)) + ((high - centre) ** 2 - falling**2) / (2.0 * (high - centre))
        np.divide(np.diff(area), widths, out=shares[band], where=widths > 0.0)
    return shares
