"""A centrifugal pump in a closed loop: what its process sensors say, second by second.

Pump and system curve meet where the flow settles: H = n^2 H0 - a Q^2 against H = Hs + k Q^2, with
n the relative speed (the affinity laws: Q ~ n, H ~ n^2, P ~ n^3; e.g. Guelich, Centrifugal Pumps,
2020, ch. 3). The motor's current follows the shaft power, the temperature follows the losses with
a time constant of half an hour and the room.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from math import exp, sqrt

import numpy as np

from simulators.faults import BEARING_FAULTS, Course, MachineFaultKind, coloured_noise

CHANNELS = {
    "pressure": "bar",
    "flow": "l/min",
    "current": "A",
    "temperature": "degC",
    "vibration": "mm/s",
    "speed": "rpm",
    "load": "%",
}
"""Each sensor's unit; ``load`` is the valve's opening as its positioner tells it, 100 % is nominal."""
_DAY = 86_400.0
# of the measured value, one standard deviation
_NOISE = {
    "pressure": 0.008, "flow": 0.006, "current": 0.01,
    "temperature": 0.0005, "vibration": 0.04, "speed": 0.0005, "load": 0.0015,
}
_FLOOR = dict.fromkeys(CHANNELS, 0.0) | {"pressure": 0.002, "current": 0.002, "vibration": 0.002}
_DIGITS = dict.fromkeys(CHANNELS, 4) | {"load": 1}
_RESTLESS = frozenset({"pressure", "flow", "vibration"})
"""What cavitation makes restless."""
_CORRELATION = 0.6
"""Of the noise, from one second to the next."""
_THERMAL = 1800.0
_RUN_OUT = 0.05
"""Relative speed below which friction stops a pump that has been switched off."""
_FOULING = 0.01
"""Of the resistance."""
_DISTURBANCES = 4.0
"""A day, on average."""
_FLOW_DISTURBANCE = 0.015
"""Of the opening: 3 % of the resistance."""
_VIBRATION_DISTURBANCE = 0.2


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

    @property
    def usual(self) -> dict[str, float]:
        """What each sensor reads at nominal speed and opening, in its unit."""
        flow, lift, power = self.operating_point(np.ones(1), np.ones(1), {})
        return {
            "pressure": float(lift[0]) * 0.0981,
            "flow": float(flow[0]),
            "current": self.idle_current + float(power[0]) / (sqrt(3) * self.voltage * 0.82 * 0.88),
            "temperature": 21.0 + self.warm * (float(power[0]) / 1500.0),
            "vibration": self.vibration,
            "speed": self.nominal_speed,
            "load": 100.0,
        }

    def operating_point(
        self, speed: Course, valve: Course, faults: Mapping[MachineFaultKind, Course]
    ) -> tuple[Course, Course, Course]:
        """(flow in l/min, head in m, shaft power in W) at relative ``speed`` and ``valve`` (1: nominal
        opening; the system's resistance goes with its inverse square); all of shape (n,)."""
        none = np.zeros(1)
        lost = 0.25 * faults.get("impeller-wear", none) + 0.15 * faults.get("cavitation", none)
        steepness = self.steepness * (1 + 3.0 * faults.get("blocked-suction", none))
        rise = speed**2 * self.head * (1 - lost) - self.static
        # a leak is a second way past the system's resistance
        resistance = self.resistance / (valve * (1 + 0.3 * faults.get("seal-leak", none))) ** 2
        flow = np.sqrt(np.maximum(rise, 0.0) / (steepness + resistance))
        # below the static head nothing moves
        lift = np.where(rise > 0.0, self.static + resistance * flow**2, 0.0)
        power = np.where(rise > 0.0, 1000 * 9.81 * (flow / 60_000) * lift / self.efficiency + 60.0 * speed**3, 0.0)
        return flow, lift, power


class Pump:
    """A running pump: the machine and its momentary state.

    Not everything that varies is a fault. The room is warmer by day. The pipework fouls and comes clean
    again, in weeks: up to 1 % of resistance. Some times a day another consumer or a passing lorry
    disturbs the flow (3 %) and the vibration (20 %) for a few seconds. Sensors are noisy.
    """

    def __init__(self, machine: PumpMachine, seed: int) -> None:
        self._machine = machine
        self._rng = np.random.default_rng([seed, 0x5EC])
        self._noise = dict.fromkeys(CHANNELS, 0.0)
        self._speed = 1.0
        self._temperature: float | None = None
        self._nuisance = Nuisance(seed)

    def step(
        self, time: float, *, speed: float, valve: float, faults: Mapping[MachineFaultKind, float],
        seconds: float = 1.0,
    ) -> dict[str, float]:
        """What the sensors read at ``time``: a run of one step."""
        said = self.run(
            np.array([time]), speeds=np.array([speed]), valves=np.array([valve]),
            faults={kind: np.array([severity]) for kind, severity in faults.items()}, seconds=seconds)
        return {name: float(values[0]) for name, values in said.items()}

    def run(
        self, times: Course, *, speeds: Course, valves: Course, faults: Mapping[MachineFaultKind, Course],
        seconds: float = 1.0,
    ) -> dict[str, Course]:
        """What the sensors read at ``times``, shape (n,), ``seconds`` apart; the drive takes seconds to
        follow its set ``speeds``. Two runs, one after the other, give the same as one over both."""
        machine = self._machine
        now = self._follow(speeds, seconds)
        fouling, flow_disturbance, vibration_disturbance = self._nuisance.at(times)
        flow, lift, power = machine.operating_point(now, valves * (1 - fouling + flow_disturbance), faults)
        none = np.zeros(1)
        bearing = np.max([faults.get(kind, none) + np.zeros(len(times)) for kind in BEARING_FAULTS], axis=0)
        cavitation = faults.get("cavitation", none)
        true = {
            "pressure": lift * 0.0981,
            "flow": flow * (1 - 0.2 * faults.get("seal-leak", none)),
            "current": machine.idle_current * np.minimum(now * 4, 1.0)
            + power * (1 + 0.1 * bearing) / (sqrt(3) * machine.voltage * 0.82 * 0.88),
            "temperature": self._warm(times, power, bearing, seconds),
            "vibration": machine.vibration * now**2 * (1 + vibration_disturbance)
            * (1 + 1.5 * bearing + 2.0 * faults.get("imbalance", none) + 1.2 * cavitation),
            "speed": machine.nominal_speed * now,
            "load": 100.0 * valves,
        }
        shocks = self._rng.normal(size=(len(times), len(true)))
        correlation = _CORRELATION**seconds
        said = {}
        for place, (name, course) in enumerate(true.items()):
            noise = coloured_noise(shocks[:, place].tolist(), self._noise[name], correlation)
            self._noise[name] = noise[-1]
            unrest = 1 + 4.0 * cavitation if name in _RESTLESS else 1.0
            size = unrest * _NOISE[name] * np.abs(course) + _FLOOR[name]
            measured = np.round(course + np.array(noise) * size, _DIGITS[name])
            said[name] = np.maximum(measured, 0.0) if name == "vibration" else measured  # an RMS has no sign
        return said

    def _follow(self, speeds: Course, seconds: float) -> Course:
        share = 1 - exp(-seconds / 2.0)

        def follow(speed: float, aim: float) -> float:
            speed += (aim - speed) * share
            return 0.0 if aim == 0.0 and speed < _RUN_OUT else speed

        *_, self._speed = course = list(accumulate(speeds.tolist(), follow, initial=self._speed))
        return np.array(course[1:])

    def _warm(self, times: Course, power: Course, bearing: Course, seconds: float) -> Course:
        room = 21.0 + 3.0 * np.cos(2 * np.pi * (times / _DAY - 0.6))
        settled = (room + self._machine.warm * (power / 1500.0) + 12.0 * bearing).tolist()
        share = 1 - exp(-seconds / _THERMAL)
        begin = settled[0] if self._temperature is None else self._temperature
        *_, self._temperature = course = list(
            accumulate(settled, lambda warm, aim: warm + (aim - warm) * share, initial=begin))
        return np.array(course[1:])


class Nuisance:
    """What disturbs a pump without being a fault, by time alone; all of it follows from the seed."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng([seed, 0xD15])
        self._seed = seed
        self._fouling = rng.uniform(0.2, 1.0) * _FOULING
        self._period = rng.uniform(8.0, 25.0) * _DAY
        self._phase = rng.random()
        self._days: dict[int, tuple[Course, Course, Course]] = {}

    def at(self, times: Course) -> tuple[Course, Course, Course]:
        """(fouling, disturbance of the flow, disturbance of the vibration) at each of ``times``; the first
        two as shares of the valve's opening."""
        # the resistance goes with the inverse square of the opening
        cycle = (times / self._period + self._phase) % 1.0
        fouling = self._fouling * np.minimum(cycle, 1 - cycle)
        flow, vibration = np.zeros(len(times)), np.zeros(len(times))
        days = range(int(times[0] // _DAY) - 1, int(times[-1] // _DAY) + 1)
        self._days = {day: self._days.get(day) or self._draw(day) for day in days}
        for starts, ends, sizes in self._days.values():
            places = zip(np.searchsorted(times, starts).tolist(), np.searchsorted(times, ends).tolist(), strict=True)
            for (first, last), size in zip(places, sizes.tolist(), strict=True):
                flow[first:last] += size * _FLOW_DISTURBANCE
                vibration[first:last] += abs(size) * _VIBRATION_DISTURBANCE
        return fouling, flow, vibration

    def _draw(self, day: int) -> tuple[Course, Course, Course]:
        """(start, end, relative size -1 to 1) of a day's disturbances."""
        rng = np.random.default_rng([self._seed, 0xD15, abs(day)])
        count = rng.poisson(_DISTURBANCES)
        starts = rng.random(count) * _DAY + day * _DAY
        return starts, starts + rng.uniform(2.0, 8.0, count), rng.uniform(-1.0, 1.0, count)
