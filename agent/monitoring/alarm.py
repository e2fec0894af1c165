"""An alarm of an asset through its life: the condition, the operator, the standstill and time act on it.

What leads where is ``alarm_table``, to be read first. Here are the facts that the table leaves open,
and how they are kept. Two clocks are never compared: an episode is counted in the time of the
readings, shelving in the time of the device.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from agent.errors import CommandError
from agent.monitoring.alarm_table import ASKING, AWAY, TABLE, TOLD, AlarmEvent, AlarmState, Transition
from agent.monitoring.detection.state import Condition
from agent.monitoring.severity import Severity, severity_of
from agent.monitoring.spec import AlarmSpec
from agent.monitoring.types import SECOND, Command, CommandName, Nanos

__all__ = ["Alarm", "AlarmKind", "AlarmState", "Cause", "Change", "Transition"]

AlarmKind: TypeAlias = Literal["machine", "limit", "sensor", "communication", "device"]
"""What it is about: a learned condition of the machine, a limit that a person set, a sensor, a
channel that is silent, the device itself (a flood of alarms)."""

Cause: TypeAlias = Literal["condition", "operator", "time", "design"]
"""A window's condition, a person, the end of shelving, the machine's standstill."""

_COMMANDS: Final[Mapping[CommandName, AlarmEvent]] = {
    "ack": AlarmEvent.ACKNOWLEDGE,
    "shelve": AlarmEvent.SHELVE,
    "unshelve": AlarmEvent.UNSHELVE,
    "out-of-service": AlarmEvent.REMOVE,
    "in-service": AlarmEvent.RETURN,
}
_LEAST: Final[Mapping[AlarmKind, Severity]] = {
    "machine": Severity.LOW,
    "limit": Severity.MEDIUM,  # a person has said that this level is an alarm
    "sensor": Severity.LOW,
    "communication": Severity.LOW,
    "device": Severity.MEDIUM,  # nobody can follow: other alarms are missed
}
_NORMAL, _HIGH = Condition.NORMAL, Severity.HIGH  # looked up for every window
_SHIFT: Final = 8 * 3_600.0  # s; shelving without an end given ends with the shift: the next one shall know
_REVIEW: Final = 60 * SECOND  # from one look at the severity of a standing alarm to the next
_SHIPPED: Final = AlarmSpec()


class Change(NamedTuple):
    """One transition of an alarm: what, from and to, when, why and by whom."""

    transition: Transition
    before: AlarmState
    after: AlarmState
    time: Nanos
    cause: Cause
    severity: Severity
    actor: str = ""
    reason: str = ""

    @property
    def announced(self) -> bool:
        """Whether people are told; if not, it is only recorded: what begins and ends out of their sight."""
        return self.before in TOLD or self.after in TOLD


class Alarm:
    """One alarm of an asset.

    ``condition`` is what the process says. ``standing``: an episode is on, whether people are told or
    not; ``since`` when the last one began, ``severity`` and ``worst`` the highest of it. ``stopped``:
    suppressed by design as soon as nothing else holds it. ``until``: when shelving ends, else 0.
    """

    __slots__ = ("_due", "_lowest", "_review", "_settled", "condition", "kind", "name", "severity", "since", "spec",
                 "standing", "state", "stopped", "until", "worst")

    def __init__(self, name: str = "condition", spec: AlarmSpec = _SHIPPED, kind: AlarmKind = "machine") -> None:
        self.name = name
        self.spec = spec
        self.kind = kind
        self.state = AlarmState.NORMAL
        self.condition = self.worst = Condition.NORMAL
        self.severity = Severity.LOW
        self.standing = self.stopped = False
        self.since: Nanos = 0
        self.until: Nanos = 0
        self._due: Nanos = 0  # no new episode before
        self._review: Nanos = 0
        self._lowest = math.inf  # ratio since the last look at the severity
        self._settled = True  # the same condition again changes nothing

    @property
    def annunciating(self) -> bool:
        """Whether it asks a person to acknowledge."""
        return self.state in ASKING

    @property
    def commands(self) -> tuple[CommandName, ...]:
        """The commands that can be done now."""
        return tuple(name for name in _COMMANDS if TABLE[self.state, self._event_of(name)][1])

    def update(self, condition: Condition, time: Nanos, ratio: float = 1.0) -> Change | None:
        """Follow the condition of a window that ended at ``time``, its score ``ratio`` times the threshold.

        Within the refractory time of the last episode none of low severity begins; a condition that
        outlasts it, or becomes severe, does begin one. Within an episode condition and severity only
        rise: each rise is told, no relief is.
        Severity rises with what the score has kept up for a minute: neither a spike nor the windows
        that fill up with a sudden fault are told step by step.
        """
        if condition is self.condition and self._settled:
            return None
        self.condition = condition
        event = self._follow(condition, time, ratio)
        self._settled = self._is_settled()
        return self._go(event, time, "condition") if event is not None else None

    def _is_settled(self) -> bool:
        """Not so: a standing alarm that may become more severe, one held back by the refractory time."""
        return self.severity is _HIGH if self.standing else self.condition is _NORMAL

    def _follow(self, condition: Condition, time: Nanos, ratio: float) -> AlarmEvent | None:
        if condition is _NORMAL:
            if not self.standing:
                return None
            self.standing = False
            return AlarmEvent.LATCH if self.spec.latching else AlarmEvent.CLEAR
        if self.standing:
            return self._follow_episode(condition, time, ratio)
        severity = max(severity_of(ratio, 0.0), self._least())
        if time < self._due and severity is Severity.LOW:
            return None
        self.standing = True
        self.since = time
        self._due = time + round(self.spec.refractory * SECOND)
        self.worst = condition
        self.severity = severity
        self._lowest, self._review = math.inf, time + _REVIEW
        return AlarmEvent.RAISE

    def _follow_episode(self, condition: Condition, time: Nanos, ratio: float) -> AlarmEvent | None:
        self._lowest = min(self._lowest, ratio)  # in this order a ratio that is no number does not count
        worse = condition > self.worst
        if worse:
            self.worst = condition
            self.severity = max(self.severity, self._least())
        if time >= self._review and self._lowest < math.inf:
            severity = severity_of(self._lowest, (time - self.since) / SECOND)
            self._lowest, self._review = math.inf, time + _REVIEW
            if severity > self.severity:
                self.severity = severity
                worse = True
        return AlarmEvent.WORSEN if worse else None

    def _least(self) -> Severity:
        return _LEAST[self.kind] if self.worst is Condition.ALARM else Severity.LOW

    def command(self, command: Command, time: Nanos) -> Change:
        """Do what an operator asks. Raises CommandError, naming what could be done instead."""
        refused = f"{command.name}: alarm {self.name} of {command.asset}"
        if command.name not in _COMMANDS:
            raise CommandError(f"{refused} knows no such command; possible: {', '.join(self.commands)}")
        seconds = self._shelving(command, refused) if command.name == "shelve" else 0.0
        change = self._go(self._event_of(command.name), time, "operator", command.actor, command.reason)
        if change is None:
            raise CommandError(f"{refused} is {self.state.value}; possible: {', '.join(self.commands)}")
        if seconds:
            self.until = time + round(seconds * SECOND)
        return change

    def _shelving(self, command: Command, refused: str) -> float:
        """How long to shelve: as asked, else to the end of a shift."""
        longest = self.spec.longest_shelving
        seconds = min(_SHIFT, longest) if command.seconds is None else command.seconds
        if not 0 < seconds <= longest:
            raise CommandError(f"{refused} cannot be shelved for {seconds:g} s; possible: up to {longest:g} s")
        return seconds

    def suppress(self, on: bool, time: Nanos) -> Change | None:  # noqa: FBT001 -- the fact itself: it stands still
        """Follow whether the machine stands still (or whatever else the design silences it for)."""
        if on is self.stopped:
            return None
        self.stopped = on
        return self._go(AlarmEvent.SUPPRESS if on else AlarmEvent.UNSUPPRESS, time, "design")

    def tick(self, time: Nanos) -> Change | None:
        """What time alone brings: shelving ends."""
        if not self.until:
            return None
        # a clock that was far ahead when it was shelved, and has been put right, must not shelve for ever
        self.until = min(self.until, time + round(self.spec.longest_shelving * SECOND))
        return self._go(AlarmEvent.UNSHELVE, time, "time") if time >= self.until else None

    def _event_of(self, name: CommandName) -> AlarmEvent:
        """One word for the operator: acknowledging a latched alarm is resetting it."""
        return AlarmEvent.RESET if name == "ack" and self.state is AlarmState.LATCHED else _COMMANDS[name]

    def _go(self, event: AlarmEvent, time: Nanos, cause: Cause, actor: str = "", reason: str = "") -> Change | None:
        before = self.state
        following, transition = TABLE[before, event]
        if transition is None:
            return None
        self.state = self._beneath() if following == "beneath" else following
        if self.state is not AlarmState.SHELVED:
            self.until = 0
        return Change(transition, before, self.state, time, cause, self.severity, actor, reason)

    def _beneath(self) -> AlarmState:
        if self.stopped:
            return AlarmState.SUPPRESSED
        return AlarmState.UNACKNOWLEDGED if self.standing else AlarmState.NORMAL

    def clock_stepped(self, offset: Nanos, *, readings: bool) -> None:
        """The device's clock was set by ``offset``; ``readings``: theirs is that clock, too."""
        if self.until:
            self.until += offset
        if readings and self.since:
            self.since += offset
            self._due += offset
            self._review += offset

    def to_json(self) -> dict[str, Any]:
        """As a snapshot keeps it."""
        return {
            "state": self.state.value, "condition": self.condition.name.lower(), "worst": self.worst.name.lower(),
            "severity": self.severity.word, "since": self.since, "standing": self.standing,
            "stopped": self.stopped, "until": self.until, "review": self._review,
            "lowest": self._lowest if self._lowest < math.inf else None,
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """The inverse of ``to_json``. Raises ValueError where the document is no alarm's.

        Snapshots of version 0.1 hold only ``condition`` and ``since``: an unacknowledged alarm, or none.
        """
        try:
            condition = Condition[document["condition"].upper()]
            standing = bool(document.get("standing", condition is not Condition.NORMAL))
            state = AlarmState(document.get("state", "unacknowledged" if standing else "normal"))
            worst = Condition[document.get("worst", document["condition"]).upper()]
            severity = Severity[document.get("severity", "low").upper()]
            stopped = bool(document.get("stopped", False))
            since, until = int(document["since"]), int(document.get("until", 0))
            review, lowest = int(document.get("review", 0)), document.get("lowest")
            lowest = math.inf if lowest is None else float(lowest)
        except (AttributeError, KeyError, TypeError) as unfit:
            raise ValueError(f"no snapshot of an alarm: {unfit!r}") from unfit
        active = state in {AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED}
        if (standing and condition is Condition.NORMAL) or (state not in AWAY and active is not standing):
            raise ValueError(f"an alarm cannot be {state.value} with standing {standing}, condition {condition.name}")
        self.condition, self.worst, self.severity = condition, worst, severity
        self.state, self.standing, self.stopped = state, standing, stopped
        self.since, self.until = since, until
        self._review, self._lowest = review, lowest
        self._due = since + round(self.spec.refractory * SECOND) if since else 0
        self._settled = self._is_settled()
