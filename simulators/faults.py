"""What goes wrong with a machine and with its sensors: when, how badly, and as a label.

A machine's fault changes the physics; a sensor's fault changes only what is reported. They are
labelled apart, as a monitor must tell them apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import accumulate
from math import sqrt
from typing import Any, Final, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

Course: TypeAlias = NDArray[np.float64]
"""A quantity at each of some times, shape (n,)."""

SECOND = 1_000_000_000
_SPIKY = 0.1
"""The share of samples that a loose contact spoils."""

MachineFaultKind: TypeAlias = Literal[
    "outer-race", "inner-race", "ball",
    "imbalance", "cavitation", "blocked-suction", "impeller-wear", "seal-leak",
]
SensorFaultKind: TypeAlias = Literal["stuck", "drift", "spikes", "dropout", "out-of-range"]
MACHINE_FAULTS: tuple[MachineFaultKind, ...] = get_args(MachineFaultKind)
BEARING_FAULTS: tuple[MachineFaultKind, ...] = ("outer-race", "inner-race", "ball")
SENSOR_FAULTS: tuple[SensorFaultKind, ...] = get_args(SensorFaultKind)
_BROKEN: Final = 1e6
"""What a broken wire or a dead converter reads, in any unit: far beyond what is there to measure."""
_USUAL_SHARE: Final = 0.2
"""The size of a sensor's fault for which none was given, as a share of what the channel usually reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFault:
    """``start`` and ``end`` in s from the beginning; ``severity`` 0 to 1 at its worst; it grows
    linearly over ``growth`` seconds (0: at once)."""

    kind: MachineFaultKind
    start: float
    end: float
    severity: float = 0.7
    growth: float = 0.0

    def at(self, time: float) -> float:
        """The severity at a time, 0 outside of the fault."""
        return float(self.course(np.array([time]))[0])

    def course(self, times: Course) -> Course:
        """The severity at each of ``times``."""
        grown = 1.0 if self.growth <= 0.0 else np.minimum(1.0, (times - self.start) / self.growth)
        course: Course = np.where((self.start <= times) & (times < self.end), self.severity * grown, 0.0)
        return course


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorFault:
    """A fault of the sensor of ``channel``: stuck at what it said last; drifting by ``size`` until the
    end; spikes of ``size`` on a tenth of the samples; silent; or far out of range.

    ``size`` in the channel's unit; None: a fifth of what the channel usually reads.
    """

    channel: str
    kind: SensorFaultKind
    start: float
    end: float
    size: float | None = None

    def sized(self, usual: Mapping[str, float]) -> SensorFault:
        """With a size, by what each channel ``usual``ly reads."""
        return self if self.size is not None else replace(self, size=_USUAL_SHARE * usual[self.channel])

    def apply(self, times: Course, values: Course, before: float, rng: np.random.Generator) -> Course:
        """What the sensor says instead of ``values``, shape (n,) as ``times``; ``before`` is what it said
        last. ``rng`` is this fault's own: so it does not matter how a course is cut into pieces."""
        acting = (self.start <= times) & (times < self.end)
        if not acting.any():
            return values
        said, size = values.copy(), self.size or 0.0
        first = int(acting.argmax())
        match self.kind:
            case "stuck":
                said[acting] = values[first - 1] if first else before
            case "drift":
                said[acting] += size * (times[acting] - self.start) / (self.end - self.start)
            case "spikes":
                said[acting] += size * (rng.random(int(acting.sum())) < _SPIKY)
            case "dropout":
                said[acting] = np.nan
            case "out-of-range":
                said[acting] = _BROKEN
        return said


def severities(faults: tuple[MachineFault, ...], time: float) -> dict[MachineFaultKind, float]:
    """The severity of each fault that acts at a time."""
    return {kind: float(course[0]) for kind, course in courses(faults, np.array([time])).items()}


def courses(faults: tuple[MachineFault, ...], times: Course) -> dict[MachineFaultKind, Course]:
    """The severity at each of ``times`` of every kind of fault that acts at some of them."""
    acting: dict[MachineFaultKind, Course] = {}
    for fault in faults:
        course = fault.course(times)
        if course.any():
            acting[fault.kind] = np.maximum(course, acting.get(fault.kind, 0.0))
    return acting


def labels(
    faults: tuple[MachineFault, ...], sensor_faults: tuple[SensorFault, ...], origin: int, duration: float
) -> list[dict[str, Any]]:
    """One entry for each fault that shows within ``duration`` s, what is later is cut off; ``start``
    and ``end`` in ns since the epoch, ``origin`` is the beginning's."""
    found = []
    for concerns, group in (("machine", faults), ("sensor", sensor_faults)):
        for fault in group:
            if fault.start >= duration:
                continue
            entry = asdict(fault)
            entry["concerns"] = concerns
            entry["start"] = origin + round(fault.start * SECOND)
            entry["end"] = origin + round(min(fault.end, duration) * SECOND)
            found.append(entry)
    return found


def coloured_noise(shocks: Sequence[float], previous: float, correlation: float) -> list[float]:
    """A unit-variance AR(1) process after its ``previous`` value, from white ``shocks`` of unit variance:
    sensor noise is not white."""
    share = sqrt(1.0 - correlation**2)
    return list(accumulate(shocks, lambda noise, shock: correlation * noise + share * shock, initial=previous))[1:]
