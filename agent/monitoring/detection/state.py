"""From verdicts on windows to a condition state: persistence and hysteresis.

::

    normal ---- needed of the last ``of`` windows over ----> warning or alarm
      ^         or one that is far over                          |
      '------ ``clear_after`` windows below hysteresis x limit --'
"""

from __future__ import annotations

from collections import deque
from enum import IntEnum
from typing import ClassVar

from agent.monitoring.spec import PersistenceSpec

_FAR = 1.4
"""Times its threshold, from which on a score needs no other window to be believed: what persistence
guards against, an odd record, does not reach so far through the score's own smoothing."""


class Condition(IntEnum):
    """How bad; ordered."""

    NORMAL = 0
    WARNING = 1
    ALARM = 2


class StateTracker:
    """The condition state of one measuring point."""

    MOVING: ClassVar[tuple[str, ...]] = ("_quiet", "_recent", "condition")

    def __init__(self, spec: PersistenceSpec) -> None:
        self._spec = spec
        self._recent: deque[Condition] = deque(maxlen=spec.of)
        self._quiet = 0
        self.condition = Condition.NORMAL

    def restore(self, condition: Condition) -> None:
        """Go on from a state that stood before a restart."""
        self.condition = condition
        self._quiet = 0

    def anew(self) -> StateTracker:
        """One of the same kind that has seen nothing."""
        return StateTracker(self._spec)

    def update(self, over: Condition, still: Condition, ratio: float = 0.0) -> Condition:
        """Take one window: ``over`` is the worst limit exceeded, ``still`` the worst one that is
        not yet left behind once hysteresis is granted, ``ratio`` of its score to the threshold.
        Gives the new state."""
        spec = self._spec
        recent = self._recent
        recent.append(over)
        if self.condition is Condition.NORMAL and over is Condition.NORMAL:
            return self.condition
        reached = Condition.NORMAL
        for level in (Condition.ALARM, Condition.WARNING):
            if sum(seen >= level for seen in recent) >= spec.needed or (ratio >= _FAR and over >= level):
                reached = level
                break
        if reached > self.condition:
            self.condition = reached
            self._quiet = 0
        elif self.condition is not Condition.NORMAL:
            if still >= self.condition:
                self._quiet = 0
            else:
                self._quiet += 1
                if self._quiet >= spec.clear_after:
                    self.condition = max(still, reached) if still < self.condition else self.condition
                    self._quiet = 0
                    recent.clear()
        return self.condition
