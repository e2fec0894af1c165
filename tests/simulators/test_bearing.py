"""A bearing's waveform shows the kinematics of its fault, and nothing of the kind when it is healthy."""

from __future__ import annotations

import timeit

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import butter, hilbert, sosfiltfilt

from agent.monitoring.manipulation.features.waveform import WaveformFeatures
from simulators.bearing import RATE, BearingMachine, Geometry, resonate
from simulators.faults import BEARING_FAULTS, MachineFaultKind

SECONDS = 2
SAMPLES = int(SECONDS * RATE)
RECORD = 2560
SKF_6205 = Geometry(balls=9, ball=0.3126, pitch=1.537)
"""6205-2RS JEM, in inches; its orders below: Case Western Reserve University Bearing Data Center."""


def spectrum(machine: BearingMachine, faults: dict[MachineFaultKind, float], records: int = 8) -> NDArray[np.float64]:
    """The mean squared envelope spectrum above 1 kHz, in orders of 0.5 Hz; shape (SAMPLES // 2 + 1,)."""
    rng = np.random.default_rng(5)
    band = butter(4, 1000, "highpass", fs=RATE, output="sos")
    total = np.zeros(SAMPLES // 2 + 1)
    for _ in range(records):
        record = machine.record(rng, faults, samples=SAMPLES).astype(np.float64)
        envelope = np.abs(hilbert(sosfiltfilt(band, record))) ** 2
        total += np.abs(np.fft.rfft(envelope - envelope.mean())) / SAMPLES
    return total / records


def prominence(machine: BearingMachine, faults: dict[MachineFaultKind, float], order: float) -> float:
    """How far the envelope spectrum stands out at an order of the shaft's speed, against its surroundings."""
    found = spectrum(machine, faults)
    centre = order * machine.speed
    near = slice(int(centre * 0.985 * SECONDS), int(centre * 1.015 * SECONDS) + 2)
    around = slice(int(centre * 0.8 * SECONDS), int(centre * 1.2 * SECONDS))
    return float(found[near].max() / np.median(found[around]))


def test_the_orders_of_a_known_bearing_are_those_that_were_published() -> None:
    orders = SKF_6205.orders
    assert orders.bpfo == pytest.approx(3.5848, abs=1e-3)
    assert orders.bpfi == pytest.approx(5.4152, abs=1e-3)
    assert 2 * orders.bsf == pytest.approx(4.7135, abs=2e-3)  # published as a ball's strikes on both races
    assert orders.ftf == pytest.approx(0.39828, abs=1e-4)


def test_the_races_share_the_balls_that_pass() -> None:
    orders = Geometry(balls=11, ball=0.2, pitch=1.0, angle=15.0).orders
    assert orders.bpfo + orders.bpfi == pytest.approx(11)
    assert orders.bpfo == pytest.approx(11 * orders.ftf)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_outer_race_fault_stands_out_at_bpfo_and_a_healthy_bearing_does_not(seed: int) -> None:
    machine = BearingMachine.from_seed(seed)
    order = machine.geometry.orders.bpfo
    assert prominence(machine, {"outer-race": 0.8}, order) > 8
    assert prominence(machine, {"outer-race": 0.8}, 2 * order) > 4
    assert prominence(machine, {}, order) < 4
    assert prominence(machine, {}, 2 * order) < 4


def test_the_highest_peak_of_an_outer_race_fault_is_bpfo() -> None:
    machine = BearingMachine.from_seed(1)
    found = spectrum(machine, {"outer-race": 0.8})
    low, high = int(1.5 * machine.speed * SECONDS), int(400 * SECONDS)
    peak = (low + int(found[low:high].argmax())) / SECONDS
    assert peak == pytest.approx(machine.geometry.orders.bpfo * machine.speed, rel=0.015)


def test_an_inner_race_fault_is_modulated_by_the_shaft() -> None:
    machine = BearingMachine.from_seed(2)
    bpfi = machine.geometry.orders.bpfi
    assert prominence(machine, {"inner-race": 0.9}, bpfi) > 8
    # the load zone is passed once a revolution: sidebands one order apart
    assert prominence(machine, {"inner-race": 0.9}, bpfi - 1) > 4
    assert prominence(machine, {"inner-race": 0.9}, bpfi + 1) > 4
    assert prominence(machine, {"inner-race": 0.9}, machine.geometry.orders.bpfo) < 4
    assert prominence(machine, {}, bpfi) < 4


def test_a_ball_fault_strikes_both_races_at_each_turn() -> None:
    machine = BearingMachine.from_seed(3)
    strikes = 2 * machine.geometry.orders.bsf
    assert prominence(machine, {"ball": 0.9}, strikes) > 4
    assert prominence(machine, {}, strikes) < 4


def rise(seed: int, kind: MachineFaultKind, severity: float) -> float:
    """How many dB a fault raises the octave band that it raises most; between medians of 9 records."""
    octaves = WaveformFeatures(("octaves",), RECORD, RATE)
    machine = BearingMachine.from_seed(seed)
    rng = np.random.default_rng(seed)
    healthy, faulty = (
        np.median([octaves.extract(machine.record(rng, faults)) for _ in range(9)], axis=0)
        for faults in ({}, {kind: severity}))
    return float((faulty - healthy).max())


@pytest.mark.parametrize("kind", BEARING_FAULTS)
def test_a_slight_fault_is_subtle_and_a_severe_one_clear_on_most_of_twenty_machines(kind: MachineFaultKind) -> None:
    rises = np.array([[rise(seed, kind, severity) for severity in (0.1, 0.3, 0.7, 1.0)] for seed in range(20)])
    slight, mild, severe, _ = np.median(rises, axis=0)
    assert slight < 5
    assert mild < 10.5
    assert severe > 12
    assert (rises[:, 2] > 10).sum() >= 15
    # the levels of single records scatter by about 1 dB
    assert (np.diff(rises, axis=1) > -1).all()
    assert (rises[:, 3] > rises[:, 1]).all()


def test_a_worse_fault_is_more_impulsive() -> None:
    machine = BearingMachine.from_seed(4)

    def kurtosis(severity: float) -> float:
        record = machine.record(np.random.default_rng(1), {"outer-race": severity}, samples=SAMPLES)
        high = np.diff(record, 2)  # without the rotation
        return float((high**4).mean() / (high**2).mean() ** 2)

    assert kurtosis(0.0) < kurtosis(0.5) < kurtosis(1.0)


def test_imbalance_is_heard_at_the_speed_of_the_shaft() -> None:
    machine = BearingMachine.from_seed(5)

    def once(severity: float) -> float:
        record = machine.record(np.random.default_rng(1), {"imbalance": severity}, samples=SAMPLES)
        place = machine.speed * SECONDS
        return float(np.abs(np.fft.rfft(record))[int(place * 0.98): int(place * 1.02) + 2].max())

    assert once(1.0) > 3 * once(0.0)


def test_a_machine_that_stands_still_gives_its_sensors_noise_only() -> None:
    machine = BearingMachine.from_seed(6)
    still = machine.record(np.random.default_rng(1), {"outer-race": 1.0}, speed=0.0)
    running = machine.record(np.random.default_rng(1), {})
    assert still.std() < 0.1 * running.std()


def test_a_resonance_rings_at_its_frequency_and_dies_away() -> None:
    strike = np.zeros(SAMPLES)
    strike[0] = 1.0
    ring = resonate(strike, 3000.0, 0.04)
    peak = float(np.abs(np.fft.rfft(ring)).argmax()) / SECONDS
    assert peak == pytest.approx(3000.0, rel=0.01)
    # the envelope falls by e every 1 / (2 pi f zeta) s
    decay = int(RATE / (2 * np.pi * 3000.0 * 0.04))
    first, third = np.abs(ring[:decay]).max(), np.abs(ring[2 * decay: 3 * decay]).max()
    assert third / first == pytest.approx(np.exp(-2), rel=0.2)


def test_a_record_is_a_tenth_of_a_second_of_float32() -> None:
    record = BearingMachine.from_seed(1).record(np.random.default_rng(1), {})
    assert record.dtype == np.float32
    assert record.shape == (2560,)


def test_a_record_is_made_in_a_millisecond_or_so() -> None:
    machine, rng = BearingMachine.from_seed(1), np.random.default_rng(1)
    # the fastest of many: what else runs on the computer must not matter
    assert min(timeit.repeat(lambda: machine.record(rng, {"ball": 0.7}), number=1, repeat=100)) < 1.5e-3
