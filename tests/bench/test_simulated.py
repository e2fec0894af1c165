"""The trial on simulated machines in its short form, and how it counts."""

from __future__ import annotations

from itertools import pairwise

import pytest
from scipy import stats

from simulators.faults import MACHINE_FAULTS, SENSOR_FAULTS
from tests.bench.simulated import figures, run
from tests.bench.simulated_life import DAY, lives
from tests.bench.simulated_verdict import poisson_interval


def test_three_machines_in_two_days_keep_quiet_until_something_is_wrong() -> None:
    counted = figures(run(3, 2.0, 10.0), budget=1.0)
    assert counted["faults"] == 3
    assert counted["faults_alarmed"] == counted["faults"]
    assert counted["false_alarms"] <= 1
    assert counted["sensor_faults_called"] == 100.0
    assert counted["false_sensor_alarms"] <= 1


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
