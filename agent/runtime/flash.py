"""How much is written to the disk each day, held against a budget: flash wears out by it.

An SD card of 16 GB that takes 1,000 erase cycles and amplifies what is written threefold lasts 15 years at a
gigabyte a day, and a few months at a hundred.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from agent.monitoring.wording import iso
from agent.ports import Clock

FLASH_BYTES: Final = "flash_bytes "
"""What the journal's counter of a day is called, before the day."""

_TOLD_EVERY: Final = 60.0
"""s: keeping the count costs a page itself."""
_DATE: Final = 10


class FlashBudget:
    """Belongs to one thread; ``spent`` and ``exceeded`` may be read by any.

    Parameters
    ----------
    written
        Bytes that this process has written to block devices since it began; None where nobody says so.
    clock
        Days are those of UTC, as it tells them.
    budget
        Bytes a day.

    Attributes
    ----------
    spent
        Bytes of the present day, those of earlier runs included.
    """

    def __init__(self, written: Callable[[], int | None], clock: Clock, budget: int) -> None:
        self._written = written
        self._clock = clock
        self._budget = budget
        self._seen = 0
        self._known: dict[str, int] = {}
        self._untold: dict[str, int] = {}
        self._told_at = clock.monotonic()
        self.spent = 0

    @property
    def exceeded(self) -> bool:
        """Whether the day's budget is used up."""
        return self.spent >= self._budget

    def remember(self, counters: Mapping[str, int]) -> None:
        """What earlier runs have counted, by the names that ``tell`` gave."""
        for name, value in counters.items():
            if name.startswith(FLASH_BYTES):
                day = name.removeprefix(FLASH_BYTES)
                self._known[day] = self._known.get(day, 0) + value

    def measure(self) -> None:
        """Look at what was written since the last time, and at the day."""
        day = iso(self._clock.now())[:_DATE]
        written = self._written()
        if written is not None and written > self._seen:
            fresh, self._seen = written - self._seen, written
            self._known[day] = self._known.get(day, 0) + fresh
            self._untold[day] = self._untold.get(day, 0) + fresh
        self.spent = self._known.get(day, 0)

    def tell(self, *, at_once: bool = False) -> dict[str, int]:
        """What the journal's counters are to be raised by; nothing, unless a minute is over or ``at_once``."""
        now = self._clock.monotonic()
        if not self._untold or (now - self._told_at < _TOLD_EVERY and not at_once):
            return {}
        self._told_at = now
        told, self._untold = self._untold, {}
        return {f"{FLASH_BYTES}{day}": count for day, count in told.items()}
