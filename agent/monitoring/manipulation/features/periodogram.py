"""Power of one block of a waveform over frequency: one FFT, two windows.

The rectangular window keeps the plain periodogram, the Hann window keeps a strong line (a
shaft's first order) out of the bands beside it. Both come of the same FFT: multiplying by a
Hann window in time is adding a quarter of each neighbour in frequency,
``H[k] = X[k] / 2 - (X[k - 1] + X[k + 1]) / 4`` (Harris, On the use of windows for
harmonic analysis with the discrete Fourier transform, Proc. IEEE 66, 1978).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

EQUAL_BANDS = 8

# 200 dB below 1 unit: far below any sensor's noise, so that silence has a level, too.
_FLOOR = 1e-20
# The mean of the squared Hann window.
_HANN_POWER = 3.0 / 8.0


class Periodogram:
    """Blocks of ``samples`` samples; bins k = 0 .. samples // 2 at k x rate / samples Hz."""

    def __init__(self, samples: int) -> None:
        self.samples = samples
        bins = samples // 2 + 1
        self.power: NDArray[np.float64] = np.zeros(bins)
        """Rectangular window, |rfft|^2 as it is, shape (samples // 2 + 1,); of the last block."""
        self.spectrum: NDArray[np.complex128] = np.zeros(bins, dtype=np.complex128)
        """rfft of the last block, shape (samples // 2 + 1,); without its mean once ``hann`` was called."""
        self._imaginary = np.empty(bins)
        self._hann = np.empty(bins + 1)
        self._smooth: NDArray[np.complex128] = np.empty(bins, dtype=np.complex128)

    def transform(self, values: NDArray[np.float64]) -> None:
        """Take a block, shape (samples,)."""
        self.spectrum = np.fft.rfft(values)

    def rectangular(self) -> NDArray[np.float64]:
        """``power`` of the block; valid until the next one."""
        return _square(self.spectrum, self.power, self._imaginary)

    def hann(self) -> NDArray[np.float64]:
        """One-sided mean square in unit^2 by bin, shape (bins,); the block's mean is taken out. Call it
        after ``rectangular``: it works in place."""
        spectrum, smooth, power = self.spectrum, self._smooth, self._hann[1:]
        if len(spectrum) == 1:  # a single sample is all mean
            spectrum[0] = 0.0
            power.fill(0.0)
            return power
        # Without its own bin the mean is gone before the window can smear it over the next.
        spectrum[0] = 0.0
        np.add(spectrum[:-2], spectrum[2:], out=smooth[1:-1])
        # Beyond both ends the spectrum goes on as its own mirror image.
        smooth[0] = spectrum[1] + spectrum[1].conjugate()
        beyond = spectrum[-2] if self.samples % 2 == 0 else spectrum[-1]
        smooth[-1] = spectrum[-2] + beyond.conjugate()
        np.multiply(smooth, -0.5, out=smooth)
        smooth += spectrum
        _square(smooth, power, self._imaginary)
        # H = smooth / 2; two sides; mean square = sum |H|^2 / n^2 / (mean of the window squared).
        power *= 0.5 / (_HANN_POWER * self.samples * self.samples)
        return power

    def hann_cumulative(self) -> NDArray[np.float64]:
        """What ``hann`` gave summed up to the upper edge of each bin, shape (bins + 1,), from 0. Call it once,
        and last: it takes the place of the power."""
        cumulative = self._hann
        cumulative[0] = 0.0
        np.add.accumulate(cumulative[1:], out=cumulative[1:])
        return cumulative


class EqualBands:
    """Mean square in unit^2 in ``EQUAL_BANDS`` bands of equal width from 0 (the mean left out) to
    half the rate; together they are the variance (Parseval)."""

    def __init__(self, samples: int) -> None:
        bins = samples // 2
        widths = [bins // EQUAL_BANDS + (i < bins % EQUAL_BANDS) for i in range(EQUAL_BANDS)]
        starts = np.cumsum([1, *widths[:-1]])
        self._filled = int(np.count_nonzero(widths))
        self._starts = starts[: self._filled]
        self._scale = 2.0 / (samples * samples)
        self._even = samples % 2 == 0

    def of(self, power: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shape (8,), of a rectangular ``power``. Bands that have no bin (short blocks) are 0."""
        out = np.zeros(EQUAL_BANDS)
        if self._filled:
            np.add.reduceat(power, self._starts, out=out[: self._filled])
            if self._even:  # the bin at half the rate has no mirror image: once, not twice
                out[self._filled - 1] -= 0.5 * power[-1]
            out *= self._scale
        return out


class LevelBands:
    """Levels of bands between given edges in Hz, in dB re 1 unit^2, Hann window.

    A bin's power is spread evenly over its width, and an edge may cut it: bands narrower than
    a bin, as short blocks have, still get their share. ``edges``: shape (groups, ...): several
    rows of ascending edges, none above half the rate.
    """

    def __init__(self, rows: list[NDArray[np.float64]], samples: int, rate: float) -> None:
        edges = np.concatenate(rows)
        cells = edges * (samples / rate) + 0.5
        self._below = np.minimum(cells.astype(np.intp), samples // 2)
        self._share = np.minimum(cells - self._below, 1.0)
        self._above = self._below + 1
        # Between the last edge of a row and the first of the next there is no band.
        seams = np.cumsum([len(row) for row in rows])[:-1] - 1
        self._bands = np.delete(np.arange(len(edges) - 1), seams)

    def of(self, cumulative: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shape (bands,), row after row, of a ``Periodogram.hann_cumulative``."""
        below = cumulative[self._below]
        at_edges = (cumulative[self._above] - below) * self._share + below
        mean_square: NDArray[np.float64] = np.diff(at_edges)[self._bands]
        np.maximum(mean_square, _FLOOR, out=mean_square)
        np.log10(mean_square, out=mean_square)
        mean_square *= 10.0
        return mean_square


def _square(
    spectrum: NDArray[np.complex128], out: NDArray[np.float64], scratch: NDArray[np.float64]
) -> NDArray[np.float64]:
    np.multiply(spectrum.real, spectrum.real, out=out)
    np.multiply(spectrum.imag, spectrum.imag, out=scratch)
    out += scratch
    return out
