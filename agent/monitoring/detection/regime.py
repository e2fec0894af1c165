"""What the machine is doing, so that it is judged only against its own kind of work.

``running`` or ``stopped`` by one channel; for a while after a change it is ``starting`` (or on
the way to rest), and nothing is judged or learned then. Without a rule it is always running.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from agent.monitoring.spec import RunningSpec
from agent.monitoring.types import SECOND, Nanos

RegimeName: TypeAlias = Literal["running", "starting", "stopped"]


class Regime:
    """The regime of one asset."""

    def __init__(self, spec: RunningSpec | None) -> None:
        self._spec = spec
        self._settle = round(spec.settle * SECOND) if spec else 0
        self._running: bool | None = None if spec else True
        self._changed: Nanos = 0

    @property
    def channel(self) -> str | None:
        """The channel that tells."""
        return self._spec.channel if self._spec else None

    def update(self, value: float, time: Nanos) -> None:
        """Take a value of that channel."""
        if self._spec is None or value != value:  # noqa: PLR0124 -- NaN
            return
        running = value > self._spec.above
        if running is not self._running:
            self._changed = time if self._running is not None else time - self._settle
            self._running = running

    def at(self, time: Nanos) -> RegimeName:
        """The regime of a window that ended at ``time``."""
        if not self._running:
            return "stopped"
        return "running" if time - self._changed >= self._settle else "starting"
