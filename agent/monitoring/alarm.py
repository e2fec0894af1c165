"""The life of an alarm: one alarm an episode, as a table.

::

    state      event       next       record
    -------------------------------------------
    normal     raise       standing   raised
    normal     clear       normal     -
    standing   raise       standing   -
    standing   worsen      standing   worsened
    standing   clear       normal     cleared

(The full ISA-18.2 cycle, with acknowledgement and shelving, extends this table.)
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, Literal, TypeAlias

from agent.monitoring.detection.state import Condition
from agent.monitoring.types import Nanos

Transition: TypeAlias = Literal["raised", "worsened", "cleared"]


class AlarmState(Enum):
    """Whether an alarm stands."""

    NORMAL = "normal"
    STANDING = "standing"


class AlarmEvent(Enum):
    """What a window's condition means to the alarm."""

    RAISE = "raise"
    WORSEN = "worsen"
    CLEAR = "clear"


TABLE: Final[Mapping[tuple[AlarmState, AlarmEvent], tuple[AlarmState, Transition | None]]] = {
    (AlarmState.NORMAL, AlarmEvent.RAISE): (AlarmState.STANDING, "raised"),
    (AlarmState.NORMAL, AlarmEvent.WORSEN): (AlarmState.STANDING, "raised"),
    (AlarmState.NORMAL, AlarmEvent.CLEAR): (AlarmState.NORMAL, None),
    (AlarmState.STANDING, AlarmEvent.RAISE): (AlarmState.STANDING, None),
    (AlarmState.STANDING, AlarmEvent.WORSEN): (AlarmState.STANDING, "worsened"),
    (AlarmState.STANDING, AlarmEvent.CLEAR): (AlarmState.NORMAL, "cleared"),
}


class Alarm:
    """The alarm of one measuring point."""

    def __init__(self) -> None:
        self.state = AlarmState.NORMAL
        self.condition = Condition.NORMAL
        self.since: Nanos = 0

    def update(self, condition: Condition, time: Nanos) -> Transition | None:
        """Follow the condition state of a window that ended at ``time``."""
        if condition is self.condition:
            return None
        if condition is Condition.NORMAL:
            event = AlarmEvent.CLEAR
        elif condition > self.condition and self.state is AlarmState.STANDING:
            event = AlarmEvent.WORSEN
        else:
            event = AlarmEvent.RAISE
        before = self.state
        self.state, transition = TABLE[self.state, event]
        self.condition = condition
        if before is AlarmState.NORMAL and transition == "raised":
            self.since = time
        return transition

    def to_json(self) -> dict[str, Any]:
        """As a snapshot keeps it."""
        return {"condition": self.condition.name.lower(), "since": self.since}

    def restore(self, document: Mapping[str, Any]) -> None:
        """The inverse of ``to_json``."""
        self.condition = Condition[document["condition"].upper()]
        self.state = AlarmState.NORMAL if self.condition is Condition.NORMAL else AlarmState.STANDING
        self.since = document["since"]
