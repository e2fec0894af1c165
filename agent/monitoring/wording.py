"""How times and findings are put into records: ISO 8601 and plain sentences."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from agent.monitoring.types import SECOND, Nanos

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 -- UTC; its name is written by hand


@lru_cache(maxsize=256)
def _second(seconds: int) -> str:
    """Up to the second; windows begin where others have ended."""
    return (_EPOCH + timedelta(seconds=seconds)).isoformat(timespec="seconds")


def iso(time: Nanos) -> str:
    """UTC with microseconds, e.g. ``2020-03-09T10:14:33.000000Z``."""
    seconds, rest = divmod(time, SECOND)
    return f"{_second(seconds)}.{rest // 1000:06d}Z"
