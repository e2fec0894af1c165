"""Lines of bearings: the fault of a simulated one rises most, at its frequency; what cannot be told is NaN."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from agent.monitoring.manipulation.features.bearing_lines import FAULTS, BearingLines
from agent.monitoring.manipulation.features.envelope import EnvelopeSpectrum
from agent.monitoring.manipulation.features.waveform import WaveformFeatures
from agent.monitoring.spec import BearingSpec, MachineSpec
from simulators.bearing import RATE, BearingMachine
from simulators.faults import MachineFaultKind

SKF_6205 = BearingSpec(name="DE", bpfo=3.585, bpfi=5.415, bsf=2.357, ftf=0.3983)
LINE_OF: dict[MachineFaultKind, str] = {"outer-race": "bpfo", "inner-race": "bpfi", "ball": "bsf"}


def flat(samples: int, lines: dict[float, float], seed: int = 1) -> EnvelopeSpectrum:
    """Noise of mean 1, exponential as power is, and ``lines``: power by Hz, three points wide."""
    spacing = RATE / samples / 2
    power = np.random.default_rng(seed).exponential(size=samples // 4)
    for frequency, height in lines.items():
        place = round(frequency / spacing)
        power[place - 1 : place + 2] = height
    return EnvelopeSpectrum(power, spacing, RATE / samples)


def test_a_comb_stands_out_by_the_mean_of_its_harmonics_in_db() -> None:
    speed, slip = 29.95, 1.011
    found = BearingLines([SKF_6205], 25_600, RATE)
    lines = {h * 3.585 * slip * speed: height for h, height in ((1, 1e4), (2, 1e3), (3, 1e2))}
    levels = dict(zip(found.names, found.of(flat(25_600, lines), speed).tolist(), strict=True))
    assert levels["DE.bpfo"] == pytest.approx(30.0, abs=1.0)
    assert found.frequencies["DE.bpfo"] == pytest.approx(3.585 * slip * speed, abs=0.5)
    assert all(levels[f"DE.{fault}"] < 10.0 for fault in ("bpfi", "bsf", "ftf"))


def test_sidebands_count_to_an_inner_race_and_a_rolling_element() -> None:
    speed = 29.95
    for order, beside, name in ((5.415, 1.0, "DE.bpfi"), (2 * 2.357, 0.3983, "DE.bsf")):
        bare, dressed = BearingLines([SKF_6205], 25_600, RATE), BearingLines([SKF_6205], 25_600, RATE)
        lines = {h * order * speed: 1000.0 for h in (1, 2, 3)}
        sides = {(h * order + side * beside) * speed: 1000.0 for h in (1, 2, 3) for side in (-1, 1)}
        place = bare.names.index(name)
        rise = dressed.of(flat(25_600, lines | sides), speed)[place] - bare.of(flat(25_600, lines), speed)[place]
        assert rise == pytest.approx(10 * math.log10(3), abs=1.0)


def test_one_strong_line_on_a_harmonic_does_not_make_a_fault() -> None:
    levels = BearingLines([SKF_6205], 25_600, RATE).of(flat(25_600, {2 * 3.585 * 29.95: 1e4}), 29.95)
    assert levels[0] < 18.0  # a third of 40 dB, and what noise gives


def test_what_slips_more_than_two_percent_is_no_line_of_the_bearing() -> None:
    lines = {h * 3.585 * 1.05 * 29.95: 1e4 for h in (1, 2, 3)}
    assert BearingLines([SKF_6205], 25_600, RATE).of(flat(25_600, lines), 29.95)[0] < 10.0


def test_the_average_over_records_brings_out_what_one_hides() -> None:
    found = BearingLines([SKF_6205], 25_600, RATE)
    levels = [found.of(flat(25_600, {}, seed), 29.95) for seed in range(40)]
    assert np.std(levels[10:], axis=0).max() < np.std(
        [BearingLines([SKF_6205], 25_600, RATE).of(flat(25_600, {}, seed), 29.95) for seed in range(40)], axis=0).max()


def test_lines_are_followed_in_orders_while_the_speed_changes() -> None:
    found = BearingLines([SKF_6205], 25_600, RATE)
    rng = np.random.default_rng(3)
    levels = []
    for speed in (25.0, 31.0, 28.0, 34.0, 30.0):
        spectrum = flat(25_600, {h * 5.415 * speed: 30.0 for h in (1, 2, 3)}, int(rng.integers(1000)))
        levels.append(found.of(spectrum, speed)[1])
        assert found.frequencies["DE.bpfi"] == pytest.approx(5.415 * speed, rel=0.021)
    assert levels[-1] > 8.0


@pytest.mark.parametrize("speed", [None, 0.0, math.nan, -3.0, math.inf])
def test_without_a_speed_nothing_is_told(speed: float | None) -> None:
    found = BearingLines([SKF_6205], 2560, RATE)
    assert np.isnan(found.of(flat(2560, {}), speed)).all()
    assert found.frequencies == {}


def test_in_a_tenth_of_a_second_a_cage_is_not_told_and_the_others_are() -> None:
    found = BearingLines([SKF_6205], 2560, RATE)
    told = dict(zip(found.names, np.isfinite(found.of(flat(2560, {}), 29.95)).tolist(), strict=True))
    assert told == {"DE.bpfo": True, "DE.bpfi": True, "DE.bsf": True, "DE.ftf": False}
    assert "DE.ftf" not in found.frequencies


def test_harmonics_above_the_band_are_left_out_and_a_fault_above_it_is_nan() -> None:
    narrow = EnvelopeSpectrum(np.random.default_rng(1).exponential(size=400), 0.5, 1.0)  # up to 200 Hz
    levels = BearingLines([SKF_6205], 25_600, RATE).of(narrow, 40.0)
    assert np.isfinite(levels).tolist() == [True, False, True, True]  # 143, 217, 189 and 16 Hz


@cache
def learned(seed: int, samples: int) -> NDArray[np.float64]:
    """The levels of a healthy machine."""
    usual: NDArray[np.float64] = np.median(records(seed, samples, {}, 25)[0][5:], axis=0)
    return usual


def records(
    seed: int, samples: int, faults: dict[MachineFaultKind, float], count: int
) -> tuple[NDArray[np.float64], dict[str, float], BearingMachine]:
    """Levels of so many records, shape (count, 4), the frequencies of the last one, and the machine."""
    machine = BearingMachine.from_seed(seed)
    bearing = BearingSpec(name="DE", **machine.geometry.orders._asdict())
    extractor = WaveformFeatures(("bearing",), samples, RATE, machine=MachineSpec(bearings=(bearing,)))
    rng = np.random.default_rng([seed, samples, len(faults)])
    levels = [
        extractor.extract(machine.record(rng, faults, load=max(0.3, 1 + 0.15 * rng.normal()), samples=samples),
                          machine.speed)
        for _ in range(count)
    ]
    return np.array(levels), dict(extractor.frequencies), machine


@pytest.mark.parametrize("kind", LINE_OF)
@pytest.mark.parametrize("severity", [0.2, 0.7])
def test_the_line_of_a_simulated_fault_rises_most_and_is_found_where_it_is(
    kind: MachineFaultKind, severity: float
) -> None:
    for seed in range(4):
        levels, frequencies, machine = records(seed, 12_800, {kind: severity}, 8)
        rise = dict(zip(FAULTS, np.median(levels[3:], axis=0) - learned(seed, 12_800), strict=True))
        line = LINE_OF[kind]
        races = {fault: rise[fault] for fault in ("bpfo", "bpfi", "bsf")}
        assert max(races, key=lambda fault: races[fault]) == line, (seed, rise)
        assert rise[line] > 5.0
        order = getattr(machine.geometry.orders, line) * (2 if line == "bsf" else 1)
        assert frequencies[f"DE.{line}"] == pytest.approx(order * machine.speed, rel=0.021)


@pytest.mark.parametrize("kind", LINE_OF)
def test_in_a_tenth_of_a_second_it_rises_most_on_nearly_all_machines(kind: MachineFaultKind) -> None:
    right = 0
    for seed in range(8):
        levels, _, _ = records(seed, 2560, {kind: 0.5}, 8)
        rise = (np.median(levels[3:], axis=0) - learned(seed, 2560))[:3]
        right += FAULTS[int(rise.argmax())] == LINE_OF[kind]
    assert right >= 7  # some lines of two faults are within the 10 Hz that such a record can tell apart


@settings(max_examples=20)
@given(gain=st.floats(1e-3, 1e3))
def test_a_gain_changes_nothing(gain: float) -> None:
    record = BearingMachine.from_seed(1).record(np.random.default_rng(1), {"ball": 0.5}).astype(np.float64)
    machine = MachineSpec(bearings=(SKF_6205,))
    once, louder = (
        WaveformFeatures(("bearing",), 2560, RATE, machine=machine).extract(factor * record, 29.95)
        for factor in (1.0, gain)
    )
    assert louder.tolist() == pytest.approx(once.tolist(), abs=1e-5, nan_ok=True)


def test_each_bearing_of_a_machine_has_its_own_lines() -> None:
    other = BearingSpec(name="NDE", bpfo=3.05, bpfi=4.95, bsf=1.99, ftf=0.382)
    machine = MachineSpec(bearings=(SKF_6205, other))
    extractor = WaveformFeatures(("rms", "bearing", "kurtosis"), 25_600, RATE, machine=machine)
    assert extractor.names == (
        "rms", "DE.bpfo", "DE.bpfi", "DE.bsf", "DE.ftf", "NDE.bpfo", "NDE.bpfi", "NDE.bsf", "NDE.ftf", "kurtosis")
    record = np.random.default_rng(1).normal(size=25_600)
    assert np.isfinite(extractor.extract(record, 29.95)).all()
    assert set(extractor.frequencies) == set(extractor.names[1:9])
    extractor.extract(np.full(25_600, np.nan), 29.95)
    assert extractor.frequencies == {}


def test_without_bearings_there_are_no_lines() -> None:
    assert WaveformFeatures(("bearing",), 2560, RATE).names == ()
