"""RMS velocity against sines that are integrated by hand, scipy's filters, and the limits of what a block can tell."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import integrate, signal

from agent.monitoring.manipulation.features.velocity import is_vibration
from agent.monitoring.manipulation.features.waveform import WaveformFeatures

RATE = 25_600.0
STANDARD_GRAVITY = 9.80665


def velocity(values: NDArray[np.float64], unit: str, rate: float = RATE) -> float:
    return float(WaveformFeatures(("velocity",), len(values), rate, unit=unit).extract(values)[0])


def sine(frequency: float, samples: int, rate: float = RATE, phase: float = 0.3) -> NDArray[np.float64]:
    values: NDArray[np.float64] = np.sin(2 * np.pi * frequency * np.arange(samples) / rate + phase)
    return values


@pytest.mark.parametrize("unit", ["g", "m/s2", "m/s^2", "mm/s2", "mg", " M/S² "])
def test_a_sine_of_acceleration_has_the_velocity_that_its_integral_has(unit: str) -> None:
    per_unit = {"g": 1000 * STANDARD_GRAVITY, "mg": STANDARD_GRAVITY, "mm/s2": 1.0}.get(unit, 1000.0)
    amplitude = 2.0
    expected = per_unit * amplitude / (2 * np.pi * 80.0) / math.sqrt(2.0)
    assert velocity(amplitude * sine(80.0, 25_600), unit) == pytest.approx(expected, rel=1e-3)


def test_lines_in_the_band_add_by_their_squares_and_those_outside_do_not_count() -> None:
    values = 0.2 * sine(24.7, 51_200) + 1.5 * sine(311.3, 51_200)
    values += 9.0 * sine(4000.0, 51_200) + 0.05 * sine(4.0, 51_200)
    parts = [1000 * amplitude / (2 * np.pi * frequency) / math.sqrt(2) for amplitude, frequency in
             ((0.2, 24.7), (1.5, 311.3))]
    assert velocity(values, "m/s2") == pytest.approx(math.hypot(*parts), rel=5e-3)


def test_noise_has_the_velocity_that_filtering_and_integrating_in_time_gives() -> None:
    values = np.random.default_rng(1).normal(0, 1, 20 * 25_600)
    band = signal.butter(8, (10.0, 1000.0), "bandpass", fs=RATE, output="sos")
    filtered = signal.sosfiltfilt(band, values)
    integral = integrate.cumulative_trapezoid(filtered, dx=1 / RATE)
    expected = 1000 * float(np.std(signal.detrend(integral)[25_600:-25_600]))
    assert velocity(values, "m/s2") == pytest.approx(expected, rel=0.06)


@pytest.mark.parametrize(("samples", "rate"), [(25_600, 25_600.0), (5120, 25_600.0), (4096, 8192.0)])
def test_it_is_the_weighted_sum_of_scipys_hann_periodogram(samples: int, rate: float) -> None:
    values = np.random.default_rng(2).normal(1.0, 1.0, samples)
    frequencies, density = signal.periodogram(values, rate, window="hann", detrend="constant")
    step = rate / samples
    share = np.clip(np.minimum(frequencies + step / 2, 1000.0) - np.maximum(frequencies - step / 2, 10.0), 0.0, None)
    weights = np.divide(share, (2 * np.pi * frequencies) ** 2, out=np.zeros_like(share), where=share > 0)
    expected = 1000 * math.sqrt(float((density * weights).sum()))
    assert velocity(values, "m/s2", rate) == pytest.approx(expected, rel=1e-9)


def test_a_velocity_is_taken_as_it_is_within_the_band() -> None:
    values = 3.0 * sine(50.0, 25_600) + 5.0 * sine(3000.0, 25_600)
    assert velocity(values, "mm/s") == pytest.approx(3.0 / math.sqrt(2.0), rel=1e-3)
    assert velocity(values, "in/s") == pytest.approx(25.4 * 3.0 / math.sqrt(2.0), rel=1e-3)


@given(frequency=st.floats(50.0, 900.0), phase=st.floats(0.0, 6.28))
def test_from_ten_bins_on_a_line_is_told_within_two_percent(frequency: float, phase: float) -> None:
    found = velocity(sine(frequency, 5120, phase=phase), "m/s2")
    assert found == pytest.approx(1000 / (2 * np.pi * frequency) / math.sqrt(2), rel=0.02)


@given(frequency=st.floats(10.0, 50.0), phase=st.floats(0.0, 6.28))
def test_at_the_lower_edge_of_the_shortest_blocks_a_line_is_told_within_4_db(frequency: float, phase: float) -> None:
    found = velocity(sine(frequency, 5120, phase=phase), "m/s2")
    expected = 1000 / (2 * np.pi * frequency) / math.sqrt(2)
    assert abs(20 * math.log10(found / expected)) < 4.0


@pytest.mark.parametrize(
    ("samples", "rate", "unit"),
    [(25_600, RATE, "bar"), (25_600, RATE, ""), (25_600, RATE, "um"), (2560, RATE, "g"), (5119, RATE, "g"),
     (4000, 1900.0, "g")],
)  # fmt: skip
def test_what_cannot_be_told_is_nan_and_not_wrong(samples: int, rate: float, unit: str) -> None:
    assert math.isnan(velocity(sine(50.0, samples, rate), unit, rate))


@settings(max_examples=25)
@given(gain=st.floats(1e-3, 1e3))
def test_it_grows_with_the_signal_and_is_blind_to_its_offset(gain: float) -> None:
    values = np.random.default_rng(3).normal(0, 1, 5120)
    assert velocity(gain * values + 40.0, "g") == pytest.approx(gain * velocity(values, "g"), rel=1e-6)


def test_units_of_vibration_are_those_of_acceleration_and_velocity() -> None:
    assert all(map(is_vibration, ("g", "G", "m/s2", "mm/s", "in/s", "mm/s^2")))
    assert not any(map(is_vibration, ("", "um", "bar", "degC", "rpm", "Hz")))
