"""A clock that is set: nothing becomes silent, over, due or abnormal by that."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agent.monitoring.flood import Flood
from agent.monitoring.spec import AlarmSpec, AssetSpec, ChannelSpec, RunningSpec, Source
from agent.monitoring.types import SECOND, Block, Nanos, Record
from tests.monitoring.plant import LEVELS, PUMP, Plant, alarms, learned, transitions

STEPS = [1_750_000_000, 3600, 7, -7, -3600, -1_600_000_000]
"""s: out of 1970, a time zone, some seconds, and back."""
TELLING = replace(
    PUMP, channels=(*PUMP.channels, ChannelSpec(name="speed", topic="t", rate=1.0, role="operating")),
    running=RunningSpec(channel="speed", above=500.0, settle=5.0))


def step(plant: Plant, seconds: int) -> None:
    """The clock reads so much more at once."""
    plant.monitor.clock_stepped(seconds * SECOND)
    plant.second += seconds


def silences(records: list[Record]) -> list[str]:
    return [record.body["channel"] for record in records if record.body.get("quality") == "silent"]


def told(records: list[Record]) -> list[str]:
    return [record.kind for record in records if record.kind not in {"window", "summary"}]


@pytest.mark.parametrize("seconds", STEPS)
@pytest.mark.parametrize("spec", [PUMP, TELLING], ids=["always", "by speed"])
def test_a_healthy_machine_stays_healthy_and_is_judged_again_after_a_window_s_length(
    spec: AssetSpec, seconds: int
) -> None:
    plant = learned(spec)
    plant.run(60)
    step(plant, seconds)
    records = plant.run(30)
    assert told(records) == []
    windows = [record.body for record in records if record.kind == "window"]
    assert 30 - 5 <= len(windows) <= 30
    assert {body["state"] for body in windows} == {"normal"}
    assert all("quality" not in body for body in windows), "a gap, and no fault of the readings"
    assert sum(body["score"] is not None for body in windows) >= 20


@pytest.mark.parametrize("seconds", STEPS)
def test_a_fault_is_noticed_after_it_as_before(seconds: int) -> None:
    plant = learned(PUMP)
    step(plant, seconds)
    plant.run(20)
    assert transitions(plant.run(15, flow=-3.0))[0] == "raised"


@pytest.mark.parametrize("seconds", STEPS)
def test_an_alarm_that_stands_goes_on_standing_since_as_long_as_before(seconds: int) -> None:
    plant = learned(PUMP)
    raised = next(body for body in alarms(plant.run(20, flow=-3.0)) if body["transition"] == "raised")
    began = plant.second
    step(plant, seconds)
    assert transitions(plant.run(20, flow=-3.0)) in ([], ["explained"], ["worsened"])
    (cleared,) = (body for body in alarms(plant.run(60)) if body["transition"] == "cleared")
    lasted = np.datetime64(cleared["time"][:-1]) - np.datetime64(cleared["since"][:-1])
    assert cleared["since"] != raised["since"]
    assert 0 < lasted / np.timedelta64(1, "s") < plant.second - seconds - began + 40


@pytest.mark.parametrize("seconds", STEPS)
def test_shelving_ends_when_its_time_has_passed_and_not_when_the_clock_is_set(seconds: int) -> None:
    plant = learned(replace(PUMP, alarms=AlarmSpec()))
    plant.run(20, flow=-3.0)
    plant.do("shelve", seconds=60.0)
    step(plant, seconds)
    assert transitions(plant.run(50, flow=-3.0)) == []
    assert "unshelved" in [record.body["transition"] for record in plant.run(15, flow=-3.0)
                           if "transition" in record.body]


@pytest.mark.parametrize("seconds", STEPS)
def test_a_channel_falls_silent_when_it_is_and_not_when_the_clock_is_set(seconds: int) -> None:
    plant = learned(replace(PUMP, stale_after=30.0))
    plant.run(10)
    step(plant, seconds)
    assert silences(plant.run(29, silent="flow")) == []
    assert silences(plant.run(3, silent="flow")) == ["flow"]


def test_readings_that_say_their_own_time_go_on_as_if_nothing_had_happened() -> None:
    own = replace(PUMP, channels=tuple(replace(channel, source=Source(time="/t")) for channel in PUMP.channels))

    def records(steps: bool) -> list[Record]:
        plant = Plant(own)
        found: list[Record] = []
        offset: Nanos = 0
        for second in range(200):
            if steps and second in {120, 160}:
                offset += 1000 * SECOND
                plant.monitor.clock_stepped(1000 * SECOND)
            plant.second += 1
            for name, level in LEVELS.items():
                value = level * (1 + 0.01 * plant.noise.standard_normal()) - (3.0 if second in range(130, 170) else 0.0)
                block = Block("pump", name, plant.now, np.array([value]))
                found += plant.monitor.observe(block, plant.now + offset)
            found += plant.monitor.tick(plant.now + offset)
        return found

    assert records(steps=True) == records(steps=False)
    assert "raised" in transitions(records(steps=True))


@pytest.mark.parametrize("seconds", STEPS)
def test_alarms_count_towards_a_flood_by_how_long_ago_they_were(seconds: int) -> None:
    flood = Flood(limit=10, seconds=600.0)
    now = 1_700_000_000 * SECOND
    for number in range(10):
        assert flood.note("pump", now + number * 30 * SECOND) is None
    flood.clock_stepped(seconds * SECOND)
    now += (seconds + 10 * 30) * SECOND
    change = flood.note("pump", now)
    assert change is not None
    assert change.transition == "raised"
    assert flood.tick(now + 479 * SECOND) is None
    assert flood.tick(now + 481 * SECOND) is not None, "fewer than five are left"
