"""From an asset's specification to its measuring points: the profiles, in one place."""

from __future__ import annotations

from collections.abc import Sequence

from agent.monitoring.detection.indicator import IndicatorBaseline
from agent.monitoring.detection.judge import CommissionedJudge, Judge
from agent.monitoring.detection.metric import MetricJudge
from agent.monitoring.detection.model import LoadedModel
from agent.monitoring.detection.process import ProcessBaseline
from agent.monitoring.detection.regime import Regime
from agent.monitoring.detection.score import Baseline
from agent.monitoring.detection.spectrum import SpectrumBaseline
from agent.monitoring.manipulation import extraction
from agent.monitoring.point import MeasuringPoint
from agent.monitoring.sensors import Sensors, WaveformSensor
from agent.monitoring.spec import AssetSpec, ChannelSpec

_JUDGED = "condition"
_TELLING = ("min", "mean", "max")
"""What the regime asks of a channel that tells it, and the watch on sensors of each."""


def points(
    asset: AssetSpec, regime: Regime, model: LoadedModel | None
) -> list[tuple[MeasuringPoint, tuple[str, ...]]]:
    """The asset's measuring points, each with the channels that it takes.

    Telemetry and indicators are one point of all channels (windows by count: one a channel); each
    condition channel of a waveform asset is a point, its other channels only tell the regime.
    """
    if asset.profile == "waveform":
        return [
            (_waveform(asset, channel, regime, model), (channel.name,))
            for channel in asset.channels
            if channel.role == _JUDGED
        ]
    if asset.window.count:
        return [(_telemetry(asset, (channel,), regime), (channel.name,)) for channel in asset.channels]
    return [(_telemetry(asset, asset.channels, regime), tuple(c.name for c in asset.channels))]


def _telemetry(asset: AssetSpec, channels: Sequence[ChannelSpec], regime: Regime) -> MeasuringPoint:
    telling = any(channel.name in regime.channels for channel in channels)
    watched = asset.profile == "process" and len(channels) > 1 and asset.learning.enabled
    taken = extraction.build(asset, channels, _TELLING if telling or watched else ())
    judged = [channel for channel in channels if channel.role == _JUDGED]
    single = len(channels) == 1
    prefixes = [""] if single else [f"{channel.name}." for channel in channels]
    wanted = asset.features or ("mean", "std")
    recorded = [f"{prefix}{name}" for prefix in prefixes for name in wanted]
    judge: Judge | None = None
    sensors: Sensors | None = None
    if asset.profile == "metric" and asset.learning.enabled and judged:
        judge = MetricJudge(taken.names.index("mean"), asset.false_alarms_per_month)
    elif asset.learning.enabled and judged:
        where = taken.names.index
        means = [where("mean" if single else f"{channel.name}.mean") for channel in judged]
        spreads = [where("std" if single else f"{channel.name}.std") for channel in judged]
        window = asset.window
        overlap = window.overlap
        baseline: Baseline
        if asset.profile == "indicator":
            baseline = IndicatorBaseline(judged, means, asset.false_alarms_per_month)
        else:
            baseline = ProcessBaseline(
                [channel.name for channel in judged], means, spreads, bands=regime.bands, overlap=overlap,
                false_alarms_per_month=asset.false_alarms_per_month)
        # the first windows of the span are not full yet and were held back
        windows = asset.learning.samples - (0 if window.count else round(overlap) - 1)
        judge = CommissionedJudge(baseline, windows, len(taken.names))
        if watched:
            scored = [channel.name for channel in judged]
            sensors = Sensors(
                asset.id, channels, taken.names, round(overlap), scored, window.seconds or 12.0, asset.alarms)
    return MeasuringPoint(
        asset, channels[0].name if single else None, taken, recorded, judge, None, regime, sensors)


def _waveform(
    asset: AssetSpec, channel: ChannelSpec, regime: Regime, model: LoadedModel | None
) -> MeasuringPoint:
    wanted = asset.features or ("rms", "peak", "crest", "kurtosis", "octaves")
    learns = asset.learning.enabled
    bundled = model is not None and model.input == "bands"
    computed = list(wanted)
    if learns and "octaves" not in computed:
        computed.append("octaves")
    if learns and bundled:
        computed.append("levels")
    if model is not None and not bundled:
        computed.append("power")
    taken = extraction.build(asset, (channel,), computed)
    shown = extraction.build(asset, (channel,), wanted).names
    judge: Judge | None = None
    sensor: WaveformSensor | None = None
    if learns:
        bands = [i for i, name in enumerate(taken.names) if name.startswith("octave_")]
        levels = [i for i, name in enumerate(taken.names) if name.startswith("level_")]
        asked = model.fed_with(len(levels), f"{asset.id}.{channel.name}") if model and bundled else None
        baseline = SpectrumBaseline(taken.names, bands, levels, asked, asset.false_alarms_per_month)
        judge = CommissionedJudge(baseline, asset.learning.samples, len(taken.names))
        sensor = WaveformSensor(asset.id, channel.name, bands, asset.alarms)
    direct = model if model is not None and not bundled else None
    recorded = (*shown, "model_error") if direct is not None else shown
    return MeasuringPoint(asset, channel.name, taken, recorded, judge, direct, regime, sensor)
