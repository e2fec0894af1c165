"""A machine's life for a while: how it is run, what fails and when. Everything follows from the seed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, takewhile
from math import ceil
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulators.bearing import RATE, SAMPLES, BearingMachine
from simulators.faults import SECOND, Course, MachineFault, SensorFault, courses, labels, severities
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
        return labels(self.faults, self._sized(), self.origin, self.duration)

    def operation(self, time: float) -> Operation:
        """How the machine is meant to run at a time."""
        starts = [operation.start for operation in self.operations]
        return self.operations[max(0, bisect_right(starts, time) - 1)]

    def _sized(self) -> tuple[SensorFault, ...]:
        usual = PumpMachine.from_seed(self.seed).usual
        return tuple(fault.sized(usual) for fault in self.sensor_faults)

    def _times(self, spacing: float) -> Iterator[float]:
        return takewhile(lambda time: time < self.duration, (number * spacing for number in count()))

    def telemetry(self, seconds: float = 1.0) -> Iterator[tuple[int, dict[str, float]]]:
        """(ns, what the sensors say) every so many seconds; NaN where a sensor says nothing."""
        for times, said in self.spans(seconds, rows=256):
            names = tuple(said)
            for at, values in zip(times.tolist(), zip(*(said[name].tolist() for name in names), strict=True),
                                  strict=True):
                yield at, dict(zip(names, values, strict=True))

    def spans(
        self, seconds: float = 1.0, rows: int = 65_536
    ) -> Iterator[tuple[NDArray[np.int64], dict[str, Course]]]:
        """What ``telemetry`` gives, so many rows at a time: (ns, shape (n,); of each channel what its
        sensor says, shape (n,)). However it is cut, the numbers are the same."""
        pump = Pump(PumpMachine.from_seed(self.seed), self.seed)
        faults = [(fault, np.random.default_rng([self.seed, 0xFA1, number]))
                  for number, fault in enumerate(self._sized())]
        starts = np.array([operation.start for operation in self.operations])
        speeds = np.array([operation.speed for operation in self.operations])
        valves = np.array([operation.valve for operation in self.operations])
        before: dict[str, float] = {}
        total = ceil(self.duration / seconds)
        while total > 0 and (total - 1) * seconds >= self.duration:  # the quotient was rounded
            total -= 1
        for first in range(0, total, rows):
            times = np.arange(first, min(first + rows, total)) * seconds
            current = np.maximum(0, np.searchsorted(starts, times, side="right") - 1)
            said = pump.run(times, speeds=speeds[current], valves=valves[current],
                            faults=courses(self.faults, times), seconds=seconds)
            for fault, rng in faults:
                values = said[fault.channel]
                last = before.get(fault.channel, float(values[0]))
                said[fault.channel] = fault.apply(times, values, last, rng)
            before = {name: float(values[-1]) for name, values in said.items()}
            yield self.origin + np.round(times * SECOND).astype(np.int64), said

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
