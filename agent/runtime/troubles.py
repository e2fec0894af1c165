"""What the writer has to say of the disk: four of the device's troubles, and when each is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeAlias

import structlog

from agent.ports import Journal
from agent.runtime.flash import FlashBudget

Report: TypeAlias = Callable[[str, bool, str], None]
"""Takes one of ``agent.monitoring.device.TROUBLES``, whether it stands, and a detail for people."""

_NO_MORE_LOST: Final = 3600.0
"""s without another loss, after which a backlog counts as over."""

_log = structlog.get_logger(__name__)


def _unheard(trouble: str, standing: bool, detail: str) -> None:  # noqa: FBT001 -- the fact itself
    """Nobody is told."""


class JournalTroubles:
    """Says each change once, to the log and to ``report``, which is to be set before there is one.

    That a trouble is over is said at first, too: it may have stood when the last run ended.
    """

    def __init__(self) -> None:
        self.report: Report = _unheard
        self._said: dict[str, bool] = {}
        self._lost = 0
        self._lost_at: float | None = None

    def refused(self, reason: str) -> None:
        """``journal``: the disk has taken nothing for a while."""
        self._say("journal", standing=True, detail=reason)

    def taken(self, journal: Journal) -> None:
        """The journal has taken a commit; a look at what it has to say itself: ``damage``, ``backlog``."""
        self._say("journal", standing=False)
        if journal.set_aside is None:
            self._say("damage", standing=False)
        else:
            # until the next start: whatever has damaged it once may do so again
            self._say("damage", standing=True, detail=f"{journal.set_aside}, {journal.salvaged} rows were saved")
        now = time.monotonic()
        if journal.lost > self._lost:
            self._lost, self._lost_at = journal.lost, now
        if self._lost_at is None or now - self._lost_at > _NO_MORE_LOST:
            self._say("backlog", standing=False)
        else:
            self._say("backlog", standing=True, detail=f"{journal.lost} undelivered records since the start")

    def written(self, flash: FlashBudget) -> None:
        """``flash``: what the day's bytes are against their budget."""
        self._say("flash", standing=flash.exceeded, detail=f"{flash.spent / 1_048_576:.0f} MB today")

    def _say(self, trouble: str, *, standing: bool, detail: str = "") -> None:
        before = self._said.get(trouble)
        if before is standing:
            return
        self._said[trouble] = standing
        if standing:
            _log.error("the disk is in trouble", trouble=trouble, detail=detail)
        elif before:
            _log.info("the disk is well again", trouble=trouble)
        self.report(trouble, standing, detail)
