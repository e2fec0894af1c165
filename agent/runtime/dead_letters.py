"""Messages that no decoder understands: told with topic, reason and their first bytes, not lost
silently and not repeated without end."""

from __future__ import annotations

import base64
from typing import Any

from agent.monitoring.types import Nanos, Record
from agent.monitoring.wording import iso
from agent.ports import Delivery

_HEAD = 256


class DeadLetters:
    """Lets through so many a minute; says how many it kept back in between."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._allowance = float(per_minute)
        self._refilled: float | None = None
        self._unsaid = 0

    def tell(
        self, delivery: Delivery, reason: str, asset: str, now: Nanos, monotonic: float
    ) -> Record | None:
        """The record about a malformed message, or None when too many were told lately."""
        if self._refilled is not None:
            earned = (monotonic - self._refilled) * self._per_minute / 60.0
            self._allowance = min(float(self._per_minute), self._allowance + earned)
        self._refilled = monotonic
        if self._allowance < 1.0:
            self._unsaid += 1
            return None
        self._allowance -= 1.0
        body: dict[str, Any] = {
            "asset": asset,
            "quality": "dead-letter",
            "time": iso(now),
            "topic": delivery.topic,
            "reason": reason,
            "bytes": len(delivery.payload),
            "head": base64.b64encode(delivery.payload[:_HEAD]).decode("ascii"),
            "unsaid": self._unsaid,
        }
        self._unsaid = 0
        return Record("quality", asset, now, body)
