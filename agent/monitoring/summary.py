"""What the windows of a period said together: one summary for each measuring point.

Periods lie on a grid of event time, counted from the epoch. A window belongs to the period in which it
ends; the first window of a later period closes the one before, so that a replay gives the same summaries
bit for bit. A stream that ends leaves its last period open until nothing has come for so long that
nothing more is to be expected (``tick``).

What a period has gathered is nowhere but here. After a restart it is gathered anew from the windows in
the log (``resume``): the summary is in the log with the window that closed its period, or not yet due.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from math import inf, isfinite
from typing import Any, Final

import numpy as np

from agent.monitoring.spec import AssetSpec, WindowSpec
from agent.monitoring.types import SECOND, Nanos, Record
from agent.monitoring.wording import iso

_AT_ONCE: Final = 64
_MOST_SCORES: Final = 4096
"""Beyond that only every second score (fourth ...) is kept for the quantile; count, mean and extremes are exact."""
_QUANTILE: Final = 0.95

Point = tuple[str, str | None]
"""Asset and channel (None: of all channels)."""


class _Period:
    """What one point's windows have said since ``start``, ns. Every window costs: it is only noted, and what was
    noted is added up now and then."""

    def __init__(self, start: Nanos, end: Nanos, heard: Nanos | None, window: WindowSpec) -> None:
        self.start = start
        self.end = end
        self.heard = heard
        # of windows that overlap every twelfth (or so) tells its features: the others say the same again
        overlapping = window.seconds is not None and window.stride is not None
        self._width = round((window.seconds or 1.0) * SECOND) if overlapping else 1
        self._fresh = round((window.stride or 1.0) * SECOND) if overlapping else 1
        self._noted: list[tuple[float | None, float | None, str, bool]] = []
        self._rows: list[Mapping[str, float | None]] = []
        self._windows = self._alarms = 0
        self._scores = _Figures()
        self._healths = _Figures()
        self._sample: list[float] = []
        self._every = 1
        self._states: Counter[str] = Counter()
        self._quality: Counter[str] = Counter()
        self._features: dict[str, _Figures] = {}

    def take(self, body: Mapping[str, Any], time: Nanos) -> None:
        """Gather a window that ended at ``time``."""
        noted = self._noted
        noted.append((body["score"], body["health"], body["state"], body["alarm"]))
        if "quality" in body:
            self._quality.update(body["quality"])
        if time % self._width < self._fresh:
            self._rows.append(body["features"])
        if len(noted) == _AT_ONCE:
            self._add_up()

    def _add_up(self) -> None:
        scores, healths, states, alarms = zip(*self._noted, strict=True)
        told = [score for score in scores if score is not None]
        for score in told[(-self._scores.count) % self._every :: self._every]:
            self._sample.append(score)
        self._scores.add(told)
        self._healths.add([health for health in healths if health is not None])
        self._states.update(states)
        self._alarms += sum(alarms)
        self._windows += len(self._noted)
        self._noted.clear()
        while len(self._sample) > _MOST_SCORES:
            del self._sample[1::2]
            self._every *= 2
        for name in dict.fromkeys(name for row in self._rows for name in row):
            values = [value for row in self._rows if (value := row.get(name)) is not None and isfinite(value)]
            self._features.setdefault(name, _Figures()).add(values)
        self._rows.clear()

    def body(self, asset: str, channel: str | None) -> dict[str, Any]:
        """The summary."""
        if self._noted:
            self._add_up()
        scores, healths = self._scores, self._healths
        body: dict[str, Any] = {
            "asset": asset,
            "channel": channel,
            "start": iso(self.start),
            "end": iso(self.end),
            "windows": self._windows,
            "alarm_windows": self._alarms,
            "score": None,
            "health": None,
            "states": dict(self._states),
            "features": {name: figures.told() for name, figures in self._features.items() if figures.count},
        }
        if scores.count:
            quantile = float(np.quantile(self._sample, _QUANTILE))
            body["score"] = {"count": scores.count, **scores.told(), "p95": quantile}
        if healths.count:
            body["health"] = {**healths.told(), "last": healths.last}
        if self._quality:
            body["quality"] = dict(self._quality)
        return body


class _Figures:
    """How many, their sum and extremes, and the last."""

    __slots__ = ("count", "highest", "last", "lowest", "total")

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.lowest, self.highest = inf, -inf
        self.last = 0.0

    def add(self, values: list[float]) -> None:
        if values:
            self.count += len(values)
            self.total += sum(values)
            self.lowest = min(self.lowest, *values)
            self.highest = max(self.highest, *values)
            self.last = values[-1]

    def told(self) -> dict[str, float]:
        return {"min": self.lowest, "mean": self.total / self.count, "max": self.highest}


class Summaries:
    """The open periods of all points."""

    def __init__(self) -> None:
        self._open: dict[Point, _Period] = {}

    def take(self, record: Record, spec: AssetSpec, now: Nanos | None) -> Record | None:
        """Gather a window's record; the summary of the period before, where the window begins a new one."""
        _, asset, time, body = record
        point = (asset, body["channel"])
        period = self._open.get(point)
        if period is not None and period.start < time <= period.end:
            period.heard = now
            period.take(body, time)
            return None
        closed = None if period is None else self._summary(point, period)
        width = spec.summary_period * SECOND
        start = (time - 1) // width * width
        self._open[point] = period = _Period(start, start + width, now, spec.window)
        period.take(body, time)
        return closed

    def tick(self, specs: Mapping[str, AssetSpec], now: Nanos) -> list[Record]:
        """The summaries of periods whose stream has ended: nothing has come for a period and the time after
        which the channels are said to be silent."""
        told = []
        for point, period in list(self._open.items()):
            spec = specs.get(point[0])
            if period.heard is None:
                period.heard = now
            if spec is None or now - period.heard > round((spec.summary_period + spec.stale_after) * SECOND):
                del self._open[point]
                told.append(self._summary(point, period))
        return told

    def resume(self, log: Iterable[Record], spec: AssetSpec) -> None:
        """Gather anew what the asset's open periods had gathered before a restart. ``log``: its windows and
        summaries on record, in their order."""
        for record in log:
            if record.kind == "window":
                self.take(record, spec, None)
                continue
            point = (record.asset, record.body["channel"])
            period = self._open.get(point)
            if period is not None and period.end <= record.time:
                del self._open[point]

    def clock_stepped(self, offset: Nanos) -> list[Record]:
        """The device's clock was set by ``offset``: the summaries of the periods that were timed by it."""
        told = []
        for point, period in list(self._open.items()):
            if period.heard is None:
                continue
            if abs(period.end - period.heard) < abs(period.end - period.heard - offset):
                del self._open[point]
                told.append(self._summary(point, period))
            else:
                period.heard += offset
        return told

    @staticmethod
    def _summary(point: Point, period: _Period) -> Record:
        asset, channel = point
        return Record("summary", asset, period.end, period.body(asset, channel))
