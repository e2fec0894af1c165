"""One machine under watch: its channels, measuring points, regime and alarms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from zlib import crc32

from agent.errors import CommandError
from agent.monitoring import assembly, memory
from agent.monitoring.alarm import Alarm, Change
from agent.monitoring.alarm_table import AlarmState
from agent.monitoring.annunciator import alarm_record, carry_out, record_of
from agent.monitoring.assessment.health import AssetHealth, asset_health
from agent.monitoring.detection.model import LoadedModel
from agent.monitoring.detection.regime import Regime
from agent.monitoring.detection.state import Condition
from agent.monitoring.manipulation.quality import QualityGate
from agent.monitoring.point import MeasuringPoint
from agent.monitoring.spec import AssetSpec, ChannelSpec
from agent.monitoring.types import SECOND, Block, Command, Nanos, Quality, Record
from agent.monitoring.wording import iso


class Channel:
    """Where the blocks of one channel go, and the alarm that it has fallen silent."""

    __slots__ = ("gate", "last_seen", "name", "number", "point", "silence", "stale")

    def __init__(
        self, spec: ChannelSpec, gate: QualityGate, point: MeasuringPoint | None, number: int, silence: Alarm
    ) -> None:
        self.name = spec.name
        self.gate = gate
        self.point = point
        self.number = number
        self.silence = silence
        self.last_seen: Nanos = 0
        self.stale = False


class Asset:
    """One machine under watch. Raises ModelError where the model does not fit."""

    def __init__(self, spec: AssetSpec, model: LoadedModel | None) -> None:
        self.spec = spec
        self.regime = Regime(spec.running, spec.channels)
        self.points = assembly.points(spec, self.regime, model)
        self.channels: dict[str, Channel] = {}
        for channel in spec.channels:
            place = next(
                ((point, names.index(channel.name)) for point, names in self.points if channel.name in names),
                None,
            )
            point, number = place or (None, 0)
            # records now and then are no stream: the rate inside one says nothing about the next
            snapshots = spec.profile == "waveform" and not spec.window.count
            gate = QualityGate(replace(channel, rate=None) if snapshots else channel)
            silence = Alarm(f"silent {channel.name}", spec.alarms, "communication")
            self.channels[channel.name] = Channel(channel, gate, point, number, silence)
        told_by = next((channel for channel in spec.channels if channel.name == spec.machine.speed_channel), None)
        self._hertz = 1.0 if told_by is not None and told_by.unit.lower() == "hz" else 1.0 / 60.0
        self._row = self._row_of()
        self.resumed_after: Nanos | None = None
        self._seamless = False
        self._changed = False

    def _row_of(self) -> tuple[Channel, ...]:
        """The channels whose samples of one time are a row; () where there are no such."""
        if len(self.points) != 1 or not self.points[0][0].takes_rows:
            return ()
        return tuple(self.channels[name] for name in self.points[0][1])

    @property
    def progress(self) -> float:
        """How much of the commissioning is done, 0 to 1."""
        return min(point.progress for point, _ in self.points)

    @property
    def alarms(self) -> list[Alarm]:
        """Every alarm that the asset can have."""
        found = [alarm for point, _ in self.points for alarm in point.alarms]
        return [*found, *(channel.silence for channel in self.channels.values())]

    @property
    def health(self) -> AssetHealth | None:
        """The health index and who lowers it; None before anything is learned."""
        said = {
            point.channel or "process": value
            for point, _ in self.points
            if point.outlook is not None and (value := point.outlook.health) is not None
        }
        return asset_health(said) if said else None

    @property
    def changed(self) -> bool:
        """Whether something changed that a restart must not lose, since ``settled``."""
        return self._changed or any(point.changed for point, _ in self.points)

    @property
    def moved(self) -> bool:
        """Whether any window has been judged since ``settled``: all of them move what is remembered a little."""
        return any(point.moved for point, _ in self.points)

    def settled(self) -> None:
        """The snapshot was taken."""
        self._changed = False
        for point, _ in self.points:
            point.changed = point.moved = False

    def observe(self, channel: Channel, block: Block, now: Nanos, source: str) -> list[Record]:
        """Take one block; the records that it leads to, often none."""
        channel.last_seen = now
        records = self.back(channel, now) if channel.stale else []
        checked, flags = channel.gate.check(block)
        found = self._take(channel, checked, flags, source)
        return records + found if records else found

    def observe_message(self, blocks: Sequence[Block], now: Nanos, source: str) -> list[list[Record]]:
        """Take the blocks of one message: what each leads to, as ``observe`` one by one. Quicker where they are a
        row: a good sample of every channel, all of one time, and with the last a window is complete."""
        time = blocks[0].time
        values: list[float] = []
        if len(blocks) == len(self._row):
            for channel, block in zip(self._row, blocks, strict=True):
                samples = block.values
                if block.channel != channel.name or block.time != time or samples.size != 1 or channel.stale:
                    break
                value = samples.item()
                if not channel.gate.passes(time, value):
                    break
                channel.last_seen = now
                values.append(value)
            else:
                point = self.points[0][0]
                if (records := point.observe_row(time, values, source)) is not None:
                    return [self._completed(point, records)]
        passed = len(values)  # so many are through the gate already
        return [
            self._take(self.channels[block.channel], block, Quality.GOOD, source) if number < passed
            else self.observe(self.channels[block.channel], block, now, source)
            for number, block in enumerate(blocks)
        ]

    def _take(self, channel: Channel, checked: Block | None, flags: Quality, source: str) -> list[Record]:
        """What the gate has let pass."""
        point = channel.point
        if checked is None:
            if flags and point is not None:
                point.note(flags, channel.number)
            return []
        if point is None:
            if channel.name == self.spec.machine.speed_channel:
                speed = float(checked.values[-1]) * self._hertz
                for machine_point, _ in self.points:
                    machine_point.hear_speed(speed)
            if channel.name in self.regime.channels:
                values = checked.values
                self.regime.update(
                    channel.name, float(values.min()), float(values.mean()), float(values.max()), checked.time)
            return []
        return self._completed(point, point.observe(channel.number, checked, flags, source))

    def _completed(self, point: MeasuringPoint, records: list[Record]) -> list[Record]:
        """The point's records, with what the asset has to add."""
        if records and len(self.points) > 1:
            self._add_health(records)
        if records and point.resuming:
            return self._say_gap(point, records)
        return records

    def _add_health(self, records: list[Record]) -> None:
        """A window of one point of several also says how the machine as a whole is, and who lowers it."""
        health = self.health
        for record in records:
            if record.kind == "window" and health is not None and isinstance(record.body, dict):
                lowered = [[name, round(lost, 1)] for name, lost in health.contributors]
                record.body["asset_health"] = {"value": round(health.value, 1), "lowered_by": lowered}

    def _say_gap(self, point: MeasuringPoint, records: list[Record]) -> list[Record]:
        point.resuming = False
        before, self.resumed_after = self.resumed_after, None
        first = records[0]
        if before is None or (self._seamless and first.time - before <= self.spec.stale_after * SECOND):
            return records
        body = {"asset": self.spec.id, "quality": "gap", "from": iso(before), "to": iso(first.time)}
        return [Record("quality", self.spec.id, first.time, body), *records]

    def back(self, channel: Channel, now: Nanos) -> list[Record]:
        """A silent channel is heard again."""
        channel.stale = False
        body = {"asset": self.spec.id, "channel": channel.name, "quality": "back", "time": iso(now)}
        change = channel.silence.update(Condition.NORMAL, now)
        return [Record("quality", self.spec.id, now, body), *self._told(channel, change)]

    def tick(self, now: Nanos) -> list[Record]:
        """What time alone brings: channels that have gone silent, shelving that ends."""
        records: list[Record] = []
        allowed = round(self.spec.stale_after * SECOND)
        for channel in self.channels.values():
            if channel.last_seen and not channel.stale and now - channel.last_seen > allowed:
                channel.stale = True
                body = {"asset": self.spec.id, "channel": channel.name, "quality": "silent",
                        "since": iso(channel.last_seen), "time": iso(now)}
                records.append(Record("quality", self.spec.id, now, body))
                records += self._told(channel, channel.silence.update(Condition.ALARM, now))
        for alarm in self.alarms:
            if (change := alarm.tick(now)) is not None:
                records.append(self._record(change, alarm))
        return records

    def clock_stepped(self, offset: Nanos) -> None:
        """The device's clock was set by ``offset``. Where it says when samples were taken, their time begins
        anew: a gap, and no fault."""
        by_arrival = {name for name, channel in self.channels.items() if channel.gate.timed_by_arrival}
        for channel in self.channels.values():
            if channel.last_seen:
                channel.last_seen += offset
            channel.silence.clock_stepped(offset, readings=True)
            if channel.name in by_arrival:
                channel.gate.begin_anew()
        for point, names in self.points:
            own = by_arrival.issuperset(names)
            for alarm in point.alarms:
                alarm.clock_stepped(offset, readings=own)
            if own:
                point.clock_stepped(offset)
        if len(by_arrival) == len(self.channels):
            self.regime.clock_stepped(offset)
        self._changed = True

    def _told(self, channel: Channel, change: Change | None) -> list[Record]:
        return [] if change is None else [self._record(change, channel.silence, channel=channel.name)]

    def _record(self, change: Change, alarm: Alarm, **more: Any) -> Record:
        self._changed = True
        return alarm_record(change, self.spec.id, record_of(change, self.spec.id, alarm) | more)

    def command(self, command: Command, now: Nanos) -> list[Record]:
        """Do what an operator asks. Raises CommandError, naming what could be done instead."""
        if command.name in {"recommission", "revert"}:
            return self._learn_again(command, now)
        return [self._record(change, alarm) for alarm, change in carry_out(self.alarms, command, now)]

    def _learn_again(self, command: Command, now: Nanos) -> list[Record]:
        points = [point for point, _ in self.points if command.alarm in {None, point.alarm.name}]
        if not points:
            known = ", ".join(point.alarm.name for point, _ in self.points)
            reason = f"{command.name}: {self.spec.id} has no measuring point {command.alarm}; it has: {known}"
            raise CommandError(reason)
        records = []
        for point in points:
            body = {"asset": self.spec.id, "channel": point.channel, "event": command.name, "time": iso(now),
                    "actor": command.actor, "reason": command.reason}
            records.append(Record("event", self.spec.id, now, body))
            if command.name == "revert":
                point.revert()
            else:
                records += point.recommission(now)
        return records

    @property
    def end(self) -> Nanos:
        """Of the last window of any point; 0 before the first."""
        return max(point.end for point, _ in self.points)

    def open_windows(self) -> dict[str, Any]:
        """What moves with every sample, for a restart right after its last window was recorded."""
        return {
            "spec": _fingerprint(self.spec),
            "end": self.end,
            "regime": memory.kept(self.regime),
            "gates": {name: memory.kept(channel.gate) for name, channel in self.channels.items()},
            "points": {point.channel or "": memory.kept(point) for point, _ in self.points},
        }

    def resume(self, document: Mapping[str, Any], end: Nanos) -> bool:
        """Take back, after ``restore``, what ``open_windows`` gave; False where it is of another specification or
        not of ``end``, the last window on record: nothing was taken back then. Raises KeyError, TypeError or
        ValueError where another program wrote it."""
        if document["spec"] != _fingerprint(self.spec) or document["end"] != end:
            return False
        memory.take_back(self.regime, document["regime"])
        for name, channel in self.channels.items():
            memory.take_back(channel.gate, document["gates"][name])
            channel.gate.resume()
        for point, _ in self.points:
            memory.take_back(point, document["points"][point.channel or ""])
            point.resume()
        self._seamless = True
        return True

    def to_json(self) -> dict[str, Any]:
        """What must survive a restart."""
        return {
            "version": 1,
            "regime": self.regime.to_json(),
            "points": {point.channel or "": point.to_json() for point, _ in self.points},
            "silences": {
                name: channel.silence.to_json()
                for name, channel in self.channels.items()
                if channel.silence.since or channel.silence.state is not AlarmState.NORMAL
            },
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """Take back what ``to_json`` gave. Raises ValueError where it does not fit any more."""
        if document.get("version") != 1:
            reason = "it was written by another version"
            raise ValueError(reason)
        kept = document["points"]
        self.regime.restore(document["regime"])
        for point, _ in self.points:
            if (point.channel or "") in kept:
                point.restore(kept[point.channel or ""])
        for name, alarm in document["silences"].items():
            if name in self.channels:
                self.channels[name].silence.restore(alarm)
                self.channels[name].stale = self.channels[name].silence.standing
        if kept.keys() != {point.channel or "" for point, _ in self.points}:
            reason = "the measuring points have changed"
            raise ValueError(reason)


def _fingerprint(spec: AssetSpec) -> int:
    """What moves fits only what it was made for."""
    return crc32(repr(spec).encode())
