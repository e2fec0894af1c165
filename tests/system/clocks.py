"""A clock for a daemon under test that has none of its own: 1970, until a file says that the time server came."""

from __future__ import annotations

import time
from pathlib import Path

from agent import app
from agent.adapters.clock import SystemClock
from agent.monitoring.types import SECOND, Nanos


class ClocklessBoard(SystemClock):
    """Wall time counts from 1970 on, until ``signal`` exists; then it is the true one."""

    def __init__(self, signal: Path) -> None:
        super().__init__()
        self._signal = signal
        self._begun = time.time_ns() - 30 * SECOND
        self._right = False

    def _is_right(self) -> bool:
        self._right = self._right or self._signal.exists()
        return self._right

    def now(self) -> Nanos:
        """See Clock."""
        true = super().now()
        return true if self._is_right() else true - self._begun

    def synchronised(self) -> bool:
        """See Clock."""
        return self._is_right()


def plant(signal: str) -> None:
    """Give the daemon of this process such a clock."""
    vars(app)["SystemClock"] = lambda: ClocklessBoard(Path(signal))
