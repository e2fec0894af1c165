"""How times and findings are put into records: ISO 8601 and plain sentences."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from agent.monitoring.types import SECOND, Nanos

_TWO: Final = tuple(f"{number:02d}" for number in range(60))
_cached: tuple[int, str] = (0, "1970-01-01")


def iso(time: Nanos) -> str:
    """UTC with microseconds, e.g. ``2020-03-09T10:14:33.000000Z``."""
    global _cached  # noqa: PLW0603 -- an immutable pair, replaced whole: neighbours share a day
    seconds, rest = divmod(time, SECOND)
    day, second = divmod(seconds, 86_400)
    known, text = _cached
    if known != day:
        text = datetime.fromtimestamp(day * 86_400, UTC).isoformat()[:10]
        _cached = (day, text)
    minute, second = divmod(second, 60)
    hour, minute = divmod(minute, 60)
    return f"{text}T{_TWO[hour]}:{_TWO[minute]}:{_TWO[second]}.{rest // 1000:06d}Z"
