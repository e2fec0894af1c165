"""Orders of the shaft against a direct Fourier transform, and what a block cannot tell."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from agent.monitoring.manipulation.features.orders import NAMES, ORDERS
from agent.monitoring.manipulation.features.waveform import WaveformFeatures
from simulators.bearing import RATE, BearingMachine
from simulators.faults import MachineFaultKind


def orders(values: NDArray[np.float64], speed: float | None, rate: float = RATE) -> dict[str, float]:
    extractor = WaveformFeatures(("orders",), len(values), rate)
    assert extractor.names == NAMES
    return dict(zip(NAMES, extractor.extract(values, speed).tolist(), strict=True))


def rotation(speed: float, samples: int, amplitudes: tuple[float, ...]) -> NDArray[np.float64]:
    """Lines at the orders, a phase each, and an offset."""
    time = np.arange(samples) / RATE
    lines = [a * np.sin(2 * np.pi * order * speed * time + order) for a, order in zip(amplitudes, ORDERS, strict=True)]
    total: NDArray[np.float64] = np.sum(lines, axis=0) + 7.0
    return total


@pytest.mark.parametrize("speed", [24.8, 29.93, 50.0])
@pytest.mark.parametrize("samples", [12_800, 25_600, 102_400])
def test_lines_between_bins_are_told_with_their_peak_amplitude(speed: float, samples: int) -> None:
    found = orders(rotation(speed, samples, (0.1, 1.0, 0.5, 0.2)), speed)
    assert list(found.values()) == pytest.approx([0.1, 1.0, 0.5, 0.2], rel=0.01)


def test_in_a_short_record_the_whole_orders_are_told_and_the_half_one_is_not() -> None:
    found = orders(rotation(25.0, 2560, (0.0, 1.0, 0.5, 0.2)), 25.0)
    assert np.isnan(found.pop("order_0.5x"))
    assert list(found.values()) == pytest.approx([1.0, 0.5, 0.2], abs=0.03)


@given(speed=st.floats(21.0, 60.0), seed=st.integers(0, 2**32 - 1))
def test_they_are_those_of_a_direct_transform_of_the_whole_block(speed: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rotation(speed, 2560, (0.0, 1.0, 0.6, 0.4)) + rng.normal(0, 1.0, 2560)
    window = np.hanning(2561)[:-1]
    turns = np.exp(-2j * np.pi * np.outer([1.0, 2.0, 3.0], speed * np.arange(2560) / RATE))
    direct = 2 * np.abs(turns @ (window * (values - values.mean()))) / window.sum()
    found = orders(values, speed)
    # the amplitudes are about 1: what noise there is between them comes of the cut at a few hundred Hz
    assert list(found.values())[1:] == pytest.approx(direct.tolist(), abs=0.03)


@pytest.mark.parametrize("error", [-0.009, -0.004, 0.004, 0.009])
def test_a_speed_that_is_up_to_a_percent_off_is_found(error: float) -> None:
    found = orders(rotation(24.8, 51_200, (0.1, 1.0, 0.5, 0.2)), 24.8 * (1.0 + error))
    assert list(found.values())[1:] == pytest.approx([1.0, 0.5, 0.2], rel=0.08)


def test_the_first_hundred_turns_of_a_long_block_tell_it() -> None:
    found = orders(rotation(50.0, 256_000, (0.1, 1.0, 0.5, 0.2)), 50.1)
    assert list(found.values()) == pytest.approx([0.1, 1.0, 0.5, 0.2], rel=0.08)


@pytest.mark.parametrize("speed", [None, 0.0, -25.0, float("nan"), float("inf"), 20_000.0])
def test_without_a_speed_there_are_none(speed: float | None) -> None:
    assert np.isnan(list(orders(np.ones(2560), speed).values())).all()


def test_orders_above_half_the_rate_and_of_less_than_two_turns_are_nan() -> None:
    values = np.random.default_rng(1).normal(size=100)
    told = np.isfinite(list(orders(values, 40.0, 200.0).values()))
    assert told.tolist() == [True, True, True, False]
    assert not np.isfinite(list(orders(values, 1.0, 100.0).values())).any()
    assert np.isfinite(list(orders(values, 2.5, 100.0).values())).tolist() == [False, True, True, True]


@settings(max_examples=25)
@given(gain=st.floats(1e-3, 1e3))
def test_a_gain_scales_them(gain: float) -> None:
    values = rotation(30.0, 5120, (0.1, 1.0, 0.5, 0.2))
    before, after = orders(values, 30.0), orders(gain * values, 30.0)
    assert list(after.values()) == pytest.approx([gain * value for value in before.values()], nan_ok=True)


@pytest.mark.parametrize("seed", range(5))
def test_imbalance_raises_the_first_order_of_a_simulated_machine_and_no_other(seed: int) -> None:
    machine = BearingMachine.from_seed(seed)
    extractor = WaveformFeatures(("orders",), 12_800, RATE)
    rng = np.random.default_rng(seed)
    states: tuple[dict[MachineFaultKind, float], ...] = ({}, {"imbalance": 0.7})
    healthy, faulty = (
        np.median([extractor.extract(machine.record(rng, faults, samples=12_800), machine.speed) for _ in range(5)],
                  axis=0)
        for faults in states)
    rise = 20 * np.log10(faulty / healthy)
    assert rise[1] > 8.0
    assert np.abs(rise[2]) < 2.0
