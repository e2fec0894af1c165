"""The trial on simulated machines in its short form, and how it counts."""

from __future__ import annotations

from itertools import pairwise

import pytest
from scipy import stats

from simulators.faults import MACHINE_FAULTS, SENSOR_FAULTS, MachineFault, SensorFault
from simulators.scenario import Scenario, working_days
from tests.bench.simulated import figures, run
from tests.bench.simulated_life import DAY, HOUR, Life, lives, watch
from tests.bench.simulated_verdict import Verdict, poisson_interval, verdict


def test_three_machines_in_two_days_keep_quiet_until_something_is_wrong() -> None:
    counted = figures(run(3, 2.0, 10.0), budget=1.0)
    assert counted["faults"] == 3
    assert counted["faults_alarmed"] == counted["faults"]
    assert counted["false_alarms"] <= 1
    assert counted["sensor_faults_called"] == 100.0
    assert counted["false_sensor_alarms"] <= 1


def after_a_broken_commissioning(*faults: MachineFault | SensorFault) -> Verdict:
    """What is said of a machine whose pressure was not measured while some of its bands were learned."""
    duration = 1.85 * DAY
    broken = SensorFault(channel="pressure", kind="dropout", start=0.3 * DAY, end=0.7 * DAY)
    life = Life(with_bearing=False, scenario=Scenario(
        seed=95_105, duration=duration, operations=working_days(95_105, duration),
        faults=tuple(fault for fault in faults if isinstance(fault, MachineFault)),
        sensor_faults=(broken, *(fault for fault in faults if isinstance(fault, SensorFault)))))
    return verdict(0, life, watch(life, 10.0), lambda _: None)


def test_a_slow_leak_is_the_machines_even_if_the_pressure_was_not_measured_while_some_bands_were_learned() -> None:
    leak = MachineFault(kind="seal-leak", start=1.6 * DAY, end=1.85 * DAY, severity=0.45, growth=8 * HOUR)
    (row,) = after_a_broken_commissioning(leak).faults
    assert row["alarmed"]
    assert row["delay_h"] < 2.5


@pytest.mark.parametrize("channel", ["pressure", "flow"])
def test_and_a_sensor_that_drifts_then_is_the_sensors(channel: str) -> None:
    drift = SensorFault(channel=channel, kind="drift", start=1.6 * DAY, end=2.2 * DAY)
    found = after_a_broken_commissioning(drift)
    assert found.sensors[-1]["called"]
    assert not found.sensors[-1]["machine_alarms"]


def test_a_trial_of_some_machines_is_of_the_same_machines() -> None:
    (one,) = run(3, 0.2, 10.0, only=[1])
    assert one.number == 1
    assert one.life == lives(3, 0.2)[1]


@pytest.mark.parametrize("count", [0, 1, 7, 40])
def test_the_interval_of_a_count_is_the_exact_one(count: int) -> None:
    low, high = poisson_interval(count)
    assert low == pytest.approx(stats.chi2.ppf(0.025, 2 * count) / 2 if count else 0.0, abs=1e-6)
    assert high == pytest.approx(stats.chi2.ppf(0.975, 2 * count + 2) / 2)


def test_a_trial_meets_every_kind_of_fault_and_none_before_the_bands_are_learned() -> None:
    plan = lives(20, 30.0)
    faults = [fault for life in plan for fault in life.scenario.faults]
    sensors = [fault for life in plan for fault in life.scenario.sensor_faults]
    assert {fault.kind for fault in faults} == set(MACHINE_FAULTS)
    assert len({(fault.kind, fault.channel) for fault in sensors}) > 0.8 * len(SENSOR_FAULTS) * 7
    assert all(0.4 <= fault.severity <= 0.7 for fault in faults)
    for life in plan:
        spans = sorted([(fault.start, fault.end) for fault in life.scenario.faults]
                       + [(fault.start, fault.end) for fault in life.scenario.sensor_faults])
        assert spans[0][0] > 6 * DAY
        assert all(earlier[1] < later[0] for earlier, later in pairwise(spans))
        assert spans[-1][1] < life.scenario.duration
