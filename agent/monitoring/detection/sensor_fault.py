"""Faults of sensors, told apart from faults of the machine: what one channel does and no machine would.

============ ============================================================ =======================
kind         how it shows                                                 believed after
============ ============================================================ =======================
stuck        not the least change, of a channel that was never still      2 windows
dropout      nothing is said while other channels speak                   2 windows
out-of-range beyond what the sensor can give (the quality gate), or a     2 windows
             hundred times anything seen
spikes       single samples far off, in one channel alone, and back       3 windows of about 5
             again at once
drift        see ``sensor_drift``                                         10 windows
============ ============================================================ =======================

Windows overlap; "windows" above are those that share no sample. What is only suspected is not judged
either (``masked``) for as long as one window: a loose contact shall not raise an alarm of the machine
before it has been recognised. A step is released after three samples in a row at the new level.

A channel that often stands still by itself (a voltage in whole volts, a valve that stays where it is) is
never called stuck. Spikes in one channel alone are called the sensor's, though a hard object that passes
a pump does the same to its vibration: the alarm of the sensor makes somebody look. Unrest of several
channels at once (cavitation) is the machine's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from agent.monitoring.detection.indicator import only_rises
from agent.monitoring.detection.sensor_drift import TIME, DriftWatch
from agent.monitoring.spec import ChannelSpec
from agent.monitoring.types import Quality

SensorFaultKind: TypeAlias = Literal["stuck", "dropout", "out-of-range", "spikes", "drift"]
STATISTICS: Final = ("mean", "std", "min", "max")
"""What has to be among the features of each channel."""

_KINDS: Final[tuple[SensorFaultKind, ...]] = ("out-of-range", "dropout", "stuck", "spikes")
"""Found by evidence; of two at once the first is told."""
_OUT, _DROPOUT, _STUCK, _SPIKES = range(len(_KINDS))
_BELIEVED: Final = np.array([[2.0], [2.0], [2.0], [2.5]])
_FALL: Final = np.array([[0.25], [1.0], [1.0], [0.25]])
"""What a window without a sign takes away of the evidence; one with a sign adds 1."""
_FULL: Final = 3.0
_USUAL: Final = 0.9
_WIDE: Final = 2.0
"""Times that quantile of the learned windows' ranges: beyond it there is a spike or a step. Not the widest:
some learned windows hold a small move of the set point."""
_WIDER_THAN_ANY: Final = 1.5
"""The same of a coarse channel, most of whose windows have no range at all."""
_RESTLESS: Final = 0.6
"""Of that width: what another channel has must be less, or less than a third of what this one has, or it
is the unrest of a machine."""
_FAR: Final = 2.5
"""Standard deviations of its window: what one sample of twelve, far off, is away from its mean (3.3 without
noise; noise alone in one window of thirty)."""
_LONE: Final = 4.0
"""... and what no step can be: one of its samples in a window of many."""
_STEP: Final = 3
"""Samples in a row."""
_IMPLAUSIBLE: Final = 100.0
_STILL: Final = 0.01
"""The share of learned windows without a change, from which on a channel is one that stands still."""
_NOTHING: Final[dict[str, SensorFaultKind]] = {}


class SensorWatch:
    """Watches ``channels`` by their features ``names`` (as ``telemetry.names_of`` orders them, at least
    ``STATISTICS``); ``overlap``: windows that share a sample. ``scored``: the channels of the deviations
    that ``weigh`` is given, in their order; ``seconds``: how long a window is."""

    MOVING: ClassVar[tuple[str, ...]] = ("_before", "_flagged", "_held", "_run", "_signs", "_weighed", "_window")

    def __init__(
        self, channels: Sequence[ChannelSpec], names: Sequence[str], overlap: int, scored: Sequence[str] = (),
        seconds: float = TIME,
    ) -> None:
        self.channels = tuple(channel.name for channel in channels)
        self._size = size = len(channels)
        places = [[list(names).index(f"{name}.{statistic}") for name in self.channels] for statistic in STATISTICS]
        if any(row != list(range(row[0], row[0] + size)) for row in places):
            reason = "the features are not ordered statistic by statistic"
            raise ValueError(reason)
        self._mean, self._std, self._low, self._high = (slice(row[0], row[0] + size) for row in places)
        self._overlap = max(1, overlap)
        self._scored = np.array([self.channels.index(name) for name in scored], dtype=np.intp)
        self._drift = DriftWatch([
            "above" if only_rises(channels[place]) else channels[place].worse for place in self._scored], seconds)
        self.forget()

    def forget(self) -> None:
        """Begin anew: nothing is learned, no sensor is faulty."""
        self._limit = np.full(self._size, np.inf)
        self._largest = np.full(self._size, 1e-300)
        self._still = np.zeros(self._size)
        self._counted = np.zeros(self._size)
        self._learned = 0
        self._evidence = np.zeros((len(_KINDS), self._size))
        self._believed = np.zeros((len(_KINDS), self._size), dtype=bool)
        self._drift = self._drift.anew()
        self._signs = np.zeros(self._size, dtype=bool)
        self._flagged = [0] * self._size
        self._held = [0] * self._size
        self._run = 0
        self._before: NDArray[np.float64] | None = None
        self._window = self._weighed = 0
        self.faults: dict[str, SensorFaultKind] = _NOTHING
        self.masked: NDArray[np.bool_] | None = None
        """Channels that must not be judged now, shape (channels,); None where all may."""

    def learn(self, rows: NDArray[np.float64]) -> None:
        """Take in windows of a machine at work, shape (windows, features); again for each load band. Of a channel
        that was silent or masked in some of them (its mean is NaN) nothing is learned: a sensor that was stuck
        while a band was learned would be one that stands still by itself from then on."""
        well = np.isfinite(rows[:, self._mean]).all(axis=0)
        ranges = rows[:, self._high] - rows[:, self._low]
        told = np.where(np.isfinite(ranges), ranges, 0.0)
        usual = np.quantile(told, _USUAL, axis=0)
        wide = np.where(usual > 0.0, _WIDE * usual, _WIDER_THAN_ANY * told.max(axis=0))
        wide[wide <= 0.0] = np.inf
        widest = np.where(np.isinf(self._limit), wide, np.maximum(self._limit, wide))
        self._limit = np.where(well, widest, self._limit)
        sizes = np.abs(rows[:, self._mean])
        self._largest = np.maximum(self._largest, np.max(np.where(np.isfinite(sizes), sizes, 0.0), axis=0))
        self._still += np.where(well, (~(ranges > 0.0)).sum(axis=0), 0)
        self._counted += np.where(well, len(rows), 0)
        self._learned += len(rows)

    def note(self, channel: int, flags: Quality) -> None:
        """What the quality gate said of a sample or block of the channel with this number."""
        if flags & Quality.OUT_OF_RANGE and self._learned:
            self._flagged[channel] += 1
            self._held[channel] = self._overlap + 1  # the mean of what is left of a window is noise
            self._mask()

    def judge(self, features: NDArray[np.float64], *, running: bool) -> dict[str, SensorFaultKind]:
        """Take a window, shape (features,); the sensors that are faulty, and how. ``running``: the
        machine does not stand still, nor is it being started."""
        if not self._learned:
            return _NOTHING
        ranges = features[self._high] - features[self._low]
        odd = ranges > self._limit
        if any(odd.tolist()):
            self._look(features, ranges, odd)
        elif self._run:
            self._run = 0
        self._before = features
        self._window += 1
        if self._window >= self._overlap:
            self._window = 0
            self._gather(features[self._mean], ranges, running=running)
        elif self.masked is not None:
            self._wait()
        return self.faults

    def _look(self, features: NDArray[np.float64], ranges: NDArray[np.float64], odd: NDArray[np.bool_]) -> None:
        """At a window that is wider than any before: a spike, a step, or the unrest of several channels."""
        before, self._run = self._run, 0
        # noise goes with the level: a vibration that has doubled is twice as restless
        limits = self._limit * np.maximum(1.0, np.abs(features[self._mean]) / self._largest)
        odd = odd & (ranges > limits)
        self._signs |= odd & self._believed[_SPIKES]
        alone = np.flatnonzero(odd & ~self._believed.any(axis=0))
        if len(alone) != 1 or self._before is None:
            return
        channel = int(alone[0])
        unrest = np.where(self._believed.any(axis=0), 0.0, ranges / limits)
        own, unrest[channel] = float(unrest[channel]), 0.0
        if np.nanmax(unrest) > max(_RESTLESS, own / 3):
            return
        mean, deviation = float(features[self._mean][channel]), float(features[self._std][channel])
        above, below = float(features[self._high][channel]) - mean, mean - float(features[self._low][channel])
        implausible = max(abs(mean + above), abs(mean - below)) > _IMPLAUSIBLE * self._largest[channel]
        # the newest sample but the one that the window has left behind
        moved = self._overlap * (mean - float(self._before[self._mean][channel])) * (1.0 if above > below else -1.0)
        far = moved > 0.5 * (above + below)
        if far:
            self._run = before + 1
        if max(above, below) > _LONE * deviation:
            self._signs[channel] = True
        if self._run >= _STEP and not implausible:
            self._held[channel] = 0
            self._signs[channel] = False
        elif far and (self._held[channel] or implausible or max(above, below) > _FAR * deviation):
            self._held[channel] = self._overlap + 1
        elif self._held[channel]:
            # as one spike leaves the window another may come: held until it is as narrow as ever
            self._held[channel] = max(self._held[channel], 2)
            self._signs[channel] = True
        else:
            return
        self._mask()

    def _gather(self, means: NDArray[np.float64], ranges: NDArray[np.float64], *, running: bool) -> None:
        """Once per window's length: weigh the signs of each kind."""
        if self._is_well(means, ranges):
            return
        silent = np.isnan(means)
        signs = np.zeros((len(_KINDS), self._size), dtype=bool)
        # at standstill a reading may be a little below a range that begins at 0
        signs[_OUT] = (np.array(self._flagged) > 0) & (running | silent)
        signs[_OUT] |= np.abs(means) > _IMPLAUSIBLE * self._largest
        signs[_DROPOUT] = silent & ~silent.all() & ~signs[_OUT]
        signs[_SPIKES] = self._signs & ~signs[_OUT]
        still = ranges == 0.0
        if running:
            lively = self._still < _STILL * self._counted
            signs[_STUCK] = still & lively & ~signs[_OUT]
            fresh = (signs[_OUT] | signs[_STUCK]) & ~self._believed.any(axis=0)
            if 1 < np.count_nonzero(fresh) < np.count_nonzero(lively):
                signs[:, fresh] = False  # several at once: the machine stands still, and is said to run
        if self._evidence.any() or signs.any():
            evidence = np.clip(self._evidence + np.where(signs, 1.0, -_FALL), 0.0, _FULL)
            if not running:  # whether what stands still is stuck, the standstill does not tell
                evidence[_STUCK, still] = self._evidence[_STUCK, still]
            self._evidence = evidence
            self._believed = (evidence >= _BELIEVED) | (self._believed & (evidence > 0.0))
            self._tell()
        self._signs[:] = False
        self._flagged = [0] * self._size
        if self.masked is not None:
            self._wait()

    def _is_well(self, means: NDArray[np.float64], ranges: NDArray[np.float64]) -> bool:
        """Whether there is no sign of anything, nor the memory of one, as nearly always: nothing is to be weighed."""
        if any(self._flagged) or self.masked is not None or any(self._signs.tolist()) or self._evidence.any():
            return False
        return bool((np.abs(means) <= _IMPLAUSIBLE * self._largest).all()) and min(ranges.tolist()) > 0.0

    def weighs_next(self) -> bool:
        """Count a judged window; whether it shares no sample with the one weighed last, and is due."""
        self._weighed += 1
        due = self._weighed >= self._overlap
        if due:
            self._weighed = 0
        return due

    def weigh(self, deviations: NDArray[np.float64], *, standing: bool) -> dict[str, SensorFaultKind]:
        """Take the deviations of a judged window, shape (scored,), in the baseline's unit, and not masked:
        whether a sensor drifts. ``standing``: an alarm of the machine stands. As ``judge``."""
        if self._drift.weigh(deviations, self._believed.any(axis=0)[self._scored], standing=standing):
            self._tell()
        return self.faults

    def _tell(self) -> None:
        """Make ``faults`` and ``masked`` say what is believed."""
        found: dict[str, SensorFaultKind] = {
            self.channels[self._scored[place]]: "drift" for place in np.flatnonzero(self._drift.drifting)
        }
        for kind, row in reversed(list(zip(_KINDS, self._believed, strict=True))):
            found |= {self.channels[place]: kind for place in np.flatnonzero(row)}
        self.faults = found or _NOTHING
        self._mask()

    def _mask(self) -> None:
        masked = np.array(self._held) > 0
        masked |= [name in self.faults for name in self.channels]
        self.masked = masked if masked.any() else None

    def _wait(self) -> None:
        """Suspicions that nothing has confirmed end after a window's length."""
        if any(self._held):
            self._held = [max(0, held - 1) for held in self._held]
            if not all(self._held):
                self._mask()

    def resume(self) -> None:
        """What moves was taken back."""
        self._mask()

    def to_json(self) -> dict[str, Any]:
        """As a snapshot keeps it: what was learned and what is believed, not what is only suspected."""
        return {
            "channels": list(self.channels),
            "limit": [None if np.isinf(limit) else limit for limit in self._limit.tolist()],
            "largest": self._largest.tolist(),
            "still": self._still.tolist(),
            "counted": self._counted.tolist(),
            "learned": self._learned,
            "evidence": self._evidence.tolist(),
            "believed": self._believed.tolist(),
            "drift": self._drift.to_json(),
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """The inverse of ``to_json``. Raises ValueError for other channels."""
        if tuple(document["channels"]) != self.channels:
            reason = "what is known of the sensors belongs to other channels"
            raise ValueError(reason)
        self.forget()
        self._drift.restore(document["drift"])
        self._limit = np.array([np.inf if limit is None else limit for limit in document["limit"]], dtype=np.float64)
        self._largest = np.array(document["largest"], dtype=np.float64)
        self._still = np.array(document["still"], dtype=np.float64)
        self._learned = int(document["learned"])
        self._counted = np.array(document.get("counted", [self._learned] * self._size), dtype=np.float64)
        self._evidence = np.array(document["evidence"], dtype=np.float64)
        self._believed = np.array(document["believed"], dtype=bool)
        self._tell()
