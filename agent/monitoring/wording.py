"""How times and findings are put into records: ISO 8601 and plain sentences."""

from __future__ import annotations

from datetime import UTC, datetime

from agent.monitoring.types import SECOND, Nanos

_MOST = 64
_seconds: dict[int, str] = {}


def iso(time: Nanos) -> str:
    """UTC with microseconds, e.g. ``2020-03-09T10:14:33.000000Z``."""
    second, rest = divmod(time, SECOND)
    text = _seconds.get(second)
    if text is None:
        # a window's start was the end of one shortly before: neighbours share their seconds
        if len(_seconds) >= _MOST:
            _seconds.clear()
        text = _seconds[second] = datetime.fromtimestamp(second, UTC).isoformat()[:19]
    return f"{text}.{rest // 1000:06d}Z"
