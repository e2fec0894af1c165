"""What a metric is expected to be at each time of day, following it slowly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from agent.monitoring.types import SECOND, Nanos

_BINS: Final = 48
"""Of a day in UTC: half an hour each."""
_DAY: Final = 86_400 * SECOND
_FOLLOWED: Final = 0.1
"""Share of a day's deviation by which the mean of a time of day follows it."""
_SLOW: Final = 0.02
"""Weight of a value in the mean that stands in for times of day not seen yet."""


class TimeOfDay:
    """The mean of normal values in each half hour of the day."""

    def __init__(self) -> None:
        self._means: list[float | None] = [None] * _BINS
        self._overall: float | None = None
        self._open = -1
        self._sum = 0.0
        self._count = 0

    def at(self, time: Nanos) -> float | None:
        """What is normal at ``time``; None before anything was learned."""
        mean = self._means[time * _BINS // _DAY % _BINS]
        return self._overall if mean is None else mean

    def learn(self, value: float, time: Nanos) -> None:
        """Take in a normal value. The mean of a half hour changes only once this is over: not by the
        values that are compared with it."""
        bin_ = time * _BINS // _DAY % _BINS
        if bin_ != self._open:
            if self._count:
                mean, before = self._sum / self._count, self._means[self._open]
                self._means[self._open] = mean if before is None else before + _FOLLOWED * (mean - before)
            self._open, self._sum, self._count = bin_, 0.0, 0
        self._sum += value
        self._count += 1
        self._overall = value if self._overall is None else self._overall + _SLOW * (value - self._overall)

    def to_json(self) -> dict[str, Any]:
        """As a snapshot keeps it."""
        return {
            "means": list(self._means), "overall": self._overall,
            "open": self._open, "sum": self._sum, "count": self._count,
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """The inverse of ``to_json``. Raises ValueError where it does not fit."""
        means = [None if mean is None else float(mean) for mean in document["means"]]
        if len(means) != _BINS:
            reason = f"the day has {_BINS} parts, not {len(means)}"
            raise ValueError(reason)
        overall = document["overall"]
        self._means = means
        self._overall = None if overall is None else float(overall)
        self._open, self._count = int(document["open"]), int(document["count"])
        self._sum = float(document["sum"])
