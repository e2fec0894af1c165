"""The report's plots: each a look at the evidence, with what was true shaded behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from simulators.demo.evidence import Evidence, Window
from simulators.demo.hearing import Heard
from simulators.demo.plots import Axis, Plot, Point
from simulators.demo.story import BEARING, END, LEARNING, PUMP, RACE_FAULT, STOP, SUCTION_FAULT, Span

_MINUTE = 60.0
_TIME = Axis(0.0, END / _MINUTE, "plant time, min")
_TRUTH = {PUMP: SUCTION_FAULT, BEARING: RACE_FAULT}
_LOWEST_SCORE = 0.1


def pump_scores(evidence: Evidence) -> str:
    """The scores of the pump's telemetry; logarithmic, for a blocked suction is no small thing."""
    windows = evidence.windows(PUMP)
    highest = max((window.score for window in windows if window.score is not None), default=1.0)
    plot = Plot(_TIME, Axis(_LOWEST_SCORE, max(10.0, highest * 1.5), "score (logarithmic)", log=True),
                f"Scores of {PUMP} over time")
    return _scores(plot, evidence, PUMP, windows)


def bearing_scores(evidence: Evidence) -> str:
    """The scores of the bearing's vibration, in dB."""
    windows = evidence.windows(BEARING)
    said = [window.score for window in windows if window.score is not None]
    plot = Plot(_TIME, Axis(min([0.0, *said]) - 1.0, max([12.0, *said]) * 1.1, "score, dB above learned"),
                f"Scores of {BEARING} over time")
    return _scores(plot, evidence, BEARING, windows)


def _scores(plot: Plot, evidence: Evidence, asset: str, windows: Sequence[Window]) -> str:
    _background(plot, evidence, asset)
    for alarm in evidence.alarm_spans(asset):
        end = END if alarm.end is None else alarm.end
        plot.span(alarm.start / _MINUTE, end / _MINUTE, "alarm", strip=True)
    threshold = next((window.threshold for window in windows if window.threshold), None)
    if threshold is not None:
        plot.level(threshold, f"threshold {threshold:g}")
    plot.line(_over_time(windows, lambda window: window.score), "score")
    return plot.svg()


def pump_flow(evidence: Evidence) -> str:
    """What an operator sees: the flow, as the records' means tell it."""
    windows = evidence.windows(PUMP)
    said = [value for window in windows if (value := window.features.get("flow.mean")) is not None]
    plot = Plot(_TIME, Axis(0.0, max([1.0, *said]) * 1.15, "flow, l/min (mean of 12 s)"),
                f"Flow of {PUMP} over time", height=210)
    _background(plot, evidence, PUMP)
    plot.line(_over_time(windows, lambda window: window.features.get("flow.mean")), "machine")
    return plot.svg()


def arrivals(evidence: Evidence) -> str:
    """When each record happened, and when it was heard upstream."""
    latest = max([END, *(heard.at for heard in evidence.records)])
    axis = Axis(0.0, latest / _MINUTE, "heard upstream, min of plant time")
    plot = Plot(Axis(0.0, latest / _MINUTE, "happened, min of plant time"), axis,
                "When each record happened and when it was heard upstream", height=330)
    if evidence.outage is not None:
        start, end = (time / _MINUTE for time in evidence.outage)
        plot.band(start, end, "outage")
    alarms = [heard for heard in evidence.records if heard.kind == "alarm"]
    rest = [heard for heard in evidence.records if heard.kind != "alarm"]
    plot.dots(_places([heard for heard in rest if not heard.body.get("historical")]), "live")
    plot.dots(_places([heard for heard in rest if heard.body.get("historical")]), "history")
    plot.dots(_places(alarms), "alarms")
    return plot.svg()


def waiting(evidence: Evidence) -> str:
    """How many records waited in the journal."""
    most = max((count for _, count in evidence.waiting), default=0)
    plot = Plot(_TIME, Axis(0.0, max(10.0, most * 1.15), "records waiting in the journal"),
                "Records that waited in the journal", height=210)
    _background(plot, evidence, None)
    plot.line([(time / _MINUTE, float(count)) for time, count in evidence.waiting if time <= END], "history")
    return plot.svg()


def _background(plot: Plot, evidence: Evidence, asset: str | None) -> None:
    if evidence.outage is not None:
        plot.span(evidence.outage.start / _MINUTE, evidence.outage.end / _MINUTE, "outage")
    if asset is None:
        return
    shaded: list[tuple[Span, str]] = [(LEARNING, "learning"), (STOP, "stop"), (_TRUTH[asset], "fault")]
    for span, kind in shaded:
        plot.span(span.start / _MINUTE, span.end / _MINUTE, kind)


def _over_time(windows: Sequence[Window], value: Callable[[Window], float | None]) -> list[Point | None]:
    said = [(window.time / _MINUTE, value(window)) for window in windows]
    return [None if quantity is None else (time, quantity) for time, quantity in said]


def _places(records: Sequence[Heard]) -> list[Point]:
    return [(heard.time / _MINUTE, heard.at / _MINUTE) for heard in records]
