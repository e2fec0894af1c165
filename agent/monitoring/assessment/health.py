"""The health index of a measuring point, 0 to 100, and of an asset: how far it is from its alarm limit.

::

    100 ------.                 r = score / threshold
               '.               100 up to r0, what is typical of this machine
     50 ---------'.             50 at r = 1, the alarm limit
                   '.           0 from r = 2 - r0 on
      0 -------------'----      linear between, so that it can be explained
        0     r0  1  2-r0

The ratio jumps from window to window: a causal median of five takes out what one or two odd windows
say, an exponential mean of ten windows' time constant the rest. A step is half followed after some nine
windows. The alarm does not wait for this: it has its own persistence.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from math import exp, isfinite
from statistics import median
from typing import Any, Final, NamedTuple

from agent.monitoring.types import Nanos

WINDOWS: Final = 10.0
"""The time constant of the mean, in windows."""
_MEDIAN: Final = 5
_HIGHEST_TYPICAL: Final = 0.9
"""Nearer to the limit the index would fall from 100 to 50 within the noise."""
_FULL: Final = 100.0


class Health:
    """The health index of one measuring point. ``typical``: the learned typical ratio of score to threshold
    (its median while commissioning), taken as at most 0.9; ``windows``: the time constant."""

    def __init__(self, typical: float, windows: float = WINDOWS) -> None:
        self._typical = min(max(typical, 0.0), _HIGHEST_TYPICAL) if isfinite(typical) else 0.0
        self._weight = 1.0 - exp(-1.0 / windows)
        self._recent: deque[float] = deque(maxlen=_MEDIAN)
        self._smooth: float | None = None
        self._time: Nanos = 0

    @property
    def value(self) -> float | None:
        """The index of the last window, 0 to 100; None before the first."""
        return None if self._smooth is None else index(self._smooth, self._typical)

    def update(self, ratio: float, time: Nanos) -> float | None:
        """Take a window that ended at ``time``; the new index. A ratio that is not finite says nothing, and
        neither does a window that is not later than the last."""
        if isfinite(ratio) and time > self._time:
            self._time = time
            # beyond twice the range nothing more can be said, and it would hold the mean for long
            self._recent.append(min(max(ratio, 0.0), 2.0))
            middle = median(self._recent)
            self._smooth = middle if self._smooth is None else self._smooth + self._weight * (middle - self._smooth)
        return self.value

    def clock_stepped(self, offset: Nanos) -> None:
        """The clock of the windows was set by ``offset``."""
        self._time += offset

    def to_json(self) -> dict[str, Any]:
        """As a snapshot keeps it."""
        return {"typical": self._typical, "recent": list(self._recent), "smooth": self._smooth, "time": self._time}

    def restore(self, document: Mapping[str, Any]) -> None:
        """The inverse of ``to_json``. Raises ValueError where the document is none of these."""
        try:
            typical, recent = float(document["typical"]), [float(ratio) for ratio in document["recent"]]
            smooth, time = document["smooth"], int(document["time"])
            smooth = None if smooth is None else float(smooth)
        except (KeyError, TypeError) as mismatch:
            raise ValueError(f"no health index: {mismatch}") from mismatch
        self._typical, self._smooth, self._time = typical, smooth, time
        self._recent = deque(recent, maxlen=_MEDIAN)


def index(ratio: float, typical: float) -> float:
    """The health index of a ratio, 0 to 100; ``typical`` is below 1."""
    lost = 0.5 * _FULL * (ratio - typical) / (1.0 - typical)
    return min(max(_FULL - lost, 0.0), _FULL)


class AssetHealth(NamedTuple):
    """``value``: that of the worst measuring point; ``contributors``: (point, points lost), the worst first;
    those at 100 are not named."""

    value: float
    contributors: tuple[tuple[str, float], ...]


def asset_health(points: Mapping[str, float]) -> AssetHealth:
    """The health of an asset from those of its points: a chain is as strong as its weakest link.

    Raises ValueError without a point.
    """
    if not points:
        raise ValueError("an asset without a measuring point has no health")
    lost = sorted(((name, _FULL - value) for name, value in points.items()), key=lambda named: (-named[1], named[0]))
    return AssetHealth(_FULL - lost[0][1], tuple(named for named in lost if named[1] > 0.0))
