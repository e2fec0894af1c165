"""A centrifugal pump in a closed loop: what its process sensors say, second by second.

Pump and system curve meet where the flow settles: H = n^2 H0 - a Q^2 against H = Hs + k Q^2, with
n the relative speed (the affinity laws: Q ~ n, H ~ n^2, P ~ n^3; e.g. Guelich, Centrifugal Pumps,
2020, ch. 3). The motor's current follows the shaft power, the temperature follows the losses with
a time constant of half an hour and the room.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import cos, exp, pi, sqrt

import numpy as np

from simulators.faults import BEARING_FAULTS, MachineFaultKind, coloured_noise

CHANNELS = {
    "pressure": "bar",
    "flow": "l/min",
    "current": "A",
    "temperature": "degC",
    "vibration": "mm/s",
    "speed": "rpm",
}
_DAY = 86_400.0
# of the measured value, one standard deviation
_NOISE = {
    "pressure": 0.008, "flow": 0.006, "current": 0.01,
    "temperature": 0.0005, "vibration": 0.04, "speed": 0.0005,
}
_CORRELATION = 0.6
_THERMAL = 1800.0
_RUN_OUT = 0.05
"""Relative speed below which friction stops a pump that has been switched off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PumpMachine:
    """What is built into one pump; heads in m, flows in l/min."""

    nominal_speed: float
    head: float
    steepness: float
    static: float
    resistance: float
    efficiency: float
    voltage: float
    idle_current: float
    vibration: float
    warm: float

    @classmethod
    def from_seed(cls, seed: int) -> PumpMachine:
        """A plausible pump; the same seed gives the same one."""
        rng = np.random.default_rng([seed, 0xF10])
        return cls(
            nominal_speed=rng.uniform(1440, 2950),
            head=rng.uniform(28, 45),
            steepness=rng.uniform(5e-4, 9e-4),
            static=rng.uniform(3, 8),
            resistance=rng.uniform(6e-4, 1.2e-3),
            efficiency=rng.uniform(0.55, 0.75),
            voltage=400.0,
            idle_current=rng.uniform(1.0, 2.0),
            vibration=rng.uniform(0.8, 1.8),
            warm=rng.uniform(22, 32),
        )

    def operating_point(
        self, speed: float, valve: float, faults: Mapping[MachineFaultKind, float]
    ) -> tuple[float, float, float]:
        """(flow in l/min, head in m, shaft power in W) at relative ``speed`` and ``valve`` (1: nominal
        opening; the system's resistance goes with its inverse square)."""
        lost = 0.25 * faults.get("impeller-wear", 0.0) + 0.15 * faults.get("cavitation", 0.0)
        head = self.head * (1 - lost)
        steepness = self.steepness * (1 + 3.0 * faults.get("blocked-suction", 0.0))
        rise = speed**2 * head - self.static
        if speed <= 0.0 or rise <= 0.0:
            return 0.0, 0.0, 0.0
        resistance = self.resistance / valve**2
        # a leak is a second way past the system's resistance
        resistance /= (1 + 0.3 * faults.get("seal-leak", 0.0)) ** 2
        flow = sqrt(rise / (steepness + resistance))
        lift = self.static + resistance * flow**2
        power = 1000 * 9.81 * (flow / 60_000) * lift / self.efficiency + 60.0 * speed**3
        return flow, lift, power


class Pump:
    """A running pump: the machine and its momentary state."""

    def __init__(self, machine: PumpMachine, seed: int) -> None:
        self._machine = machine
        self._rng = np.random.default_rng([seed, 0x5EC])
        self._noise = dict.fromkeys(CHANNELS, 0.0)
        self._speed = 1.0
        self._temperature: float | None = None

    def step(
        self, time: float, *, speed: float, valve: float, faults: Mapping[MachineFaultKind, float],
        seconds: float = 1.0,
    ) -> dict[str, float]:
        """What the sensors read at ``time``; the drive takes seconds to follow its set ``speed``."""
        machine = self._machine
        self._speed += (speed - self._speed) * (1 - exp(-seconds / 2.0))
        if speed == 0.0 and self._speed < _RUN_OUT:
            self._speed = 0.0
        now = self._speed
        flow, lift, power = machine.operating_point(now, valve, faults)
        bearing = max(faults.get(kind, 0.0) for kind in BEARING_FAULTS)
        room = 21.0 + 3.0 * cos(2 * pi * (time / _DAY - 0.6))
        settled = room + machine.warm * (power / 1500.0) + 12.0 * bearing
        if self._temperature is None:
            self._temperature = settled
        self._temperature += (settled - self._temperature) * (1 - exp(-seconds / _THERMAL))
        true = {
            "pressure": lift * 0.0981,
            "flow": flow * (1 - 0.2 * faults.get("seal-leak", 0.0)),
            "current": machine.idle_current * min(now * 4, 1.0)
            + power * (1 + 0.1 * bearing) / (sqrt(3) * machine.voltage * 0.82 * 0.88),
            "temperature": self._temperature,
            "vibration": machine.vibration * now**2
            * (1 + 1.5 * bearing + 2.0 * faults.get("imbalance", 0.0) + 1.2 * faults.get("cavitation", 0.0)),
            "speed": machine.nominal_speed * now,
        }
        unrest = 1 + 4.0 * faults.get("cavitation", 0.0)
        return {name: self._measure(name, value, unrest) for name, value in true.items()}

    def _measure(self, name: str, value: float, unrest: float) -> float:
        noise = self._noise[name] = coloured_noise(self._rng, self._noise[name], _CORRELATION)
        size = _NOISE[name] * (unrest if name in {"pressure", "flow", "vibration"} else 1.0)
        floor = 0.002 if name in {"pressure", "current", "vibration"} else 0.0
        measured = round(value + noise * (size * abs(value) + floor), 4)
        return max(measured, 0.0) if name == "vibration" else measured  # an RMS has no sign
