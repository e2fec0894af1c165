"""What may go upstream: bytes a second, and bytes a day on a metered link.

::

    a second    tokens come at the rate, two seconds' worth are kept; what has none waits
    a day       (UTC) the last tenth is kept for alarms; at its end everything waits for midnight
"""

from __future__ import annotations

from typing import Final

from agent.monitoring.types import SECOND, Nanos

_KEPT_SECONDS: Final = 2.0
_FOR_ALARMS: Final = 0.1
_DAY: Final = 86_400 * SECOND


class Allowance:
    """``per_second`` and ``per_day`` in bytes, None: no limit. ``spent`` of the day ``now`` is in already."""

    def __init__(self, per_second: int | None, per_day: int | None, *, now: Nanos = 0, spent: int = 0) -> None:
        self._per_second = per_second
        self._per_day = per_day
        self._tokens = _KEPT_SECONDS * (per_second or 0)
        self._filled_at: float | None = None
        self._day = now // _DAY
        self.spent = spent
        """Bytes of the present day."""

    def allows(self, *, alarm: bool, now: Nanos, monotonic: float) -> bool:
        """Whether one more entry may go. A clock that is put back does not begin the day anew."""
        day = now // _DAY
        if day > self._day:
            self._day, self.spent = day, 0
        if self._per_day is not None and self.spent >= self._per_day * (1.0 if alarm else 1.0 - _FOR_ALARMS):
            return False
        if self._per_second is None:
            return True
        if self._filled_at is not None:
            self._tokens += (monotonic - self._filled_at) * self._per_second
            self._tokens = min(self._tokens, _KEPT_SECONDS * self._per_second)
        self._filled_at = monotonic
        # an entry may be larger than the tokens ever are: what it is too much is paid back by waiting
        return alarm or self._tokens > 0.0

    @property
    def exhausted(self) -> bool:
        """Whether only alarms may go for the rest of the day."""
        return self._per_day is not None and self.spent >= self._per_day * (1.0 - _FOR_ALARMS)

    def spend(self, size: int) -> None:
        """So many bytes went."""
        self.spent += size
        if self._per_second is not None:
            self._tokens -= size
