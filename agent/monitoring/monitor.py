"""The spine: every sample of a device goes through ``Monitor.observe``.

The chain of ISO 13374, and where each block of it lives::

    DA  bytes -> Block                    acquisition/    (before observe)
    DM  quality, window, features         manipulation/
    SD  regime, score, state              detection/
    HA  what changed, health, diagnosis   assessment/
    PA  trend, remaining time             prognosis/
    AG  what to tell a technician         advisory/
    --  alarm, severity, flood            alarm.py, annunciator.py, severity.py, flood.py, device.py
    --  what goes upstream of it all      summary.py, evidence.py
        a machine                         asset.py
        its measuring points, records     point.py

``Monitor`` keeps no clock, no thread and no file: the same blocks in the same order give the
same records bit for bit, live or replayed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from agent.errors import CommandError
from agent.monitoring.asset import Asset, Channel
from agent.monitoring.detection.model import LoadedModel
from agent.monitoring.device import DEVICE, DeviceAlarms
from agent.monitoring.evidence import Evidence
from agent.monitoring.spec import AssetSpec
from agent.monitoring.summary import Summaries
from agent.monitoring.types import Block, Command, Nanos, Record, Snapshot

ModelLoader = Callable[[AssetSpec], LoadedModel | None]


class Monitor:
    """All assets of a device. ``load_model`` gives the model that an asset asks for."""

    def __init__(self, load_model: ModelLoader) -> None:
        self._load_model = load_model
        self._assets: dict[str, Asset] = {}
        self._channels: dict[tuple[str, str], tuple[Asset, Channel]] = {}
        self._kept: dict[str, Mapping[str, Any]] = {}
        self._last_times: dict[str, Nanos] = {}
        self._device = DeviceAlarms()
        self._said: dict[str, list[Record]] = {}
        self._summaries = Summaries()
        self._evidence = Evidence()

    @property
    def assets(self) -> Mapping[str, Asset]:
        """The assets by id, in the order they appeared."""
        return self._assets

    def remember(
        self, snapshots: Mapping[str, Mapping[str, Any]], last_times: Mapping[str, Nanos], log: Iterable[Record] = ()
    ) -> None:
        """What the journal kept of earlier runs; taken up as each asset appears.

        ``last_times``: the end of each asset's last window on record, to say the gap. ``log``: its newest
        windows and summaries in their order, for the periods that are still open.
        """
        for record in log:
            self._said.setdefault(record.asset, []).append(record)
        self._kept.update(snapshots)
        if (device := self._kept.pop(DEVICE, None)) is not None:
            self._device.restore(device)
        self._last_times.update(last_times)

    def add(self, spec: AssetSpec) -> list[Record]:
        """Begin to watch an asset (again: with a changed specification).

        Raises ModelError where its model cannot be used.
        """
        model = self._load_model(spec)
        asset = Asset(spec, model)
        records = []
        last = self._last_times.pop(spec.id, None)
        if (kept := self._kept.pop(spec.id, None)) is not None:
            try:
                asset = _resumed(spec, model, kept, last) or _restored(spec, model, kept)
            except (KeyError, TypeError, ValueError) as mismatch:
                body = {"asset": spec.id, "event": "relearn", "reason": str(mismatch)}
                records.append(Record("event", spec.id, 0, body))
        asset.resumed_after = last
        self._summaries.resume(self._said.pop(spec.id, ()), spec)
        self._evidence.watch(spec)
        self._assets[spec.id] = asset
        for name, channel in asset.channels.items():
            self._channels[spec.id, name] = (asset, channel)
        return records

    def retire(self, asset_id: str) -> None:
        """Watch an asset no longer. What it knows is kept aside, for when it is added again."""
        asset = self._assets.pop(asset_id)
        self._evidence.retire(asset_id)
        for name in asset.channels:
            del self._channels[asset_id, name]
        self._kept[asset_id] = asset.to_json()

    def observe(self, block: Block, now: Nanos, source: str = "") -> list[Record]:
        """Take one block of a watched asset; the records that it leads to, often none.

        ``source`` names where it came from (a topic) and is told in alarms.
        """
        records = self.owed()
        asset, channel = self._channels[block.asset, block.channel]
        self._evidence.take((block,))
        if found := asset.observe(channel, block, now, source):
            records += self._complete(found, asset.spec, now)
        return records

    def observe_message(self, blocks: Sequence[Block], now: Nanos, source: str = "") -> list[Record]:
        """Take all blocks that one message holds for one asset: the same as one by one, and quicker."""
        if len(blocks) < 2:  # noqa: PLR2004
            return self.observe(blocks[0], now, source) if blocks else []
        records = self.owed()
        asset = self._assets[blocks[0].asset]
        self._evidence.take(blocks)
        for found in asset.observe_message(blocks, now, source):
            records += self._complete(found, asset.spec, now)
        return records

    def _complete(self, records: list[Record], spec: AssetSpec, now: Nanos) -> list[Record]:
        """With what the windows lead to beyond their asset: the summary of a period, a flood."""
        # a window that leads to nothing else, as nearly all are, needs no look
        told = self._count(records, now) if len(records) > 1 else records
        for record in records:
            if record.kind == "window" and (summary := self._summaries.take(record, spec, now)) is not None:
                told = [*told, summary]
        return told

    def _count(self, records: list[Record], now: Nanos) -> list[Record]:
        """Notice when there are more alarms than a person can follow, and of which evidence is owed."""
        told: list[Record] = []
        for record in records:
            # where every window is an alarm of its own, somebody wants to count them, not to follow them
            if record.kind == "alarm" and record.body["transition"] == "raised" and self._has_episodes(record.asset):
                told += self._device.count(record.asset, now)
                self._evidence.note(record, records)
        return [*records, *told]

    def _has_episodes(self, asset_id: str) -> bool:
        return not self._assets[asset_id].spec.persistence.every_window

    def owed(self) -> list[Record]:
        """The evidence of alarms that have been told. Everything that is observed, and each tick, brings it along
        anyway: ask at the end."""
        return self._evidence.told() if self._evidence.owed else []

    def report(self, trouble: str, now: Nanos, *, standing: bool, detail: str = "") -> list[Record]:
        """What the runtime has to say of the device itself: see ``device.TROUBLES``."""
        return self._device.report(trouble, now, standing=standing, detail=detail)

    def tick(self, now: Nanos) -> list[Record]:
        """What time alone brings: channels that have gone silent, shelving and floods that end."""
        records = self.owed()
        records += [record for asset in self._assets.values() for record in asset.tick(now)]
        records += self._device.tick(now)
        records += self._summaries.tick({asset_id: asset.spec for asset_id, asset in self._assets.items()}, now)
        return self._count(records, now) if records else records

    def clock_stepped(self, offset: Nanos) -> list[Record]:
        """The device's clock was set by ``offset``. It has not become later for that: nothing is silent, over or
        due. Call it before anything is told a time of the new clock. The records belong to the old one."""
        for asset in self._assets.values():
            asset.clock_stepped(offset)
        self._device.clock_stepped(offset)
        return self._summaries.clock_stepped(offset)

    def command(self, command: Command, now: Nanos) -> list[Record]:
        """Do what an operator asks; the records of what was done.

        Raises CommandError, with a text for the person: what cannot be done, and what could be.
        """
        if command.asset == DEVICE and command.name not in {"recommission", "revert"}:
            return self._device.command(command, now)
        asset = self._assets.get(command.asset)
        if asset is None:
            known = ", ".join(self._assets) or "none"
            reason = f"{command.name}: no asset {command.asset!r} is watched; there are: {known}"
            raise CommandError(reason)
        return asset.command(command, now)

    def snapshots(self, *, all_moved: bool = False, open_windows: bool = False) -> list[Snapshot]:
        """The snapshots of the assets in which something changed since their last one that a restart must
        not lose; with ``all_moved`` also of those that windows have only moved a little. With their
        ``open_windows`` a restart goes on as if there had been none, where no later window is on record."""
        changed = []
        for asset_id, asset in self._assets.items():
            if asset.changed or (all_moved and asset.moved):
                asset.settled()
                state = asset.to_json() | ({"open": asset.open_windows()} if open_windows else {})
                changed.append(Snapshot(asset_id, state))
        if self._device.changed:
            self._device.changed = False
            changed.append(Snapshot(DEVICE, self._device.to_json()))
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


def _restored(spec: AssetSpec, model: LoadedModel | None, kept: Mapping[str, Any]) -> Asset:
    """An asset that knows what a snapshot holds; a new one each time, so that nothing is half restored."""
    asset = Asset(spec, model)
    asset.restore(kept)
    return asset


def _resumed(
    spec: AssetSpec, model: LoadedModel | None, kept: Mapping[str, Any], last: Nanos | None
) -> Asset | None:
    """The asset as it was after its ``last`` window on record, to the sample; None where that is not known."""
    if last is None or "open" not in kept:
        return None
    asset = _restored(spec, model, kept)
    try:
        return asset if asset.resume(kept["open"], last) else None
    except (AttributeError, KeyError, TypeError, ValueError):
        return None  # another version wrote it: the open windows are lost, and nothing else
