"""A judge for detectors that learn as they go: no commissioning, each sample is scored, then learned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from agent.monitoring.detection.judge import Judgement
from agent.monitoring.detection.regime import Situation
from agent.monitoring.detection.score import Score
from agent.monitoring.manipulation.extraction import FeatureVector
from agent.monitoring.types import SECOND, Nanos

_KEPT_EVERY: Final = 3600 * SECOND
"""How much of what was learned a power cut may cost."""


class Streaming(Protocol):
    """A detector of one value at a time."""

    @property
    def learned(self) -> bool:
        """Whether its scores mean something yet."""

    @property
    def progress(self) -> float:
        """How much of its first learning is done, 0 to 1."""

    @property
    def missing(self) -> int:
        """Samples that it needs before it judges."""

    def score(self, value: float, time: Nanos) -> Score:
        """Judge a value; changes nothing that was learned."""

    def learn(self, value: float, time: Nanos, *, standing: bool) -> None:
        """Learn the value that was scored last; ``standing``: an alarm stands."""

    def to_json(self) -> dict[str, Any]:
        """What was learned, for the snapshot."""

    def restore(self, document: Mapping[str, Any]) -> None:
        """Take back what ``to_json`` gave. Raises ValueError where it does not fit."""


class StreamingJudge:
    """Judges the feature at ``position``."""

    typical = 0.3

    def __init__(self, detector: Streaming, position: int) -> None:
        self._detector = detector
        self._position = position
        self._fresh = detector.to_json()
        self._kept: Nanos | None = None

    @property
    def learned(self) -> bool:
        """See Judge."""
        return self._detector.learned

    @property
    def progress(self) -> float:
        """See Judge."""
        return self._detector.progress

    def judge(self, vector: FeatureVector, situation: Situation, *, standing: bool) -> Judgement:
        """See Judge."""
        if situation.name != "running":
            return Judgement(None, situation.name)
        detector, value = self._detector, float(vector.values[self._position])
        before = detector.learned
        score = detector.score(value, vector.end) if before else None
        detector.learn(value, vector.end, standing=standing)
        if self._kept is None:
            self._kept = vector.end
        keep = vector.end - self._kept >= _KEPT_EVERY
        if keep:
            self._kept = vector.end
        events = ({"event": "learned"},) if detector.learned and not before else ()
        return Judgement(score, "running", events, keep=keep or bool(events), missing=detector.missing)

    def recommission(self) -> None:
        """See Judge."""
        self._detector.restore(self._fresh)
        self._kept = None

    def revert(self) -> None:
        """See Judge: what streams has nothing to go back to."""

    def to_json(self) -> dict[str, Any]:
        """See Judge."""
        return {"detector": self._detector.to_json()}

    def restore(self, document: Mapping[str, Any]) -> None:
        """See Judge."""
        self._detector.restore(document["detector"])
