"""Broken sensors are told apart from broken machines; what cannot be told apart is the machine's."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from agent.monitoring.detection.sensor_fault import STATISTICS, SensorFaultKind, SensorWatch
from agent.monitoring.manipulation.extraction import GridExtraction
from agent.monitoring.spec import ChannelSpec, Role
from agent.monitoring.types import Block, Quality
from simulators.faults import MACHINE_FAULTS, MachineFault, MachineFaultKind, SensorFault
from simulators.pump import CHANNELS, PumpMachine
from simulators.scenario import Operation, Scenario

ROLES: dict[str, Role] = {"temperature": "slow", "speed": "operating", "load": "operating"}
PUMP = tuple(ChannelSpec(name=name, topic="t", unit=unit, rate=1.0, role=ROLES.get(name, "condition"))
             for name, unit in CHANNELS.items())
OVERLAP = 12
BEGUN = 600
"""Seconds of a machine that is well, of which all is learned."""

Windows = NDArray[np.float64]


def extraction(channels: tuple[ChannelSpec, ...] = PUMP) -> GridExtraction:
    return GridExtraction(channels, float(OVERLAP), 1.0, 0.0, STATISTICS)


def windows(scenario: Scenario) -> Windows:
    """The feature vectors of a pump's telemetry, shape (windows, features), one a second."""
    taken, rows = extraction(), []
    for time, said in scenario.telemetry():
        for number, channel in enumerate(PUMP):
            block = Block("pump", channel.name, time, np.array([said[channel.name]]))
            rows += [vector.values for vector in taken.add(number, block, Quality.GOOD)]
    return np.array(rows)


def columns(**courses: Iterable[float]) -> tuple[tuple[ChannelSpec, ...], Windows]:
    """Channels by hand, and their windows."""
    channels = tuple(ChannelSpec(name=name, topic="t", rate=1.0) for name in courses)
    taken, rows = extraction(channels), []
    for second, values in enumerate(zip(*courses.values(), strict=True)):
        for number, value in enumerate(values):
            block = Block("a", channels[number].name, second * 1_000_000_000, np.array([value]))
            rows += [vector.values for vector in taken.add(number, block, Quality.GOOD)]
    return channels, np.array(rows)


def watch(channels: tuple[ChannelSpec, ...], learned: Windows, scored: tuple[str, ...] = ()) -> SensorWatch:
    names = extraction(channels).names
    found = SensorWatch(channels, names, OVERLAP, scored)
    found.learn(learned)
    return found


def called(watching: SensorWatch, rows: Windows) -> dict[str, set[SensorFaultKind]]:
    """Everything that was ever said of each sensor."""
    said: dict[str, set[SensorFaultKind]] = {}
    for row in rows:
        for name, kind in watching.judge(row, running=True).items():
            said.setdefault(name, set()).add(kind)
    return said


def pump(seed: int, *faults: SensorFault | MachineFault, seconds: int = BEGUN + 600) -> tuple[SensorWatch, Windows]:
    """A watch that has learned a well pump, and what comes after."""
    rows = windows(Scenario(
        seed=seed, duration=seconds,
        sensor_faults=tuple(fault for fault in faults if isinstance(fault, SensorFault)),
        faults=tuple(fault for fault in faults if isinstance(fault, MachineFault))))
    return watch(PUMP, rows[: BEGUN - OVERLAP]), rows[BEGUN - OVERLAP :]


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("kind", ["stuck", "dropout", "spikes"])
def test_a_broken_sensor_is_named_with_what_is_wrong_with_it(channel: str, kind: SensorFaultKind) -> None:
    # a spike has to be beyond the sensor's noise, and a vibration's is a twentieth of what it reads
    size = PumpMachine.from_seed(3).usual[channel] if channel == "vibration" else None
    fault = SensorFault(channel=channel, kind=kind, start=BEGUN + 50, end=BEGUN + 350, size=size)
    watching, rows = pump(3, fault)
    assert called(watching, rows[:50]) == {}
    assert called(watching, rows[50:350]) == {channel: {kind}}
    called(watching, rows[350:])
    assert watching.faults == {}  # and it is over when it is over
    assert watching.masked is None


def test_what_is_far_beyond_anything_seen_is_out_of_range_without_a_range_given() -> None:
    watching, rows = pump(4, SensorFault(channel="flow", kind="out-of-range", start=BEGUN + 100, end=BEGUN + 300))
    before = [watching.judge(row, running=True) for row in rows[:100]]
    assert not any(before)
    for row in rows[100:103]:
        watching.judge(row, running=True)
    assert watching.masked is not None  # not judged from its first samples on
    assert watching.masked[1]
    assert called(watching, rows[103:300])["flow"] == {"out-of-range"}


def test_what_the_quality_gate_takes_out_is_out_of_range() -> None:
    watching, rows = pump(4, SensorFault(channel="current", kind="dropout", start=BEGUN, end=BEGUN + 300))
    said: set[SensorFaultKind] = set()
    for row in rows[:300]:
        watching.note(2, Quality.OUT_OF_RANGE)
        said |= set(watching.judge(row, running=True).values())
    assert said == {"out-of-range"}


def test_a_reading_a_little_below_zero_at_standstill_is_no_fault() -> None:
    watching, rows = pump(4)
    for row in rows[:200]:
        watching.note(2, Quality.OUT_OF_RANGE)
        assert watching.judge(row, running=False) == {}


@pytest.mark.parametrize("kind", MACHINE_FAULTS)
@pytest.mark.parametrize("severity", [0.3, 0.9])
def test_no_fault_of_the_machine_is_called_a_sensors(kind: MachineFaultKind, severity: float) -> None:
    watching, rows = pump(2, MachineFault(kind=kind, start=BEGUN + 60, end=BEGUN + 400, severity=severity))
    masked = 0
    for row in rows:
        assert watching.judge(row, running=True) == {}
        masked += watching.masked is not None
    assert masked <= 4 * OVERLAP  # nor is it kept from being judged, but for steps and what shakes it for a moment


def test_changes_of_load_and_stops_are_no_fault_of_a_sensor() -> None:
    operations = ((0.0, 1.0, 1.0), (700.0, 0.9, 1.1), (900.0, 0.0, 1.1), (1200.0, 1.05, 0.8), (1400.0, 1.05, 0.81),
                  (1600.0, 0.85, 1.0), (1700.0, 1.0, 1.0), (1800.0, 0.0, 1.0), (1900.0, 1.0, 1.0))
    rows = windows(Scenario(seed=6, duration=2400, operations=tuple(Operation(*one) for one in operations)))
    speed = extraction().names.index("speed.mean")
    watching = watch(PUMP, rows[:600])
    for row in rows[600:]:
        assert watching.judge(row, running=row[speed] > 100.0) == {}


def test_a_load_step_is_released_to_be_judged_within_seconds() -> None:
    # one channel alone steps: a sensor's offset or the machine's, nobody knows: the machine's alarm
    rng = np.random.default_rng(1)
    a, b = 10.0 + 0.1 * rng.normal(size=600), 5.0 + 0.1 * rng.normal(size=600)
    a[450:] += 8.0
    channels, rows = columns(a=a, b=b)
    watching = watch(channels, rows[:400])
    masked = []
    for row in rows[400:]:
        assert watching.judge(row, running=True) == {}
        masked.append(watching.masked is not None)
    assert 0 < sum(masked) <= 4


def test_the_first_spike_is_not_judged_and_one_alone_is_no_fault() -> None:
    rng = np.random.default_rng(2)
    a, b = 10.0 + 0.1 * rng.normal(size=600), 5.0 + 0.1 * rng.normal(size=600)
    a[500] += 8.0
    channels, rows = columns(a=a, b=b)
    watching = watch(channels, rows[:400])
    masked = []
    for row in rows[400:]:
        assert watching.judge(row, running=True) == {}
        masked.append(watching.masked is not None and bool(watching.masked[0]))
    in_window = [second for second in range(400, len(rows)) if rows[second, rows.shape[1] - 2] > 15.0]
    assert in_window
    assert all(masked[second - 400] for second in in_window)
    assert sum(masked) <= len(in_window) + 1


@given(seed=st.integers(0, 1000), step=st.sampled_from([1.0, 0.1]))
@settings(max_examples=10, deadline=None)
def test_a_voltage_that_says_230_for_an_hour_is_not_stuck(seed: int, step: float) -> None:
    rng = np.random.default_rng(seed)
    wander = np.cumsum(0.02 * step * rng.normal(size=1600))
    voltage = step * np.round((230.3 + wander) / step)
    voltage[800:] = voltage[800]
    channels, rows = columns(voltage=voltage, flow=100.0 + rng.normal(size=1600))
    watching = watch(channels, rows[:600])
    assert called(watching, rows[600:]) == {}


def test_a_sensor_that_was_stuck_while_a_band_was_learned_is_watched_as_before() -> None:
    rng = np.random.default_rng(4)
    channels, well = columns(a=rng.normal(size=300), b=5.0 + rng.normal(size=300))
    _, stuck = columns(a=np.full(60, 0.5), b=5.0 + rng.normal(size=60))
    _, spiky = columns(a=np.where(np.arange(240) % 25 == 24, 40.0, rng.normal(size=240)), b=5.0 + rng.normal(size=240))
    masked = stuck.copy()
    masked[:, 0] = np.nan  # the mean of a sensor that is known to be stuck is not believed
    watching = watch(channels, well)
    watching.learn(masked)
    again = SensorWatch(channels, extraction(channels).names, OVERLAP)
    again.restore(orjson.loads(orjson.dumps(watching.to_json())))
    assert called(watching, stuck) == {"a": {"stuck"}}
    assert called(again, spiky) == {"a": {"spikes"}}


def test_all_channels_that_fall_silent_are_no_fault_of_one_sensor() -> None:
    watching, rows = pump(5)
    nothing = np.full(rows.shape[1], np.nan)
    assert called(watching, np.array([nothing] * 60)) == {}


def test_nothing_is_said_before_anything_was_learned() -> None:
    rows = windows(Scenario(seed=1, duration=60, sensor_faults=(
        SensorFault(channel="flow", kind="stuck", start=10, end=60),)))
    watching = SensorWatch(PUMP, extraction().names, OVERLAP)
    assert called(watching, rows) == {}
    assert watching.masked is None


def test_a_restart_forgets_no_faulty_sensor_and_nothing_learned() -> None:
    watching, rows = pump(3, SensorFault(channel="flow", kind="stuck", start=BEGUN + 100, end=BEGUN + 400))
    called(watching, rows[:300])
    again = SensorWatch(PUMP, extraction().names, OVERLAP)
    again.restore(orjson.loads(orjson.dumps(watching.to_json())))
    assert again.faults == watching.faults == {"flow": "stuck"}
    assert again.to_json() == watching.to_json()
    assert called(again, rows[300:390]) == {"flow": {"stuck"}}
    called(again, rows[390:])
    assert again.faults == {}


def test_what_was_learned_of_other_channels_is_refused() -> None:
    watching, _ = pump(3)
    other = SensorWatch(PUMP[1:], extraction(PUMP[1:]).names, OVERLAP)
    with pytest.raises(ValueError, match="other channels"):
        other.restore(watching.to_json())


def test_recommissioning_forgets_the_sensors_too() -> None:
    watching, rows = pump(3, SensorFault(channel="flow", kind="stuck", start=BEGUN, end=BEGUN + 600))
    assert called(watching, rows[:200])
    watching.forget()
    assert watching.faults == {}
    assert watching.masked is None
    assert called(watching, rows[200:400]) == {}


def test_a_drift_that_the_baseline_sees_is_told_by_the_channels_name() -> None:
    rows = windows(Scenario(seed=3, duration=BEGUN, operations=(Operation(0.0, 1.0),)))
    watching = watch(PUMP, rows, ("pressure", "flow", "current", "vibration"))
    rng = np.random.default_rng(4)
    for number in range(60 * OVERLAP):
        deviations = 0.4 * rng.normal(size=4)
        deviations[1] += number / OVERLAP / 15
        watching.weigh(deviations, standing=False)
    assert watching.faults == {"flow": "drift"}
    assert watching.masked is not None
    assert np.flatnonzero(watching.masked).tolist() == [1]
    again = SensorWatch(PUMP, extraction().names, OVERLAP, ("pressure", "flow", "current", "vibration"))
    again.restore(orjson.loads(orjson.dumps(watching.to_json())))
    assert again.faults == {"flow": "drift"}


@pytest.mark.parametrize("running", [True, False])
def test_a_sensor_that_moves_again_is_believed_again_whatever_the_machine_does(*, running: bool) -> None:
    watching, rows = pump(3, SensorFault(channel="speed", kind="stuck", start=BEGUN + 100, end=BEGUN + 200))
    called(watching, rows[:180])
    assert watching.faults == {"speed": "stuck"}
    for row in rows[220:320]:
        watching.judge(row, running=running)
    assert watching.faults == {}


def test_a_standstill_that_the_speed_does_not_tell_breaks_no_sensors() -> None:
    # its drifting speed sensor still says that it runs: flow is exactly 0, current a little below it
    rows = windows(Scenario(seed=4, duration=BEGUN + 300, operations=(Operation(0.0, 1.0), Operation(BEGUN, 0.0))))
    watching = watch(PUMP, rows[: BEGUN - OVERLAP])
    flow, current = (extraction().names.index(f"{name}.mean") for name in ("flow", "current"))
    for row in rows[BEGUN + 20 :]:
        assert row[flow] == 0.0
        assert abs(row[current]) < 0.01
        watching.note(2, Quality.OUT_OF_RANGE)
        assert not {"flow", "current"} & watching.judge(row, running=True).keys()


def test_a_gateway_that_repeats_itself_is_told_for_every_channel() -> None:
    watching, rows = pump(3)
    frozen = rows[0].copy()
    names = extraction().names
    for channel in CHANNELS:
        for statistic in ("min", "max"):
            frozen[names.index(f"{channel}.{statistic}")] = frozen[names.index(f"{channel}.mean")]
    assert called(watching, np.array([frozen] * 60)) == {channel: {"stuck"} for channel in CHANNELS}
