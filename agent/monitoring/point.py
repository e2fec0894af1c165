"""One measuring point: the chain from features to records, and what it remembers.

Read ``_judge`` top-down: it is ISO 13374's blocks in their order. What comes before it
(windows, features) is ``manipulation``; who calls it is ``monitor``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from agent.monitoring.advisory.sentences import sentences
from agent.monitoring.alarm import Alarm, Change
from agent.monitoring.alarm_table import AlarmState
from agent.monitoring.annunciator import alarm_record, record_of
from agent.monitoring.assessment.assessment import NOTHING, Assessment, Explanation
from agent.monitoring.detection.judge import Judge, Judgement
from agent.monitoring.detection.limits import Exceeded, Limits
from agent.monitoring.detection.model import ModelInput
from agent.monitoring.detection.regime import Regime, Situation
from agent.monitoring.detection.score import Score
from agent.monitoring.detection.state import Condition, StateTracker
from agent.monitoring.manipulation.extraction import Extraction, FeatureVector
from agent.monitoring.outlook import Outlook
from agent.monitoring.severity import severity_of
from agent.monitoring.spec import AssetSpec, LimitSpec
from agent.monitoring.types import Block, Nanos, Quality, Record
from agent.monitoring.wording import iso

_FLAGS = [flag for flag in Quality if flag]
_WORDS = {condition: condition.name.lower() for condition in Condition}
_SAID_TO_BE: Final = 1.6
"""Times its threshold: what an alarm limit counts as that a person has set (medium severity)."""
_EXPLAINED_BY: Final = 5
"""Windows whose medians explain an alarm of records: one alone is noisy."""
_RAISING: Final = frozenset({"raised", "worsened", "unsuppressed"})
_TOLD: Final = _RAISING | {"cleared"}
"""Transitions that a technician gets advice on."""


class MeasuringPoint:
    """What is judged as one: the process channels of an asset, or one vibration channel.

    ``recorded`` are the features that records show, ``judge`` None where only limits judge,
    ``model`` None where no model is asked.
    """

    def __init__(  # noqa: PLR0913, PLR0917 -- the composition of the chain, made in one place
        self,
        asset: AssetSpec,
        channel: str | None,
        extraction: Extraction,
        recorded: Sequence[str],
        judge: Judge | None,
        model: ModelInput | None,
        regime: Regime,
    ) -> None:
        self.asset = asset.id
        self.channel = channel
        self._extraction = extraction
        self._names = extraction.names + (("model_error",) if model else ())
        self._recorded = tuple(recorded)
        # None where the record shows the whole vector
        self._take = None if self._recorded == self._names else np.array(
            [self._names.index(name) for name in recorded], dtype=np.intp)
        self._judge_of = judge
        self._model = model
        self._regime = regime
        self._tells = _telling(regime, self._names)
        limits = [spec for spec in asset.limits if _own(spec.feature, channel, self._names)]
        self._limits = Limits(
            [_bare(spec, channel, self._names) for spec in limits], self._names, asset.persistence.hysteresis
        )
        self._every_window = asset.persistence.every_window
        self._hysteresis = asset.persistence.hysteresis
        self._state = StateTracker(asset.persistence)
        self.alarm = Alarm(channel or "condition", asset.alarms)
        self._assessment = Assessment.of(asset, extraction.names, channel)
        self._recent: deque[NDArray[np.float64]] = deque(maxlen=_EXPLAINED_BY if asset.profile == "waveform" else 1)
        self.outlook: Outlook | None = None
        self._flags = dict.fromkeys(_FLAGS, 0)
        self._doubtful = False
        self.resuming = True
        self.changed = False

    @property
    def learned(self) -> bool:
        """Whether nothing is left to learn before it can judge."""
        return self._judge_of is None or self._judge_of.learned

    @property
    def progress(self) -> float:
        """How much of the commissioning is done, 0 to 1."""
        return 1.0 if self._judge_of is None else self._judge_of.progress

    def observe(self, channel: int, block: Block, flags: Quality, source: str) -> list[Record]:
        """Take a block that came through the quality gate; the records that it leads to."""
        if flags:
            self.note(flags)
        vectors = self._extraction.add(channel, block, flags)
        if not vectors:
            return []
        records: list[Record] = []
        for vector in vectors:
            self._judge(vector, source, records)
        return records

    def _judge(self, vector: FeatureVector, source: str, records: list[Record]) -> None:
        features = vector.values
        if self._model is not None:
            features = np.empty(len(vector.values) + 1)
            features[:-1] = vector.values
            features[-1] = self._model.error(vector)
        for name, low, mean, high in self._tells:
            self._regime.update(name, float(features[low]), float(features[mean]), float(features[high]), vector.end)
        situation = self._regime.at(vector.start, vector.end)
        judged = self._score(vector, situation, records)
        score = judged.score
        self._recent.append(vector.values)
        if situation.name == "running" and vector.judgeable:
            exceeded, condition = self._condition(features, score)
        else:
            exceeded, condition = None, self.alarm.condition
        health = self._follow_health(score, vector.end)
        changes = self._changes(condition, exceeded, score, situation, vector.end)
        for change in changes:
            body = self._told(change, exceeded, score, source)
            if change.announced:
                body["features"] = self._shown(features)
            records.append(alarm_record(change, self.asset, body))
            self.changed = self.changed or not self._every_window
        records.append(self._summary(vector, features, judged, health))

    def _score(self, vector: FeatureVector, situation: Situation, records: list[Record]) -> Judgement:
        """Judge the window, and learn from it where that is due."""
        if self._judge_of is None:
            return Judgement(None, situation.name)
        judged = self._judge_of.judge(vector, situation, standing=self.alarm.standing)
        if judged.learned is not None:
            for row in judged.learned:
                self._assessment.learn(row)
            self._assessment.complete()
            self.outlook = Outlook(self._judge_of.typical)
        for event in judged.events:
            body = {"asset": self.asset, "channel": self.channel, "time": iso(vector.end), **event}
            if "band" in event:
                body["operating"] = self._regime.bands.describe(event["band"])
            records.append(Record("event", self.asset, vector.end, body))
        self.changed = self.changed or judged.keep
        return judged

    def _condition(self, features: Any, score: Score | None) -> tuple[Exceeded | None, Condition]:
        exceeded, still = self._limits.check(features) if self._limits else (None, Condition.NORMAL)
        over = exceeded.condition if exceeded else Condition.NORMAL
        ratio = 0.0
        if score is not None and score.value > score.threshold * self._hysteresis:
            still = Condition.ALARM
            if score.value > score.threshold:
                over, ratio = Condition.ALARM, score.ratio
        return exceeded, self._state.update(over, still, ratio)

    def _follow_health(self, score: Score | None, end: Nanos) -> float | None:
        if self.outlook is None:
            return None
        return self.outlook.health if score is None else self.outlook.update(score.ratio, end)

    def _changes(
        self, condition: Condition, exceeded: Exceeded | None, score: Score | None, situation: Situation, end: Nanos
    ) -> list[Change]:
        """The transitions of the alarm that the window leads to."""
        ratio = score.ratio if score is not None else 1.0
        if exceeded is not None and exceeded.condition is Condition.ALARM:
            ratio = max(ratio, _SAID_TO_BE)
        if self._every_window:
            if exceeded is None and not (score is not None and score.value > score.threshold):
                return []
            self.alarm.since = end
            self.alarm.condition = exceeded.condition if exceeded is not None else Condition.ALARM
            return [Change("raised", AlarmState.NORMAL, AlarmState.UNACKNOWLEDGED, end, "condition",
                           severity_of(ratio, 0.0))]
        found = [self.alarm.suppress(situation.name == "stopped", end), self.alarm.update(condition, end, ratio)]
        return [change for change in found if change is not None]

    def _summary(self, vector: FeatureVector, features: Any, judged: Judgement, health: float | None) -> Record:
        end = vector.end
        condition = self._state.condition
        score = judged.score
        body: dict[str, Any] = {
            "asset": self.asset,
            "channel": self.channel,
            "start": iso(vector.start),
            "end": iso(end),
            "score": score.value if score else None,
            "probability": score.probability if score else None,
            "threshold": score.threshold if score else None,
            "regime": judged.regime,
            "state": "learning" if not (condition or self.learned) else _WORDS[condition],
            "alarm": condition is Condition.ALARM,
            "health": health,
            "features": self._shown(features),
        }
        if self.outlook is not None and self.outlook.prognosis.significant:
            body["prognosis"] = self.outlook.prognosis.text()
        if judged.missing:
            body["learning"] = {"progress": round(self.progress, 3), "missing": judged.missing}
        if self._doubtful:
            body["quality"] = self._quality()
        if score is not None and score.value > score.threshold * self._hysteresis:
            body["contributors"] = [[name, amount] for name, amount in score.contributors]
        return Record("summary", self.asset, end, body)

    def _shown(self, features: Any) -> dict[str, float]:
        chosen = features if self._take is None else features[self._take]
        return dict(zip(self._recorded, chosen.tolist(), strict=True))

    def _told(self, change: Change, exceeded: Exceeded | None, score: Score | None, source: str) -> dict[str, Any]:
        """The body of an alarm's record: the transition, and what led to it."""
        body = record_of(change, self.asset, self.alarm)
        body["channel"] = self.channel
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
        if self.outlook is not None:
            body["health"] = self.outlook.health
            prognosis = self.outlook.ask()
            body["prognosis"] = prognosis.document()
        if change.transition in _TOLD and change.announced:
            told = self.explain() if change.transition in _RAISING and self._assessment.learned else NOTHING
            if told is not NOTHING:
                body |= told.document()
            body["advice"] = list(sentences(
                self.asset, change.transition, change.severity.word, body["since"], channel=self.channel,
                changes=told.changes, candidates=told.candidates, zone=told.zone,
                prognosis=prognosis.text() if prognosis is not None and prognosis.significant else None))
        return body

    def explain(self) -> Explanation:
        """Why the latest windows are not normal."""
        return self._assessment.explain(np.array(self._recent), self._extraction.frequencies)

    def hear_speed(self, speed: float) -> None:
        """The shaft turns at ``speed`` Hz."""
        self._extraction.hear_speed(speed)

    def note(self, flags: Quality) -> None:
        """Count what is doubtful about the samples of the open window."""
        self._doubtful = True
        for flag in _FLAGS:
            if flags & flag:
                self._flags[flag] += 1

    def _quality(self) -> dict[str, int]:
        said = {(flag.name or "").lower(): count for flag, count in self._flags.items() if count}
        self._flags = dict.fromkeys(_FLAGS, 0)
        self._doubtful = False
        return said

    @property
    def alarms(self) -> list[Alarm]:
        """The alarms of the point."""
        return [self.alarm]

    def recommission(self, now: Nanos) -> list[Record]:
        """Forget what is normal and learn it anew; a standing alarm has lost its ground and clears."""
        if self._judge_of is not None:
            self._judge_of.recommission()
        self._assessment.forget()
        self.outlook = None
        self._state = self._state.anew()
        self.changed = True
        change = self.alarm.update(Condition.NORMAL, now)
        return [] if change is None else [alarm_record(change, self.asset, record_of(change, self.asset, self.alarm))]

    def revert(self) -> None:
        """Undo what has been followed since the commissioning."""
        if self._judge_of is not None:
            self._judge_of.revert()
        self.changed = True

    def to_json(self) -> dict[str, Any]:
        """What must survive a restart."""
        return {
            "alarm": self.alarm.to_json(),
            "judge": self._judge_of.to_json() if self._judge_of is not None else None,
            "reference": self._assessment.to_json() if self._assessment.learned else None,
            "outlook": self.outlook.to_json() if self.outlook is not None else None,
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """Take back what ``to_json`` gave. Raises ValueError where what was learned does not fit."""
        self.alarm.restore(document["alarm"])
        self._state.restore(self.alarm.condition)
        if self._judge_of is not None and document["judge"] is not None:
            self._judge_of.restore(document["judge"])
            if document["reference"] is not None:
                self._assessment.restore(document["reference"])
            if self._judge_of.learned:
                self.outlook = Outlook(self._judge_of.typical)
                if document["outlook"] is not None:
                    self.outlook.restore(document["outlook"])


def _telling(regime: Regime, names: Sequence[str]) -> list[tuple[str, int, int, int]]:
    """The channels of the point that tell the regime: name, positions of lowest, mean and highest."""
    return [
        (channel, names.index(f"{channel}.min"), names.index(f"{channel}.mean"), names.index(f"{channel}.max"))
        for channel in regime.channels
        if f"{channel}.mean" in names
    ]


def _own(feature: str, channel: str | None, names: Sequence[str]) -> bool:
    """Whether a limit on this feature concerns the point."""
    return feature in names or (channel is not None and feature.startswith(f"{channel}."))


def _bare(spec: LimitSpec, channel: str | None, names: Sequence[str]) -> LimitSpec:
    """The limit with the feature named as the point names it (``vibration.rms`` -> ``rms``)."""
    if spec.feature in names or channel is None:
        return spec
    return replace(spec, feature=spec.feature.removeprefix(f"{channel}."))
