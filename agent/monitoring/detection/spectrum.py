"""Baseline of vibration waveforms: how many dB the octave bands rise, and what the model says.

Per octave band the level in dB, its causal median over five records, above the median of the
learned records; the largest band is the statistic. A bearing that begins to fail lifts the
bands around its resonances long before the overall RMS. Ten dB is the shipped threshold: on
the run-to-failure records that it was tried on, below 9.5 dB a healthy bearing alarms.

The model (an int8 autoencoder that knows how healthy machines' bands move together) gives a
reconstruction error of the finer levels, each relative to this machine's own median. The
error's rise in dB over its learned median is put on the same scale: ``limit`` dB of it, wide
enough for what was seen while learning, count like ten dB of a band.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from math import log10
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.monitoring.detection.model import Model
from agent.monitoring.detection.score import Score
from agent.monitoring.detection.tail import Tail

THRESHOLD = 10.0
_SMOOTHED = 5
_FEWEST = 20
_NAMED = 3
_ERROR_LIMIT = 12.0
_ERROR_SPREADS = 3.0


class SpectrumBaseline:
    """``bands``: positions of the octave bands (dB) in the feature vector; ``levels``: those of the
    model's levels (dB), used where there is a model."""

    def __init__(
        self, names: Sequence[str], bands: Sequence[int], levels: Sequence[int], model: Model | None
    ) -> None:
        self._names = tuple(names[position] for position in bands)
        self._bands = np.asarray(bands, dtype=np.intp)
        self._levels = np.asarray(levels, dtype=np.intp)
        self._model = model
        self._seen: list[NDArray[np.float64]] = []
        self._recent: deque[NDArray[np.float64]] = deque(maxlen=_SMOOTHED)
        self._learned = False
        self._centre = np.zeros(len(bands))
        self._level_centre = np.zeros(len(levels))
        self._error_centre = 0.0
        self._error_limit = _ERROR_LIMIT
        self._recent_errors: deque[float] = deque(maxlen=_SMOOTHED)
        self._tail = Tail((0.0,) * 10, 1.0)

    @property
    def learned(self) -> bool:
        """Whether it can score."""
        return self._learned

    def learn(self, features: NDArray[np.float64]) -> None:
        """Take in one normal record."""
        if np.isfinite(features).all():
            self._seen.append(features.copy())

    def complete(self) -> bool:
        """Fit to the records taken in."""
        if len(self._seen) < _FEWEST:
            return False
        seen, self._seen = np.array(self._seen), []
        self._centre = np.median(seen[:, self._bands], axis=0)
        if self._model is not None:
            self._level_centre = np.median(seen[:, self._levels], axis=0)
            errors = np.array([self._error_level(row) for row in seen])
            self._error_centre = float(np.median(errors))
            spread = float(np.quantile(_causal_median(errors), 0.99)) - self._error_centre
            self._error_limit = max(_ERROR_LIMIT, _ERROR_SPREADS * spread)
        # the statistic over the learned records, as it will be computed from now on
        statistic = [self.score(row).value for row in seen]
        self._tail = Tail.fit(statistic[_SMOOTHED:])
        self._recent.clear()
        self._recent_errors.clear()
        self._learned = True
        return True

    def _error_level(self, features: NDArray[np.float64]) -> float:
        assert self._model is not None  # noqa: S101 -- asked only where there is one
        error = self._model.score(features[self._levels] - self._level_centre)
        return 10.0 * log10(max(error, 1e-12))

    def score(self, features: NDArray[np.float64]) -> Score:
        """Judge one record, together with the four before it."""
        self._recent.append(features[self._bands])
        rise = np.median(np.array(self._recent), axis=0) - self._centre
        order = np.argsort(-rise, kind="stable")[:_NAMED]
        contributors = [(self._names[i], float(rise[i])) for i in order]
        value = float(rise[order[0]])
        if self._model is not None:
            self._recent_errors.append(self._error_level(features))
            excess = float(np.median(self._recent_errors)) - self._error_centre
            scaled = excess * THRESHOLD / self._error_limit
            contributors.append(("model", scaled))
            contributors.sort(key=lambda named: -named[1])
            value = max(value, scaled)
        return Score(value, THRESHOLD, self._tail.probability(value), tuple(contributors))

    def to_json(self) -> dict[str, Any]:
        """What was learned."""
        return {
            "kind": "spectrum",
            "bands": list(self._names),
            "centre": self._centre.tolist(),
            "levels": self._level_centre.tolist(),
            "error_centre": self._error_centre,
            "error_limit": self._error_limit,
            "tail": self._tail.to_json(),
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """Take back what ``to_json`` gave. Raises ValueError where the bands have changed."""
        if document.get("kind") != "spectrum" or tuple(document["bands"]) != self._names:
            reason = "what was learned belongs to other bands"
            raise ValueError(reason)
        if len(document["levels"]) != len(self._levels):
            reason = "what was learned belongs to another model"
            raise ValueError(reason)
        self._centre = np.array(document["centre"])
        self._level_centre = np.array(document["levels"])
        self._error_centre = document["error_centre"]
        self._error_limit = document["error_limit"]
        self._tail = Tail.from_json(document["tail"])
        self._learned = True


def _causal_median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([np.median(values[max(0, i - _SMOOTHED + 1) : i + 1]) for i in range(len(values))])
