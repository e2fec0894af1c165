"""The spine: every sample of a device goes through ``Monitor.observe``.

The chain of ISO 13374, and where each block of it lives::

    DA  bytes -> Block                    acquisition/    (before observe)
    DM  quality, window, features         manipulation/
    SD  score, state                      detection/
    --  alarm                             alarm.py
        record                            point.py

``Monitor`` keeps no clock, no thread and no file: the same blocks in the same order give the
same records bit for bit, live or replayed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from agent.monitoring import assembly
from agent.monitoring.detection.model import LoadedModel
from agent.monitoring.detection.regime import Regime
from agent.monitoring.manipulation.quality import QualityGate
from agent.monitoring.point import MeasuringPoint
from agent.monitoring.spec import AssetSpec
from agent.monitoring.types import SECOND, Block, Nanos, Record, Snapshot
from agent.monitoring.wording import iso

ModelLoader = Callable[[AssetSpec], LoadedModel | None]


class _Channel:
    """Where the blocks of one channel go."""

    __slots__ = ("gate", "last_seen", "name", "number", "point", "stale")

    def __init__(self, name: str, gate: QualityGate, point: MeasuringPoint | None, number: int) -> None:
        self.name = name
        self.gate = gate
        self.point = point
        self.number = number
        self.last_seen: Nanos = 0
        self.stale = False


class Asset:
    """One machine under watch."""

    def __init__(self, spec: AssetSpec, model: LoadedModel | None) -> None:
        self.spec = spec
        self.regime = Regime(spec.running)
        self.points = assembly.points(spec, self.regime, model)
        self.channels: dict[str, _Channel] = {}
        for channel in spec.channels:
            place = next(
                ((point, names.index(channel.name)) for point, names in self.points if channel.name in names),
                None,
            )
            point, number = place or (None, 0)
            # records now and then are no stream: the rate inside one says nothing about the next
            snapshots = spec.profile == "waveform" and not spec.window.count
            gate = QualityGate(replace(channel, rate=None) if snapshots else channel)
            self.channels[channel.name] = _Channel(channel.name, gate, point, number)
        self.resumed_after: Nanos | None = None

    @property
    def progress(self) -> float:
        """How much of the commissioning is done, 0 to 1."""
        return min(point.progress for point, _ in self.points)

    def to_json(self) -> dict[str, Any]:
        """What must survive a restart."""
        return {"points": {point.channel or "": point.to_json() for point, _ in self.points}}

    def restore(self, document: Mapping[str, Any]) -> None:
        """Take back what ``to_json`` gave. Raises ValueError where it does not fit any more."""
        kept = document["points"]
        for point, _ in self.points:
            if (point.channel or "") in kept:
                point.restore(kept[point.channel or ""])
        if kept.keys() != {point.channel or "" for point, _ in self.points}:
            raise ValueError("the measuring points have changed")


class Monitor:
    """All assets of a device. ``load_model`` gives the model that an asset asks for."""

    def __init__(self, load_model: ModelLoader) -> None:
        self._load_model = load_model
        self._assets: dict[str, Asset] = {}
        self._channels: dict[tuple[str, str], _Channel] = {}
        self._kept: dict[str, Mapping[str, Any]] = {}
        self._last_times: dict[str, Nanos] = {}

    @property
    def assets(self) -> Mapping[str, Asset]:
        """The assets by id, in the order they appeared."""
        return self._assets

    def remember(self, snapshots: Mapping[str, Mapping[str, Any]], last_times: Mapping[str, Nanos]) -> None:
        """What the journal kept of earlier runs; taken up as each asset appears.

        ``last_times``: the end of each asset's last window on record, to say the gap.
        """
        self._kept.update(snapshots)
        self._last_times.update(last_times)

    def add(self, spec: AssetSpec) -> list[Record]:
        """Begin to watch an asset (again: with a changed specification).

        Raises ModelError where its model cannot be used.
        """
        asset = Asset(spec, self._load_model(spec))
        records = []
        if (kept := self._kept.pop(spec.id, None)) is not None:
            try:
                asset.restore(kept)
            except (KeyError, TypeError, ValueError) as mismatch:
                body = {"asset": spec.id, "event": "relearn", "reason": str(mismatch)}
                records.append(Record("event", spec.id, 0, body))
        asset.resumed_after = self._last_times.pop(spec.id, None)
        self._assets[spec.id] = asset
        for name, channel in asset.channels.items():
            self._channels[spec.id, name] = channel
        return records

    def retire(self, asset_id: str) -> None:
        """Watch an asset no longer. What it knows is kept aside, for when it is added again."""
        asset = self._assets.pop(asset_id)
        for name in asset.channels:
            del self._channels[asset_id, name]
        self._kept[asset_id] = asset.to_json()

    def observe(self, block: Block, now: Nanos, source: str = "") -> list[Record]:
        """Take one block of a watched asset; the records that it leads to, often none.

        ``source`` names where it came from (a topic) and is told in alarms.
        """
        channel = self._channels[block.asset, block.channel]
        channel.last_seen = now
        if channel.stale:
            return self._back(channel, block, now, source)
        checked, flags = channel.gate.check(block)
        point = channel.point
        if checked is None:
            if flags and point is not None:
                point.note(flags)
            return []
        asset = self._assets[block.asset] if point is None else None
        if asset is not None:
            if asset.regime.channel == block.channel:
                asset.regime.update(float(checked.values[-1]), checked.time)
            return []
        assert point is not None  # noqa: S101 -- narrowed by the line above
        records = point.observe(channel.number, checked, flags, source)
        if records and point.resuming:
            return self._say_gap(block.asset, point, records)
        return records

    def _say_gap(self, asset_id: str, point: MeasuringPoint, records: list[Record]) -> list[Record]:
        point.resuming = False
        asset = self._assets[asset_id]
        before, asset.resumed_after = asset.resumed_after, None
        if before is None:
            return records
        first = records[0]
        body = {"asset": asset_id, "quality": "gap", "from": iso(before), "to": iso(first.time)}
        return [Record("quality", asset_id, first.time, body), *records]

    def _back(self, channel: _Channel, block: Block, now: Nanos, source: str) -> list[Record]:
        channel.stale = False
        body = {"asset": block.asset, "channel": block.channel, "quality": "back", "time": iso(now)}
        return [Record("quality", block.asset, now, body), *self.observe(block, now, source)]

    def tick(self, now: Nanos) -> list[Record]:
        """What time alone brings: channels that have gone silent."""
        records = []
        for asset_id, asset in self._assets.items():
            allowed = round(asset.spec.stale_after * SECOND)
            for channel in asset.channels.values():
                if channel.last_seen and not channel.stale and now - channel.last_seen > allowed:
                    channel.stale = True
                    body = {"asset": asset_id, "channel": channel.name, "quality": "silent",
                            "since": iso(channel.last_seen), "time": iso(now)}
                    records.append(Record("quality", asset_id, now, body))
        return records

    def snapshots(self) -> list[Snapshot]:
        """The snapshots of the assets whose memory changed since the last call."""
        changed = []
        for asset_id, asset in self._assets.items():
            if any(point.changed for point, _ in asset.points):
                for point, _ in asset.points:
                    point.changed = False
                changed.append(Snapshot(asset_id, asset.to_json()))
        return changed

    def quality(self) -> dict[str, dict[str, dict[str, int]]]:
        """Counts of quality flags: asset -> channel -> flag -> count, where there are any."""
        found: dict[str, dict[str, dict[str, int]]] = {}
        for asset_id, asset in self._assets.items():
            for name, channel in asset.channels.items():
                counts = {flag: count for flag, count in channel.gate.counts().items() if count}
                if counts:
                    found.setdefault(asset_id, {})[name] = counts
        return found
