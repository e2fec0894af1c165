"""Simulated machines that are learned while well and explained while ill, through the real features."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from agent.monitoring.assessment.assessment import Assessment, Explanation
from agent.monitoring.manipulation.extraction import GridExtraction
from agent.monitoring.spec import ChannelSpec, MachineSpec
from agent.monitoring.types import Block, Quality
from simulators.faults import MachineFault, MachineFaultKind
from simulators.pump import CHANNELS
from simulators.scenario import Scenario

Telemetry = Iterable[tuple[int, dict[str, float]]]

NO_MACHINE = MachineSpec()
_WELL = 1200
_ILL = 1800
"""Seconds: a bearing takes half an hour to warm up its housing."""


def _extraction() -> GridExtraction:
    channels = [ChannelSpec(name=name, topic="", unit=unit, rate=1.0) for name, unit in CHANNELS.items()]
    return GridExtraction(channels, 12.0, 12.0, 0.0)


def names() -> tuple[str, ...]:
    """What a pump's features are called."""
    return _extraction().names


def windows(telemetry: Telemetry) -> list[NDArray[np.float64]]:
    """Feature vectors of 12 s, one after the other, of pump telemetry."""
    extraction = _extraction()
    vectors = []
    for time, values in telemetry:
        for number, (name, value) in enumerate(values.items()):
            block = Block("pump", name, time, np.array([value]))
            vectors += [vector.values for vector in extraction.add(number, block, Quality.GOOD)]
    return vectors


def assessment() -> Assessment:
    """Of a pump, which has yet to learn."""
    return Assessment(names(), CHANNELS, None, NO_MACHINE, ["speed.mean"])


@cache
def learned(seed: int) -> Assessment:
    """Of a pump that is well."""
    found = assessment()
    for vector in windows(Scenario(seed=seed, duration=_WELL).telemetry()):
        found.learn(vector)
    assert found.complete()
    return found


@cache
def pump(kind: MachineFaultKind, seed: int, severity: float = 0.7) -> Explanation:
    """What is said of a pump with this fault."""
    fault = MachineFault(kind=kind, start=_WELL, end=float("inf"), severity=severity)
    vectors = windows(Scenario(seed=seed, duration=_WELL + _ILL, faults=(fault,)).telemetry())
    return learned(seed).explain(np.array(vectors[-5:]))
