"""The spine as a whole: learn, notice, stay quiet, remember."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pytest

from agent.monitoring.monitor import Monitor
from agent.monitoring.spec import (
    AssetSpec,
    ChannelSpec,
    LearningSpec,
    LimitSpec,
    PersistenceSpec,
    RunningSpec,
    WindowSpec,
)
from agent.monitoring.types import SECOND, Block, Record

T0 = 1_700_000_000 * SECOND

PUMP = AssetSpec(
    id="pump",
    profile="process",
    channels=(
        ChannelSpec(name="pressure", topic="t", rate=1.0),
        ChannelSpec(name="flow", topic="t", rate=1.0),
        ChannelSpec(name="temperature", topic="t", rate=1.0, role="slow"),
        ChannelSpec(name="speed", topic="t", rate=1.0, role="operating"),
    ),
    window=WindowSpec(seconds=5, stride=1),
    persistence=PersistenceSpec(hysteresis=0.5),
    learning=LearningSpec(samples=60),
)
BEARING = AssetSpec(
    id="bearing",
    profile="waveform",
    channels=(ChannelSpec(name="x", topic="t", rate=25_600.0),),
    features=("rms", "octaves"),
    persistence=PersistenceSpec(needed=3, of=3, hysteresis=0.6, clear_after=3),
    learning=LearningSpec(samples=30),
)


class Plant:
    """Feeds a monitor with a machine's seconds."""

    def __init__(self, spec: AssetSpec = PUMP) -> None:
        self.monitor = Monitor(lambda _: None)
        self.records: list[Record] = self.monitor.add(spec)
        self.second = 0
        self.noise = np.random.default_rng(1)

    def run(self, seconds: int, **shifts: float) -> list[Record]:
        found: list[Record] = []
        for _ in range(seconds):
            at = T0 + self.second * SECOND
            levels = {"pressure": 4.0, "flow": 30.0, "temperature": 60.0, "speed": 1500.0}
            for name, level in levels.items():
                value = level * (1 + 0.01 * self.noise.standard_normal()) + shifts.get(name, 0.0)
                found += self.monitor.observe(Block("pump", name, at, np.array([value])), at, "topic")
            self.second += 1
        self.records += found
        return found


def of(records: list[Record], kind: str) -> list[dict[str, Any]]:
    return [dict(record.body) for record in records if record.kind == kind]


def test_it_learns_then_alarms_once_an_episode_and_says_what_changed() -> None:
    plant = Plant()
    assert {body["state"] for body in of(plant.run(50), "window")} == {"learning"}
    (learned,) = of(plant.run(30), "event")
    assert learned["event"] == "learned"
    assert of(plant.run(300), "alarm") == []
    raised, *worse = of(plant.run(20, flow=-3.0), "alarm")
    assert (raised["transition"], raised["source"]) == ("raised", "topic")
    assert {body["transition"] for body in worse} <= {"worsened", "explained"}
    assert raised["contributors"][0][0] == "flow"
    assert raised["contributors"][0][1] < 0
    (cleared,) = of(plant.run(30), "alarm")
    assert (cleared["transition"], cleared["since"]) == ("cleared", raised["time"])


def test_a_window_s_record_says_all_that_a_reader_needs() -> None:
    plant = Plant()
    plant.run(100)
    body = of(plant.run(1), "window")[0]
    assert {"asset", "start", "end", "score", "probability", "threshold", "regime", "state", "alarm"} <= set(body)
    assert body["state"] == "normal"
    assert 0 < body["probability"] <= 1
    assert set(body["features"]) == {f"{c.name}.{s}" for c in PUMP.channels for s in ("mean", "std")}


def test_slow_and_operating_channels_are_recorded_but_not_judged() -> None:
    plant = Plant()
    plant.run(100)
    assert of(plant.run(60, temperature=15.0, speed=300.0), "alarm") == []


def test_fixed_limits_judge_even_while_learning() -> None:
    plant = Plant(replace(PUMP, limits=(LimitSpec(feature="temperature.mean", warning=70.0),)))
    (raised,) = of(plant.run(30, temperature=20.0), "alarm")
    assert (raised["condition"], raised["feature"], raised["limit"]) == ("warning", "temperature.mean", 70.0)


def test_every_window_can_be_an_alarm_of_its_own() -> None:
    spec = replace(
        PUMP, channels=PUMP.channels[:1], window=WindowSpec(count=4), learning=LearningSpec(enabled=False),
        limits=(LimitSpec(feature="rms", alarm=2.0),), persistence=PersistenceSpec(every_window=True))
    monitor = Monitor(lambda _: None)
    monitor.add(spec)
    found: list[Record] = []
    for i in range(12):
        found += monitor.observe(Block("pump", "pressure", T0 + i * SECOND, np.array([3.0])), T0)
    assert [body["value"] for body in of(found, "alarm")] == [3.0, 3.0, 3.0]


def test_a_stopped_machine_is_neither_learned_nor_judged() -> None:
    plant = Plant(replace(PUMP, running=RunningSpec(channel="speed", above=500.0, settle=10.0)))
    plant.run(100)
    stopped = plant.run(40, speed=-1500.0, flow=-30.0, pressure=-4.0)
    started = plant.run(60)
    assert of(stopped + started, "alarm") == []
    regimes = [body["regime"] for body in of(stopped + started, "window")]
    assert regimes[-1] == "running"
    assert {"stopped", "starting"} < set(regimes)


def test_the_same_blocks_give_the_same_records_bit_for_bit() -> None:
    def course() -> bytes:
        plant = Plant()
        plant.run(100)
        plant.run(20, flow=-3.0)
        return b"\n".join(orjson.dumps(record.body) for record in plant.records)

    assert course() == course()


def test_a_restart_neither_learns_nor_alarms_again_and_says_the_gap() -> None:
    before = Plant()
    before.run(100)
    before.run(10, flow=-3.0)
    (snapshot,) = before.monitor.snapshots()
    kept = orjson.loads(orjson.dumps(snapshot.state))
    last = before.records[-1].time

    after = Plant.__new__(Plant)
    after.monitor = Monitor(lambda _: None)
    after.monitor.remember({"pump": kept}, {"pump": last})
    after.records, after.second, after.noise = after.monitor.add(PUMP), before.second + 60, before.noise
    found = after.run(20, flow=-3.0)
    (gap,) = of(found, "quality")
    assert gap["quality"] == "gap"
    assert {body["transition"] for body in of(found, "alarm")} <= {"worsened"}
    assert of(found, "event") == []
    assert [a["transition"] for a in of(after.run(20), "alarm")] == ["cleared"]


def test_what_was_learned_of_other_channels_is_not_used() -> None:
    plant = Plant()
    plant.run(100)
    (snapshot,) = plant.monitor.snapshots()
    monitor = Monitor(lambda _: None)
    monitor.remember({"pump": snapshot.state}, {})
    (event,) = monitor.add(replace(PUMP, channels=PUMP.channels[:1]))
    assert event.body["event"] == "relearn"
    assert monitor.assets["pump"].progress == 0.0


def test_a_retired_asset_that_returns_goes_on_with_what_it_had_learned() -> None:
    plant = Plant()
    plant.run(100)
    plant.monitor.retire("pump")
    assert plant.monitor.add(replace(PUMP, stale_after=5.0)) == []
    assert plant.monitor.assets["pump"].progress == 1.0


def test_a_silent_channel_is_said_once_and_so_is_its_return() -> None:
    plant = Plant()
    plant.run(10)
    now = T0 + 100 * SECOND
    silent = of(plant.monitor.tick(now), "quality")
    assert {body["channel"] for body in silent} == {c.name for c in PUMP.channels}
    assert plant.monitor.tick(now + SECOND) == []
    plant.second = 101
    back = [b for b in of(plant.run(1), "quality") if b["quality"] == "back"]
    assert len(back) == 4


def test_doubtful_samples_are_told_with_the_next_window() -> None:
    plant = Plant(replace(PUMP, channels=(replace(PUMP.channels[0], valid=(0.0, 10.0)), *PUMP.channels[1:])))
    plant.run(10)
    plant.run(1, pressure=1000.0)
    bodies = of(plant.run(10), "window")
    told = [body["quality"] for body in bodies if "quality" in body]
    assert told
    assert "out_of_range" in told[0]
    assert plant.monitor.quality()["pump"]["pressure"]["out_of_range"] == 1


def records_of_bearing(monitor: Monitor, count: int, start: int, gain: float, rng: np.random.Generator) -> list[Record]:
    found: list[Record] = []
    for i in range(start, start + count):
        at = T0 + i * 10 * SECOND
        found += monitor.observe(Block("bearing", "x", at, gain * rng.normal(size=2560), 25_600.0), at)
    return found


def test_a_vibration_that_rises_by_more_than_ten_decibels_alarms_after_three_records() -> None:
    monitor, rng = Monitor(lambda _: None), np.random.default_rng(2)
    monitor.add(BEARING)
    (learned,) = of(records_of_bearing(monitor, 60, 0, 1.0, rng), "event")
    assert learned["channel"] == "x"
    assert of(records_of_bearing(monitor, 30, 60, 2.0, rng), "alarm") == []
    (raised,) = of(records_of_bearing(monitor, 10, 90, 4.5, rng), "alarm")
    assert raised["score"] == pytest.approx(13.0, abs=2.0)
    assert raised["contributors"][0][0].startswith("octave_")
    assert [a["transition"] for a in of(records_of_bearing(monitor, 20, 100, 1.0, rng), "alarm")] == ["cleared"]
