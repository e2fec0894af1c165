"""What was learned of a machine, as a file: shown, written out, taken into another journal.

The file is JSON with a version. It carries the configuration that it was learned with, in plain
words: a baseline of pressures in bar is wrong for pressures in Pa, though it would fit.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import orjson

from agent import __version__
from agent.adapters.sqlite.hold import held
from agent.adapters.sqlite.journal import SqliteJournal
from agent.adapters.sqlite.reading import read_snapshots
from agent.config import load
from agent.config.settings import Settings
from agent.errors import CommandError, ConfigError, Problem
from agent.models import ModelShelf
from agent.monitoring.alarm import Alarm
from agent.monitoring.asset import Asset
from agent.monitoring.spec import AssetSpec
from agent.monitoring.types import Snapshot
from agent.monitoring.wording import iso
from agent.ports import Entry

FORMAT: Final = "watchkeeper-baseline"
VERSION: Final = 1

_LARGEST: Final = 64 * 1024 * 1024
_ASKED_OF: Final = re.compile(r"\\\{[0-9]+\\\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What one asset has learned. ``state`` is the chain's own; ``learned``, ``updated`` are ISO 8601."""

    device: str
    asset: str
    learned: str | None
    updated: str | None
    configuration: Mapping[str, Any]
    state: Mapping[str, Any]

    def document(self) -> dict[str, Any]:
        """As the file has it."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "agent": __version__,
            "device": self.device,
            "asset": self.asset,
            "learned": self.learned,
            "updated": self.updated,
            "fingerprint": fingerprint(self.configuration),
            "configuration": self.configuration,
            "state": self.state,
        }

    def __str__(self) -> str:
        since = f"learned {self.learned}" if self.learned else "learned longer ago than the journal tells"
        return (f"baseline of {self.asset} on {self.device}, {since}, last changed {self.updated}, "
                f"configuration {fingerprint(self.configuration)}")


def read(config: Path, journal: Path, asset_id: str) -> Baseline:
    """What the journal remembers of an asset. Raises CommandError where that is not a whole baseline."""
    settings = load(config)
    kept = read_snapshots(journal)
    if asset_id not in kept:
        known = ", ".join(kept) or "none yet"
        raise CommandError(f"nothing is remembered of {asset_id}; the journal knows: {known}")
    snapshot = kept[asset_id]
    spec = _spec(settings, asset_id)
    asset = _restored(spec, snapshot.state, "the journal's memory")
    if asset.progress < 1:
        raise CommandError(f"{asset_id} is still learning: {asset.progress:.0%}")
    return Baseline(
        device=settings.device.id,
        asset=asset_id,
        learned=snapshot.learned,
        updated=iso(snapshot.updated),
        configuration=configuration(spec),
        state=snapshot.state,
    )


def export(baseline: Baseline, path: Path) -> None:
    """Write the file, all of it or nothing. Raises ConfigError where that cannot be."""
    text = orjson.dumps(baseline.document(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    fresh = path.with_name(path.name + ".new")
    try:
        fresh.write_bytes(text)
        fresh.replace(path)
    except OSError as fault:
        raise _unusable(path, f"cannot be written: {fault.strerror}", "Give a file in a folder that exists.") from None


def take(config: Path, path: Path, asset_id: str | None, actor: str) -> str:
    """Make an asset remember what the file says; a sentence that says so.

    Its alarms stay as they are. The journal keeps who did it. Raises ConfigError where the file is
    none of ours or a daemon holds the journal, CommandError where it does not fit the asset.
    """
    settings = load(config)
    given = parse(path)
    target = asset_id or given.asset
    spec = _spec(settings, target)
    if differing := differences(given.configuration, configuration(spec)):
        raise CommandError(f"it was learned with another configuration than {target} has now: {'; '.join(differing)}")
    asset = _restored(spec, given.state, str(path))
    with held(settings.journal.path):
        journal = SqliteJournal(
            settings.journal.path, settings.journal.budget_bytes, owed=settings.owed)
        try:
            _keep_alarms(asset, journal.snapshots().get(target))
            now = time.time_ns()
            boot = journal.begin_boot(now)
            body = {
                "device": settings.device.id, "boot": boot, "seq": 1, "kind": "event", "asset": target,
                "event": "baseline-imported", "time": iso(now), "actor": actor, "from": given.asset,
                "learned_on": given.device, "learned": given.learned, "fingerprint": fingerprint(given.configuration),
            }
            entry = Entry(boot, 1, "event", target, now, orjson.dumps(body))
            journal.commit([entry], [Snapshot(target, asset.to_json())])
        finally:
            journal.close()
    return f"{target} now has the {given}."


def parse(path: Path) -> Baseline:
    """The baseline in a file. Raises ConfigError, saying what is wrong with it."""
    try:
        if path.stat().st_size > _LARGEST:
            raise _unusable(path, f"is larger than {_LARGEST} bytes", "Give what `baseline export` wrote.")
        document = orjson.loads(path.read_bytes())
    except OSError as fault:
        raise _unusable(path, f"cannot be read: {fault.strerror}", "Give what `baseline export` wrote.") from None
    except orjson.JSONDecodeError as fault:
        raise _unusable(path, f"is no JSON: {fault}", "Give what `baseline export` wrote.") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise _unusable(path, "is no baseline", "Give what `baseline export` wrote.")
    if document.get("version") != VERSION:
        raise _unusable(path, f"is of version {document.get('version')!r}; this agent reads version {VERSION}",
                        "Export it again with this version of the agent, or update the agent.")
    asset, configured, state = (document.get(key) for key in ("asset", "configuration", "state"))
    if not (isinstance(asset, str) and isinstance(configured, dict) and isinstance(state, dict)):
        raise _unusable(path, "lacks its asset, configuration or state", "Export it again.")
    if document.get("fingerprint") != fingerprint(configured):
        raise _unusable(path, "has been changed: its fingerprint is not its configuration's", "Export it again.")
    return Baseline(
        device=str(document.get("device")),
        asset=asset,
        learned=document.get("learned"),
        updated=document.get("updated"),
        configuration=configured,
        state=state,
    )


def configuration(spec: AssetSpec) -> dict[str, Any]:
    """What of an asset's configuration gives its learned numbers their meaning."""
    return {
        "profile": spec.profile,
        "window": asdict(spec.window),
        "features": list(spec.features),
        "model": spec.model.path.rpartition("/")[2] if spec.model else None,
        "channels": {
            channel.name: {
                "unit": channel.unit, "role": channel.role, "rate": channel.rate,
                "scale": channel.source.scale, "offset": channel.source.offset,
            }
            for channel in spec.channels
        },
    }


def fingerprint(configured: Mapping[str, Any]) -> str:
    """Twelve hexadecimal digits that differ where configurations do."""
    return hashlib.sha256(orjson.dumps(configured, option=orjson.OPT_SORT_KEYS)).hexdigest()[:12]


def differences(then: Mapping[str, Any], now: Mapping[str, Any], within: str = "") -> list[str]:
    """Each key whose value has changed, with both values."""
    found: list[str] = []
    for key in dict.fromkeys((*then, *now)):
        before, after = then.get(key), now.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            found += differences(before, after, f"{within}{key}.")
        elif before != after:
            found.append(f"{within}{key} was {_shown(before)}, is {_shown(after)}")
    return found


def _shown(value: Any) -> str:
    return "not there" if value is None else orjson.dumps(value).decode()


def _spec(settings: Settings, asset_id: str) -> AssetSpec:
    """The asset's specification; one of a template with its id filled in."""
    for spec in settings.asset_specs():
        if re.fullmatch(_ASKED_OF.sub(".+", re.escape(spec.id)), asset_id):
            return replace(spec, id=asset_id)
    known = ", ".join(spec.id for spec in settings.asset_specs())
    raise CommandError(f"there is no asset {asset_id} in the configuration; there are: {known}")


def _restored(spec: AssetSpec, state: Mapping[str, Any], origin: str) -> Asset:
    asset = Asset(spec, ModelShelf().load(spec))
    try:
        asset.restore(state)
    except (AttributeError, KeyError, TypeError, ValueError) as unfit:
        raise CommandError(f"{origin} does not fit {spec.id}: {unfit}") from None
    return asset


def _keep_alarms(asset: Asset, kept: Mapping[str, Any] | None) -> None:
    """The alarms are those of the machine here, not those that stood where the file was written."""
    before = Asset(asset.spec, ModelShelf().load(asset.spec))
    if kept is not None:
        # what does not fit, the daemon would not take up either
        with contextlib.suppress(AttributeError, KeyError, TypeError, ValueError):
            before.restore(kept)
    standing = {alarm.name: alarm for alarm in before.alarms}
    for alarm in asset.alarms:
        alarm.restore(standing.get(alarm.name, Alarm(alarm.name)).to_json())


def _unusable(path: Path, what: str, remedy: str) -> ConfigError:
    return ConfigError((Problem(str(path), "file", "", what, remedy),))
