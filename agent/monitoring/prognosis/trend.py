"""Where the health of an asset is going: its trend, and how long until the alarm limit, if that can be told.

A machine mostly has no trend, and then none is told: numbers that nobody can rely on are worse than none.
The stretches of the history (see ``history``) are asked from the shortest on, as what happens now counts;
the first with a drift that is clearly not zero is the trend. Remaining time is an interval that is to
contain the truth in eight of ten cases; ``tests/bench/coverage.py`` measures it.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, isfinite
from typing import Any, Final, NamedTuple

import numpy as np

from agent.monitoring.prognosis.drift import Drift, drift
from agent.monitoring.prognosis.history import History, Stretch
from agent.monitoring.prognosis.remaining import remaining
from agent.monitoring.prognosis.wording import duration, rate
from agent.monitoring.types import Nanos

DAY: Final = 86_400.0
LIMIT: Final = 50.0
"""Where the health index stands at the alarm limit."""
_CERTAIN: Final = 2.5
"""Standard deviations from zero that make a drift a trend: a healthy index is called falling in some 1 % of
the moments (``tests/bench/coverage.py``). At 2.8 it was 0.7 %, and an eighth fewer of the true falls."""
_QUANTILE: Final = 1.2816
"""Standard normal: 80 % are within it."""


class Prognosis(NamedTuple):
    """What can be told of the future of a health index, counted from its last window.

    ``trend``: (low, middle, high) points a day, below 0 when it falls, an 80 % interval; None before there
    is enough to say. ``significant``: whether it is a trend at all. ``remaining``: (10 %, 50 %, 90 %
    quantile) seconds until the alarm limit, the last may be infinite; only of a significant fall above the
    limit. ``past``: the limit has been reached. ``span``: seconds over which the trend was seen.
    """

    trend: tuple[float, float, float] | None = None
    significant: bool = False
    remaining: tuple[float, float, float] | None = None
    past: bool = False
    span: float = 0.0

    def text(self) -> str:
        """One line for a person, e.g. ``falling 3.1 points a day (2.4 to 3.9); alarm limit in 4 to 9 days``."""
        said = "no trend"
        if self.trend is not None and self.significant:
            said = rate(*self.trend)
        if self.past:
            return f"past the alarm limit; {said}"
        if self.remaining is not None:
            low, _, high = self.remaining
            return f"{said}; alarm limit in {duration(low, high)}"
        return said

    def document(self) -> dict[str, Any]:
        """As records and MQTT carry it: JSON has no infinity, hence null."""
        left = self.remaining
        return {
            "text": self.text(),
            "significant": self.significant,
            "past": self.past,
            "points_per_day": None if self.trend is None else list(self.trend),
            "remaining_seconds": None if left is None else [time if isfinite(time) else None for time in left],
            "seen_over_seconds": self.span,
        }


class Trend:
    """The trend of one health index. ``limit``: the value to be told the time to."""

    def __init__(self, limit: float = LIMIT) -> None:
        self._limit = limit
        self._history = History()

    def add(self, time: Nanos, health: float) -> None:
        """Take the index of a window that ended at ``time``."""
        self._history.add(time, health)

    def estimate(self) -> Prognosis:
        """What can be told now. It takes 1 ms, and 3 where there is a trend: ask when somebody wants to know."""
        last = self._history.last
        if last is None:
            return Prognosis()
        past = last <= self._limit
        longest: tuple[Drift, Stretch] | None = None
        for stretch in self._history.stretches():
            if not np.ptp(stretch.means):
                continue  # at rest, mostly at one end of the scale: nothing to learn a drift from
            found = drift(stretch.means, stretch.windows)
            longest = found, stretch
            if abs(found.certainty) > _CERTAIN:
                return self._told(found, stretch, last)
        if longest is None:
            return Prognosis(past=past)
        found, stretch = longest
        return Prognosis(trend=_per_day(found, stretch), past=past, span=stretch.span * stretch.pace)

    def _told(self, found: Drift, stretch: Stretch, last: float) -> Prognosis:
        past = last <= self._limit
        left = None
        if found.mean < 0.0 and not past:
            windows = remaining(last - self._limit, found, stretch.span)
            low, middle, high = (time * stretch.pace for time in windows)
            left = low, middle, high
        return Prognosis(
            trend=_per_day(found, stretch), significant=True, remaining=left, past=past,
            span=stretch.span * stretch.pace)

    def clock_stepped(self, offset: Nanos) -> None:
        """The clock of the windows was set by ``offset``."""
        self._history.clock_stepped(offset)

    def to_json(self) -> dict[str, Any]:
        """As a snapshot keeps it."""
        return self._history.to_json()

    def restore(self, document: Mapping[str, Any]) -> None:
        """The inverse of ``to_json``. Raises ValueError where the document does not fit."""
        self._history.restore(document)


def _per_day(found: Drift, stretch: Stretch) -> tuple[float, float, float]:
    windows = DAY / stretch.pace if stretch.pace > 0.0 else inf
    by = _QUANTILE * found.deviation
    return (found.mean - by) * windows, found.mean * windows, (found.mean + by) * windows
