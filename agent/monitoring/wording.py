"""How times and findings are put into records: ISO 8601 and plain sentences."""

from __future__ import annotations

from datetime import UTC, datetime

from agent.monitoring.types import SECOND, Nanos

_cached: tuple[int, str] = (0, "1970-01-01T00:00:00")


def iso(time: Nanos) -> str:
    """UTC with microseconds, e.g. ``2020-03-09T10:14:33.000000Z``."""
    global _cached  # noqa: PLW0603 -- an immutable pair, replaced whole: neighbours share a second
    seconds, rest = divmod(time, SECOND)
    second, text = _cached
    if second != seconds:
        text = datetime.fromtimestamp(seconds, UTC).isoformat()[:19]
        _cached = (seconds, text)
    return f"{text}.{rest // 1000:06d}Z"
