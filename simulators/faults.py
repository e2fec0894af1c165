"""What goes wrong with a machine and with its sensors: when, how badly, and as a label.

A machine's fault changes the physics; a sensor's fault changes only what is reported. They are
labelled apart, as a monitor must tell them apart.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

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
        if not self.start <= time < self.end:
            return 0.0
        if self.growth <= 0.0:
            return self.severity
        return self.severity * min(1.0, (time - self.start) / self.growth)


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorFault:
    """A fault of the sensor of ``channel``; ``size`` in the channel's unit."""

    channel: str
    kind: SensorFaultKind
    start: float
    end: float
    size: float = 10.0

    def apply(self, time: float, value: float, before: float, rng: np.random.Generator) -> float:
        """What the sensor says instead of ``value``; ``before`` is what it said last."""
        if not self.start <= time < self.end:
            return value
        match self.kind:
            case "stuck":
                return before
            case "drift":
                return value + self.size * (time - self.start) / (self.end - self.start)
            case "spikes":
                return value + (self.size if rng.random() < _SPIKY else 0.0)
            case "dropout":
                return float("nan")
            case "out-of-range":
                return 1e6


def severities(faults: tuple[MachineFault, ...], time: float) -> dict[MachineFaultKind, float]:
    """The severity of each fault that acts at a time."""
    acting: dict[MachineFaultKind, float] = {}
    for fault in faults:
        if (severity := fault.at(time)) > 0.0:
            acting[fault.kind] = max(severity, acting.get(fault.kind, 0.0))
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


def coloured_noise(rng: np.random.Generator, previous: float, correlation: float) -> float:
    """The next value of a unit-variance AR(1) process: sensor noise is not white."""
    return correlation * previous + float(rng.normal()) * sqrt(1.0 - correlation**2)
