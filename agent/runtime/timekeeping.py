"""What the wall clock does: steps, and whether it can be believed.

A device without a clock of its own starts in 1970, or where it was switched off, and jumps when the
time server has been reached. Wall time is therefore only ever compared with the monotonic clock,
which never jumps: where the two disagree by more than a second, the wall clock has been set.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from agent.monitoring.types import SECOND, Nanos, Record
from agent.monitoring.wording import iso
from agent.ports import Clock
from agent.shipped import FLOOR

_STEP: Final = SECOND
"""A clock that is only slewed gains or loses half a millisecond a second at most."""
_STALL: Final = 0.1
"""s between two readings, above which nothing can be said of what was read between them."""
_GRACE: Final = 600.0
"""s after the start that a clock may be wrong without an alarm: a network takes a while to come up."""
_TRUSTED_FOR: Final = 86_400.0
"""s that a clock is believed after it was last synchronised; a crystal is off by some seconds then."""


class Step(NamedTuple):
    """The wall clock was set: it read ``before`` just then, and reads ``after`` instead. ns since the epoch."""

    before: Nanos
    after: Nanos

    @property
    def offset(self) -> Nanos:
        """What to add to a time read before it."""
        return self.after - self.before

    @property
    def repairs(self) -> bool:
        """Whether it was certainly wrong before it, and may be right now."""
        return self.before < FLOOR <= self.after

    def restamped(self, time: Nanos) -> Nanos:
        """A time read lately, before or after the step: as the clock reads now."""
        moved = time + self.offset
        return moved if abs(self.after - moved) < abs(self.after - time) else time


class Timekeeper:
    """Looks at both clocks again and again; belongs to one thread. ``synchronised`` as of the last ``judge``."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.synchronised = clock.synchronised()
        self._begun = self._believed = clock.monotonic()
        self._was_synchronised = self.synchronised
        self._wall = clock.now()
        self._monotonic = clock.monotonic()

    def look(self) -> Step | None:
        """The step that the wall clock has made since the last look, if it made one."""
        monotonic, wall = self.clock.monotonic(), self.clock.now()
        expected = self._wall + round((monotonic - self._monotonic) * SECOND)
        if abs(wall - expected) > _STEP and self.clock.monotonic() - monotonic > _STALL:
            return None  # this thread was stopped between the readings; the next look will tell
        self._wall, self._monotonic = wall, monotonic
        return Step(expected, wall) if abs(wall - expected) > _STEP else None

    def told(self, step: Step, boot: int, before_seq: int) -> Record:
        """The event of a step: entries of this ``boot`` before ``before_seq`` were stamped by the clock as it
        was, which (plus ``offset_s``) is what it should have been, where it is right now."""
        self.synchronised = self.clock.synchronised()
        return Record("event", "", step.after, {
            "asset": "", "event": "clock", "time": iso(step.after), "boot": boot, "before_seq": before_seq,
            "offset_s": step.offset / SECOND, "from": iso(step.before), "to": iso(step.after),
            "synchronised": self.synchronised,
        })

    def judge(self) -> str:
        """Ask whether the clock is synchronised; why it cannot be believed, '' where it can.

        That a kernel never says so alone proves nothing: in most containers the host keeps the clock.
        """
        self.synchronised = self.clock.synchronised()
        monotonic = self.clock.monotonic()
        if self.synchronised:
            self._believed = monotonic
            self._was_synchronised = True
        if self.clock.now() < FLOOR:
            return "it reads a time before this program was made" if monotonic - self._begun >= _GRACE else ""
        if self._was_synchronised and monotonic - self._believed >= _TRUSTED_FOR:
            return "it was synchronised, and has not been for a day"
        return ""
