"""One measuring point: the chain from features to records, and what it remembers.

Read ``_judge`` top-down: it is ISO 13374's blocks in their order. What comes before it
(windows, features) is ``manipulation``; who calls it is ``monitor``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from agent.monitoring.alarm import Alarm, Change
from agent.monitoring.alarm_table import AlarmState
from agent.monitoring.annunciator import alarm_record, record_of
from agent.monitoring.assessment.assessment import NOTHING, Assessment, Explanation
from agent.monitoring.detection.judge import Judge, Judgement
from agent.monitoring.detection.limits import Exceeded, Limits
from agent.monitoring.detection.model import ModelInput
from agent.monitoring.detection.regime import Regime, RegimeName, Situation
from agent.monitoring.detection.score import Score
from agent.monitoring.detection.state import Condition, StateTracker
from agent.monitoring.manipulation.extraction import Extraction, FeatureVector, GridExtraction
from agent.monitoring.outlook import Outlook
from agent.monitoring.sensors import Sensors, WaveformSensor
from agent.monitoring.severity import severity_of
from agent.monitoring.spec import AssetSpec
from agent.monitoring.telling import RAISING, Doubts, Telling
from agent.monitoring.types import SECOND, Block, Nanos, Quality, Record

_SAID_TO_BE: Final = 1.6
"""Times its threshold: what an alarm limit counts as that a person has set (medium severity)."""
_EXPLAINED_BY: Final = 5
"""Windows whose medians explain an alarm of records: one alone is noisy."""


class MeasuringPoint:
    """What is judged as one: the process channels of an asset, or one vibration channel.

    ``recorded`` are the features that records show, ``judge`` None where only limits judge,
    ``model`` None where no model is asked.
    """

    MOVING: ClassVar[tuple[str, ...]] = (
        "_doubts", "_explain_at", "_extraction", "_judge_of", "_recent", "_regime_name", "_sensors", "_state", "end",
        "outlook")

    def __init__(  # noqa: PLR0913, PLR0917 -- the composition of the chain, made in one place
        self,
        asset: AssetSpec,
        channel: str | None,
        extraction: Extraction,
        recorded: Sequence[str],
        judge: Judge | None,
        model: ModelInput | None,
        regime: Regime,
        sensors: Sensors | WaveformSensor | None = None,
    ) -> None:
        self.asset = asset.id
        self.channel = channel
        self._extraction = extraction
        self._rows = extraction if isinstance(extraction, GridExtraction) else None
        self.takes_rows = self._rows is not None and self._rows.takes_rows
        """Whether a sample of every channel usually completes a window."""
        self._names = extraction.names + (("model_error",) if model else ())
        self._telling = Telling(asset.id, channel, self._names, recorded)
        self._judge_of = judge
        self._model = model
        self._regime = regime
        self._sensors = sensors
        self._regime_name: RegimeName = "starting"
        self._tells = regime.told_by(self._names)
        self._limits = Limits.of(asset.limits, channel, self._names, asset.persistence.hysteresis)
        self._every_window = asset.persistence.every_window
        self._hysteresis = asset.persistence.hysteresis
        self._state = StateTracker(asset.persistence)
        self.alarm = Alarm(channel or "condition", asset.alarms)
        self._assessment = Assessment.of(asset, extraction.names, channel)
        self._recent: deque[NDArray[np.float64]] = deque(maxlen=_EXPLAINED_BY if asset.profile == "waveform" else 1)
        self.outlook: Outlook | None = None
        self._overlap = round(asset.window.overlap)
        # ns that a window of telemetry takes to be filled by a fault; records of waveforms are full of it at once
        self._fills = round((asset.window.seconds or 0.0) * SECOND) if asset.profile == "process" else 0
        self._explain_at: Nanos = 0
        self._doubts = Doubts()
        self.resuming = True
        self.changed = self.moved = False
        self.end: Nanos = 0  # of the last window

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
            self.note(flags, channel)
        return self._judged(self._extraction.add(channel, block, flags), source)

    def observe_row(self, time: Nanos, values: list[float], source: str) -> list[Record] | None:
        """As ``observe`` one by one: a good sample of every channel, all of one time. None, and nothing is taken,
        where they do not complete a window of their own."""
        vectors = self._rows.add_row(time, values) if self._rows is not None else None
        return None if vectors is None else self._judged(vectors, source)

    def _judged(self, vectors: list[FeatureVector], source: str) -> list[Record]:
        if not vectors:
            return []
        records: list[Record] = []
        for vector in vectors:
            self._judge(vector, source, records)
        self.moved = True
        self.end = vectors[-1].end
        return records

    def _judge(self, vector: FeatureVector, source: str, records: list[Record]) -> None:
        features = self._with_model(vector)
        # sensors first, by the regime of the window before: a broken one must not tell this one's
        seen = vector if self._sensors is None else self._sensors.look(vector, self._regime_name)
        for name, low, mean, high in self._tells:
            told = float(seen.values[mean])
            if told == told:  # noqa: PLR0124 -- not NaN
                self._regime.update(name, float(features[low]), told, float(features[high]), vector.end)
        situation = self._regime.at(vector.start, vector.end)
        self._regime_name = situation.name
        judged = self._score(seen, situation, records)
        score = judged.score
        if self._sensors is not None:
            sensed = self._sensors.judged(self._deviations, vector, situation, source, standing=self.alarm.standing)
            if sensed:
                records += sensed
                self.changed = True
        self._recent.append(seen.values)
        if situation.name == "running" and seen.judgeable:
            exceeded, condition = self._condition(features, score, unseen=judged.regime == "unseen")
        else:
            exceeded, condition = None, self.alarm.condition
        if score is not None and self.outlook is not None:
            self.outlook.update(score.ratio, vector.end)
        for change in self._changes(condition, exceeded, score, situation, vector.end):
            body = self._telling.alarm(
                change, self.alarm, exceeded=exceeded, score=score, source=source, outlook=self.outlook,
                explanation=self._explained(change), pending=self._explain_at > 0)
            if change.announced:
                body["features"] = self._telling.features(features)
            records.append(alarm_record(change, self.asset, body))
            self.changed = self.changed or not self._every_window
        records.append(self._telling.summary(
            vector, features, judged, condition=self._state.condition, judge=self._judge_of,
            outlook=self.outlook, named_from=self._hysteresis, doubts=self._doubts))

    def _with_model(self, vector: FeatureVector) -> NDArray[np.float64]:
        """The features, and how badly the model reproduces the window where one is asked."""
        if self._model is None:
            return vector.values
        features = np.empty(len(vector.values) + 1)
        features[:-1] = vector.values
        features[-1] = self._model.error(vector)
        return features

    def _score(self, vector: FeatureVector, situation: Situation, records: list[Record]) -> Judgement:
        """Judge the window, and learn from it where that is due."""
        if self._judge_of is None:
            return Judgement(None, situation.name)
        judged = self._judge_of.judge(vector, situation, standing=self.alarm.standing)
        if judged.learned is not None:
            for row in judged.learned:
                self._assessment.learn(row)
            self._assessment.complete()
            if self._sensors is not None:
                self._sensors.learn(judged.learned)
            self.outlook = Outlook(self._judge_of.typical, self._overlap)
        for event in judged.events:
            operating = {"operating": self._regime.bands.describe(event["band"])} if "band" in event else {}
            records.append(self._telling.event(vector, event | operating))
        self.changed = self.changed or judged.keep
        return judged

    def _deviations(self, features: NDArray[np.float64], situation: Situation) -> NDArray[np.float64] | None:
        return None if self._judge_of is None else self._judge_of.deviations(features, situation)

    def _condition(
        self, features: Any, score: Score | None, *, unseen: bool
    ) -> tuple[Exceeded | None, Condition]:
        """The limit that is exceeded, and the state. An alarm that stands is not over because the machine
        has moved to where nothing is known of it."""
        exceeded, still = self._limits.check(features) if self._limits else (None, Condition.NORMAL)
        over = exceeded.condition if exceeded else Condition.NORMAL
        ratio = 0.0
        if unseen:
            still = max(still, self._state.condition)
        if score is not None and score.value > score.threshold * self._hysteresis:
            still = Condition.ALARM
            if score.value > score.threshold:
                over, ratio = Condition.ALARM, score.ratio
        return exceeded, self._state.update(over, still, ratio)

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
        found = []
        if (change := self.alarm.suppress(situation.name == "stopped", end)) is not None:
            found.append(change)
        if (change := self.alarm.update(condition, end, ratio)) is not None:
            found.append(change)
        return found + self._filled(end) if self._explain_at else found

    def _explained(self, change: Change) -> Explanation:
        """What a transition is explained with: of telemetry whose window the fault has not filled yet, only
        what the means say. The rest follows as soon as it has."""
        if change.transition not in RAISING or not change.announced or not self._assessment.learned:
            return NOTHING
        explanation = self.explain()
        if self._fills and change.transition == "raised":
            self._explain_at = change.time + self._fills
            means = tuple(told for told in explanation.changes if told.feature.endswith("mean"))
            return explanation._replace(changes=means, candidates=())
        return explanation

    def _filled(self, end: Nanos) -> list[Change]:
        """The explanation of an alarm whose window the fault has filled by now."""
        alarm = self.alarm
        if end < self._explain_at:
            return []
        self._explain_at = 0
        if not alarm.standing:
            return []
        return [Change("explained", alarm.state, alarm.state, end, "condition", alarm.severity)]

    def explain(self) -> Explanation:
        """Why the latest windows are not normal."""
        return self._assessment.explain(np.array(self._recent), self._extraction.frequencies)

    def hear_speed(self, speed: float) -> None:
        """The shaft turns at ``speed`` Hz."""
        self._extraction.hear_speed(speed)

    def note(self, flags: Quality, channel: int = 0) -> None:
        """Count what is doubtful about the samples of the open window, of the channel with this number."""
        self._doubts.note(flags)
        if self._sensors is not None:
            self._sensors.note(channel, flags)

    @property
    def alarms(self) -> list[Alarm]:
        """The alarms of the point."""
        return [self.alarm, *(self._sensors.alarms.values() if self._sensors is not None else ())]

    def recommission(self, now: Nanos) -> list[Record]:
        """Forget what is normal and learn it anew; a standing alarm has lost its ground and clears."""
        if self._judge_of is not None:
            self._judge_of.recommission()
        self._assessment.forget()
        if self._sensors is not None:
            self._sensors.forget()
        self.outlook = None
        self._state = self._state.anew()
        self.changed = True
        change = self.alarm.update(Condition.NORMAL, now)
        return [] if change is None else [alarm_record(change, self.asset, record_of(change, self.asset, self.alarm))]

    def clock_stepped(self, offset: Nanos) -> None:
        """The clock of the readings was set by ``offset``: the open windows are lost, as in a gap, and no more."""
        self._extraction.begin_anew()
        if self._explain_at:
            self._explain_at += offset
        if self.outlook is not None:
            self.outlook.clock_stepped(offset)
        if self._judge_of is not None:
            self._judge_of.clock_stepped(offset)

    def resume(self) -> None:
        """What moves was taken back after a restart."""
        self._extraction.resume()
        if self._sensors is not None:
            self._sensors.resume()

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
            "sensors": self._sensors.to_json() if self._sensors is not None else None,
            "outlook": self.outlook.to_json() if self.outlook is not None else None,
            "extraction": self._extraction.to_json(),
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """Take back what ``to_json`` gave. Raises ValueError where what was learned does not fit."""
        self.alarm.restore(document["alarm"])
        self._state.restore(self.alarm.condition)
        self._extraction.restore(document.get("extraction", {}))
        if self._judge_of is not None and document["judge"] is not None:
            self._judge_of.restore(document["judge"])
            if document["reference"] is not None:
                self._assessment.restore(document["reference"])
            if self._sensors is not None and document["sensors"] is not None:
                self._sensors.restore(document["sensors"])
            if self._judge_of.learned:
                self.outlook = Outlook(self._judge_of.typical, self._overlap)
                if document["outlook"] is not None:
                    self.outlook.restore(document["outlook"])
