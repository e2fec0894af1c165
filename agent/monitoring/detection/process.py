"""Baseline of process telemetry: how far the windowed means are from the learned ones.

Per channel z = (mean - learned mean) / spread, where the spread is that of the windowed means
under normal, but at least a share of the raw spread (short learning spans show too little of
the slow variation). |z| over its learned 99 % quantile makes channels comparable; their
Euclidean norm, over its own learned 99 % quantile, is the statistic: 1 is the edge of what
was seen while learning. Slow channels (temperatures) drift without a fault and are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.monitoring.detection.score import Score
from agent.monitoring.detection.tail import Tail

THRESHOLD = 1.82
_RAW_SHARE = 0.15
_REFERENCE = 0.99
_NAMED = 3
_FEWEST = 20


class ProcessBaseline:
    """Learns from the features at ``means`` and ``spreads``: the positions of each judged
    channel's mean and raw standard deviation in the feature vector."""

    def __init__(self, names: Sequence[str], means: Sequence[int], spreads: Sequence[int]) -> None:
        self._names = tuple(names)
        self._means = np.asarray(means, dtype=np.intp)
        self._spreads = np.asarray(spreads, dtype=np.intp)
        self._seen: list[NDArray[np.float64]] = []
        self._raw: list[NDArray[np.float64]] = []
        self._learned = False
        self._centre = np.zeros(len(means))
        self._unit = np.ones(len(means))
        self._norm = 1.0
        self._tail = Tail((0.0,) * 10, 1.0)

    @property
    def learned(self) -> bool:
        """Whether it can score."""
        return self._learned

    def learn(self, features: NDArray[np.float64]) -> None:
        """Take in one normal window; one with a missing channel teaches nothing."""
        means = features[self._means]
        if not np.isnan(means).any():
            self._seen.append(means)
            self._raw.append(features[self._spreads])

    def complete(self) -> bool:
        """Fit to the windows taken in."""
        if len(self._seen) < _FEWEST:
            return False
        means, raw = np.array(self._seen), np.array(self._raw)
        self._centre = means.mean(axis=0)
        # the raw spread over the whole span: within the windows and between them
        spread_raw = np.sqrt((raw * raw).mean(axis=0) + means.var(axis=0))
        spread = np.maximum(means.std(axis=0), _RAW_SHARE * spread_raw)
        smallest = 1e-6 * np.maximum(np.abs(self._centre), 1e-6)
        spread = np.maximum(spread, smallest)
        deviation = np.abs(means - self._centre) / spread
        self._unit = spread * np.maximum(np.quantile(deviation, _REFERENCE, axis=0), 1e-6)
        norms = np.sqrt((((means - self._centre) / self._unit) ** 2).sum(axis=1))
        self._norm = max(float(np.quantile(norms, _REFERENCE)), 1e-9)
        self._tail = Tail.fit(norms / self._norm)
        self._seen, self._raw = [], []
        self._learned = True
        return True

    def score(self, features: NDArray[np.float64]) -> Score:
        """Judge one window; a missing channel (NaN) does not speak."""
        deviation = np.nan_to_num((features[self._means] - self._centre) / self._unit, nan=0.0)
        value = float(np.sqrt(deviation.dot(deviation))) / self._norm
        order = np.argsort(-np.abs(deviation), kind="stable")[:_NAMED]
        contributors = tuple((self._names[i], float(deviation[i])) for i in order)
        return Score(value, THRESHOLD, self._tail.probability(value), contributors)

    def to_json(self) -> dict[str, Any]:
        """What was learned."""
        return {
            "kind": "process",
            "channels": list(self._names),
            "centre": self._centre.tolist(),
            "unit": self._unit.tolist(),
            "norm": self._norm,
            "tail": self._tail.to_json(),
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """Take back what ``to_json`` gave. Raises ValueError where the channels have changed."""
        if document.get("kind") != "process" or tuple(document["channels"]) != self._names:
            reason = "what was learned belongs to other channels"
            raise ValueError(reason)
        self._centre = np.array(document["centre"])
        self._unit = np.array(document["unit"])
        self._norm = document["norm"]
        self._tail = Tail.from_json(document["tail"])
        self._learned = True
