"""The kurtogram against envelopes taken at the full rate, and where it points to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import signal

from agent.monitoring.manipulation.features.kurtogram import Band, Kurtogram
from simulators.bearing import RATE, resonate

SAMPLES = 2560


def full_rate_envelope(values: NDArray[np.float64], band: Band, samples: int) -> NDArray[np.complex128]:
    """The band's complex envelope at the full rate: a Hann-shaped filter on the analytic signal."""
    filtered = np.zeros(samples, dtype=np.complex128)
    shape = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(band.size) / band.size)
    filtered[band.first : band.first + band.size] = 2 * np.fft.fft(values)[band.first : band.first + band.size] * shape
    envelope: NDArray[np.complex128] = np.fft.ifft(filtered)
    return envelope


def kurtosis(envelope: NDArray[np.complex128]) -> float:
    square = np.abs(envelope) ** 2
    return float((square**2).mean() / square.mean() ** 2 - 2.0)


def strikes(frequency: float, every: float, samples: int = SAMPLES, noise: float = 0.05) -> NDArray[np.float64]:
    """A resonance at ``frequency`` that is struck ``every`` so many Hz, in noise."""
    rng = np.random.default_rng(1)
    excitation = np.zeros(samples)
    excitation[(np.arange(7, samples * every / RATE) * RATE / every).astype(int) % samples] = 50.0
    return resonate(excitation, frequency, 0.04) + noise * rng.normal(size=samples)


def test_each_kurtosis_is_that_of_the_envelope_at_the_full_rate() -> None:
    values = strikes(3000.0, 120.0)
    kurtogram = Kurtogram(SAMPLES, RATE)
    found = kurtogram.of(np.fft.rfft(values))
    compared = 0
    for band, value in zip(kurtogram.bands, found.tolist(), strict=True):
        if SAMPLES % band.size == 0:  # then the envelope's own samples are some of those at the full rate
            own = full_rate_envelope(values, band, SAMPLES)[:: SAMPLES // band.size]
            assert value == pytest.approx(kurtosis(own[4:-4]), rel=1e-9)
            compared += 1
    assert compared > 25


def test_filters_and_a_hilbert_transform_tell_much_the_same() -> None:
    values = strikes(3000.0, 120.0, samples=25_600, noise=0.3)
    kurtogram = Kurtogram(25_600, RATE)
    found = kurtogram.of(np.fft.rfft(values))
    expected = []
    for band in kurtogram.bands:
        # there and back: half the amplitude at both edges, as the kurtogram's own
        filtering = signal.butter(2, (band.low, band.high), "bandpass", fs=RATE, output="sos")
        expected.append(kurtosis(signal.hilbert(signal.sosfiltfilt(filtering, values))))
    assert np.corrcoef(found, expected)[0, 1] > 0.98
    assert found[found > 1.0] == pytest.approx(np.array(expected)[found > 1.0], rel=0.35)


@pytest.mark.parametrize("frequency", [1500.0, 3000.0, 4700.0, 7800.0, 10_200.0])
def test_it_is_highest_in_a_band_around_the_resonance_that_is_struck(frequency: float) -> None:
    kurtogram = Kurtogram(SAMPLES, RATE)
    best = kurtogram.bands[int(kurtogram.of(np.fft.rfft(strikes(frequency, 90.0, noise=0.3))).argmax())]
    assert best.low < frequency < best.high
    assert best.high - best.low <= 4300.0


def test_noise_has_none_within_its_standard_errors_and_a_tone_has_minus_one() -> None:
    kurtogram = Kurtogram(25_600, RATE)
    noise = kurtogram.of(np.fft.rfft(np.random.default_rng(2).normal(size=25_600)))
    assert np.abs(noise / kurtogram.errors).max() < 4.0
    band = kurtogram.bands[-3]
    tone = np.sin(2 * np.pi * (band.low + band.high) / 2 * np.arange(25_600) / RATE)
    assert kurtogram.of(np.fft.rfft(tone))[-3] == pytest.approx(-1.0, abs=1e-6)


def test_the_standard_errors_are_those_that_noise_shows() -> None:
    kurtogram = Kurtogram(SAMPLES, RATE)
    rng = np.random.default_rng(3)
    spread = np.std([kurtogram.of(np.fft.rfft(rng.normal(size=SAMPLES))) for _ in range(300)], axis=0)
    # neighbouring samples of an envelope are not quite independent, which widens it
    assert np.all(spread / kurtogram.errors > 0.8)
    assert np.all(spread / kurtogram.errors < 1.8)


def test_the_bands_of_a_level_add_up_to_one_between_the_first_and_the_last() -> None:
    kurtogram = Kurtogram(SAMPLES, RATE)
    sizes = {band.size for band in kurtogram.bands}
    assert len(sizes) == 7
    for size in sizes:
        total = np.zeros(SAMPLES // 2 + size)
        bands = [band for band in kurtogram.bands if band.size == size]
        for band in bands:
            total[band.first : band.first + size] += np.sin(np.pi * np.arange(size) / size) ** 2
        inner = total[bands[0].first + size // 2 : bands[-1].first + size // 2 + 1]
        assert inner == pytest.approx(1.0)


@settings(max_examples=25)
@given(gain=st.floats(1e-3, 1e3))
def test_a_gain_changes_nothing(gain: float) -> None:
    values = strikes(3000.0, 120.0)
    kurtogram = Kurtogram(SAMPLES, RATE)
    before = kurtogram.of(np.fft.rfft(values)).tolist()
    assert kurtogram.of(np.fft.rfft(gain * values)).tolist() == pytest.approx(before, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(("samples", "bands"), [(10, 0), (71, 0), (143, 0), (144, 1), (256, 3)])
def test_short_blocks_have_few_bands_or_none(samples: int, bands: int) -> None:
    assert len(Kurtogram(samples, RATE).bands) == bands
