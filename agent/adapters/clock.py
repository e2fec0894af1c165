"""The operating system's two clocks, and whether it says that they are right."""

from __future__ import annotations

import ctypes
import time
from typing import Final

from agent.monitoring.types import Nanos

_TIME_ERROR: Final = 5  # adjtimex(2): the clock is not synchronised
_TIMEX_BYTES: Final = 256
"""struct timex has 208 bytes on 64 bits and 128 on 32; with ``modes`` 0 at its beginning it only asks."""


class SystemClock:
    """Wall time for the log, monotonic time for durations."""

    def __init__(self) -> None:
        # looked up once: afterwards it is a call of half a microsecond
        self._adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None)
        self._timex = ctypes.create_string_buffer(_TIMEX_BYTES)

    def now(self) -> Nanos:
        """Wall time, ns since the epoch; may jump."""
        return time.time_ns()

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; never jumps back."""
        return time.monotonic()

    def synchronised(self) -> bool:
        """Whether the kernel says that a time daemon keeps wall time right (STA_UNSYNC is off).

        False where it cannot be asked; in many containers and virtual machines the host keeps the
        clock and the kernel says it does not.
        """
        if self._adjtimex is None:
            return False
        ctypes.memset(self._timex, 0, _TIMEX_BYTES)
        state: int = self._adjtimex(self._timex)
        return 0 <= state < _TIME_ERROR
