"""A vibration sensor on a rolling bearing: impulses of a fault through resonances, slip and noise.

The kinematics are those of R. B. Randall and J. Antoni, "Rolling element bearing diagnostics - a
tutorial", Mechanical Systems and Signal Processing 25 (2011) 485-520, eqs. 1-4: a fault meets the
rolling elements at a fixed multiple of the shaft's speed, but for the slip, which makes the
intervals random by one or two percent. Each impact rings the structure's resonances. An inner race
or a ball passes through the load zone once a revolution of its own and is modulated by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import cos, radians
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulators.faults import MachineFaultKind

RATE = 25_600.0
SAMPLES = 2560
_WARM_UP = 2560
"""Samples before a record begins, in which the resonances come to ring."""
_BURSTING = 0.05
"""The share of samples in which a bubble collapses."""


class Orders(NamedTuple):
    """Fault frequencies as multiples of the shaft's speed."""

    bpfo: float
    bpfi: float
    bsf: float
    ftf: float


@dataclass(frozen=True, slots=True)
class Geometry:
    """``balls`` of ``ball`` diameter on a ``pitch`` circle (same unit), contact angle in degrees."""

    balls: int
    ball: float
    pitch: float
    angle: float = 0.0

    @property
    def orders(self) -> Orders:
        """The kinematic fault orders, with a fixed outer race."""
        ratio = self.ball / self.pitch * cos(radians(self.angle))
        return Orders(
            bpfo=self.balls / 2 * (1 - ratio),
            bpfi=self.balls / 2 * (1 + ratio),
            bsf=self.pitch / (2 * self.ball) * (1 - ratio**2),
            ftf=(1 - ratio) / 2,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BearingMachine:
    """One machine: what is built into it, drawn once from its seed.

    ``resonances``: (Hz, damping ratio, gain) of the path to the sensor. Levels in g.
    """

    geometry: Geometry
    speed: float
    resonances: tuple[tuple[float, float, float], ...]
    imbalance: float
    misalignment: float
    hum: float
    gain: float

    @classmethod
    def from_seed(cls, seed: int) -> BearingMachine:
        """A plausible machine; the same seed gives the same one."""
        rng = np.random.default_rng([seed, 0xBEA])
        balls = int(rng.integers(7, 14))
        return cls(
            geometry=Geometry(
                balls, ball=rng.uniform(0.17, 0.24), pitch=1.0, angle=float(rng.choice([0, 0, 15]))),
            speed=rng.uniform(18.0, 50.0),
            resonances=tuple(
                (float(rng.uniform(low, high)), float(rng.uniform(0.02, 0.06)), float(rng.uniform(0.5, 1.2)))
                for low, high in ((1500, 3500), (4000, 9000))
            ),
            imbalance=rng.uniform(0.05, 0.3),
            misalignment=rng.uniform(0.02, 0.1),
            hum=rng.uniform(0.05, 0.15),
            gain=rng.uniform(0.3, 2.0),
        )

    def record(
        self,
        rng: np.random.Generator,
        faults: Mapping[MachineFaultKind, float],
        *,
        load: float = 1.0,
        speed: float = 1.0,
        samples: int = SAMPLES,
    ) -> NDArray[np.float32]:
        """One record in g, shape (samples,). ``load`` and ``speed`` relative to nominal; at speed 0
        only the sensor's noise is left."""
        total = samples + _WARM_UP
        noise = rng.normal(size=total)
        if speed <= 0.0:
            return (0.002 * self.gain * noise[_WARM_UP:]).astype(np.float32)
        time = np.arange(total) / RATE
        shaft = self.speed * speed * (1 + 0.003 * rng.normal())
        phase = 2 * np.pi * (shaft * time + rng.random())
        # the machine's own life: rotation, and flow or friction that excites the structure
        imbalance = self.imbalance * (1 + 4.0 * faults.get("imbalance", 0.0)) * speed**2
        signal = imbalance * np.sin(phase) + self.misalignment * np.sin(2 * phase + 1.0)
        excitation = self.hum * np.sqrt(load) * noise
        if cavitation := faults.get("cavitation", 0.0):
            excitation += cavitation * _bursts(rng, total)
        excitation += 12.0 * load * _impacts(rng, self.geometry.orders, shaft, faults, phase)
        for frequency, damping, gain in self.resonances:
            signal += gain * resonate(excitation, frequency, damping)
        signal += 0.3 * excitation + 0.01 * rng.normal(size=total)
        record: NDArray[np.float32] = (self.gain * signal[_WARM_UP:]).astype(np.float32)
        return record


def resonate(excitation: NDArray[np.float64], frequency: float, damping: float) -> NDArray[np.float64]:
    """The response of one damped resonance (unit peak gain), by its impulse response."""
    decay = 2 * np.pi * frequency * damping
    length = min(len(excitation), int(8.0 / decay * RATE) + 1)
    time = np.arange(length) / RATE
    ring = np.exp(-decay * time) * np.sin(2 * np.pi * frequency * time) * (2 * decay / RATE)
    size = 1 << (len(excitation) + length - 2).bit_length()
    spectrum = np.fft.rfft(excitation, size) * np.fft.rfft(ring, size)
    response: NDArray[np.float64] = np.fft.irfft(spectrum, size)[: len(excitation)]
    return response


def _impacts(
    rng: np.random.Generator,
    orders: Orders,
    shaft: float,
    faults: Mapping[MachineFaultKind, float],
    phase: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Impulses of all bearing faults, modulated by the load zone where they travel through it."""
    total = len(phase)
    impacts = np.zeros(total)
    zones: dict[MachineFaultKind, tuple[float, NDArray[np.float64] | None]] = {
        "outer-race": (orders.bpfo, None),
        "inner-race": (orders.bpfi, np.maximum(0.1, 0.5 + 0.5 * np.cos(phase))),
        "ball": (2 * orders.bsf, np.maximum(0.1, 0.5 + 0.5 * np.cos(orders.ftf * phase))),
    }
    for kind, (order, zone) in zones.items():
        severity = faults.get(kind, 0.0)
        if severity <= 0.0:
            continue
        interval = RATE / (shaft * order)
        count = int(total / interval) + 2
        places = np.cumsum(interval * (1 + 0.015 * rng.normal(size=count))) - interval * rng.random()
        places = places[(places >= 0) & (places < total)].astype(np.intp)
        strength = severity * (1 + 0.1 * rng.normal(size=len(places)))
        if zone is not None:
            strength = strength * zone[places]
        np.add.at(impacts, places, strength)
    return impacts


def _bursts(rng: np.random.Generator, total: int) -> NDArray[np.float64]:
    """Collapsing bubbles: broadband bursts at random."""
    bursts = rng.normal(size=total)
    return bursts * (rng.random(total) < _BURSTING) * 4.0 + 0.5 * bursts
