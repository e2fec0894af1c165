"""Order tracking: amplitudes of the lines at multiples of the shaft's speed.

The block is brought down to the few hundred hertz that matter by its own spectrum, then correlated with
each order (a Fourier transform at exactly that frequency, Hann window), so that lines between two bins lose
nothing. The speed may be up to one percent off, as a nameplate's is: of the speeds around it that the
block can tell apart, the one with the most in its orders is taken.
"""

from __future__ import annotations

from math import ceil
from typing import Final

import numpy as np
from numpy.typing import NDArray

ORDERS: Final = (0.5, 1.0, 2.0, 3.0)
NAMES: Final = ("order_0.5x", "order_1x", "order_2x", "order_3x")

_APART: Final = 2.0
"""Bins to the next order, or to 0: the main lobe of a Hann window reaches two bins to each side."""
_SPACES: Final = np.array([0.5, 1.0, 1.0, 1.0])
"""From each order to its neighbours; few machines have a half order for the first one to mind."""
_ORDERS: Final = np.array(ORDERS)
_SPEED_ERROR: Final = 0.01
_STEP: Final = 0.5
"""Bins between two speeds that are tried, at the highest order."""
_MOST_TURNS: Final = 100.0
_MARGIN: Final = 16
"""Bins kept above the highest order, where the cut's own ringing is."""


class Orders:
    """Peak amplitudes, in the channel's unit, of ``ORDERS`` in blocks of ``samples`` at ``rate`` Hz.

    NaN for an order that the block cannot tell from its neighbours: whole orders need two turns of the
    shaft in the block, the half order four; and for one at or above half the rate. Of longer blocks the
    first 100 turns are taken: that tells apart speeds within a third of a percent.
    """

    def __init__(self, samples: int, rate: float) -> None:
        self._samples = samples
        self._rate = rate

    def of(self, spectrum: NDArray[np.complex128], speed: float | None) -> NDArray[np.float64]:
        """Shape (4,), of the block's rfft (its mean may be in it) and the shaft's ``speed`` in Hz."""
        out = np.full(len(ORDERS), np.nan)
        if speed is None or not 0.0 < speed < 0.5 * self._rate:
            return out
        turns = speed * self._samples / self._rate
        told = (turns * _SPACES >= _APART) & (_ORDERS * (1.0 + _SPEED_ERROR) * speed < 0.5 * self._rate)
        if not told.any():
            return out
        values = self._lowered(spectrum, turns)
        orders = _ORDERS[told]
        used = turns * len(values) / self._lowered_size(turns)
        steps = ceil(_SPEED_ERROR * ORDERS[-1] * used / _STEP - 0.5)
        speeds = 1.0 + _SPEED_ERROR * np.arange(-steps, steps + 1) / max(steps, 1)
        phase = -2j * np.pi * used / len(values) * np.arange(len(values))
        waves = np.exp(np.multiply.outer(np.multiply.outer(speeds, orders), phase))
        window = np.sin(np.pi * np.arange(len(values)) / len(values)) ** 2
        amplitudes = np.abs(waves @ (values * window)) * (2.0 / window.sum())
        out[told] = amplitudes[int((amplitudes**2).sum(axis=1).argmax())]
        return out

    def _lowered_size(self, turns: float) -> int:
        return 2 * (ceil(ORDERS[-1] * (1.0 + _SPEED_ERROR) * turns) + _MARGIN)

    def _lowered(self, spectrum: NDArray[np.complex128], turns: float) -> NDArray[np.float64]:
        """The block without what is above the orders, at a lower rate; at most ``_MOST_TURNS`` of it."""
        size = self._lowered_size(turns)
        low = spectrum[: size // 2].copy()
        low[0] = 0.0
        values: NDArray[np.float64] = np.fft.irfft(low, size) * (size / self._samples)
        return values[: ceil(size * min(1.0, _MOST_TURNS / turns))]
