"""How times and findings are put into records: ISO 8601 and plain sentences."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from agent.monitoring.types import SECOND, Nanos

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 -- UTC; its name is written by hand
_TWO: Final = tuple(f"{number:02d}" for number in range(60))


@lru_cache(maxsize=256)
def _minute(minutes: int) -> str:
    """Up to the minute: neighbours share it."""
    return (_EPOCH + timedelta(minutes=minutes)).isoformat(timespec="minutes")


def iso(time: Nanos) -> str:
    """UTC with microseconds, e.g. ``2020-03-09T10:14:33.000000Z``."""
    seconds, rest = divmod(time, SECOND)
    minutes, second = divmod(seconds, 60)
    return f"{_minute(minutes)}:{_TWO[second]}.{rest // 1000:06d}Z"
