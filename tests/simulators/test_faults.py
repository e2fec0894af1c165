"""Faults act between their start and end, sensor faults on what is said only, and labels tell both."""

from __future__ import annotations

import math

import numpy as np
import pytest

from simulators.faults import SECOND, MachineFault, SensorFault, SensorFaultKind, labels, severities

USUAL = {"pressure": 5.0}


def test_a_sudden_fault_is_there_from_its_start_until_its_end() -> None:
    fault = MachineFault(kind="imbalance", start=10, end=20, severity=0.5)
    assert [fault.at(time) for time in (9.9, 10.0, 19.9, 20.0)] == [0.0, 0.5, 0.5, 0.0]


def test_a_growing_fault_grows_evenly_and_then_stays() -> None:
    fault = MachineFault(kind="ball", start=100, end=1000, severity=0.8, growth=400)
    assert [fault.at(time) for time in (100, 200, 300, 500, 900)] == pytest.approx([0.0, 0.2, 0.4, 0.8, 0.8])


def test_of_two_faults_of_one_kind_the_worse_counts() -> None:
    faults = (MachineFault(kind="ball", start=0, end=9, severity=0.3),
              MachineFault(kind="ball", start=5, end=9, severity=0.6),
              MachineFault(kind="seal-leak", start=8, end=9))
    assert severities(faults, 4) == {"ball": 0.3}
    assert severities(faults, 6) == {"ball": 0.6}
    assert set(severities(faults, 8)) == {"ball", "seal-leak"}


def said(kind: SensorFaultKind, time: float, size: float | None = 2.0) -> float:
    return course(kind, [time], size)[0]


def course(kind: SensorFaultKind, times: list[float], size: float | None = 2.0) -> list[float]:
    fault = SensorFault(channel="pressure", kind=kind, start=10, end=20, size=size).sized(USUAL)
    values: list[float] = fault.apply(
        np.array(times), np.full(len(times), 5.0), 4.9, np.random.default_rng(1)).tolist()
    return values


@pytest.mark.parametrize(("kind", "expected"), [
    ("stuck", 4.9), ("drift", 6.0), ("out-of-range", 1e6),
])
def test_a_faulty_sensor_says_something_else(kind: SensorFaultKind, expected: float) -> None:
    assert said(kind, 15.0) == expected
    assert said(kind, 5.0) == said(kind, 20.0) == 5.0


def test_without_a_size_a_sensor_is_off_by_a_fifth_of_what_it_usually_reads() -> None:
    assert said("drift", 15.0, size=None) == 5.5
    assert said("drift", 15.0, size=0.0) == 5.0


def test_a_sensor_sticks_to_what_it_said_last() -> None:
    fault = SensorFault(channel="pressure", kind="stuck", start=10, end=20)
    times = np.array([8.0, 9.0, 10.0, 15.0, 20.0, 21.0])
    stuck = fault.apply(times, times, 0.0, np.random.default_rng(1))
    assert stuck.tolist() == [8.0, 9.0, 9.0, 9.0, 20.0, 21.0]


def test_a_sensor_that_drops_out_says_nothing() -> None:
    assert math.isnan(said("dropout", 15.0))


def test_spikes_are_rare_and_of_their_size() -> None:
    values = course("spikes", np.linspace(10, 19, 1000).tolist())
    assert set(values) == {5.0, 7.0}
    assert 50 < values.count(7.0) < 150


def test_labels_tell_machine_from_sensor_and_end_with_the_recording() -> None:
    origin = 7 * SECOND
    found = labels(
        (MachineFault(kind="ball", start=10, end=math.inf), MachineFault(kind="ball", start=500, end=600)),
        (SensorFault(channel="flow", kind="stuck", start=20, end=30.5),),
        origin, duration=100.0)
    assert [(label["concerns"], label["kind"], label["start"], label["end"]) for label in found] == [
        ("machine", "ball", 17 * SECOND, 107 * SECOND),
        ("sensor", "stuck", 27 * SECOND, 37 * SECOND + SECOND // 2),
    ]
