"""Waveform features against scipy's and numpy's own, and the laws they obey."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import signal, stats

from agent.monitoring.manipulation.features.waveform import FEATURES, WaveformFeatures, names_of
from agent.monitoring.spec import BearingSpec, MachineSpec

RATE = 25_600.0
MACHINE = MachineSpec(speed=1800.0, bearings=(BearingSpec(name="DE", bpfo=3.585, bpfi=5.415, bsf=2.357, ftf=0.3983),))


def noise(samples: int, seed: int = 0, scale: float = 1.0, offset: float = 0.0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(offset, scale, samples)


def features_of(asked: tuple[str, ...], values: NDArray[np.float64], rate: float = RATE) -> dict[str, float]:
    extractor = WaveformFeatures(asked, len(values), rate)
    return dict(zip(extractor.names, extractor.extract(values).tolist(), strict=True))


def test_the_moments_are_those_of_scipy() -> None:
    values = noise(1024, scale=2.0, offset=0.5)
    found = features_of(("mean", "rms", "std", "peak", "crest", "kurtosis"), values)
    rms = float(np.sqrt(np.mean(values**2)))
    assert found == pytest.approx({
        "mean": values.mean(),
        "rms": rms,
        "std": values.std(),
        "peak": np.abs(values).max(),
        "crest": np.abs(values).max() / rms,
        "kurtosis": stats.kurtosis(values, fisher=False),
    })


def test_features_come_in_the_order_asked_for() -> None:
    values = noise(256)
    extractor = WaveformFeatures(("octaves", "kurtosis", "levels", "bands", "rms"), 256, RATE)
    again = features_of(("rms", "bands", "kurtosis", "levels", "octaves"), values)
    assert extractor.names[0] == "octave_100"
    assert extractor.names[-1] == "rms"
    assert extractor.extract(values).tolist() == [again[name] for name in extractor.names]


def test_the_power_is_the_plain_periodogram_whatever_else_is_asked_for() -> None:
    values = noise(1000, offset=3.0)
    plain = np.abs(np.fft.rfft(values)) ** 2
    for asked in (("power",), ("bands",), ("rms", "octaves", "power", "levels")):
        extractor = WaveformFeatures(asked, 1000, RATE)
        extractor.extract(values)
        assert extractor.power == pytest.approx(plain)


def test_no_spectrum_is_taken_where_none_is_asked_for() -> None:
    extractor = WaveformFeatures(("rms", "kurtosis"), 64, RATE)
    extractor.extract(noise(64))
    assert extractor.power is None


@pytest.mark.parametrize("samples", [2048, 2047, 9, 8, 5, 2])
def test_the_equal_bands_add_up_to_the_variance(samples: int) -> None:
    values = noise(samples, offset=1.0)
    found = features_of(("bands", "std"), values)
    assert sum(found[f"band_{i}"] for i in range(1, 9)) == pytest.approx(found["std"] ** 2)


def test_each_equal_band_holds_its_eighth_of_the_periodogram() -> None:
    values = noise(1024)
    power = np.abs(np.fft.rfft(values)) ** 2
    power[-1] /= 2
    expected = [part.sum() * 2 / 1024**2 for part in np.array_split(power[1:], 8)]
    found = WaveformFeatures(("bands",), 1024, RATE).extract(values)
    assert found.tolist() == pytest.approx(expected)


@pytest.mark.parametrize("samples", [2560, 2561, 1024])
def test_the_levels_are_those_of_scipys_hann_periodogram(samples: int) -> None:
    values = noise(samples, offset=5.0)
    frequencies, density = signal.periodogram(values, RATE, window="hann", detrend="constant")
    step = RATE / samples
    level_edges = 1000.0 * np.expm1(np.linspace(math.log(1.1), math.log(13.8), 33))
    for asked, edges in (("octaves", np.geomspace(100.0, 12_800.0, 8)), ("levels", level_edges)):
        expected = []
        for low, high in itertools.pairwise(edges):
            covered = np.minimum(frequencies + step / 2, high) - np.maximum(frequencies - step / 2, low)
            # scipy halves the density at half the rate; here half of that bin's width is outside
            share = np.where(frequencies == RATE / 2, 2 * density, density)
            expected.append(10 * math.log10(float((share * np.maximum(covered, 0)).sum())))
        found = WaveformFeatures((asked,), samples, RATE).extract(values)
        assert found.tolist() == pytest.approx(expected, abs=1e-6)


def test_a_sine_shows_in_its_octave_with_its_mean_square() -> None:
    time = np.arange(2560) / RATE
    found = features_of(("octaves",), 3.0 * np.sin(2 * np.pi * 1000.0 * time))
    assert found["octave_800"] == pytest.approx(10 * math.log10(4.5), abs=0.01)
    assert all(level < -80.0 for name, level in found.items() if name != "octave_800")


def test_a_constant_offset_does_not_leak_into_the_lowest_octave() -> None:
    values = noise(256)
    still = features_of(("octaves",), values)
    assert features_of(("octaves",), values + 100.0) == pytest.approx(still, abs=1e-6)


@given(
    gain=st.floats(0.001, 1000.0),
    samples=st.integers(16, 600),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_gain_scales_amplitudes_shifts_levels_and_leaves_shapes(
    gain: float, samples: int, seed: int
) -> None:
    values = noise(samples, seed)
    asked = ("rms", "std", "peak", "crest", "kurtosis", "bands", "octaves")
    before, after = features_of(asked, values), features_of(asked, gain * values)
    shift = 20.0 * math.log10(gain)
    for name, value in before.items():
        if name.startswith("octave_"):
            assert after[name] == pytest.approx(value + shift, abs=1e-6)
        elif name.startswith("band_"):
            assert after[name] == pytest.approx(gain * gain * value, rel=1e-6, abs=1e-12)
        elif name in ("crest", "kurtosis"):
            assert after[name] == pytest.approx(value)
        else:
            assert after[name] == pytest.approx(gain * value)


@given(shift=st.integers(1, 2559))
def test_turning_a_block_around_changes_no_rectangular_band(shift: int) -> None:
    values = noise(2560)
    turned = features_of(("bands",), np.roll(values, shift))
    assert turned == pytest.approx(features_of(("bands",), values))


def test_blocks_do_not_remember_the_one_before() -> None:
    # those that remember have a test of their own; the others of these are NaN without speed and unit
    asked = tuple(name for name in FEATURES if name not in {"power", "envelope", "bearing", "velocity", "orders"})
    extractor = WaveformFeatures(asked, 512, RATE)
    fresh = extractor.extract(noise(512, 1)).tolist()
    extractor.extract(noise(512, 2, scale=50.0))
    extractor.extract(np.full(512, np.nan))
    assert extractor.extract(noise(512, 1)).tolist() == fresh


def test_what_remembers_the_latest_blocks_is_the_same_again_for_the_same_blocks() -> None:
    first, second = (
        WaveformFeatures(("envelope", "bearing"), 2560, RATE, machine=MACHINE) for _ in range(2)
    )
    for seed in range(12):
        values = noise(2560, seed) * (1.0 + (np.arange(2560) % 251 < 20) * seed)
        assert first.extract(values, 30.0).tobytes() == second.extract(values, 30.0).tobytes()


def test_a_family_does_not_depend_on_the_others_asked_for() -> None:
    values = noise(25_600, 5) + 0.5
    whole = WaveformFeatures(FEATURES, 25_600, RATE, unit="g", machine=MACHINE)
    together = dict(zip(whole.names, whole.extract(values, 30.0).tolist(), strict=True))
    assert all(math.isfinite(value) for value in together.values())
    for feature in FEATURES:
        alone = WaveformFeatures((feature,), 25_600, RATE, unit="g", machine=MACHINE)
        found = dict(zip(alone.names, alone.extract(values, 30.0).tolist(), strict=True))
        assert found == pytest.approx({name: together[name] for name in alone.names}, rel=1e-12)


def test_a_feature_that_is_asked_for_twice_is_given_once() -> None:
    assert names_of(("rms", "octaves", "rms"), 800.0) == ("rms", "octave_100", "octave_200")


def test_single_precision_gives_the_same_as_the_same_numbers_in_double() -> None:
    single = noise(1024).astype(np.float32)
    extractor = WaveformFeatures(("rms", "kurtosis", "bands", "octaves"), 1024, RATE)
    assert extractor.extract(single).tolist() == extractor.extract(single.astype(np.float64)).tolist()


@pytest.mark.filterwarnings("ignore:overflow encountered")  # numpy 2 warns where squares overflow
@given(
    values=st.lists(st.floats(width=64), min_size=1, max_size=70),
    times=st.sampled_from((1, 7)),
    rate=st.floats(1.0, 1e6),
    speed=st.none() | st.floats(),
)
def test_no_block_raises_and_what_is_not_finite_says_so(
    values: list[float], times: int, rate: float, speed: float | None
) -> None:
    values = values * times
    extractor = WaveformFeatures(FEATURES, len(values), rate, unit="g", machine=MACHINE)
    found = extractor.extract(np.array(values), speed)
    assert found.shape == (len(extractor.names),)
    if not np.isfinite(values).all():
        assert np.isnan(found).all()


def test_the_crest_of_silence_and_the_kurtosis_of_a_constant_are_undefined() -> None:
    assert math.isnan(features_of(("crest",), np.zeros(8))["crest"])
    assert math.isnan(features_of(("kurtosis",), np.full(100, 0.1))["kurtosis"])


def test_silence_has_the_lowest_level_and_no_infinity() -> None:
    assert set(features_of(("octaves",), np.zeros(2560)).values()) == {-200.0}


def test_bands_above_half_the_rate_are_left_out() -> None:
    assert names_of(("octaves",), 3200.0) == ("octave_100", "octave_200", "octave_400", "octave_800")
    assert len(names_of(("levels",), RATE)) == 32
    assert names_of(("levels", "octaves"), 390.0) == ("level_1",)


def test_short_blocks_have_the_same_names_as_long_ones() -> None:
    short = features_of(("octaves", "bands"), noise(20))
    assert tuple(short) == WaveformFeatures(("octaves", "bands"), 2560, RATE).names
    assert all(math.isfinite(value) for value in short.values())


def test_an_unknown_feature_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"unknown feature 'skewness'; there are mean, rms"):
        WaveformFeatures(("rms", "skewness"), 1024, RATE)


@pytest.mark.parametrize(("samples", "rate"), [(0, RATE), (1024, 0.0), (1024, math.nan)])
def test_a_block_without_samples_or_rate_is_refused(samples: int, rate: float) -> None:
    with pytest.raises(ValueError, match="needs samples and a rate"):
        WaveformFeatures(("rms",), samples, rate)
