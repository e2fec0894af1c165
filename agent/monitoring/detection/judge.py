"""From a window and its regime to a score: what is learned when, and what is judged by it.

::

    band not known --- windows collected ---> inspect --- accepted ---> known, judged
          ^                                      |                        |
          '---- refused: begins with what is left '          normal: followed, in steps
                                                              an alarm stands: nothing is learned

Every load band is commissioned by itself, the first time the machine is run there. Until then it is
unseen: recorded, not judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from agent.monitoring.detection.commissioning import inspect, without_moves
from agent.monitoring.detection.regime import Situation
from agent.monitoring.detection.score import Baseline, Score, Span
from agent.monitoring.manipulation.extraction import FeatureVector
from agent.monitoring.types import SECOND, Nanos

_FEWEST: Final = 20
"""Windows, below which nothing is fitted however few are asked for."""
_FIRST_STEP: Final = 4 * 3600 * SECOND
_STEP: Final = 86_400 * SECOND
"""After the commissioning, and from then on: when normal is followed."""
_REMEMBERED: Final = 4
"""So often in a commissioning its progress is kept for a restart."""


class Judgement(NamedTuple):
    """``regime`` as it is told; ``events``: bodies of what was learned, refused or followed;
    ``learned``: the rows, shape (windows, features), that a band was just learned from; ``keep``:
    whether something changed that a restart must not lose; ``missing``: windows that the band still
    needs to be learned."""

    score: Score | None
    regime: str
    events: tuple[dict[str, Any], ...] = ()
    learned: NDArray[np.float64] | None = None
    keep: bool = False
    missing: int = 0


class Judge(Protocol):
    """What scores the windows of one measuring point."""

    MOVING: ClassVar[tuple[str, ...]]

    @property
    def learned(self) -> bool:
        """Whether it has something to judge by."""

    @property
    def progress(self) -> float:
        """How much of the (present) commissioning is done, 0 to 1."""

    @property
    def typical(self) -> float:
        """The usual ratio of score and threshold under normal."""

    def judge(self, vector: FeatureVector, situation: Situation, *, standing: bool) -> Judgement:
        """Take one window; ``standing``: an alarm stands, so that nothing may be learned."""

    def deviations(self, features: NDArray[np.float64], situation: Situation) -> NDArray[np.float64] | None:
        """How far each judged channel is from what is expected, as a baseline tells it; None where nothing
        is expected."""

    def recommission(self) -> None:
        """Forget normal and learn it anew."""

    def revert(self) -> None:
        """Undo what has been followed since the commissioning."""

    def clock_stepped(self, offset: Nanos) -> None:
        """The clock of the windows was set by ``offset``."""

    def to_json(self) -> dict[str, Any]:
        """What must survive a restart."""

    def restore(self, document: Mapping[str, Any]) -> None:
        """Take back what ``to_json`` gave. Raises ValueError where it does not fit."""


class _Collection:
    """The windows of a band that are being collected."""

    def __init__(self) -> None:
        self.rows: list[NDArray[np.float64]] = []
        self.points: list[NDArray[np.float64]] = []
        self.ends: list[Nanos] = []

    def take(self, vector: FeatureVector, situation: Situation) -> None:
        self.rows.append(vector.values.copy())
        self.points.append(np.zeros(0) if situation.point is None else situation.point)
        self.ends.append(vector.end)

    def drop(self, first: int) -> None:
        del self.rows[:first], self.points[:first], self.ends[:first]

    def span(self, rows: NDArray[np.intp]) -> Span:
        steps = np.diff(np.array(self.ends, dtype=np.int64))
        seconds = float(np.median(steps)) / SECOND if len(steps) else 1.0
        return Span(np.array(self.rows)[rows], np.array(self.points)[rows], max(seconds, 1e-3))

    def to_json(self) -> dict[str, Any]:
        return {
            "rows": [[None if value != value else value for value in row.tolist()] for row in self.rows],  # noqa: PLR0124
            "points": [point.tolist() for point in self.points],
            "ends": list(self.ends),
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        self.rows = [
            np.array([np.nan if value is None else value for value in row], dtype=np.float64)
            for row in document["rows"]
        ]
        self.points = [np.array(point, dtype=np.float64) for point in document["points"]]
        self.ends = [int(end) for end in document["ends"]]


class CommissionedJudge:
    """Judges by a baseline that is learned from ``windows`` windows of each band."""

    MOVING: ClassVar[tuple[str, ...]] = ("_baseline", "_kept_at", "progress")

    def __init__(self, baseline: Baseline, windows: int, width: int) -> None:
        self._baseline = baseline
        self._windows = max(_FEWEST, windows)
        self._width = width
        self._collections: dict[int, _Collection] = {}
        self._kept_at = 0
        self._next_step: Nanos = 0
        self._fresh = baseline.to_json()
        self.learned = False
        self.progress = 0.0

    @property
    def typical(self) -> float:
        """See Judge."""
        return self._baseline.typical

    def judge(self, vector: FeatureVector, situation: Situation, *, standing: bool) -> Judgement:
        """See Judge."""
        if situation.name != "running":
            return Judgement(None, situation.name)
        band = situation.band
        if self._baseline.knows(band):
            if not vector.judgeable:
                return Judgement(None, "running")
            score = self._baseline.score(vector.values, situation)
            events = self._follow(score, vector.end, standing=standing)
            return Judgement(score, "running", events, keep=bool(events))
        regime = "unseen" if self.learned else "running"
        if standing or band < 0 or not vector.judgeable:
            return Judgement(None, regime)
        return self._collect(vector, situation, regime)

    def _collect(self, vector: FeatureVector, situation: Situation, regime: str) -> Judgement:
        band = situation.band
        collection = self._collections.setdefault(band, _Collection())
        collection.take(vector, situation)
        count = len(collection.rows)
        if not self.learned:
            self.progress = max(self.progress, min(1.0, count / self._windows))
        if count < self._windows:
            share = count * _REMEMBERED // self._windows
            keep, self._kept_at = share > self._kept_at, share
            return Judgement(None, regime, keep=keep, missing=self._windows - count)
        self._kept_at = 0
        features = np.array(collection.rows)
        baseline = self._baseline
        levels = without_moves(baseline.levels(features), np.array(collection.points))
        found = inspect(baseline.names, levels, baseline.spreads(features), baseline.floor)
        told: dict[str, Any] = {"windows": len(found.rows)}
        if situation.point is not None and len(situation.point):
            told["band"] = band
        if found.remarks:
            told["remarks"] = list(found.remarks)
        missing = _FEWEST - len(found.rows)
        if not found.accepted or missing > 0:
            collection.drop(found.first)
            self.progress = len(collection.rows) / self._windows if not self.learned else self.progress
            if found.accepted and not found.first:  # nothing against it, only windows that miss a channel
                return Judgement(None, regime, missing=missing)
            return Judgement(None, regime, ({"event": "refused", **told},), keep=True)
        span = collection.span(found.rows)
        baseline.learn(span, band, found.left_out)
        del self._collections[band]
        self.learned, self.progress = True, 1.0
        if not self._next_step:
            self._next_step = vector.end + _FIRST_STEP
        return Judgement(None, regime, ({"event": "learned", **told},), span.features, keep=True)

    def _follow(self, score: Score, end: Nanos, *, standing: bool) -> tuple[dict[str, Any], ...]:
        if standing:
            self._baseline.forget()
            return ()
        if score.value <= score.threshold:
            self._baseline.follow(score)
        if end < self._next_step:
            return ()
        self._next_step = end + _STEP
        change = self._baseline.adapt()
        return ({"event": "adapted", **change},) if change is not None else ()

    def deviations(self, features: NDArray[np.float64], situation: Situation) -> NDArray[np.float64] | None:
        """See Judge."""
        if situation.name != "running" or not self._baseline.knows(situation.band):
            return None
        return self._baseline.deviations(features, situation)

    def recommission(self) -> None:
        """See Judge."""
        self._baseline.restore(self._fresh)
        self._baseline.revert()
        self._collections.clear()
        self._kept_at, self._next_step = 0, 0
        self.learned, self.progress = False, 0.0

    def revert(self) -> None:
        """See Judge."""
        self._baseline.revert()

    def clock_stepped(self, offset: Nanos) -> None:
        """See Judge."""
        if self._next_step:
            self._next_step += offset

    def to_json(self) -> dict[str, Any]:
        """See Judge."""
        return {
            "baseline": self._baseline.to_json() if self.learned else None,
            "collected": {str(band): kept.to_json() for band, kept in self._collections.items()},
            "next_step": self._next_step,
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """See Judge."""
        collections = {}
        for band, kept in document["collected"].items():
            collections[int(band)] = collection = _Collection()
            collection.restore(kept)
            if any(len(row) != self._width for row in collection.rows):
                reason = "what was being learned has other features"
                raise ValueError(reason)
        if document["baseline"] is not None:
            self._baseline.restore(document["baseline"])
            self.learned, self.progress = True, 1.0
        elif collections:
            self.progress = max(len(kept.rows) for kept in collections.values()) / self._windows
        self._collections = collections
        self._next_step = int(document["next_step"])
