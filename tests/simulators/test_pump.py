"""A simulated pump keeps the laws of pumps, and its sensors behave as sensors do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from simulators.faults import MachineFaultKind
from simulators.pump import CHANNELS, Nuisance, Pump, PumpMachine

FRICTION = 60.0
"""W of shaft power at nominal speed that moves no water."""


def at(machine: PumpMachine, speed: float, valve: float) -> tuple[float, ...]:
    """The operating point of a healthy pump."""
    return tuple(float(values[0]) for values in machine.operating_point(np.array([speed]), np.array([valve]), {}))


def run(
    seconds: int, *, speed: float = 1.0, faults: dict[MachineFaultKind, float] | None = None, seed: int = 1
) -> dict[str, NDArray[np.float64]]:
    """What each sensor says, second by second; arrays of shape (seconds,)."""
    pump = Pump(PumpMachine.from_seed(seed), seed)
    said = [pump.step(float(time), speed=speed, valve=1.0, faults=faults or {}) for time in range(seconds)]
    return {name: np.array([values[name] for values in said]) for name in CHANNELS}


@pytest.mark.parametrize("speed", [0.5, 0.8, 1.1])
def test_flow_head_and_power_follow_speed_by_the_affinity_laws(speed: float) -> None:
    # the laws hold exactly where the system has no static head
    machine = replace(PumpMachine.from_seed(3), static=0.0)
    flow, head, power = at(machine, 1.0, 1.0)
    slower = at(machine, speed, 1.0)
    assert slower == pytest.approx((flow * speed, head * speed**2, power * speed**3))


def test_the_operating_point_lies_on_both_curves() -> None:
    machine = PumpMachine.from_seed(4)
    flow, head, power = at(machine, 0.9, 0.8)
    assert head == pytest.approx(0.9**2 * machine.head - machine.steepness * flow**2)
    assert head == pytest.approx(machine.static + machine.resistance / 0.8**2 * flow**2)
    hydraulic = 1000 * 9.81 * flow / 60_000 * head
    assert power == pytest.approx(hydraulic / machine.efficiency + FRICTION * 0.9**3)


def test_a_valve_that_closes_lowers_the_flow_and_raises_the_pressure() -> None:
    machine = PumpMachine.from_seed(5)
    open_flow, open_head, _ = at(machine, 1.0, 1.0)
    flow, head, _ = at(machine, 1.0, 0.6)
    assert flow < open_flow
    assert head > open_head


def test_below_the_static_head_nothing_flows() -> None:
    machine = replace(PumpMachine.from_seed(6), static=8.0, head=30.0)
    assert at(machine, 0.5, 1.0)[0] == 0.0


@pytest.mark.parametrize(("fault", "channel", "direction"), [
    ("impeller-wear", "pressure", -1),
    ("impeller-wear", "flow", -1),
    ("impeller-wear", "current", -1),
    ("blocked-suction", "flow", -1),
    ("blocked-suction", "pressure", -1),
    ("seal-leak", "flow", -1),
    ("seal-leak", "pressure", -1),
    ("cavitation", "pressure", -1),
    ("cavitation", "vibration", 1),
    ("imbalance", "vibration", 1),
    ("outer-race", "vibration", 1),
    ("outer-race", "current", 1),
    ("inner-race", "vibration", 1),
    ("ball", "vibration", 1),
])
def test_each_fault_shows_where_an_engineer_would_look(
    fault: MachineFaultKind, channel: str, direction: int
) -> None:
    healthy, faulty = run(300)[channel], run(300, faults={fault: 0.8})[channel]
    assert direction * (faulty.mean() - healthy.mean()) > 2 * healthy.std()


def test_a_bad_bearing_becomes_warm_in_the_end() -> None:
    pump = Pump(PumpMachine.from_seed(1), 1)
    course = [
        pump.step(float(time), speed=1.0, valve=1.0, faults={"ball": 0.8} if time >= 60 else {})["temperature"]
        for time in range(5460)]
    assert course[90] == pytest.approx(course[59], abs=0.5)
    assert course[-1] > course[59] + 5


def test_cavitation_makes_the_pressure_restless() -> None:
    assert run(300, faults={"cavitation": 0.8})["pressure"].std() > 2 * run(300)["pressure"].std()


def test_a_pump_that_stops_runs_out_and_is_silent_but_stays_warm() -> None:
    pump = Pump(PumpMachine.from_seed(1), 1)
    running = [pump.step(float(time), speed=1.0, valve=1.0, faults={}) for time in range(60)][-1]
    first = pump.step(60.0, speed=0.0, valve=1.0, faults={})
    assert 0.0 < first["speed"] < running["speed"]
    stopped = [pump.step(float(time), speed=0.0, valve=1.0, faults={}) for time in range(61, 120)][-1]
    assert stopped["speed"] == stopped["flow"] == 0.0
    assert abs(stopped["pressure"]) < 0.05
    assert stopped["temperature"] > running["temperature"] - 2.0


def test_temperature_takes_half_an_hour_to_follow_the_load() -> None:
    pump = Pump(PumpMachine.from_seed(1), 1)
    warm = pump.step(0.0, speed=1.0, valve=1.0, faults={})["temperature"]
    course = [pump.step(float(time), speed=0.7, valve=1.0, faults={})["temperature"] for time in range(5400)]
    fallen = warm - np.array(course)
    assert 0.45 < fallen[1800] / fallen[-1] < 0.8


def test_sensor_noise_has_a_memory() -> None:
    pressure = run(3000)["pressure"]
    rest = pressure - pressure.mean()
    correlation = float((rest[1:] * rest[:-1]).mean() / (rest**2).mean())
    assert correlation == pytest.approx(0.6, abs=0.08)


def test_the_memory_of_the_noise_is_one_of_time_and_not_of_readings() -> None:
    pump = Pump(PumpMachine.from_seed(1), 1)
    times = np.arange(3000) * 5.0
    steady = np.ones(3000)
    rest = pump.run(times, speeds=steady, valves=steady, faults={}, seconds=5.0)["speed"]
    rest = rest - rest.mean()
    assert float((rest[1:] * rest[:-1]).mean() / (rest**2).mean()) == pytest.approx(0.6**5, abs=0.06)


@given(cuts=st.lists(st.integers(1, 399), max_size=8, unique=True), seconds=st.sampled_from([1.0, 60.0]))
@settings(max_examples=25, deadline=None)
def test_however_a_run_is_cut_the_sensors_read_the_same(cuts: list[int], seconds: float) -> None:
    rng = np.random.default_rng(5)
    times = np.arange(400) * seconds
    speeds, valves = rng.choice([0.0, 0.9, 1.0], 400), rng.uniform(0.8, 1.1, 400)
    severity = rng.random(400)
    whole, parted = (Pump(PumpMachine.from_seed(3), 3) for _ in range(2))
    expected = whole.run(times, speeds=speeds, valves=valves, faults={"cavitation": severity}, seconds=seconds)
    pieces = [
        parted.run(times[part], speeds=speeds[part], valves=valves[part],
                   faults={"cavitation": severity[part]}, seconds=seconds)
        for part in np.split(np.arange(400), sorted(cuts))
    ]
    for name, values in expected.items():
        assert np.array_equal(np.concatenate([piece[name] for piece in pieces]), values)


def test_a_step_is_a_run_of_one() -> None:
    stepped, run_ = (Pump(PumpMachine.from_seed(2), 2) for _ in range(2))
    said = [stepped.step(float(time), speed=0.9, valve=1.1, faults={"ball": 0.3}) for time in range(50)]
    course = run_.run(np.arange(50.0), speeds=np.full(50, 0.9), valves=np.full(50, 1.1),
                      faults={"ball": np.full(50, 0.3)})
    assert said == [{name: values[second] for name, values in course.items()} for second in range(50)]


def test_the_control_system_tells_the_opening_of_the_valve() -> None:
    pump = Pump(PumpMachine.from_seed(1), 1)
    told = [pump.step(float(time), speed=1.0, valve=0.85, faults={})["load"] for time in range(200)]
    assert np.mean(told) == pytest.approx(85.0, abs=0.1)
    assert all(value == round(value, 1) for value in told)


def test_what_disturbs_a_pump_stays_small_beside_a_fault() -> None:
    days = 30
    for seed in range(3):
        fouling, flow, vibration = Nuisance(seed).at(np.arange(0.0, days * 86_400.0, 1.0))
        assert 0.0 <= fouling.min() < fouling.max() <= 0.005
        assert abs(np.diff(fouling)).max() < 1e-6  # never at once
        assert abs(flow).max() < 0.04
        assert vibration.max() < 0.5
        began = np.count_nonzero((vibration[1:] > 0) & (vibration[:-1] == 0))
        assert days < began < 8 * days
        assert np.count_nonzero(vibration) < 10 * began


def test_what_a_sensor_usually_reads_is_what_it_reads_at_nominal() -> None:
    machine = PumpMachine.from_seed(9)
    read = run(200, seed=9)
    for name, usual in machine.usual.items():
        assert read[name].mean() == pytest.approx(usual, rel=0.1), name


def test_a_vibration_rms_is_never_negative() -> None:
    assert run(500, speed=0.0)["vibration"].min() >= 0.0


def test_twenty_seeds_are_twenty_different_machines() -> None:
    points = {at(PumpMachine.from_seed(seed), 1.0, 1.0) for seed in range(20)}
    assert len(points) == 20
    flows = [flow for flow, _, _ in points]
    assert max(flows) > 1.1 * min(flows)
