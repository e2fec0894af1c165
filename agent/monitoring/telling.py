"""What the records of a measuring point say: each window's summary, and an alarm with all that led to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from agent.monitoring.advisory.sentences import sentences
from agent.monitoring.alarm import Alarm, Change
from agent.monitoring.annunciator import record_of
from agent.monitoring.assessment.assessment import NOTHING, Explanation
from agent.monitoring.detection.judge import Judge, Judgement
from agent.monitoring.detection.limits import Exceeded
from agent.monitoring.detection.score import Score
from agent.monitoring.detection.state import Condition
from agent.monitoring.manipulation.extraction import FeatureVector
from agent.monitoring.outlook import Outlook
from agent.monitoring.types import Quality, Record
from agent.monitoring.wording import iso

_FLAGS = [flag for flag in Quality if flag]
_WORDS = {condition: condition.name.lower() for condition in Condition}
RAISING: Final = frozenset({"raised", "worsened", "explained", "unsuppressed"})
"""Transitions that are explained."""
_ADVISED: Final = RAISING | {"cleared"}


class Doubts:
    """Counts what is doubtful about the samples of the open window."""

    MOVING: ClassVar[tuple[str, ...]] = ("_counts", "some")

    def __init__(self) -> None:
        self._counts = dict.fromkeys(_FLAGS, 0)
        self.some = False

    def note(self, flags: Quality) -> None:
        """Of a sample or a block."""
        self.some = True
        for flag in _FLAGS:
            if flags & flag:
                self._counts[flag] += 1

    def drain(self) -> dict[str, int]:
        """What there was, by the flags' names; begins anew."""
        said = {(flag.name or "").lower(): count for flag, count in self._counts.items() if count}
        self._counts = dict.fromkeys(_FLAGS, 0)
        self.some = False
        return said


class Telling:
    """Of the point ``channel`` (None: of all channels) of ``asset``, whose records show the features
    ``recorded`` of ``names``."""

    def __init__(self, asset: str, channel: str | None, names: Sequence[str], recorded: Sequence[str]) -> None:
        self._asset = asset
        self._channel = channel
        self._recorded = tuple(recorded)
        # None where the record shows the whole vector
        self._take = None if self._recorded == tuple(names) else np.array(
            [list(names).index(name) for name in recorded], dtype=np.intp)

    def features(self, values: NDArray[np.float64]) -> dict[str, float]:
        """Those that records show, by name."""
        chosen = values if self._take is None else values[self._take]
        return dict(zip(self._recorded, chosen.tolist(), strict=True))

    def event(self, vector: FeatureVector, body: dict[str, Any]) -> Record:
        """That something was learned, refused or followed."""
        told = {"asset": self._asset, "channel": self._channel, "time": iso(vector.end), **body}
        return Record("event", self._asset, vector.end, told)

    def summary(  # noqa: PLR0913 -- a window's whole story
        self,
        vector: FeatureVector,
        values: NDArray[np.float64],
        judged: Judgement,
        *,
        condition: Condition,
        judge: Judge | None,
        outlook: Outlook | None,
        named_from: float,
        doubts: Doubts,
    ) -> Record:
        """What one window said. ``named_from``: the share of the threshold from which contributors are told."""
        end = vector.end
        score = judged.score
        body: dict[str, Any] = {
            "asset": self._asset,
            "channel": self._channel,
            "start": iso(vector.start),
            "end": iso(end),
            "score": score.value if score else None,
            "probability": score.probability if score else None,
            "threshold": score.threshold if score else None,
            "regime": judged.regime,
            "state": _WORDS[condition] if condition or judge is None or judge.learned else "learning",
            "alarm": condition is Condition.ALARM,
            "health": None if outlook is None else outlook.health,
            "features": self.features(values),
        }
        if outlook is not None and outlook.prognosis.significant:
            body["prognosis"] = outlook.prognosis.text()
        if judged.missing and judge is not None:
            body["learning"] = {"progress": round(judge.progress, 3), "missing": judged.missing}
        if doubts.some:
            body["quality"] = doubts.drain()
        if score is not None and score.value > score.threshold * named_from:
            body["contributors"] = [[name, amount] for name, amount in score.contributors]
        return Record("window", self._asset, end, body)

    def alarm(  # noqa: PLR0913 -- an alarm's whole story
        self,
        change: Change,
        alarm: Alarm,
        *,
        exceeded: Exceeded | None,
        score: Score | None,
        source: str,
        outlook: Outlook | None,
        explanation: Explanation = NOTHING,
        pending: bool = False,
    ) -> dict[str, Any]:
        """The body of an alarm's record: the transition, and what led to it. ``pending``: the explanation is
        not the whole one yet."""
        body = record_of(change, self._asset, alarm)
        body["channel"] = self._channel
        body["source"] = source
        if exceeded is not None:
            body["feature"] = exceeded.feature
            body["value"] = exceeded.value
            body["limit"] = exceeded.limit
        if score is not None:
            body["score"] = score.value
            body["probability"] = score.probability
            body["threshold"] = score.threshold
            body["contributors"] = [[name, amount] for name, amount in score.contributors]
        prognosis = None
        if outlook is not None:
            body["health"] = outlook.health
            prognosis = outlook.ask()
            body["prognosis"] = prognosis.document()
        if change.transition in _ADVISED and change.announced:
            if explanation is not NOTHING:
                body |= explanation.document()
            body["advice"] = list(sentences(
                self._asset, change.transition, change.severity.word, body["since"], channel=self._channel,
                changes=explanation.changes, candidates=explanation.candidates, zone=explanation.zone,
                prognosis=prognosis.text() if prognosis is not None and prognosis.significant else None,
                pending=pending))
        return body
