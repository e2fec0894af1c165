"""A scenario follows from its seed alone, and its labels say what was done to it."""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.bearing import BearingMachine
from simulators.faults import SECOND, MachineFault, SensorFault, SensorFaultKind
from simulators.scenario import ORIGIN, Operation, Scenario, working_days

FAULTS = (MachineFault(kind="outer-race", start=60, end=120, severity=0.9),)
SENSOR_FAULTS = (SensorFault(channel="flow", kind="dropout", start=30, end=40),
                 SensorFault(channel="pressure", kind="stuck", start=50, end=60))


def scenario(seed: int) -> Scenario:
    return Scenario(seed=seed, duration=120, faults=FAULTS, sensor_faults=SENSOR_FAULTS)


def content(of: Scenario) -> bytes:
    telemetry = json.dumps(list(of.telemetry())).encode()
    return telemetry + b"".join(record.tobytes() for _, record in of.vibration())


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    assert content(scenario(1)) == content(scenario(1))
    assert content(scenario(1)) != content(scenario(2))


def test_twenty_seeds_are_twenty_bearings() -> None:
    machines = [BearingMachine.from_seed(seed) for seed in range(20)]
    assert len({(machine.speed, machine.geometry, machine.resonances) for machine in machines}) == 20


def test_sensors_are_wrong_exactly_while_their_labels_say_so() -> None:
    of = scenario(3)
    spans = {label["channel"]: range(label["start"], label["end"])
             for label in of.labels if label["concerns"] == "sensor"}
    before = math.inf
    for at, values in of.telemetry():
        assert math.isnan(values["flow"]) == (at in spans["flow"])
        assert (values["pressure"] == before) == (at in spans["pressure"])
        before = values["pressure"]


@pytest.mark.parametrize("kind", get_args(SensorFaultKind))
def test_a_faulty_sensor_changes_what_it_says_and_nothing_else(kind: SensorFaultKind) -> None:
    fault = SensorFault(channel="flow", kind=kind, start=30, end=60, size=50.0)
    true = [values for _, values in Scenario(duration=90).telemetry()]
    said = [values for _, values in Scenario(duration=90, sensor_faults=(fault,)).telemetry()]
    wrong = [second for second in range(90) if said[second]["flow"] != true[second]["flow"]]
    assert wrong
    assert set(wrong) <= set(range(30, 60))
    for values in (*true, *said):
        del values["flow"]
    assert said == true


def test_vibration_rises_exactly_while_its_label_says_so() -> None:
    of = scenario(4)
    label = next(label for label in of.labels if label["kind"] == "outer-race")
    levels = {at: float(np.diff(record, 2).std()) for at, record in of.vibration()}
    inside = [level for at, level in levels.items() if label["start"] <= at < label["end"]]
    outside = [level for at, level in levels.items() if not label["start"] <= at < label["end"]]
    assert len(inside) == len(outside) == 6
    assert min(inside) > 1.5 * max(outside)


def test_time_goes_on_evenly_from_the_origin() -> None:
    times = [at for at, _ in Scenario(duration=5).telemetry(seconds=0.5)]
    assert times == [ORIGIN + number * SECOND // 2 for number in range(10)]
    records = [at for at, _ in Scenario(duration=30, every=7.5, origin=0).vibration()]
    assert records == [0, 7_500_000_000, 15_000_000_000, 22_500_000_000]


@pytest.mark.parametrize("duration", [0.5, 1.1, 3.0, 3.3])
def test_each_moment_before_the_end_has_its_record(duration: float) -> None:
    assert len(list(Scenario(duration=duration, every=1.1).vibration())) == -(-round(duration * 10) // 11)


def test_a_change_of_load_shows_and_is_not_a_label() -> None:
    of = Scenario(duration=120, operations=(Operation(0.0, 1.0), Operation(60.0, 0.9, 0.8)))
    assert of.labels == []
    said = [values for _, values in of.telemetry()]
    for channel in ("speed", "flow", "current"):
        assert said[100][channel] < 0.95 * said[50][channel]


def test_a_stop_is_an_operation_and_not_a_label() -> None:
    of = Scenario(duration=120, operations=(Operation(0.0, 1.0), Operation(60.0, 0.0)))
    assert of.labels == []
    speeds = [values["speed"] for _, values in of.telemetry()]
    assert speeds[50] > 1000
    assert speeds[100] == 0.0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_working_days_change_the_load_and_stop_now_and_then(seed: int) -> None:
    week = working_days(seed, 7 * 86_400.0)
    assert [operation.start for operation in week] == sorted(operation.start for operation in week)
    stops = [operation for operation in week if operation.speed == 0.0]
    assert 3 <= len(stops) <= 40
    assert all(0.8 <= operation.valve <= 1.1 for operation in week)
    assert week == working_days(seed, 7 * 86_400.0)


@given(rows=st.integers(1, 130), kind=st.sampled_from(get_args(SensorFaultKind)))
@settings(max_examples=20, deadline=None)
def test_however_a_recording_is_cut_it_is_the_same(rows: int, kind: SensorFaultKind) -> None:
    of = replace(scenario(5), sensor_faults=(SensorFault(channel="flow", kind=kind, start=30, end=80),))
    (whole, said), = of.spans(rows=1000)
    pieces = list(of.spans(rows=rows))
    assert np.array_equal(np.concatenate([times for times, _ in pieces]), whole)
    for name, values in said.items():
        assert np.array_equal(np.concatenate([piece[name] for _, piece in pieces]), values, equal_nan=True)


def test_a_month_of_a_machine_is_simulated_in_seconds() -> None:
    of = Scenario(seed=7, duration=3 * 86_400.0, operations=working_days(7, 3 * 86_400.0))
    begun = time.process_time()
    rows = sum(len(times) for times, _ in of.spans())
    assert rows == 3 * 86_400
    assert time.process_time() - begun < 10.0  # a tenth of a month; usually half a second


def test_a_label_tells_the_size_of_a_sensor_fault() -> None:
    (label,) = Scenario(sensor_faults=(SensorFault(channel="load", kind="drift", start=0, end=9),)).labels
    assert label["size"] == pytest.approx(20.0)
