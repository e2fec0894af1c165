"""Log-mel energies against scipy's short-time spectra and triangles drawn anew."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import signal

from agent.monitoring.manipulation.features.mel import LogMel, names
from agent.monitoring.manipulation.features.waveform import WaveformFeatures

RATE = 25_600.0


def _triangles(frequencies: NDArray[np.float64], count: int, highest: float) -> NDArray[np.float64]:
    """The mel filter bank at fine ``frequencies``, shape (count, frequencies)."""
    mels = np.linspace(0.0, 2595 * math.log10(1 + highest / 700), count + 2)
    corners = 700 * (10 ** (mels / 2595) - 1)
    return np.array([
        np.interp(frequencies, corners[i : i + 3], [0.0, 1.0, 0.0], left=0.0, right=0.0) for i in range(count)
    ])


@pytest.mark.parametrize(("samples", "count"), [(2560, 32), (1024, 32), (1000, 16), (4096, 40), (777, 32)])
def test_they_are_those_of_scipys_spectra_under_mel_triangles(samples: int, count: int) -> None:
    values = np.random.default_rng(1).normal(0.0, 1.0, samples)
    size = min(1024, samples)
    _, _, spectra = signal.stft(
        values - values.mean(), RATE, "hann", nperseg=size, noverlap=size - 512 if size == 1024 else 0, detrend=False,
        boundary=None, padded=False, scaling="psd")
    # stft halves nothing: both sides count, but 0 and half the rate, which have no other
    density = 2 * np.mean(np.abs(spectra) ** 2, axis=1)
    density[0] /= 2
    if size % 2 == 0:
        density[-1] /= 2
    step, parts = RATE / size, 400
    expected = []
    fine = (np.arange(-parts // 2, size // 2 * parts + parts // 2) + 0.5) * step / parts
    triangles = _triangles(np.clip(fine, 0.0, None), count, RATE / 2)
    inside = (fine >= 0.0) & (fine <= RATE / 2)
    shares = (triangles * inside).reshape(count, size // 2 + 1, parts).sum(axis=2)
    shares /= inside.reshape(size // 2 + 1, parts).sum(axis=1)
    expected = 10 * np.log10(shares @ density * step)
    found = LogMel(samples, RATE, count).of(values)
    assert found.shape == (count,)
    assert found.tolist() == pytest.approx(expected.tolist(), abs=0.01)


def test_a_tone_shows_in_the_bands_around_it_and_moves_up_with_its_frequency() -> None:
    time = np.arange(2560) / RATE
    places = [int(LogMel(2560, RATE).of(np.sin(2 * np.pi * f * time)).argmax()) for f in (100, 400, 1600, 6400, 12_000)]
    assert places == sorted(places)
    assert len(set(places)) == 5
    quiet = LogMel(2560, RATE).of(np.sin(2 * np.pi * 1600.0 * time))
    assert (quiet > quiet.max() - 30).sum() <= 4


def test_no_band_is_empty_however_narrow_it_is() -> None:
    values = np.random.default_rng(2).normal(size=64)
    assert LogMel(64, 48_000.0, 64).of(values).min() > -100.0


def test_silence_and_a_constant_have_the_lowest_level() -> None:
    assert set(LogMel(2560, RATE).of(np.zeros(2560)).tolist()) == {-200.0}
    assert LogMel(2560, RATE).of(np.full(2560, 3.0)).max() == -200.0


@pytest.mark.parametrize("samples", [1, 2, 3, 100, 1023, 1025, 5000])
def test_any_block_has_all_bands(samples: int) -> None:
    values = np.random.default_rng(3).normal(size=samples)
    found = WaveformFeatures(("log_mel",), samples, RATE)
    assert found.names == names(32)
    assert np.isfinite(found.extract(values)).all()


@settings(max_examples=25)
@given(gain=st.floats(1e-3, 1e3))
def test_a_gain_shifts_them(gain: float) -> None:
    values = np.random.default_rng(4).normal(size=2560)
    mel = LogMel(2560, RATE)
    assert (mel.of(gain * values) - mel.of(values)).tolist() == pytest.approx([20 * math.log10(gain)] * 32, abs=1e-6)
