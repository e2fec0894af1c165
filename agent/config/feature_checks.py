"""What may be asked of an asset's features, and what limits on them may name."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from agent.config.asset_tables import AssetTable
from agent.config.finding import Finding
from agent.config.sources import Key
from agent.monitoring.manipulation.features import telemetry, waveform
from agent.monitoring.manipulation.features.velocity import is_vibration
from agent.monitoring.spec import AssetSpec, LimitSpec, Profile

FEATURES: Final[dict[Profile, tuple[str, ...]]] = {
    "process": telemetry.STATISTICS,
    "indicator": telemetry.STATISTICS,
    "metric": telemetry.STATISTICS,
    "waveform": tuple(name for name in waveform.FEATURES if name != "power"),
}
"""What may stand in ``features``; power is the model's own and has no value to record."""

_LINE: Final = 2
"""So many places make a straight line."""


def feature_findings(at: Key, asset: AssetTable, spec: AssetSpec) -> Iterator[Finding]:
    """What is wrong with the features that an asset asks for, and with the limits on them."""
    known = FEATURES[spec.profile]
    for position, feature in enumerate(spec.features):
        key: Key = (*at, "features", position)
        if feature not in known:
            yield Finding(key, f"is no feature of a {spec.profile} asset", f"Known: {', '.join(known)}.")
        elif feature == "slope":
            yield from _slope(key, spec)
        else:
            yield from _unmet(at, key, feature, asset, spec)
    yield from _limits(at, spec)


def _unmet(at: Key, key: Key, feature: str, asset: AssetTable, spec: AssetSpec) -> Iterator[Finding]:
    """What a feature of waveforms needs to be told, and was not."""
    machine = asset.machine
    if feature == "velocity":
        for channel in spec.channels:
            if channel.role == "condition" and not is_vibration(channel.unit):
                yield Finding((*at, "channels", channel.name, "unit"),
                              "a velocity cannot be told from values in this unit",
                              'Give the unit of acceleration, "g" or "m/s2" (or "mm/s"), or leave velocity out.')
    elif feature == "bearing" and not machine.bearings:
        yield Finding(key, "no bearing of the machine is described",
                      'Add machine.bearings, e.g. [{ name = "6205" }], and machine.speed.')
    elif feature == "orders" and machine.speed is None and machine.speed_channel is None:
        yield Finding(key, "orders are multiples of the shaft's speed, which is not known",
                      "Add machine.speed, in rpm, or machine.speed_channel.")


def _slope(key: Key, spec: AssetSpec) -> Iterator[Finding]:
    """A slope is over the cells of a window by time, or over the samples of one by count."""
    window = spec.window
    seconds = window.seconds or 1.0
    places = window.count or round(seconds / (window.stride or seconds))
    if places < _LINE:
        yield Finding(key, "a slope needs two places in its window, which has one",
                      "Give the window a stride of at most half its seconds, or a larger count.")


def _limits(at: Key, spec: AssetSpec) -> Iterator[Finding]:
    channels = {channel.name: channel for channel in spec.channels}
    for position, limit in enumerate(spec.limits):
        key = (*at, "limits", position)
        channel, feature = _parted(limit.feature, channels)
        if channel not in channels:
            yield Finding((*key, "feature"), "does not begin with a channel of the asset",
                          f"Write channel.feature; channels: {', '.join(channels)}.")
        elif feature not in (computed := _computed(spec, channels[channel].rate)):
            yield Finding((*key, "feature"), f"{feature} is not computed for this asset",
                          f"Computed: {', '.join(computed)}.")
        elif feature == "slope":
            yield from _slope((*key, "feature"), spec)
        yield from _levels(key, limit)


def _parted(name: str, channels: Collection[str]) -> tuple[str, str]:
    """The channel that a name begins with, and its feature, which may have a dot itself (``DE.bpfo``)."""
    for channel in sorted(channels, key=len, reverse=True):
        if name.startswith(f"{channel}."):
            return channel, name[len(channel) + 1 :]
    head, _, tail = name.rpartition(".")
    return head, tail


def _levels(key: Key, limit: LimitSpec) -> Iterator[Finding]:
    if limit.warning is None or limit.alarm is None:
        if limit.warning is limit.alarm:
            yield Finding((*key, "alarm"), "the limit has no level", "Add warning, alarm or both.")
        return
    beyond = limit.alarm - limit.warning
    if (beyond if limit.direction == "above" else -beyond) < 0:
        yield Finding((*key, "alarm"), f"is reached before the warning ({limit.warning:g})",
                      f"With direction {limit.direction} the alarm lies {limit.direction} the warning.")


def _computed(spec: AssetSpec, rate: float | None) -> tuple[str, ...]:
    """The features, one by one, that limits may name."""
    if spec.profile != "waveform":
        return telemetry.STATISTICS
    known = [feature for feature in spec.features if feature in FEATURES["waveform"]]
    names = waveform.names_of(known, rate, spec.machine) if rate else ()
    return (*names, "model_error") if spec.model else names
