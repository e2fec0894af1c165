"""Fixed warning and alarm limits on features, beside what is learned.

Hysteresis moves a limit back by its share of the limit's size before it counts as left behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.monitoring.detection.state import Condition
from agent.monitoring.spec import LimitSpec


class Exceeded(NamedTuple):
    """A limit that a window is over."""

    feature: str
    value: float
    limit: float
    condition: Condition


class Limits:
    """The limits of one measuring point, resolved against the names of its feature vector."""

    def __init__(self, specs: Sequence[LimitSpec], names: Sequence[str], hysteresis: float) -> None:
        self._checks: list[tuple[str, int, float, float, float, Condition]] = []
        for spec in specs:
            position = names.index(spec.feature)
            sign = 1.0 if spec.direction == "above" else -1.0
            for level, condition in ((spec.alarm, Condition.ALARM), (spec.warning, Condition.WARNING)):
                if level is not None:
                    limit = sign * level
                    back = limit - (1.0 - hysteresis) * abs(level)
                    self._checks.append((spec.feature, position, sign, limit, back, condition))

    @classmethod
    def of(
        cls, specs: Sequence[LimitSpec], channel: str | None, names: Sequence[str], hysteresis: float
    ) -> Limits:
        """Those of an asset's limits that concern a point with these feature ``names``: of one ``channel``, whose
        features may be named with it (``vibration.rms``), or (None) of several."""
        own = [spec for spec in specs if spec.feature in names]
        if channel is not None:
            before = f"{channel}."
            own += [replace(spec, feature=spec.feature.removeprefix(before)) for spec in specs
                    if spec.feature not in names and spec.feature.startswith(before)]
        return cls(own, names, hysteresis)

    def __bool__(self) -> bool:
        return bool(self._checks)

    def check(self, features: NDArray[np.float64]) -> tuple[Exceeded | None, Condition]:
        """The worst limit that is exceeded, and the worst condition not yet left behind."""
        worst: Exceeded | None = None
        still = Condition.NORMAL
        for feature, position, sign, limit, back, condition in self._checks:
            value = sign * features[position]
            if value > back:
                still = max(still, condition)
                if value > limit and (worst is None or condition > worst.condition):
                    worst = Exceeded(feature, float(features[position]), sign * limit, condition)
        return worst, still
