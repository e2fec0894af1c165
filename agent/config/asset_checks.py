"""What the keys of one asset say together."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from agent.config.asset_tables import AssetTable, ChannelTable
from agent.config.feature_checks import feature_findings
from agent.config.finding import Finding
from agent.config.machine import machine_findings
from agent.config.resolve import asset_spec, channel_topic, model_path
from agent.config.sources import Key
from agent.monitoring.acquisition.topics import check_filter, placeholders
from agent.monitoring.spec import AssetSpec

_ID: Final = re.compile(r"[a-z0-9{][a-z0-9._{}-]{0,63}")
_WHOLE: Final = 1e-9


def asset_findings(name: str, asset: AssetTable, base: Path) -> Iterator[Finding]:
    """Everything in ``[assets.<name>]`` that does not fit together."""
    at: Key = ("assets", name)
    spec = asset_spec(name, asset, base)
    yield from _identity(at, name, asset, spec)
    for channel, table in asset.channels.items():
        yield from _channel((*at, "channels", channel), table, asset)
    yield from _captures(at, name, asset)
    if asset.window.count is not None and asset.window.seconds is not None:
        yield Finding((*at, "window", "count"), "the window has both seconds and count", "Keep one of them.")
    yield from _window((*at, "window"), spec)
    yield from feature_findings(at, asset, spec)
    yield from _persistence((*at, "persistence"), spec)
    yield from _alarm_life((*at, "alarms"), asset)
    yield from _model((*at, "model"), asset, base)
    yield from machine_findings((*at, "machine"), asset)
    if asset.running is not None and asset.running.channel not in asset.channels:
        yield Finding((*at, "running", "channel"), "the asset has no channel of this name",
                      f"It has: {', '.join(asset.channels)}.")


def _identity(at: Key, name: str, asset: AssetTable, spec: AssetSpec) -> Iterator[Finding]:
    if asset.id is None and not _ID.fullmatch(name):
        yield Finding(at, "this name cannot be an id",
                      "Use lower-case letters, digits, hyphens, dots and underscores, or add an id.")
    if asset.topic is not None and (fault := check_filter(asset.topic)):
        yield Finding((*at, "topic"), fault, "See the MQTT rules for topic filters.")
    judged = [channel for channel in spec.channels if channel.role == "condition"]
    if asset.profile == "waveform" and not judged:
        yield Finding((*at, "channels"), "no channel of a waveform asset is to be judged",
                      'Give the vibration channel role = "condition".')


def _captures(at: Key, name: str, asset: AssetTable) -> Iterator[Finding]:
    """An id may refer only to wildcards that every channel's topic has."""
    identity = asset.id or name
    asked = placeholders(identity)
    if identity.count("{") != len(asked) or identity.count("}") != len(asked):
        yield Finding((*at, "id"), "braces hold the number of a wildcard", "Write {1}, {2} ...")
    if not asked:
        return
    for channel, table in asset.channels.items():
        topic = channel_topic(table, asset) or ""
        wildcards = sum(level in {"+", "#"} for level in topic.split("/"))
        if topic and not 1 <= min(asked) <= max(asked) <= wildcards:
            wrong = min(asked) if min(asked) < 1 else max(asked)
            yield Finding((*at, "id"), f"refers to wildcard {{{wrong}}}, but the topic of channel {channel}, "
                          f"{topic}, has {wildcards or 'none'}", "Count + and # from 1.")
            return


def _channel(at: Key, channel: ChannelTable, asset: AssetTable) -> Iterator[Finding]:
    topic = channel_topic(channel, asset)
    if topic is None:
        yield Finding((*at, "topic"), "neither the channel nor its asset has a topic", "Add topic to one.")
    if channel.topic is not None and (fault := check_filter(channel.topic)):
        yield Finding((*at, "topic"), fault, "See the MQTT rules for topic filters.")
    if channel.valid is not None and not channel.valid[0] < channel.valid[1]:
        yield Finding((*at, "valid"), "the smallest is not below the largest", "Write [smallest, largest].")
    if channel.scale == 0:
        yield Finding((*at, "scale"), "makes every value the same", "Give another factor than 0.")
    yield from _place(at, channel, asset)
    judged = channel.role in {None, "condition"}
    if asset.profile == "waveform" and judged and (channel.rate or asset.rate) is None:
        yield Finding((*at, "rate"), "a waveform needs its rate", "Add rate, in Hz.")
    if asset.profile == "indicator" and (channel.rate or asset.rate) is None and asset.window.seconds is None:
        yield Finding((*at, "rate"), "indicators need the rate of their readings",
                      "Add rate, in Hz: a reading every 10 minutes is 0.00166667.")


def _place(at: Key, channel: ChannelTable, asset: AssetTable) -> Iterator[Finding]:
    """Whether what says where in a payload the samples are suits the codec."""
    codec = channel.codec or asset.codec or "json"
    if codec == "binary":
        yield from _binary(at, channel)
        return
    time = asset.time if channel.time is None else channel.time
    places = {"value": channel.value, "time": time or None}
    if codec in {"json", "cbor"}:
        for key, pointer in places.items():
            if pointer and not pointer.startswith("/"):
                yield Finding((*at, key), f"{pointer} is not a pointer (RFC 6901)", f'Write "/{pointer}".')
    elif codec == "csv":
        for key, column in places.items():
            if column is not None and not column.isdecimal():
                yield Finding((*at, key), "is not the number of a CSV column", "Count columns from 0.")
    elif not channel.value:
        yield Finding((*at, "value"), "is empty", "Give the full SenML name of the record.")


def _binary(at: Key, channel: ChannelTable) -> Iterator[Finding]:
    if channel.index >= channel.interleaved:
        yield Finding((*at, "index"), f"there are {channel.interleaved} interleaved channels, counted from 0",
                      f"Give 0 to {channel.interleaved - 1}, or correct interleaved.")
    for key, value in (("value", channel.value or None), ("time", channel.time)):
        if value is not None:
            yield Finding((*at, key), "a binary payload holds only samples", "Leave it out.")


def _window(at: Key, spec: AssetSpec) -> Iterator[Finding]:
    window = spec.window
    length = window.seconds if window.count is None else window.count
    if spec.profile == "waveform" and window.seconds is not None:
        yield Finding((*at, "seconds"), "windows of a waveform are counted in samples", "Give count instead.")
    if window.stride is None:
        return
    if length is None:
        yield Finding((*at, "stride"), "each message is a window, which has no stride", "Add count.")
    elif window.stride > length:
        yield Finding((*at, "stride"), f"is longer than the window ({length:g}), so samples would be lost",
                      f"Give at most {length:g}.")
    elif window.count is not None and window.stride != int(window.stride):
        yield Finding((*at, "stride"), "windows by count step by whole samples", "Give a whole number.")
    elif window.count is None and not _is_multiple(length, window.stride):
        yield Finding((*at, "stride"), f"the window ({length:g} s) is not a whole number of strides",
                      "Let the stride divide the window.")


def _is_multiple(length: float, stride: float) -> bool:
    return math.isclose(length / stride, round(length / stride), rel_tol=_WHOLE)


def _persistence(at: Key, spec: AssetSpec) -> Iterator[Finding]:
    if spec.persistence.needed > spec.persistence.of:
        yield Finding((*at, "needed"), f"is more than the {spec.persistence.of} windows looked at",
                      "Give at most the number in of.")


def _alarm_life(at: Key, asset: AssetTable) -> Iterator[Finding]:
    if not asset.persistence.every_window:
        return
    for key, given in (("latching", asset.alarms.latching), ("refractory", asset.alarms.refractory)):
        if given:
            yield Finding((*at, key), "there are no episodes to hold back where every window is an alarm",
                          "Leave it out, or set persistence.every_window = false.")


def _model(at: Key, asset: AssetTable, base: Path) -> Iterator[Finding]:
    if asset.model is None:
        return
    if asset.profile != "waveform":
        yield Finding(at, "models judge spectra, which a process asset has none of",
                      'Remove the model table, or set profile = "waveform".')
    path = model_path(asset.model.path, base)
    if not path.exists():
        yield Finding((*at, "path"), "there is no such file or folder",
                      f"Correct the path (relative ones count from {base}).")
    elif path.is_file() and asset.model.input is None:
        yield Finding((*at, "input"), "a bare model file does not say what it is fed",
                      'Add input = "log_power" or "bands".')
