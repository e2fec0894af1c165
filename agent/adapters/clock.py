"""The operating system's two clocks."""

from __future__ import annotations

import time

from agent.monitoring.types import Nanos


class SystemClock:
    """Wall time for the log, monotonic time for durations."""

    def now(self) -> Nanos:
        """Wall time, ns since the epoch; may jump."""
        return time.time_ns()

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; never jumps back."""
        return time.monotonic()
