"""Baseline of one slow metric, of which nothing else is known: a causal, streaming detector.

::

    value --- minus the mean of its time of day ---> residual
    residual --- its mean over 1, 3, 10 and 50 samples, how far from 0 ---.
    value --- how far beyond everything seen so far ------- twice --------+--> surprise of each part
                                                                          v
                                score: the sum of the surprises, in decades

Spikes show in the short means, shifts in the long ones, and what shows in several parts is told from
the odd outlier. The range counts twice: it alone looks at the value itself. The parts depend on each
other, so that the sum is not the decades of a probability; what it is was counted instead, on the
normal stretches of the Numenta Anomaly Benchmark (27 files, 154,000 samples) and on noise of several
kinds: rows above ``value`` are about 0.05 * 10 ** (-value / 7.5) of all, and come some nine together.

While an alarm stands the expectation does not follow. The tails do: what was told once is no news.
(Without the values during alarms a tail knows no extremes, calls them alarms, and never learns them.)
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, isfinite, log10
from statistics import median
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from agent.monitoring.detection.judge import Judgement
from agent.monitoring.detection.regime import Situation
from agent.monitoring.detection.score import Score
from agent.monitoring.detection.surprise import SCALES, Means, Range
from agent.monitoring.detection.tail import MONTH
from agent.monitoring.detection.time_of_day import TimeOfDay
from agent.monitoring.manipulation.extraction import FeatureVector
from agent.monitoring.types import SECOND, Nanos

GRACE: Final = 150
"""Samples before it judges, unless told otherwise."""
FALSE_ALARMS_PER_MONTH: Final = 5.0
"""The budget that the lowest threshold keeps at one sample in 5 minutes."""
PARTS: Final = ("residual", *(f"residual_{scale}" for scale in SCALES[1:]), "range")
_RANGE_WEIGHT: Final = 2.0
_LOWEST: Final = 7.5
"""Threshold, below which a metric is not judged however seldom it is sampled."""
_SHARE: Final = 0.05
_DECADES: Final = 7.5
_TOGETHER: Final = 9.0
"""The law above: the share of rows with any surprise, the value that stands for one decade of rows,
rows over the threshold in one episode."""


class MetricBaseline:
    """What is normal for one channel, learned sample by sample; ``grace``: samples before it judges."""

    def __init__(self, false_alarms_per_month: float = FALSE_ALARMS_PER_MONTH, grace: int = GRACE) -> None:
        self._budget = false_alarms_per_month
        self._grace = max(2, grace)
        self._expected = TimeOfDay()
        self._means = Means()
        self._range = Range()
        self._times: list[Nanos] = []
        self._seconds: float | None = None
        self._threshold = _LOWEST

    @property
    def learned(self) -> bool:
        """Whether it has seen enough to judge."""
        return self._seconds is not None

    @property
    def progress(self) -> float:
        """How much of what it needs before it judges, 0 to 1."""
        return 1.0 if self.learned else len(self._times) / self._grace

    @property
    def threshold(self) -> float:
        """Decades, from the budget and the interval of the samples."""
        return self._threshold

    def score(self, value: float, time: Nanos) -> Score:
        """Judge a value of ``time`` against what was learned before it; changes nothing. A value that
        is not finite says nothing. Contributors are the parts that spoke, in decades."""
        if not isfinite(value):
            return Score(0.0, self._threshold, 1.0)
        said = self._means.surprises(self._residual(value, time))
        said.append(_RANGE_WEIGHT * self._range.surprise(value))
        total = sum(said)
        if total == 0.0:
            return Score(0.0, self._threshold, 1.0)
        spoke = [part for part in zip(PARTS, said, strict=True) if part[1] > 0.0]
        spoke.sort(key=lambda part: -part[1])
        return Score(total, self._threshold, _SHARE * 10.0 ** (-total / _DECADES), tuple(spoke))

    def learn(self, value: float, time: Nanos, *, standing: bool) -> None:
        """Take in the value that was scored; ``standing``: an alarm stands."""
        if not isfinite(value):
            return
        self._means.learn(self._residual(value, time))
        self._range.learn(value)
        if not standing:
            self._expected.learn(value, time)
        if self._seconds is None:
            self._times.append(time)
            if len(self._times) == self._grace:
                steps = [(after - before) / SECOND for before, after in zip(self._times, self._times[1:], strict=False)]
                self._set_interval(max(median(steps), 1e-3))
                self._times.clear()

    def _residual(self, value: float, time: Nanos) -> float:
        expected = self._expected.at(time)
        return 0.0 if expected is None else value - expected

    def _set_interval(self, seconds: float) -> None:
        self._seconds = seconds
        rows = self._budget * _TOGETHER * seconds / MONTH
        self._threshold = max(_LOWEST, -_DECADES * log10(rows / _SHARE)) if rows > 0.0 else inf

    def to_json(self) -> dict[str, Any]:
        """What was learned, for the snapshot: at most 4,000 residuals beside some hundred numbers."""
        return {
            "kind": "metric",
            "expected": self._expected.to_json(),
            "means": self._means.to_json(),
            "range": self._range.to_json(),
            "times": list(self._times),
            "seconds": self._seconds,
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """Take back what ``to_json`` gave. Raises ValueError when it does not fit."""
        if document.get("kind") != "metric":
            reason = "what was learned is not of a single metric"
            raise ValueError(reason)
        seconds = document["seconds"]
        times = [int(time) for time in document["times"]]
        if len(times) >= self._grace or (seconds is not None and not float(seconds) > 0.0):
            reason = "the interval of the metric's samples is not known"
            raise ValueError(reason)
        self._expected.restore(document["expected"])
        self._means.restore(document["means"])
        self._range.restore(document["range"])
        self._times, self._seconds, self._threshold = times, None, _LOWEST
        if seconds is not None:
            self._set_interval(float(seconds))


class MetricJudge:
    """Judges a point of one metric, whose value is feature number ``position``; see ``Judge``."""

    typical = 0.1
    MOVING: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self, position: int, false_alarms_per_month: float = FALSE_ALARMS_PER_MONTH, grace: int = GRACE
    ) -> None:
        self._position = position
        self._asked = false_alarms_per_month, grace
        self._baseline = MetricBaseline(*self._asked)
        self._first: list[list[float]] = []

    @property
    def learned(self) -> bool:
        """See Judge."""
        return self._baseline.learned

    @property
    def progress(self) -> float:
        """See Judge."""
        return self._baseline.progress

    def judge(self, vector: FeatureVector, situation: Situation, *, standing: bool) -> Judgement:
        """See Judge: score, then learn."""
        if situation.name != "running" or not vector.judgeable:
            return Judgement(None, situation.name)
        baseline = self._baseline
        value = float(vector.values[self._position])
        if baseline.learned:
            score = baseline.score(value, vector.start)
            # what raises an alarm is under it already
            baseline.learn(value, vector.start, standing=standing or score.value > score.threshold)
            return Judgement(score, "running")
        baseline.learn(value, vector.start, standing=standing)
        self._first.append(vector.values.tolist())
        if not self.learned:
            return Judgement(None, "running")
        rows = np.array(self._first)
        self._first.clear()
        return Judgement(None, "running", ({"event": "learned", "windows": len(rows)},), rows, keep=True)

    def deviations(self, features: NDArray[np.float64], situation: Situation) -> None:
        """See Judge: one metric has no channels to compare."""

    def recommission(self) -> None:
        """See Judge."""
        self._baseline = MetricBaseline(*self._asked)
        self._first.clear()

    def revert(self) -> None:
        """See Judge: there is nothing to go back to, as what is normal was never settled."""

    def clock_stepped(self, offset: Nanos) -> None:
        """See Judge: the steps between its samples are judged by their median."""

    def to_json(self) -> dict[str, Any]:
        """See Judge."""
        return {"baseline": self._baseline.to_json(), "first": list(self._first)}

    def restore(self, document: Mapping[str, Any]) -> None:
        """See Judge."""
        baseline = MetricBaseline(*self._asked)
        baseline.restore(document["baseline"])
        self._baseline = baseline
        self._first = [[float(value) for value in row] for row in document["first"]]
