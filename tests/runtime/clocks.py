"""A clock that tests set as they like."""

from __future__ import annotations

from agent.monitoring.types import SECOND, Nanos

NOON = 1_800_000_000 * SECOND


class HandClock:
    """Fulfils ``agent.ports.Clock``; runs by ``run`` and is set by ``wall``."""

    def __init__(self, wall: Nanos = NOON, *, synchronised: bool = True) -> None:
        self.wall = wall
        self.ticks = 100.0
        self.right = synchronised

    def run(self, seconds: float) -> None:
        """Time goes by."""
        self.wall += round(seconds * SECOND)
        self.ticks += seconds

    def now(self) -> Nanos:
        return self.wall

    def monotonic(self) -> float:
        return self.ticks

    def synchronised(self) -> bool:
        return self.right
