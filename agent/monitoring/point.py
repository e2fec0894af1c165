"""One measuring point: the chain from features to records, and what it remembers.

Read ``judge`` top-down: it is ISO 13374's blocks in their order. What comes before it
(windows, features) is ``manipulation``; who calls it is ``monitor``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from agent.monitoring.alarm import Alarm, Transition
from agent.monitoring.detection.limits import Exceeded, Limits
from agent.monitoring.detection.model import ModelInput
from agent.monitoring.detection.regime import Regime
from agent.monitoring.detection.score import Baseline, Score
from agent.monitoring.detection.state import Condition, StateTracker
from agent.monitoring.manipulation.extraction import Extraction, FeatureVector
from agent.monitoring.spec import AssetSpec, LimitSpec
from agent.monitoring.types import Block, Nanos, Quality, Record
from agent.monitoring.wording import iso

_FLAGS = [flag for flag in Quality if flag]
_WORDS = {condition: condition.name.lower() for condition in Condition}


class MeasuringPoint:
    """What is judged as one: the process channels of an asset, or one vibration channel.

    ``names`` are those of the features that records show, ``baseline`` None where only limits
    judge, ``model`` None where no model is asked.
    """

    def __init__(  # noqa: PLR0913, PLR0917 -- the composition of the chain, made in one place
        self,
        asset: AssetSpec,
        channel: str | None,
        extraction: Extraction,
        recorded: Sequence[str],
        baseline: Baseline | None,
        model: ModelInput | None,
        regime: Regime,
    ) -> None:
        self.asset = asset.id
        self.channel = channel
        self._extraction = extraction
        self._names = extraction.names + (("model_error",) if model else ())
        self._positions = [self._names.index(name) for name in recorded]
        self._recorded = tuple(recorded)
        # None where the record shows the whole vector
        self._take = None if self._recorded == self._names else np.array(self._positions, dtype=np.intp)
        self._baseline = baseline
        self._model = model
        self._regime = regime
        # the lowest of the window: one that reaches into a standstill is not of a running machine
        tells = f"{regime.channel}.min"
        self._regime_position = self._names.index(tells) if tells in self._names else None
        limits = [spec for spec in asset.limits if _own(spec.feature, channel, self._names)]
        self._limits = Limits(
            [_bare(spec, channel, self._names) for spec in limits], self._names, asset.persistence.hysteresis
        )
        self._every_window = asset.persistence.every_window
        self._hysteresis = asset.persistence.hysteresis
        self._state = StateTracker(asset.persistence)
        self.alarm = Alarm()
        self._learning = asset.learning.samples if baseline is not None else 0
        self._learned_from = 0
        self._flags = dict.fromkeys(_FLAGS, 0)
        self._doubtful = False
        self.resuming = True
        self.changed = False

    @property
    def learned(self) -> bool:
        """Whether nothing is left to learn."""
        return self._baseline is None or self._baseline.learned

    @property
    def progress(self) -> float:
        """How much of the commissioning is done, 0 to 1."""
        return 1.0 if self.learned else min(1.0, self._learned_from / self._learning)

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
        if self._regime_position is not None:
            self._regime.update(float(features[self._regime_position]), vector.end)
        regime = self._regime.at(vector.end)
        judgeable = regime == "running" and vector.judgeable
        if not self.learned and regime == "running":
            self._learn(vector, records)
        score = None
        if judgeable and self._baseline is not None and self._baseline.learned:
            score = self._baseline.score(vector.values)
        exceeded, condition = self._condition(features, score) if judgeable else (None, self.alarm.condition)
        transition = self._transition(condition, exceeded, score, vector.end)
        if transition is not None:
            records.append(self._alarm_record(transition, vector, exceeded, score, features, source))
            self.changed = not self._every_window
        records.append(self._summary(vector, features, regime, score))

    def _learn(self, vector: FeatureVector, records: list[Record]) -> None:
        baseline = self._baseline
        assert baseline is not None  # noqa: S101 -- ``learned`` is true without one
        if vector.judgeable:
            baseline.learn(vector.values)
        self._learned_from += 1
        if self._learned_from >= self._learning and baseline.complete():
            body = {"asset": self.asset, "channel": self.channel, "event": "learned",
                    "time": iso(vector.end), "windows": self._learned_from}
            records.append(Record("event", self.asset, vector.end, body))
            self.changed = True

    def _condition(self, features: Any, score: Score | None) -> tuple[Exceeded | None, Condition]:
        exceeded, still = self._limits.check(features) if self._limits else (None, Condition.NORMAL)
        over = exceeded.condition if exceeded else Condition.NORMAL
        if score is not None and score.value > score.threshold * self._hysteresis:
            still = Condition.ALARM
            if score.value > score.threshold:
                over = Condition.ALARM
        return exceeded, self._state.update(over, still)

    def _transition(
        self, condition: Condition, exceeded: Exceeded | None, score: Score | None, end: Nanos
    ) -> Transition | None:
        if self._every_window:
            over = exceeded is not None or (score is not None and score.value > score.threshold)
            return "raised" if over else None
        return self.alarm.update(condition, end)

    def _summary(self, vector: FeatureVector, features: Any, regime: str, score: Score | None) -> Record:
        end = vector.end
        condition = self._state.condition
        body: dict[str, Any] = {
            "asset": self.asset,
            "channel": self.channel,
            "start": iso(vector.start),
            "end": iso(end),
            "score": score.value if score else None,
            "probability": score.probability if score else None,
            "threshold": score.threshold if score else None,
            "regime": regime,
            "state": "learning" if not (condition or self.learned) else _WORDS[condition],
            "alarm": condition is Condition.ALARM,
            "features": self._shown(features),
        }
        if self._doubtful:
            body["quality"] = self._quality()
        if score is not None and score.value > score.threshold * self._hysteresis:
            body["contributors"] = [[name, amount] for name, amount in score.contributors]
        return Record("summary", self.asset, end, body)

    def _shown(self, features: Any) -> dict[str, float]:
        chosen = features if self._take is None else features[self._take]
        return dict(zip(self._recorded, chosen.tolist(), strict=True))

    def _alarm_record(  # noqa: PLR0913, PLR0917 -- everything that the record tells
        self,
        transition: Transition,
        vector: FeatureVector,
        exceeded: Exceeded | None,
        score: Score | None,
        features: Any,
        source: str,
    ) -> Record:
        severity = exceeded.condition if exceeded else self._state.condition
        body: dict[str, Any] = {
            "asset": self.asset,
            "channel": self.channel,
            "transition": transition,
            "severity": _WORDS[severity],
            "time": iso(vector.end),
            "since": iso(self.alarm.since or vector.end),
            "source": source,
        }
        if exceeded is not None:
            body["feature"] = exceeded.feature
            body["value"] = exceeded.value
            body["limit"] = exceeded.limit
        if score is not None:
            body["score"] = score.value
            body["probability"] = score.probability
            body["threshold"] = score.threshold
            body["contributors"] = [[name, amount] for name, amount in score.contributors]
        body["features"] = self._shown(features)
        return Record("alarm", self.asset, vector.end, body)

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

    def to_json(self) -> dict[str, Any]:
        """What must survive a restart."""
        learned = self._baseline.to_json() if self._baseline and self._baseline.learned else None
        return {"baseline": learned, "alarm": self.alarm.to_json()}

    def restore(self, document: Mapping[str, Any]) -> None:
        """Take back what ``to_json`` gave. Raises ValueError where the baseline does not fit."""
        self.alarm.restore(document["alarm"])
        self._state.restore(self.alarm.condition)
        if self._baseline is not None and document["baseline"] is not None:
            self._baseline.restore(document["baseline"])


def _own(feature: str, channel: str | None, names: Sequence[str]) -> bool:
    """Whether a limit on this feature concerns the point."""
    return feature in names or (channel is not None and feature.startswith(f"{channel}."))


def _bare(spec: LimitSpec, channel: str | None, names: Sequence[str]) -> LimitSpec:
    """The limit with the feature named as the point names it (``vibration.rms`` -> ``rms``)."""
    if spec.feature in names or channel is None:
        return spec
    return replace(spec, feature=spec.feature.removeprefix(f"{channel}."))
