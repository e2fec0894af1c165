"""How a measuring point is and where it is going: its health index, and the trend of that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from agent.monitoring.assessment.health import Health
from agent.monitoring.prognosis.trend import Prognosis, Trend
from agent.monitoring.types import Nanos

_ASKED_EVERY: Final = 512
"""Windows: an estimate takes a millisecond, and a trend does not come in a minute."""


class Outlook:
    """Follows the scores of one point; ``typical`` as in ``Health``; ``overlap``: how many windows share
    each sample. Of those one is taken: the others say the same again."""

    MOVING: ClassVar[tuple[str, ...]] = ("_passed", "_since", "prognosis")

    def __init__(self, typical: float, overlap: int = 1) -> None:
        self._health = Health(typical)
        self._trend = Trend()
        self._overlap = max(1, overlap)
        self._passed = self._overlap
        self._since = 0
        self.prognosis = Prognosis()
        """As it was told last."""
        self.health: float | None = None
        """The index of the last window that was taken, 0 to 100; None before the first."""

    def update(self, ratio: float, time: Nanos) -> None:
        """Take the ratio of score and threshold of a window that ended at ``time``."""
        self._passed += 1
        if self._passed < self._overlap:
            return
        self._passed = 0
        self.health = self._health.update(ratio, time)
        if self.health is not None:
            self._trend.add(time, self.health)
            self._since += 1
            if self._since >= _ASKED_EVERY:
                self.ask()

    def ask(self) -> Prognosis:
        """What can be told now."""
        self._since = 0
        self.prognosis = self._trend.estimate()
        return self.prognosis

    def clock_stepped(self, offset: Nanos) -> None:
        """The clock of the windows was set by ``offset``."""
        self._health.clock_stepped(offset)
        self._trend.clock_stepped(offset)

    def to_json(self) -> dict[str, Any]:
        """As a snapshot keeps it."""
        return {"health": self._health.to_json(), "trend": self._trend.to_json()}

    def restore(self, document: Mapping[str, Any]) -> None:
        """The inverse of ``to_json``. Raises ValueError where it does not fit."""
        self._health.restore(document["health"])
        self.health = self._health.value
        self._trend.restore(document["trend"])
        self.ask()
