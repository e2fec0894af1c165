"""A restart right after a commit, with what was kept in it: as if there had been none, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Final

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.monitoring.monitor import Monitor
from agent.monitoring.spec import (
    AssetSpec,
    BearingSpec,
    ChannelSpec,
    LearningSpec,
    LimitSpec,
    MachineSpec,
    PersistenceSpec,
    RunningSpec,
    Source,
    WindowSpec,
)
from agent.monitoring.types import SECOND, Block, Nanos, Record
from tests.monitoring.plant import MOTOR, PUMP, T0

Message = tuple[Nanos, list[Block]]

OWN: Final = Source(time="/t")
RATE: Final = 6400.0


def _channels(*names: str, rate: float | None = 1.0, role: str = "condition") -> tuple[ChannelSpec, ...]:
    return tuple(ChannelSpec(name=name, topic="t", rate=rate, source=OWN, role=role) for name in names)  # type: ignore[arg-type]


TELEMETRY: Final = replace(
    PUMP, channels=(*_channels("pressure", "flow"), *_channels("speed", role="operating")),
    features=("mean", "std", "slope"), running=RunningSpec(channel="speed", above=500.0, settle=4.0),
    limits=(LimitSpec(feature="pressure.mean", warning=4.3, alarm=4.6),), evidence=None)
COUNTED: Final = replace(
    PUMP, channels=_channels("pressure"), window=WindowSpec(count=4), learning=LearningSpec(samples=30), evidence=None)
METRIC: Final = replace(
    COUNTED, profile="metric", window=WindowSpec(count=1), persistence=PersistenceSpec(needed=1, of=1, clear_after=3))
INDICATOR: Final = replace(
    COUNTED, profile="indicator", channels=_channels("pressure", "flow", rate=0.1),
    window=WindowSpec(seconds=10, stride=10))
RECORDS: Final = replace(
    MOTOR, channels=_channels("x", "y", rate=RATE), features=("rms", "kurtosis", "envelope", "bearing"),
    machine=MachineSpec(
        speed=1500.0, bearings=(BearingSpec(name="6205", bpfo=3.58, bpfi=5.42, bsf=2.36, ftf=0.398),)),
    evidence=None)
STREAM: Final = replace(
    RECORDS, channels=_channels("x", rate=RATE), window=WindowSpec(count=1024, stride=512),
    features=("rms", "envelope"))


def slow(spec: AssetSpec, seconds: int) -> Iterator[Message]:
    """A machine that runs, has a fault, stands still and runs again; a sample now and then is missing or odd."""
    noise = np.random.default_rng(3)
    usual = {"pressure": 4.0, "flow": 30.0, "speed": 1500.0}
    for second in range(seconds):
        time = T0 + second * SECOND
        running = not seconds * 0.8 < second < seconds * 0.85
        blocks = []
        for channel in spec.channels:
            value = usual[channel.name] * (1.0 + 0.01 * noise.standard_normal()) * running
            if channel.name == "pressure" and seconds * 0.6 < second < seconds * 0.7:
                value += 1.5
            if second % 47 == 11 and channel.name == "flow":
                value = np.nan if second % 2 else value * 3.0
            if second % 61 != 7 or channel.name != "flow":
                blocks.append(Block(spec.id, channel.name, time, np.array([value])))
        yield time, blocks


def fast(spec: AssetSpec, records: int, samples: int) -> Iterator[Message]:
    """Vibration that becomes impulsive."""
    noise = np.random.default_rng(4)
    step = round(samples / RATE * SECOND)
    for number in range(records):
        time = T0 + number * step
        for channel in spec.channels:
            values = noise.standard_normal(samples)
            if number > records * 0.7:
                values *= 10.0
                values[::64] += 300.0
            yield time, [Block(spec.id, channel.name, time, values, rate=RATE)]


CASES: Final[dict[str, tuple[AssetSpec, list[Message]]]] = {
    "telemetry": (TELEMETRY, list(slow(TELEMETRY, 400))),
    "counted": (COUNTED, list(slow(COUNTED, 300))),
    "metric": (METRIC, list(slow(METRIC, 300))),
    "indicator": (INDICATOR, list(slow(INDICATOR, 1200))),
    "records": (RECORDS, list(fast(RECORDS, 60, 1024))),
    "stream": (STREAM, list(fast(STREAM, 60, 700))),
}


class Device:
    """A monitor that may be killed after any message, and is started again from what was kept with it."""

    def __init__(self, spec: AssetSpec) -> None:
        self.spec = spec
        self.monitor = Monitor(lambda _: None)
        self.records = self.monitor.add(spec)
        self.kept: dict[str, bytes] = {}
        self.last: dict[str, Nanos] = {}

    def take(self, time: Nanos, blocks: list[Block]) -> bool:
        """One message; whether it led to records, with which all is kept."""
        found: list[Record] = []
        for block in blocks:
            found += self.monitor.observe(block, time, "topic")
        found += self.monitor.tick(time)
        self.records += found
        for record in found:
            if record.kind == "window":
                self.last[record.asset] = record.time
        for snapshot in self.monitor.snapshots(all_moved=True, open_windows=True) if found else ():
            self.kept[snapshot.asset] = orjson.dumps(snapshot.state)
        return bool(found)

    def restart(self) -> None:
        self.monitor = Monitor(lambda _: None)
        log = [
            Record(record.kind, record.asset, record.time, orjson.loads(orjson.dumps(record.body)))
            for record in self.records if record.kind in {"window", "summary"}
        ]
        self.monitor.remember({asset: orjson.loads(state) for asset, state in self.kept.items()}, self.last, log)
        self.records += self.monitor.add(self.spec)


def told(records: list[Record]) -> list[bytes]:
    return [orjson.dumps([record.kind, record.time, record.body], option=orjson.OPT_SORT_KEYS) for record in records]


@cache
def never_killed(case: str) -> list[bytes]:
    """What one says that goes on undisturbed."""
    spec, messages = CASES[case]
    device = Device(spec)
    for time, blocks in messages:
        device.take(time, blocks)
    return told(device.records)


@pytest.mark.parametrize("case", CASES)
def test_a_device_that_is_killed_after_every_commit_says_what_one_says_that_never_is(case: str) -> None:
    spec, messages = CASES[case]
    whole, cut = never_killed(case), Device(spec)
    kills = 0
    for time, blocks in messages:
        if cut.take(time, blocks):
            cut.restart()
            kills += 1
    assert kills > 20
    assert any(b'"event":"learned"' in record for record in whole)
    assert any(b'"transition":"raised"' in record for record in whole), "or there is little to compare"
    for ours, theirs in zip(told(cut.records), whole, strict=False):
        assert ours == theirs
    assert len(cut.records) == len(whole)


@given(st.data())
@settings(max_examples=12, deadline=None)
def test_what_the_broker_sends_again_after_a_kill_is_not_taken_twice(data: st.DataObject) -> None:
    case = data.draw(st.sampled_from(["telemetry", "records", "stream"]))
    spec, messages = CASES[case]
    cut = Device(spec)
    kill_at = data.draw(st.integers(20, len(messages) - 5))
    again = data.draw(st.integers(0, 20))
    for number, (time, blocks) in enumerate(messages):
        if cut.take(time, blocks) and number >= kill_at > 0:
            kill_at = 0
            cut.restart()
            for old_time, old in messages[max(0, number + 1 - again) : number + 1]:
                cut.take(old_time, old)
    assert told(cut.records) == never_killed(case)


def test_windows_that_were_recorded_after_what_was_kept_are_not_made_again() -> None:
    spec, messages = CASES["telemetry"]
    device = Device(spec)
    for time, blocks in messages[:200]:
        device.take(time, blocks)
    stale = dict(device.kept)
    for time, blocks in messages[200:210]:
        device.take(time, blocks)
    device.kept = stale
    recorded = [record.time for record in device.records if record.kind == "window"]
    device.restart()
    for time, blocks in messages[210:240]:
        device.take(time, blocks)
    after = [record for record in device.records if record.time > recorded[-1]]
    assert min(record.time for record in after) > recorded[-1]
    assert [record.body["quality"] for record in after if record.kind == "quality"][:1] == ["gap"]
    assert {record.body["state"] for record in after if record.kind == "window"} == {"normal"}, "what was learned stays"


@pytest.mark.parametrize("broken", [{}, {"spec": 0}, {"points": {}}, {"gates": {"flow": {}}}, {"end": None}])
def test_what_another_version_kept_costs_the_open_window_and_nothing_else(broken: dict[str, object]) -> None:
    spec, messages = CASES["telemetry"]
    device = Device(spec)
    for time, blocks in messages[:200]:
        device.take(time, blocks)
    state = orjson.loads(device.kept["pump"])
    state["open"] = state["open"] | broken if broken else {}
    device.kept["pump"] = orjson.dumps(state)
    before = len(device.records)
    device.restart()
    for time, blocks in messages[200:230]:
        device.take(time, blocks)
    assert [record.body for record in device.records[before:] if record.kind == "event"] == []
    assert device.monitor.assets["pump"].progress == 1.0
