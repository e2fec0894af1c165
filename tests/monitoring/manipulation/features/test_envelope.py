"""The envelope against scipy's, and the band that it is taken in."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from agent.monitoring.manipulation.features.envelope import NAMES, Envelope
from agent.monitoring.manipulation.features.kurtogram import Kurtogram
from agent.monitoring.manipulation.features.waveform import WaveformFeatures
from simulators.bearing import RATE, BearingMachine, resonate
from simulators.faults import MachineFaultKind
from tests.monitoring.manipulation.features.test_kurtogram import full_rate_envelope, kurtosis, strikes

SAMPLES = 12_800


def test_it_is_that_of_the_band_at_the_full_rate() -> None:
    values = strikes(3000.0, 120.0, samples=SAMPLES, noise=0.3)
    envelope = Envelope(SAMPLES, RATE)
    assert envelope.take(np.fft.rfft(values))
    assert envelope.band is not None
    full = full_rate_envelope(values, envelope.band, SAMPLES)[50:-50]
    rms, found, low, high = envelope.features()
    assert rms == pytest.approx(float(np.sqrt(np.mean(np.abs(full) ** 2))), rel=0.02)
    assert found == pytest.approx(kurtosis(full), rel=0.05)
    assert (low, high) == envelope.band[:2]


def test_its_spectrum_is_that_of_scipys_hilbert_transform() -> None:
    values = strikes(3000.0, 120.0, samples=SAMPLES)
    envelope = Envelope(SAMPLES, RATE)
    envelope.take(np.fft.rfft(values))
    spectrum, band = envelope.spectrum(), envelope.band
    assert spectrum is not None
    assert band is not None
    square = np.abs(full_rate_envelope(values, band, SAMPLES)) ** 2
    frequencies, power = signal.periodogram(square, RATE, "hann", nfft=2 * SAMPLES, scaling="spectrum")
    own = np.arange(len(spectrum.power)) * spectrum.spacing
    assert own == pytest.approx(frequencies[: len(own)])
    for harmonic in (120.0, 240.0, 360.0):
        near = np.abs(own - harmonic) < 4.0
        # scipy's spectrum is of the mean square, ours of the squared amplitude
        assert spectrum.power[near].max() == pytest.approx(2 * power[: len(own)][near].max(), rel=0.05)
        butter = signal.sosfiltfilt(signal.butter(4, (2000.0, 4000.0), "bandpass", fs=RATE, output="sos"), values)
        _, filtered = signal.periodogram(np.abs(signal.hilbert(butter)) ** 2, RATE, "hann", nfft=2 * SAMPLES)
        assert own[near][spectrum.power[near].argmax()] == own[near][filtered[: len(own)][near].argmax()]


def test_a_line_that_is_modulated_shows_how_often_and_how_much() -> None:
    time = np.arange(SAMPLES) / RATE
    envelope = Envelope(SAMPLES, RATE)
    # records of a fault decide the band, in which a single quiet one is then taken
    for _ in range(8):
        envelope.take(np.fft.rfft(strikes(4200.0, 30.0, SAMPLES, noise=0.3)))
    band = envelope.band
    assert band is not None
    carrier = (band.low + band.high) / 2
    envelope.take(np.fft.rfft(2.0 * (1 + 0.3 * np.cos(2 * np.pi * 80.0 * time)) * np.sin(2 * np.pi * carrier * time)))
    spectrum = envelope.spectrum()
    assert envelope.band == band
    assert spectrum is not None
    assert int(spectrum.power.argmax()) * spectrum.spacing == pytest.approx(80.0)
    # (1 + m cos)^2 has a line of 2 m
    assert math.sqrt(spectrum.power.max()) == pytest.approx(4.0 * 2 * 0.3, rel=0.02)
    assert envelope.features()[0] == pytest.approx(2.0 * math.sqrt(1 + 0.3**2 / 2), rel=0.02)
    assert envelope.features()[1] < 0.0


def bands_of(machine: BearingMachine, faults: dict[MachineFaultKind, float], records: int) -> list[tuple[float, float]]:
    extractor = WaveformFeatures(("envelope",), 2560, RATE, unit="g")
    rng = np.random.default_rng(7)
    found = [dict(zip(NAMES, extractor.extract(machine.record(rng, faults)).tolist(), strict=True))
             for _ in range(records)]
    return [(one["envelope_band_low"], one["envelope_band_high"]) for one in found]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_band_rests_where_nothing_has_changed(seed: int) -> None:
    machine = BearingMachine.from_seed(seed)
    states: tuple[dict[MachineFaultKind, float], ...] = ({}, {"outer-race": 0.5})
    for faults in states:
        bands = bands_of(machine, faults, 60)
        moves = sum(one != other for one, other in itertools.pairwise(bands[10:]))
        assert moves <= 2


def test_a_fault_draws_the_band_to_where_it_rings_within_a_few_records() -> None:
    quiet = [strikes(2000.0, 0.1, 2560, noise=0.3) for _ in range(20)]
    envelope = Envelope(2560, RATE)
    for values in [*quiet, *(strikes(7000.0, 110.0, 2560, noise=0.3) for _ in range(3))]:
        envelope.take(np.fft.rfft(values))
    assert envelope.band is not None
    assert envelope.band.low < 7000.0 < envelope.band.high


def test_a_single_knock_does_not_move_the_band() -> None:
    envelope = Envelope(2560, RATE)
    for _ in range(20):
        envelope.take(np.fft.rfft(strikes(7000.0, 110.0, 2560, noise=2.0)))
    band = envelope.band
    hammer = np.zeros(2560)
    hammer[1000] = 1000.0
    knocked = np.fft.rfft(strikes(7000.0, 110.0, 2560, noise=2.0) + resonate(hammer, 2000.0, 0.04))
    assert Kurtogram(2560, RATE).of(knocked).max() > 20.0
    envelope.take(knocked)
    assert envelope.band == band


@settings(max_examples=25)
@given(gain=st.floats(1e-3, 1e3))
def test_a_gain_scales_it_and_changes_neither_its_band_nor_its_shape(gain: float) -> None:
    values = strikes(3000.0, 120.0)
    once, louder = (WaveformFeatures(("envelope",), 2560, RATE).extract(factor * values) for factor in (1.0, gain))
    assert louder[0] == pytest.approx(gain * once[0])
    assert louder[1:].tolist() == pytest.approx(once[1:].tolist(), rel=1e-6)


@pytest.mark.parametrize("values", [np.zeros(2560), np.ones(100), np.full(2560, 1e-170)])
def test_silence_and_short_blocks_have_none_and_change_no_mind(values: np.ndarray) -> None:  # type: ignore[type-arg]
    envelope = Envelope(len(values), RATE)
    assert not envelope.take(np.fft.rfft(values))
    assert all(map(math.isnan, envelope.features()))
    assert envelope.spectrum() is None
    assert envelope.band is None


def test_silence_between_records_keeps_the_band() -> None:
    envelope = Envelope(2560, RATE)
    envelope.take(np.fft.rfft(strikes(7000.0, 110.0)))
    band = envelope.band
    envelope.take(np.zeros(1281, dtype=np.complex128))
    assert all(map(math.isnan, envelope.features()))
    envelope.take(np.fft.rfft(strikes(7000.0, 110.0)))
    assert envelope.band == band
