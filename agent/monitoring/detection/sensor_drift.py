"""A sensor that creeps away: one channel leaves what is expected of it while all others keep to it.

Judged by the deviations that the baseline has anyway (its operating point is accounted for there), in
its unit, averaged over some ten windows::

    one channel beyond CALLED, in a direction in which no fault of a machine would go alone,
    the strongest of the others below a fifth of it                        -> the sensor drifts
    ... and later another beyond a quarter of it                           -> it was the machine

**What cannot be told apart.** A vibration that rises alone is an imbalance as well as a drifting
sensor: channels that are known to get ``worse`` upwards are never called drifting upwards. A channel
that is off at once is an alarm of the machine, and stays one: nothing is called while such an alarm
stands. A leak moves the pressure first and the flow only later: it is called a drifting sensor for as
long as nothing else says otherwise, so a drift is an alarm, too, that somebody should look at. Nor are
operating variables judged (a machine that answers its set point less and less is worn) and slow ones
(nothing says what they should be). The safe side is the alarm of the machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from agent.monitoring.spec import Worse

CALLED: Final = 1.0
"""Of the baseline's unit, the 99 % quantile of one window's deviation.
The score of one channel alone takes more than twice as much to raise an alarm of the machine."""
_LEFT: Final = 0.5
_ALONE: Final = 5.0
_AMONG_OTHERS: Final = 4.0
_NOISE: Final = 0.4
"""So much the others may be off by their own slow variation."""
_SHARE: Final = 0.1
TIME: Final = 1200.0
"""s: what has not lasted so long is no drift, however many windows it filled."""
_SLOW_SHARE: Final = 1e-3
_MOST: Final = 1.0
"""What fouling and seasons do to several channels is followed up to here."""


class DriftWatch:
    """Of the scored channels; ``worse`` says of each in which direction a fault of the machine goes,
    ``seconds`` how long a window is."""

    def __init__(self, worse: Sequence[Worse], seconds: float = TIME) -> None:
        self.worse = tuple(worse)
        self._seconds = seconds
        self._share = min(_SHARE, seconds / TIME)
        self._fewest = round(1.0 / self._share)
        size = len(worse)
        self._up = np.array([direction != "above" for direction in worse])
        self._down = np.array([direction != "below" for direction in worse])
        self._mean = np.zeros(size)
        self._usual = np.zeros(size)
        self._windows = 0
        self.drifting = np.zeros(size, dtype=bool)

    def anew(self) -> DriftWatch:
        """One of the same kind that has seen nothing."""
        return DriftWatch(self.worse, self._seconds)

    def weigh(self, deviations: NDArray[np.float64], broken: NDArray[np.bool_], *, standing: bool) -> bool:
        """Take a window that shares no sample with the last one: ``deviations`` in the baseline's unit,
        shape (channels,), NaN where there is none. ``broken``: channels whose sensor is otherwise known
        to be faulty; ``standing``: an alarm of the machine stands. Gives whether ``drifting`` changed."""
        if standing and not self.drifting.any():
            # what a fault of the machine has moved is not to be remembered as a sensor's
            self._mean, self._windows = self._usual.copy(), 0
            return False
        told = np.where(np.isfinite(deviations) & ~broken, deviations, self._mean)
        self._mean += self._share * (told - self._mean)
        self._windows += 1
        off = self._mean - self._usual
        sizes = np.abs(off)
        if sizes.max(initial=0.0) < CALLED and not self.drifting.any():
            self._usual = np.minimum(np.maximum(self._usual + _SLOW_SHARE * off, -_MOST), _MOST)
            return False
        if self._windows < self._fewest:
            return False
        before = self.drifting.copy()
        others = np.where(self.drifting | broken, 0.0, sizes)
        first = int(others.argmax())
        strongest = float(others[first])
        if before.any():
            # two sensors that drift at one time are less likely than a machine that moves both
            self.drifting &= (sizes > _LEFT) & (_AMONG_OTHERS * strongest < np.maximum(sizes, 2.0 * CALLED))
        elif not standing and strongest > CALLED and (self._up if off[first] > 0.0 else self._down)[first]:
            others[first] = 0.0
            self.drifting[first] = others.max() < max(_NOISE, strongest / _ALONE)
        return bool((self.drifting != before).any())

    def to_json(self) -> dict[str, Any]:
        """As a snapshot keeps it."""
        return {
            "mean": self._mean.tolist(), "usual": self._usual.tolist(), "windows": self._windows,
            "drifting": self.drifting.tolist(),
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """The inverse of ``to_json``. Raises ValueError for other channels."""
        if len(document["mean"]) != len(self._mean):
            reason = "the drift of sensors was followed for other channels"
            raise ValueError(reason)
        self._mean = np.array(document["mean"], dtype=np.float64)
        self._usual = np.array(document["usual"], dtype=np.float64)
        self._windows = int(document["windows"])
        self.drifting = np.array(document["drifting"], dtype=bool)
