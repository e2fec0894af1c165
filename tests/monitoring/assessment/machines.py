"""Simulated machines that are learned while well and explained while ill, through the real features."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, hilbert, sosfiltfilt

from agent.monitoring.assessment.assessment import Assessment, Explanation
from agent.monitoring.manipulation.extraction import GridExtraction
from agent.monitoring.manipulation.features.waveform import WaveformFeatures
from agent.monitoring.spec import BearingSpec, ChannelSpec, MachineSpec
from agent.monitoring.types import Block, Quality
from simulators.bearing import RATE, BearingMachine
from simulators.faults import MachineFault, MachineFaultKind
from simulators.pump import CHANNELS
from simulators.scenario import Scenario

Telemetry = Iterable[tuple[int, dict[str, float]]]

SAMPLES = 12_800
"""Half a second: the lines of a bearing stand apart in it; in a tenth some do not."""
_MOMENTS_AND_OCTAVES = WaveformFeatures(("rms", "peak", "crest", "kurtosis", "octaves"), SAMPLES, RATE)
_LINES = ("bpfo", "bpfi", "bsf", "ftf")
_ORDERS = (1, 2, 3)
_BAND = butter(4, (1500.0, 10_000.0), "bandpass", fs=RATE, output="sos")

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


class Bearing:
    """A simulated bearing, its features and what was learned of it.

    The lines are taken here with scipy, independently of the agent's own envelope: a fixed band, the squared
    envelope's spectrum, the largest near the first three harmonics over the median.
    """

    def __init__(self, seed: int) -> None:
        self._machine = BearingMachine.from_seed(seed)
        self._seed = seed
        orders = self._machine.geometry.orders
        self._orders = (orders.bpfo, orders.bpfi, 2 * orders.bsf, orders.ftf)
        spec = MachineSpec(speed=60.0 * self._machine.speed, bearings=(BearingSpec(name="DE", **orders._asdict()),))
        lines = (*(f"DE.{line}" for line in _LINES), *(f"order_{order}x" for order in _ORDERS))
        self._assessment = Assessment(
            (*_MOMENTS_AND_OCTAVES.names, *lines), {"vibration": "g"}, "vibration", spec)
        rng = np.random.default_rng([seed, 100])
        for _ in range(40):
            self._assessment.learn(self._features(rng, {}))
        assert self._assessment.complete()

    def explain(self, kind: MachineFaultKind, severity: float) -> Explanation:
        """What is said of five records with this fault."""
        rng = np.random.default_rng([self._seed, 200])
        return self._assessment.explain(np.array([self._features(rng, {kind: severity}) for _ in range(5)]))

    def _features(self, rng: np.random.Generator, faults: dict[MachineFaultKind, float]) -> NDArray[np.float64]:
        load = max(0.3, 1.0 + 0.15 * rng.normal())
        record = self._machine.record(rng, faults, load=load, samples=SAMPLES).astype(np.float64)
        shaft = [self._line_of_shaft(record, order) for order in _ORDERS]
        return np.concatenate([_MOMENTS_AND_OCTAVES.extract(record), self._lines_of_bearing(record), shaft])

    def _lines_of_bearing(self, record: NDArray[np.float64]) -> list[float]:
        envelope = np.abs(hilbert(sosfiltfilt(_BAND, record))) ** 2
        power = np.abs(np.fft.rfft((envelope - envelope.mean()) * np.hanning(SAMPLES), 4 * SAMPLES)) ** 2
        frequency = np.fft.rfftfreq(4 * SAMPLES, 1.0 / RATE)
        floor = np.median(power[(frequency > 10.0) & (frequency < 1500.0)])
        found = []
        for order in self._orders:
            centres = [harmonic * order * self._machine.speed for harmonic in (1, 2, 3)]
            peaks = [power[np.abs(frequency - centre) < max(0.02 * centre, 1.0)].max() for centre in centres]
            found.append(float(10.0 * np.log10(np.mean(peaks) / floor)))
        return found

    def _line_of_shaft(self, record: NDArray[np.float64], order: int) -> float:
        window = np.hanning(SAMPLES)
        turns = np.exp(-2j * np.pi * order * self._machine.speed * np.arange(SAMPLES) / RATE)
        return float(2.0 * np.abs((record * window * turns).sum()) / window.sum())


@cache
def bearing(seed: int) -> Bearing:
    """A bearing that was learned while well."""
    return Bearing(seed)
