"""What is done to each simulated machine of the trial, and how its sensors reach the ``Monitor``.

A machine is run as in life for the first part (a fifth, at most six days), so that its load bands are
learned; the rest is cut into slots, a fault in each: two of a sensor, then one of the machine. Kinds,
channels, sizes and severities go round, so that all of them are met equally often.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from agent.config import load
from agent.models import ModelShelf
from agent.monitoring.monitor import Monitor
from agent.monitoring.spec import AssetSpec
from agent.monitoring.types import SECOND, Block, Record
from simulators.faults import (
    MACHINE_FAULTS,
    SENSOR_FAULTS,
    MachineFault,
    MachineFaultKind,
    SensorFault,
    SensorFaultKind,
)
from simulators.pump import CHANNELS, PumpMachine
from simulators.scenario import Scenario, working_days

HERE: Final = Path(__file__).parent
PUMP: Final = "pump"
BEARING: Final = "bearing"
FIRST_SEED: Final = 90_001
"""No machine from here on is used anywhere else: to make a model, to tune, to test."""
HOUR: Final = 3600.0
DAY: Final = 86_400.0
_LEARNING: Final = 6 * DAY
_SLOT: Final = 2 * DAY
_LENGTH: Final[dict[SensorFaultKind, float]] = {
    "stuck": 8 * HOUR, "drift": 24 * HOUR, "spikes": 6 * HOUR, "dropout": 2 * HOUR, "out-of-range": 2 * HOUR,
}  # fmt: skip
_GROWTHS: Final = (0.0, 2 * HOUR, 8 * HOUR)
_SIZES: Final = (0.15, 0.4)
"""Of what a channel usually reads, the least and the largest error of a sensor; of a spike twice that."""
_SEVERITIES: Final = (0.4, 0.7)
_RECORD_EVERY: Final = 600.0
_TICK: Final = 60 * SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One machine's: ``scenario``, and whether its bearing's vibration is measured as well."""

    scenario: Scenario
    with_bearing: bool


def lives(machines: int, days: float) -> list[Life]:
    """The lives of so many machines; the same arguments give the same ones."""
    return [_life(number, days * DAY) for number in range(machines)]


def _life(number: int, duration: float) -> Life:
    seed = FIRST_SEED + number
    rng = np.random.default_rng([seed, 0x11FE])
    learning = min(_LEARNING, 0.4 * duration)
    slots = max(2, round((duration - learning) / _SLOT))
    slot = (duration - learning) / slots
    machine_faults: list[MachineFault] = []
    sensor_faults: list[SensorFault] = []
    usual = PumpMachine.from_seed(seed).usual
    for place in range(slots):
        start = learning + place * slot + float(rng.uniform(0.1, 0.25)) * slot
        if place % 3 == 2 or (slots == 2 and place == 1):
            kind = MACHINE_FAULTS[(number + 3 * len(machine_faults)) % len(MACHINE_FAULTS)]
            machine_faults.append(_machine_fault(rng, kind, start, 0.5 * slot))
        else:
            at = number * 7 + len(sensor_faults)
            channel = tuple(CHANNELS)[(at // len(SENSOR_FAULTS) + number) % len(CHANNELS)]
            kind_of_sensor = SENSOR_FAULTS[at % len(SENSOR_FAULTS)]
            sensor_faults.append(_sensor_fault(rng, channel, kind_of_sensor, start, slot, usual[channel]))
    return Life(
        scenario=Scenario(
            seed=seed, duration=duration, operations=working_days(seed, duration), every=_RECORD_EVERY,
            faults=tuple(machine_faults), sensor_faults=tuple(sensor_faults)),
        with_bearing=number % 4 == 0)


def _machine_fault(rng: np.random.Generator, kind: MachineFaultKind, start: float, length: float) -> MachineFault:
    growth = float(rng.choice(_GROWTHS))
    return MachineFault(kind=kind, start=start, end=start + length, severity=float(rng.uniform(*_SEVERITIES)),
                        growth=min(growth, length / 2))


def _sensor_fault(  # noqa: PLR0913, PLR0917 -- a fault's own
    rng: np.random.Generator, channel: str, kind: SensorFaultKind, start: float, slot: float, usual: float
) -> SensorFault:
    size = float(rng.choice((-1.0, 1.0)) * rng.uniform(*_SIZES)) * usual * (2.0 if kind == "spikes" else 1.0)
    return SensorFault(channel=channel, kind=kind, start=start, end=start + min(_LENGTH[kind], 0.6 * slot), size=size)


def specs(spacing: float) -> dict[str, AssetSpec]:
    """The assets as configured, telemetry every ``spacing`` s."""
    rate = str(1.0 / spacing)
    changed = {"WATCHKEEPER_ASSETS__PUMP__RATE": rate}
    changed |= {f"WATCHKEEPER_ASSETS__BEARING__CHANNELS__{name}__RATE": rate for name in ("SPEED", "LOAD")}
    return {spec.id: spec for spec in load(HERE / "simulated.toml", changed).asset_specs()}


def watch(life: Life, spacing: float) -> Iterator[Record]:
    """What the monitor says of a machine's life."""
    monitor = Monitor(ModelShelf().load)
    known = specs(spacing)
    for name in (PUMP, BEARING) if life.with_bearing else (PUMP,):
        yield from monitor.add(known[name])
    records = life.scenario.vibration() if life.with_bearing else iter(())
    waiting = next(records, None)
    ticked = 0
    for times, said in life.scenario.spans(spacing, rows=8192):
        present = {name: ~np.isnan(values) for name, values in said.items()}
        for row, at in enumerate(times.tolist()):
            while waiting is not None and waiting[0] <= at:
                block = Block(BEARING, "vibration", waiting[0], waiting[1], rate=25_600.0)
                yield from monitor.observe(block, waiting[0])
                waiting = next(records, None)
            for name, values in said.items():
                if not present[name][row]:
                    continue  # a sensor that is silent sends nothing
                value = values[row : row + 1]
                yield from monitor.observe(Block(PUMP, name, at, value), at)
                if life.with_bearing and name in {"speed", "load"}:
                    yield from monitor.observe(Block(BEARING, name, at, value), at)
            if at - ticked >= _TICK:
                ticked = at
                yield from monitor.tick(at)
