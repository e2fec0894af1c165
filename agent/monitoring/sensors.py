"""The sensors of a measuring point as suspects: an alarm each, and what they say kept out of the verdict.

A faulty sensor is never a fault of the machine. Its channel is masked (NaN: it does not speak); where it
tells the operating point, the whole window cannot be judged. Of a channel that sends nothing at all the
alarm is that of its communication (see ``Asset.tick``): one is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from agent.monitoring.alarm import Alarm, Change
from agent.monitoring.annunciator import alarm_record, record_of
from agent.monitoring.detection.regime import RegimeName, Situation
from agent.monitoring.detection.sensor_fault import SensorFaultKind, SensorWatch
from agent.monitoring.detection.state import Condition
from agent.monitoring.manipulation.extraction import FeatureVector
from agent.monitoring.spec import AlarmSpec, ChannelSpec
from agent.monitoring.types import Quality, Record

_AT_WORK: Final = frozenset({"running", "transition"})
_ADVICE: Final[Mapping[SensorFaultKind, str]] = {
    "stuck": "it has not changed at all: check the sensor's supply, its cable and its gateway",
    "dropout": "its messages hold no value while the others go on: check its cable, its battery or its transmitter",
    "out-of-range": "it is beyond what it can truly measure: check for a broken wire or a short circuit",
    "spikes": "single values are far off: check its connector for a loose contact, and its shielding",
    "drift": "it leaves what the other channels say it should be: compare it with a second instrument; "
             "if that agrees with it, it is the machine",
}
_STILL: Final = -199.0
"""dB: only the floor of the spectrum is below it (-200), some 150 below the noise of any sensor."""
_FLAT_BELIEVED: Final = 2
_FLAT_MOST: Final = 3
"""Records."""

Deviations = Callable[[NDArray[np.float64], Situation], NDArray[np.float64] | None]


class Sensors:
    """Of a telemetry point: ``channels`` in their order, ``names`` of its features, windows that share a
    sample with ``overlap`` others, ``scored`` the channels that the baseline judges, a window of
    ``seconds``."""

    MOVING: ClassVar[tuple[str, ...]] = ("_valueless", "_watch")

    def __init__(  # noqa: PLR0913, PLR0917 -- what the point is made of
        self,
        asset: str,
        channels: Sequence[ChannelSpec],
        names: Sequence[str],
        overlap: int,
        scored: Sequence[str],
        seconds: float,
        alarms: AlarmSpec,
    ) -> None:
        self._asset = asset
        self._watch = SensorWatch(channels, names, overlap, scored, seconds)
        self._means = np.array([list(names).index(f"{channel.name}.mean") for channel in channels], dtype=np.intp)
        self._operating = np.array([channel.role == "operating" for channel in channels])
        self.alarms = {channel.name: Alarm(f"sensor {channel.name}", alarms, "sensor") for channel in channels}
        self._told: dict[str, SensorFaultKind] = {}
        self._within = overlap + 1
        self._valueless: dict[str, int] = {}
        """Channels whose messages held no number lately, and for how many windows that counts."""

    @property
    def faults(self) -> Mapping[str, SensorFaultKind]:
        """The channels whose sensors are faulty, and how."""
        return self._watch.faults

    def learn(self, rows: NDArray[np.float64]) -> None:
        """Take in the windows that a band was learned from, shape (windows, features)."""
        self._watch.learn(rows)

    def note(self, channel: int, flags: Quality) -> None:
        """What the quality gate said of a sample of the channel with this number."""
        self._watch.note(channel, flags)
        if flags & Quality.NOT_A_NUMBER:
            self._valueless[self._watch.channels[channel]] = self._within

    def look(self, vector: FeatureVector, regime: RegimeName) -> FeatureVector:
        """Take a window, while the machine was (as far as is known) in this ``regime``; it without what faulty
        sensors say, and not judgeable without the operating point."""
        self._watch.judge(vector.values, running=regime in _AT_WORK)
        if self._valueless:
            self._valueless = {name: left - 1 for name, left in self._valueless.items() if left > 1}
        masked = self._watch.masked
        if masked is None:
            return vector
        values = vector.values.copy()
        values[self._means[masked]] = np.nan
        blind = bool((masked & self._operating).any())
        return vector._replace(values=values, judgeable=vector.judgeable and not blind)

    def judged(
        self, deviations: Deviations, vector: FeatureVector, situation: Situation, source: str, *, standing: bool
    ) -> list[Record]:
        """Weigh how far the channels are from what is expected, faulty ones too; what became of the sensors'
        alarms. ``vector``: as the sensors said it; ``standing``: an alarm of the machine stands."""
        if vector.judgeable and self._watch.weighs_next():
            found = deviations(vector.values, situation)
            if found is not None:
                self._watch.weigh(found, standing=standing)
        time = vector.end
        faults = self._watch.faults
        if faults:  # what sends nothing has an alarm of its communication
            faults = {name: kind for name, kind in faults.items() if kind != "dropout" or name in self._valueless}
        if faults == self._told:
            return []
        records = []
        for channel, alarm in self.alarms.items():
            kind = faults.get(channel)
            change = alarm.update(Condition.ALARM if kind else Condition.NORMAL, time)
            if change is not None:
                fault = kind or self._told.get(channel)
                records.append(_record(change, self._asset, alarm, channel, fault, source))
        self._told = dict(faults)
        return records

    def forget(self) -> None:
        """Begin anew, with the commissioning."""
        self._watch.forget()

    def resume(self) -> None:
        """What moves was taken back after a restart."""
        self._watch.resume()

    def to_json(self) -> dict[str, Any]:
        """As a snapshot keeps it."""
        return {
            "watch": self._watch.to_json(),
            "alarms": {name: alarm.to_json() for name, alarm in self.alarms.items()},
            "told": dict(self._told),
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """The inverse of ``to_json``. Raises ValueError where the channels have changed."""
        self._watch.restore(document["watch"])
        for name, alarm in self.alarms.items():
            alarm.restore(document["alarms"][name])
        self._told = dict(document["told"])


class WaveformSensor:
    """Of a waveform point of ``channel``; ``octaves``: positions of their levels in the feature vector.

    A machine at work is never perfectly still: a record without any alternating part, all of whose octaves are
    at the floor of the spectrum, is of a sensor that is dead. Before a band was learned it is the
    commissioning that refuses it (see ``inspect``).
    """

    MOVING: ClassVar[tuple[str, ...]] = ("_flat",)

    def __init__(self, asset: str, channel: str, octaves: Sequence[int], alarms: AlarmSpec) -> None:
        self._asset = asset
        self._channel = channel
        self._octaves = np.asarray(octaves, dtype=np.intp)
        self._alarm = Alarm(f"sensor {channel}", alarms, "sensor")
        self.alarms = {channel: self._alarm}
        self._learned = False
        self._flat = 0
        """Records of a machine at work without anything in them, less those with something since; at most 3."""

    @property
    def faults(self) -> Mapping[str, SensorFaultKind]:
        """As ``Sensors.faults``."""
        return {self._channel: "stuck"} if self._alarm.standing else {}

    def learn(self, rows: NDArray[np.float64]) -> None:  # noqa: ARG002 -- as Sensors
        """A band was learned."""
        self._learned = True

    def note(self, channel: int, flags: Quality) -> None:
        """As ``Sensors.note``: the spectrum says it all."""

    def look(self, vector: FeatureVector, regime: RegimeName) -> FeatureVector:
        """Take a record; it not judgeable where the sensor is dead."""
        if not self._learned or not vector.values[self._octaves].max() < _STILL:  # NaN is not still
            self._flat = max(0, self._flat - 1)
            return vector
        if regime in _AT_WORK:
            self._flat = min(_FLAT_MOST, self._flat + 1)
        return vector._replace(judgeable=False)

    def judged(
        self, deviations: Deviations, vector: FeatureVector, situation: Situation, source: str, *, standing: bool
    ) -> list[Record]:
        """What became of the sensor's alarm."""
        del deviations, situation, standing
        dead = self._flat >= _FLAT_BELIEVED or (self._alarm.standing and self._flat > 0)
        change = self._alarm.update(Condition.ALARM if dead else Condition.NORMAL, vector.end)
        return [] if change is None else [
            _record(change, self._asset, self._alarm, self._channel, "stuck", source)]

    def forget(self) -> None:
        """Begin anew, with the commissioning."""
        self._learned, self._flat = False, 0

    def resume(self) -> None:
        """As ``Sensors.resume``."""

    def to_json(self) -> dict[str, Any]:
        """As a snapshot keeps it."""
        return {"alarm": self._alarm.to_json(), "learned": self._learned, "flat": self._flat}

    def restore(self, document: Mapping[str, Any]) -> None:
        """The inverse of ``to_json``."""
        self._alarm.restore(document["alarm"])
        self._learned, self._flat = bool(document["learned"]), int(document["flat"])


def _record(  # noqa: PLR0913, PLR0917 -- what is said of it
    change: Change, asset: str, alarm: Alarm, channel: str, kind: SensorFaultKind | None, source: str
) -> Record:
    body = record_of(change, asset, alarm) | {"channel": channel, "fault": kind, "source": source}
    if kind is not None and change.transition == "raised":
        body["advice"] = [f"The sensor of {channel} is not to be believed: {_ADVICE[kind]}.",
                          "The machine is judged without it until then."]
    return alarm_record(change, asset, body)
