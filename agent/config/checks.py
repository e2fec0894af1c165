"""What several keys say together: each check is a generator of findings, and all of them are run.

They see a document whose single keys are right; ``reading`` takes out those that are not, so that
one wrong key does not hide what else is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import NamedTuple

from agent.config.asset_checks import asset_findings
from agent.config.document import ConnectionTable, Document
from agent.config.finding import Finding, files_missing
from agent.config.resolve import alarm_topic, sensors_client_id, uplink_client_id
from agent.config.sources import Key
from agent.config.urls import broker_address
from agent.monitoring.acquisition.topics import matches

_DAY = 86_400
_ALARM_FIELDS = ("prefix", "site", "device", "asset")


class _Feed(NamedTuple):
    """A topic filter that is subscribed to, and where it is written."""

    key: Key
    topic: str


def findings(document: Document, base: Path) -> Iterator[Finding]:
    """Everything that does not fit together. ``base``: the folder relative paths count from."""
    yield from _connection("sensors", document.sensors, base)
    if document.uplink is not None:
        yield from _connection("uplink", document.uplink, base)
        yield from _same_client(document)
    yield from _alarms(document)
    yield from _commands(document)
    yield from _assets(document)
    yield from _watch(document)
    yield from _summaries(document)
    for name, asset in document.assets.items():
        yield from asset_findings(name, asset, base)
    yield from _replay(document)


def _summaries(document: Document) -> Iterator[Finding]:
    if _DAY % document.summaries.period:
        yield Finding(("summaries", "period"), "periods would straddle midnight: a day is no multiple of it",
                      "Give 60, 300, 900 or 3600, or another divisor of 86400.")


def _connection(section: str, table: ConnectionTable, base: Path) -> Iterator[Finding]:
    if table.password_file and table.password_credential:
        yield Finding((section, "password_credential"), "there is a password_file, too", "Keep one of them.")
    if (table.password_file or table.password_credential) and table.username is None:
        yield Finding((section, "username"), "a password needs a user name", "Add username.")
    yield from files_missing((section,), {"password_file": table.password_file}, base)
    tls = table.tls
    if tls is None:
        return
    if not broker_address(table.url).tls:
        yield Finding((section, "url"), "there is a tls table, but mqtt:// is not encrypted",
                      "Write mqtts://, or remove the tls table.")
    if (tls.cert_file is None) != (tls.key_file is None):
        missing = "cert_file" if tls.cert_file is None else "key_file"
        yield Finding((section, "tls", missing), "cert_file and key_file belong together", f"Add {missing}.")
    yield from files_missing((section, "tls"), tls.model_dump(), base)


def _same_client(document: Document) -> Iterator[Finding]:
    sensors, uplink = document.sensors, document.uplink
    if uplink is None or broker_address(sensors.url) != broker_address(uplink.url):
        return
    if sensors_client_id(document) == uplink_client_id(document):
        yield Finding(("uplink", "client_id"),
                      "is the client id of [sensors] on the same broker, which would cut one for the other",
                      "Give another one, or leave it out.")


def _alarms(document: Document) -> Iterator[Finding]:
    key = ("alarms", "topic")
    try:
        fields = [name for _, name, _, _ in Formatter().parse(document.alarms.topic) if name is not None]
    except ValueError as fault:
        yield Finding(key, f"its braces do not match ({fault})", "Write {asset} and the like.")
        return
    unknown = [name for name in fields if name not in _ALARM_FIELDS]
    if unknown:
        yield Finding(key, f"does not know {{{unknown[0]}}}",
                      "Known are {prefix}, {site}, {device} and {asset}.")
    if any(sign in document.alarms.topic for sign in "+#\0"):
        yield Finding(key, "a topic to publish to has no wildcards", "Write it without + and #.")
        return
    topic = alarm_topic(document).replace("{asset}", "asset")
    for feed in _feeds(document):
        if document.alarms.enabled and matches(feed.topic, topic) is not None:
            yield Finding(feed.key, "takes in this device's own alarms, which would feed themselves",
                          "Narrow the filter, or change alarms.topic.")


def _commands(document: Document) -> Iterator[Finding]:
    device = document.device
    topic = f"{device.prefix}/v1/{device.site}/{device.id}/cmd/ack"
    for feed in _feeds(document):
        if document.commands.enabled and matches(feed.topic, topic) is not None:
            yield Finding(feed.key, "takes in the commands to this device", "Narrow the filter.")


def _feeds(document: Document) -> Iterator[_Feed]:
    for name, asset in document.assets.items():
        if asset.topic:
            yield _Feed(("assets", name, "topic"), asset.topic)
        for channel, table in asset.channels.items():
            if table.topic:
                yield _Feed(("assets", name, "channels", channel, "topic"), table.topic)


def _watch(document: Document) -> Iterator[Finding]:
    for number, name in enumerate(document.watch or ()):
        if name not in document.assets:
            yield Finding(("watch", number), "there is no asset of this name",
                          f"Name some of: {', '.join(document.assets) or 'none yet'}.")
    if document.watch == ():
        yield Finding(("watch",), "it names no machine", "Name at least one, or leave it out to watch all.")


def _assets(document: Document) -> Iterator[Finding]:
    if not document.assets:
        yield Finding(("assets",), "there is no machine to watch", "Add an [assets.<name>] table.")
    names: dict[str, str] = {}
    for name, asset in document.assets.items():
        identity = asset.id or name
        if identity in names:
            yield Finding(("assets", name, "id"), f"asset {names[identity]} has the same id, {identity}",
                          "Give each asset an id of its own.")
        names.setdefault(identity, name)


def _replay(document: Document) -> Iterator[Finding]:
    replay = document.replay
    by_id = {asset.id or name: asset for name, asset in document.assets.items()}
    if replay.asset is not None and replay.asset not in by_id:
        yield Finding(("replay", "asset"), "there is no asset of this id", f"There are: {', '.join(by_id)}.")
        return
    asked = [by_id[replay.asset]] if replay.asset is not None else list(by_id.values())
    known = [channel for asset in asked for channel in asset.channels]
    for channel in replay.columns:
        if channel not in known:
            yield Finding(("replay", "columns", channel), "there is no channel of this name",
                          f"There are: {', '.join(known)}.")
    if replay.channel is not None and replay.channel not in known:
        yield Finding(("replay", "channel"), "there is no channel of this name",
                      f"There are: {', '.join(known)}.")
