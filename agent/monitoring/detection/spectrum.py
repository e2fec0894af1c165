"""Baseline of vibration waveforms: how many dB the octave bands rise, and what the model says.

Per octave band the level in dB above the median of the learned records, causal median of five; the
largest band is the statistic. A bearing that begins to fail lifts the bands around its resonances
long before the overall RMS. Ten dB is the threshold that ships: on the run-to-failure records that
it was tried on, below 9.5 dB a healthy bearing alarms.

The model (an int8 autoencoder that knows how healthy machines' bands move together) gives a
reconstruction error of the finer levels, each relative to this machine's own median. The
error's rise in dB over its learned median is put on the same scale: ``limit`` dB of it, wide
enough for what was seen while learning, count like ten dB of a band.

Each load band (of the machine) has medians of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from math import log10
from typing import Any, ClassVar, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.monitoring.detection.following import Following
from agent.monitoring.detection.model import Model
from agent.monitoring.detection.regime import Situation
from agent.monitoring.detection.score import Score, Span
from agent.monitoring.detection.tail import Prior, Threshold

_SMOOTHED: Final = 5
# 10 dB at one false alarm a month with a record every 10 s; 100 records cannot move it much.
PRIOR: Final = Prior(level=5.0, scale=0.572, weight=200.0, floor=9.5)
_FULL_SCALE: Final = 10.0
_NAMED: Final = 3
_ERROR_LIMIT: Final = 12.0
_ERROR_SPREADS: Final = 3.0
_STEP, _MOST = 0.25, 2.0


class _Normal(NamedTuple):
    """What was learned at one load band: medians in dB, and the model's usual error in dB."""

    centre: NDArray[np.float64]
    levels: NDArray[np.float64]
    error: float
    limit: float


class SpectrumBaseline:
    """``bands``: positions of the octave bands (dB) in the feature vector; ``levels``: those of the
    model's levels (dB), used where there is a model."""

    MOVING: ClassVar[tuple[str, ...]] = ("_recent", "_recent_errors")

    floor = 1.5
    """dB: the level of a band varies so much without being a finding (a record is short)."""

    def __init__(
        self,
        names: Sequence[str],
        bands: Sequence[int],
        levels: Sequence[int],
        model: Model | None,
        false_alarms_per_month: float = 1.0,
    ) -> None:
        self.names = tuple(names[position] for position in bands)
        self._bands = np.asarray(bands, dtype=np.intp)
        self._levels = np.asarray(levels, dtype=np.intp)
        self._model = model
        self._normals: dict[int, _Normal] = {}
        self._recent: deque[NDArray[np.float64]] = deque(maxlen=_SMOOTHED)
        self._recent_errors: deque[float] = deque(maxlen=_SMOOTHED)
        self._threshold = Threshold(PRIOR, false_alarms_per_month, _SMOOTHED, typical=0.1)
        self._following = Following(len(bands), _STEP, _MOST)

    @property
    def typical(self) -> float:
        """See Baseline."""
        return self._threshold.typical

    def knows(self, band: int) -> bool:
        """See Baseline."""
        return band in self._normals

    def levels(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """See Baseline: the octave bands, in dB."""
        return features[:, self._bands]

    def spreads(self, features: NDArray[np.float64]) -> None:
        """See Baseline: a record has none."""

    def learn(self, span: Span, band: int, left_out: Collection[str]) -> None:  # noqa: ARG002
        """See Baseline. A dead sensor has no band left, so there is nothing to leave out."""
        seen = span.features
        centre = np.median(seen[:, self._bands], axis=0)
        levels, error, limit = np.zeros(len(self._levels)), 0.0, _ERROR_LIMIT
        if self._model is not None:
            levels = np.median(seen[:, self._levels], axis=0)
            errors = np.array([self._error_level(row, levels) for row in seen])
            error = float(np.median(errors))
            spread = float(np.quantile(_causal_median(errors), 0.99)) - error
            limit = max(_ERROR_LIMIT, _ERROR_SPREADS * spread)
        self._normals[band] = _Normal(centre, levels, error, limit)
        # the statistic over the learned records, as it will be computed from now on
        self._recent.clear()
        self._recent_errors.clear()
        situation = Situation("running", band)
        statistic = np.array([self.score(row, situation).value for row in seen])[_SMOOTHED:]
        self._recent.clear()
        self._recent_errors.clear()
        self._threshold.learn(statistic, span.seconds)

    def _error_level(self, features: NDArray[np.float64], normal: NDArray[np.float64]) -> float:
        assert self._model is not None  # noqa: S101 -- asked only where there is one
        error = self._model.score(features[self._levels] - normal)
        return 10.0 * log10(max(error, 1e-12))

    def score(self, features: NDArray[np.float64], situation: Situation) -> Score:
        """See Baseline: one record, together with the four before it."""
        normal = self._normals[situation.band]
        self._recent.append(features[self._bands] - normal.centre)
        rise = np.median(np.array(self._recent), axis=0)
        if self._following.offset is not None:
            rise -= self._following.offset
        order = np.argsort(-rise, kind="stable")[:_NAMED].tolist()
        contributors = [(self.names[i], float(rise[i])) for i in order]
        value = float(rise[order[0]])
        if self._model is not None:
            self._recent_errors.append(self._error_level(features, normal.levels))
            excess = float(np.median(self._recent_errors)) - normal.error
            scaled = excess * _FULL_SCALE / normal.limit
            contributors.append(("model", scaled))
            contributors.sort(key=lambda named: -named[1])
            value = max(value, scaled)
        return Score(value, self._threshold.value, self._threshold.probability(value), tuple(contributors))

    def deviations(self, features: NDArray[np.float64], situation: Situation) -> None:
        """See Baseline."""

    def follow(self, score: Score) -> None:
        """See Baseline."""
        self._following.collect(self._recent[-1], self._threshold.excess(score.value), 1.0 / _SMOOTHED)

    def adapt(self) -> dict[str, Any] | None:
        """See Baseline: medians move by a quarter of a dB a step, two in all."""
        step = self._following.step()
        if step is None:
            return None
        threshold = self._threshold.follow(step.windows, step.excesses, step.total)
        moved = {name: round(float(by), 3) for name, by in zip(self.names, step.moved, strict=True)}
        return {"threshold": threshold, "moved": moved}

    def forget(self) -> None:
        """See Baseline."""
        self._following.forget()

    def revert(self) -> None:
        """See Baseline."""
        self._following.revert()

    def to_json(self) -> dict[str, Any]:
        """See Baseline."""
        return {
            "kind": "spectrum",
            "octaves": list(self.names),
            "model": len(self._levels),
            "bands": {
                str(band): {
                    "centre": normal.centre.tolist(),
                    "levels": normal.levels.tolist(),
                    "error": normal.error,
                    "limit": normal.limit,
                }
                for band, normal in self._normals.items()
            },
            **self._threshold.to_json(),
            "following": self._following.to_json(),
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """See Baseline."""
        if document.get("kind") != "spectrum" or tuple(document["octaves"]) != self.names:
            reason = "what was learned belongs to other bands of the spectrum"
            raise ValueError(reason)
        if document["model"] != len(self._levels):
            reason = "what was learned belongs to another model"
            raise ValueError(reason)
        self._normals = {
            int(band): _Normal(
                np.array(kept["centre"], dtype=np.float64),
                np.array(kept["levels"], dtype=np.float64),
                float(kept["error"]),
                float(kept["limit"]),
            )
            for band, kept in document["bands"].items()
        }
        self._threshold.restore(document)
        self._following.restore(document["following"])


def _causal_median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([np.median(values[max(0, i - _SMOOTHED + 1) : i + 1]) for i in range(len(values))])
