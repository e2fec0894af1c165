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
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from agent.monitoring.spec import AssetSpec
from agent.monitoring.types import SECOND, Nanos, Record
from agent.monitoring.wording import iso

_AT_ONCE: Final = 16
"""Windows whose features are added up together: an array of one row costs as much."""
_MOST_SCORES: Final = 4096
"""Beyond that only every second score (fourth ...) is kept for the quantile; count, mean and extremes are exact."""
_QUANTILE: Final = 0.95

Point = tuple[str, str | None]
"""Asset and channel (None: of all channels)."""


class _Period:
    """What one point's windows have said since ``start``, ns."""

    def __init__(self, start: Nanos, end: Nanos, heard: Nanos | None) -> None:
        self.start = start
        self.end = end
        self.heard = heard
        self._windows = self._alarms = 0
        self._scores: list[float] = []
        self._every = 1
        self._scored = 0
        self._total, self._least, self._most = 0.0, np.inf, -np.inf
        self._healths: list[float] = []
        self._states: Counter[str] = Counter()
        self._quality: Counter[str] = Counter()
        self._names: tuple[str, ...] = ()
        self._rows: list[list[float | None]] = []
        self._sums = self._lows = self._highs = self._counts = np.zeros(0)

    def take(self, body: Mapping[str, Any]) -> None:
        """Gather a window."""
        self._windows += 1
        self._alarms += body["alarm"] is True
        self._states[body["state"]] += 1
        score = body["score"]
        if score is not None:
            self._take_score(score)
        health = body["health"]
        if health is not None:
            self._healths.append(health)
        if "quality" in body:
            self._quality.update(body["quality"])
        features: Mapping[str, float | None] = body["features"]
        if len(features) != len(self._names) or self._names != tuple(features):
            self._begin(tuple(features))
        self._rows.append(list(features.values()))
        if len(self._rows) == _AT_ONCE:
            self._add_up()

    def _take_score(self, score: float) -> None:
        self._total += score
        self._least = min(self._least, score)
        self._most = max(self._most, score)
        if self._scored % self._every == 0:
            self._scores.append(score)
            if len(self._scores) > _MOST_SCORES:
                del self._scores[1::2]
                self._every *= 2
        self._scored += 1

    def _begin(self, names: tuple[str, ...]) -> None:
        """Other features than before: the configuration has changed within the period."""
        self._names = names
        self._rows.clear()
        size = len(names)
        self._sums, self._counts = np.zeros(size), np.zeros(size)
        self._lows, self._highs = np.full(size, np.inf), np.full(size, -np.inf)

    def _add_up(self) -> None:
        rows: NDArray[np.float64] = np.array(self._rows, dtype=np.float64).reshape(len(self._rows), len(self._names))
        self._rows.clear()
        told = np.isfinite(rows)
        self._counts = self._counts + told.sum(axis=0)
        self._sums = self._sums + np.where(told, rows, 0.0).sum(axis=0)
        self._lows = np.minimum(self._lows, np.where(told, rows, np.inf).min(axis=0))
        self._highs = np.maximum(self._highs, np.where(told, rows, -np.inf).max(axis=0))

    def body(self, asset: str, channel: str | None) -> dict[str, Any]:
        """The summary."""
        if self._rows:
            self._add_up()
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
            "features": {
                name: {"min": low, "mean": total / count, "max": high}
                for name, low, total, count, high in zip(
                    self._names, self._lows.tolist(), self._sums.tolist(), self._counts.tolist(),
                    self._highs.tolist(), strict=True)
                if count
            },
        }
        if self._scored:
            body["score"] = {
                "count": self._scored, "min": self._least, "mean": self._total / self._scored,
                "p95": float(np.quantile(self._scores, _QUANTILE)), "max": self._most}
        if self._healths:
            healths = self._healths
            body["health"] = {"min": min(healths), "mean": sum(healths) / len(healths), "last": healths[-1]}
        if self._quality:
            body["quality"] = dict(self._quality)
        return body


class Summaries:
    """The open periods of all points."""

    def __init__(self) -> None:
        self._open: dict[Point, _Period] = {}

    def take(self, record: Record, spec: AssetSpec, now: Nanos | None) -> Record | None:
        """Gather a window's record; the summary of the period before, where the window begins a new one."""
        body = record.body
        point = (record.asset, body["channel"])
        period = self._open.get(point)
        if period is not None and period.start < record.time <= period.end:
            period.heard = now
            period.take(body)
            return None
        closed = None if period is None else self._summary(point, period)
        width = spec.summary_period * SECOND
        start = (record.time - 1) // width * width
        self._open[point] = period = _Period(start, start + width, now)
        period.take(body)
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

    def clock_stepped(self, offset: Nanos) -> None:
        """The device's clock was set by ``offset``."""
        for period in self._open.values():
            if period.heard is not None:
                period.heard += offset

    @staticmethod
    def _summary(point: Point, period: _Period) -> Record:
        asset, channel = point
        return Record("summary", asset, period.end, period.body(asset, channel))
