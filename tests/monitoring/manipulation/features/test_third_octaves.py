"""Third-octave levels against scipy's periodogram between the exact edges of the standard."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import signal

from agent.monitoring.manipulation.features.third_octaves import edges, names
from agent.monitoring.manipulation.features.waveform import WaveformFeatures, names_of

RATE = 25_600.0


def test_bands_are_named_by_the_nominal_frequencies_of_the_standard() -> None:
    assert names(RATE) == tuple(
        f"third_{centre}" for centre in
        (100, 125, 160, 200, 250, 315, 400, 500, 630, 800, 1000, 1250, 1600, 2000, 2500, 3150, 4000, 5000, 6300, 8000,
         10_000)
    )  # fmt: skip
    assert names_of(("third_octaves",), RATE) == names(RATE)


@pytest.mark.parametrize("rate", [51_200.0, RATE, 2000.0, 230.0, 224.0, 100.0])
def test_each_name_has_its_band_and_none_reaches_above_half_the_rate(rate: float) -> None:
    found = edges(rate)
    assert len(found) == len(names(rate)) + 1
    assert found[-1] <= rate / 2 or len(found) == 1
    assert found[-1] * 10**0.1 > rate / 2


def test_a_nominal_frequency_lies_in_its_band_and_the_exact_centres_are_powers_of_ten() -> None:
    found = edges(200_000.0)
    centres = np.sqrt(found[:-1] * found[1:])
    nominal = [float(name.removeprefix("third_")) for name in names(200_000.0)]
    assert np.abs(centres / nominal - 1.0).max() < 0.02
    assert centres[[0, 10, 20]] == pytest.approx([100.0, 1000.0, 10_000.0])
    assert found[1:] / found[:-1] == pytest.approx(10**0.1)


def test_the_levels_are_those_of_scipys_periodogram() -> None:
    values = np.random.default_rng(1).normal(3.0, 1.0, 25_600)
    frequencies, density = signal.periodogram(values, RATE, window="hann", detrend="constant")
    found = WaveformFeatures(("third_octaves",), len(values), RATE).extract(values)
    for place, level in enumerate(found):
        low, high = 10 ** ((place - 10.5) / 10 + 3), 10 ** ((place - 9.5) / 10 + 3)
        covered = np.clip(np.minimum(frequencies + 0.5, high) - np.maximum(frequencies - 0.5, low), 0.0, None)
        assert level == pytest.approx(10 * math.log10(float((density * covered).sum())), abs=1e-6)


def test_white_noise_rises_by_one_db_a_band() -> None:
    values = np.random.default_rng(2).normal(0.0, 1.0, 40 * 25_600)
    found = WaveformFeatures(("third_octaves",), len(values), RATE).extract(values)
    assert np.polyfit(np.arange(len(found)), found, 1)[0] == pytest.approx(1.0, abs=0.02)
