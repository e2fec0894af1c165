"""A machine's life for a while: how it is run, what fails and when. Everything follows from the seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, takewhile
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulators.bearing import RATE, SAMPLES, BearingMachine
from simulators.faults import SECOND, MachineFault, SensorFault, labels, severities
from simulators.pump import Pump, PumpMachine

ORIGIN = 1_767_225_600 * SECOND
"""2026-01-01T00:00:00Z, where simulated time begins unless it is told otherwise."""

_STOPS = 0.15
"""The share of load changes that are stops."""


class Operation(NamedTuple):
    """From ``start`` (s) on: relative ``speed`` (0: stopped) and ``valve`` opening."""

    start: float
    speed: float
    valve: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """``duration`` in s; ``operations`` in order, the first at 0; ``every``: s between records of
    vibration; ``origin``: ns since the epoch of time 0."""

    seed: int = 1
    duration: float = 3600.0
    operations: tuple[Operation, ...] = (Operation(0.0, 1.0),)
    faults: tuple[MachineFault, ...] = ()
    sensor_faults: tuple[SensorFault, ...] = ()
    every: float = 10.0
    origin: int = ORIGIN

    @property
    def labels(self) -> list[dict[str, Any]]:
        """What is wrong and when, in ns since the epoch, up to the end."""
        return labels(self.faults, self.sensor_faults, self.origin, self.duration)

    def operation(self, time: float) -> Operation:
        """How the machine is meant to run at a time."""
        current = self.operations[0]
        for operation in self.operations:
            if operation.start <= time:
                current = operation
        return current

    def _times(self, spacing: float) -> Iterator[float]:
        return takewhile(lambda time: time < self.duration, (number * spacing for number in count()))

    def telemetry(self, seconds: float = 1.0) -> Iterator[tuple[int, dict[str, float]]]:
        """(ns, what the sensors say) every so many seconds; NaN where a sensor says nothing."""
        pump = Pump(PumpMachine.from_seed(self.seed), self.seed)
        rng = np.random.default_rng([self.seed, 0xFA1])
        before: dict[str, float] = {}
        for time in self._times(seconds):
            operation = self.operation(time)
            said = pump.step(time, speed=operation.speed, valve=operation.valve,
                             faults=severities(self.faults, time), seconds=seconds)
            for fault in self.sensor_faults:
                last = before.get(fault.channel, said[fault.channel])
                said[fault.channel] = fault.apply(time, said[fault.channel], last, rng)
            before = said
            yield self.origin + round(time * SECOND), said

    def vibration(self, samples: int = SAMPLES) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """(ns of the first sample, record in g) every ``every`` seconds."""
        machine = BearingMachine.from_seed(self.seed)
        rng = np.random.default_rng([self.seed, 0x71B])
        load = 0.0
        for time in self._times(self.every):
            operation = self.operation(time)
            load = 0.95 * load + 0.05 * rng.normal()  # the process is never quite the same
            yield self.origin + round(time * SECOND), machine.record(
                rng, severities(self.faults, time), load=max(0.3, operation.valve * (1 + load)),
                speed=operation.speed, samples=samples)


def working_days(seed: int, duration: float) -> tuple[Operation, ...]:
    """Load changes and stops as in life, none of them a fault: a new set point every hour or so, and
    now and then a stop."""
    rng = np.random.default_rng([seed, 0xDA1])
    operations, time = [Operation(0.0, 1.0)], 0.0
    while (time := time + float(rng.uniform(1800, 7200))) < duration:
        if rng.random() < _STOPS:
            operations.append(Operation(time, 0.0))
            time += float(rng.uniform(300, 3600))
        operations.append(Operation(time, float(rng.uniform(0.85, 1.05)), float(rng.uniform(0.8, 1.1))))
    return tuple(operations)


__all__ = ["ORIGIN", "RATE", "SAMPLES", "Operation", "Scenario", "working_days"]
