"""Machines under watch for the tests: fed second by second, commanded, restarted."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import orjson

from agent.monitoring.monitor import Monitor
from agent.monitoring.spec import (
    AssetSpec,
    ChannelSpec,
    LearningSpec,
    PersistenceSpec,
    WindowSpec,
)
from agent.monitoring.types import SECOND, Block, Command, CommandName, Nanos, Record

T0: Final = 1_700_000_000 * SECOND
LEVELS: Final = {"pressure": 4.0, "flow": 30.0}
PUMP: Final = AssetSpec(
    id="pump",
    profile="process",
    channels=tuple(ChannelSpec(name=name, topic="t", rate=1.0) for name in LEVELS),
    window=WindowSpec(seconds=5, stride=1),
    persistence=PersistenceSpec(hysteresis=0.5),
    learning=LearningSpec(samples=60),
)
MOTOR: Final = AssetSpec(
    id="motor",
    profile="waveform",
    channels=tuple(ChannelSpec(name=name, topic="t", rate=25_600.0) for name in ("drive end", "far end")),
    features=("rms",),
    persistence=PersistenceSpec(hysteresis=0.6),
    learning=LearningSpec(samples=30),
)


class Plant:
    """A monitor, and machines second by second, or at another ``pace``."""

    pace = 1

    def __init__(self, *specs: AssetSpec) -> None:
        self.monitor = Monitor(lambda _: None)
        self.specs = specs or (PUMP,)
        for spec in self.specs:
            self.monitor.add(spec)
        self.second = 0
        self.noise = np.random.default_rng(1)

    @property
    def now(self) -> Nanos:
        return T0 + self.second * SECOND

    def run(self, seconds: int, silent: str = "", **shifts: float) -> list[Record]:
        found: list[Record] = []
        for _ in range(seconds):
            self.second += self.pace
            for spec in self.specs:
                for name, level in (LEVELS | {"speed": 1500.0}).items():
                    value = level * (1 + 0.01 * self.noise.standard_normal()) + shifts.get(name, 0.0)
                    if name != silent and name in {channel.name for channel in spec.channels}:
                        found += self.monitor.observe(Block(spec.id, name, self.now, np.array([value])), self.now)
            found += self.monitor.tick(self.now)
        return found

    def do(self, name: CommandName, asset: str = "pump", alarm: str | None = None, **more: Any) -> list[dict[str, Any]]:
        command = Command(name, asset, "ada", alarm, **more)
        return [dict(record.body) for record in self.monitor.command(command, self.now)]

    def restarted(self) -> Plant:
        kept = {snapshot.asset: orjson.loads(orjson.dumps(snapshot.state)) for snapshot in self.monitor.snapshots()}
        after = Plant.__new__(Plant)
        after.monitor, after.specs, after.second, after.noise = (
            Monitor(lambda _: None), self.specs, self.second, self.noise)
        after.monitor.remember(kept, {})
        for spec in after.specs:
            assert after.monitor.add(spec) == []
        return after


def learned(*specs: AssetSpec) -> Plant:
    plant = Plant(*specs)
    plant.run(90)
    assert all(asset.progress == 1.0 for asset in plant.monitor.assets.values())
    return plant


def raised(*specs: AssetSpec) -> Plant:
    plant = learned(*specs)
    assert transitions(plant.run(10, flow=-3.0))[0] == "raised"
    return plant


def alarms(records: list[Record]) -> list[dict[str, Any]]:
    return [dict(record.body) for record in records if record.kind == "alarm"]


def transitions(records: list[Record]) -> list[str]:
    return [body["transition"] for body in alarms(records)]


def bodies(records: list[Record], event: str) -> list[dict[str, Any]]:
    return [dict(record.body) for record in records if record.body.get("event") == event]
