"""Degradations whose end is known: laws of decay through noise, and simulated machines through the ``Monitor``.

Each gives the health index of one measuring point, window by window, as (ns, 0 to 100).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import exp, log
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from agent.config import load
from agent.models import ModelShelf
from agent.monitoring.assessment.health import Health
from agent.monitoring.monitor import Monitor
from agent.monitoring.types import SECOND, Block, Nanos, Record
from simulators.bearing import RATE, BearingMachine
from simulators.faults import BEARING_FAULTS, MachineFault, MachineFaultKind
from simulators.scenario import Scenario

Course: TypeAlias = list[tuple[Nanos, float]]

HERE = Path(__file__).parent
START: Final = 1_300_000_000 * SECOND
EVERY: Final = 600
"""s between windows of the laws, and between records of the bearings."""
_DAY: Final = 144
"""Windows."""
_PUMP_FAULTS: Final[tuple[MachineFaultKind, ...]] = ("impeller-wear", "seal-leak", "imbalance", "blocked-suction")
_HOUR: Final = 3600.0

Law: TypeAlias = Callable[[NDArray[np.float64], np.random.Generator], NDArray[np.float64]]
"""How far towards the limit (1) after a share of the life."""


def _exponential(age: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    steepness = rng.uniform(1.5, 4.0)
    gone: NDArray[np.float64] = np.expm1(steepness * age) / np.expm1(steepness)
    return gone


def _wandering(age: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    begun = age > 0.0
    steps = rng.normal(size=len(age)) * rng.uniform(0.2, 0.8) / np.sqrt(begun.sum() / 1.3)
    walked: NDArray[np.float64] = age + np.cumsum(steps * begun)
    return walked


LAWS: Final[dict[str, Law]] = {
    "linear": lambda age, _: age,
    "exponential": _exponential,
    "slowing": lambda age, _: 1.15 * (1.0 - np.exp(-2.0 * age)),
    "wandering": _wandering,
    "daily cycle": lambda age, _: age + 0.15 * np.sin(2.0 * np.pi * np.arange(len(age)) / _DAY),
    "healthy": lambda age, _: np.zeros_like(age),
}


def law(name: str, seed: int) -> Course:
    """A life after one of the laws: 200 to 3,000 windows from the first change to the limit, noise that
    is white to long-lasting."""
    rng = np.random.default_rng([seed, list(LAWS).index(name), 0x11FE])
    life = exp(rng.uniform(log(200), log(3000)))
    healthy = rng.uniform(0, 600)
    total = int(healthy + 1.3 * life)
    age = np.clip((np.arange(total) - healthy) / life, 0.0, None)
    lasting = rng.choice([0.0, 0.5, 0.9, 0.98])
    size, typical = rng.uniform(0.03, 0.12), rng.uniform(0.3, 0.6)
    noise = np.empty(total)
    last = rng.normal()
    for window, fresh in enumerate(rng.normal(size=total) * np.sqrt(1.0 - lasting**2)):
        noise[window] = last = lasting * last + fresh
    ratio = typical + (1.0 - typical) * LAWS[name](age, rng) + size * noise
    health = Health(typical)
    course = []
    for window, value in enumerate(ratio.tolist()):
        time = START + (window + 1) * EVERY * SECOND
        if (now := health.update(value, time)) is not None:
            course.append((time, now))
    return course


def bearing(seed: int) -> Course:
    """A simulated bearing, a record every ten minutes: healthy for a day or more, then a fault that
    grows for two days to six, linearly, with its square or exponentially."""
    rng = np.random.default_rng([seed, 0xB0])
    machine = BearingMachine.from_seed(1000 + seed)
    kind = BEARING_FAULTS[seed % len(BEARING_FAULTS)]
    grown: Callable[[float], float] = (
        lambda age: age, lambda age: 0.01 ** (1.0 - age), lambda age: age * age)[seed // len(BEARING_FAULTS) % 3]
    begin, growth = int(rng.integers(200, 500)), int(rng.integers(300, 900))
    (spec,) = load(HERE / "degradation.toml", {}).asset_specs()[:1]
    monitor = Monitor(ModelShelf().load)
    monitor.add(spec)

    def records() -> Iterator[Record]:
        for number in range(begin + growth):
            fault = {kind: grown((number - begin) / growth)} if number > begin else {}
            time = START + number * EVERY * SECOND
            samples = machine.record(rng, fault).astype(np.float64)
            yield from monitor.observe(Block(spec.id, "vibration", time, samples, RATE), time)

    return healths(records())


def pump(seed: int) -> Course:
    """A simulated pump, a row a second for three hours: after the first one a fault grows."""
    kind = _PUMP_FAULTS[seed % len(_PUMP_FAULTS)]
    fault = MachineFault(kind=kind, start=_HOUR, end=4 * _HOUR, severity=0.5, growth=2 * _HOUR)
    scenario = Scenario(seed=1000 + seed, duration=3 * _HOUR, faults=(fault,))
    (spec,) = load(HERE / "degradation.toml", {}).asset_specs()[1:]
    channels = [channel.name for channel in spec.channels]
    monitor = Monitor(ModelShelf().load)
    monitor.add(spec)

    def records() -> Iterator[Record]:
        for time, row in scenario.telemetry():
            for channel in channels:
                yield from monitor.observe(Block(spec.id, channel, time, np.array([row[channel]])), time)

    return healths(records())


def healths(records: Iterator[Record]) -> Course:
    """The health index of each summary that tells one."""
    return [
        (record.time, record.body["health"])
        for record in records
        if record.kind == "window" and record.body["health"] is not None
    ]
