"""What the machine is doing, so that it is judged only against its own kind of work.

::

                    .--------------- below ----------------.
                    v                                      |
    (unknown) --> stopped -- above --> starting -- settled --> running, at a band
                                                           |        |
                                            transition <- moved ----'

``running`` or ``stopped`` by one channel (``RunningSpec``), or by the first operating channel where
nothing was said. Running machines are at a load band, by their operating channels. For a while
after a start, a stop or a move to another band nothing is judged or learned: what was set in
motion has to settle. Without a rule and without operating channels a machine always runs, at its
only band.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from agent.monitoring.detection.bands import NONE, Bands
from agent.monitoring.spec import ChannelSpec, RunningSpec
from agent.monitoring.types import SECOND, Nanos

RegimeName: TypeAlias = Literal["running", "starting", "stopped", "transition"]

_SETTLE: Final = 30.0
_STILL: Final = 0.05
"""Below this share of the largest value that the first operating channel has had, a machine for
which nothing was said stands still."""
_STILL_SPEED: Final[dict[str, float]] = {"rpm": 10.0, "1/min": 10.0, "r/min": 10.0, "hz": 0.2}
"""Below this it stands still whatever it has done before, by the unit."""


class Situation(NamedTuple):
    """The regime of a window; ``band`` and the operating ``point`` where it runs steadily."""

    name: RegimeName
    band: int = NONE
    point: NDArray[np.float64] | None = None


_STOPPED: Final = Situation("stopped")
_STARTING: Final = Situation("starting")
_TRANSITION: Final = Situation("transition")


class Regime:
    """The regime of one asset, whose measuring points share it."""

    MOVING: ClassVar[tuple[str, ...]] = ("_band", "_changed", "_highs", "_lows", "_means", "_moved", "_running")

    def __init__(self, spec: RunningSpec | None, channels: Sequence[ChannelSpec] = ()) -> None:
        operating = [channel for channel in channels if channel.role == "operating"]
        self.bands = Bands([channel.name for channel in operating])
        self._spec = spec
        self._settle = round((spec.settle if spec else _SETTLE) * SECOND)
        first = operating[0] if operating else None
        self._still = _STILL_SPEED.get(first.unit.lower(), 0.0) if first else 0.0
        self._telling = spec.channel if spec else first.name if first else None
        self._lows = np.full(len(operating), np.nan)
        self._means = np.full(len(operating), np.nan)
        self._highs = np.full(len(operating), np.nan)
        self._running: bool | None = None if self._telling is not None else True
        self._changed: Nanos = 0
        self._band = NONE
        self._moved: Nanos = 0
        self._always = Situation("running", 0, np.zeros(0)) if self._telling is None else None

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels that tell the regime."""
        if self._telling is None or self._telling in self.bands.variables:
            return self.bands.variables
        return (self._telling, *self.bands.variables)

    def told_by(self, names: Sequence[str]) -> list[tuple[str, int, int, int]]:
        """Which of ``channels`` are among these names of features: each with where its lowest, mean and highest
        value stand."""
        return [
            (channel, names.index(f"{channel}.min"), names.index(f"{channel}.mean"), names.index(f"{channel}.max"))
            for channel in self.channels
            if f"{channel}.mean" in names
        ]

    def update(self, channel: str, low: float, mean: float, high: float, time: Nanos) -> None:
        """Take what one of ``channels`` was over a window or block that ended at ``time``: a window
        that reaches into a standstill is not of a running machine, so its lowest value counts."""
        if mean != mean:  # noqa: PLR0124 -- NaN
            return
        if channel in self.bands.variables:
            place = self.bands.variables.index(channel)
            self._lows[place], self._means[place], self._highs[place] = low, mean, high
        if channel == self._telling:
            running = low > self._least()
            if running is not self._running:
                self._changed = time if self._running is not None else time - self._settle
                self._running = running

    def _least(self) -> float:
        """Above it the telling channel says that the machine runs."""
        if self._spec is not None:
            return self._spec.above
        return max(self._still, _STILL * float(self.bands.scale[0]))

    def at(self, start: Nanos, end: Nanos) -> Situation:
        """The regime of a window from ``start`` to ``end``."""
        if self._always is not None:
            return self._always
        if not self._running:
            return _STOPPED
        if end - self._changed < self._settle:
            self._note_move(end)  # it is still being run up
            return _STARTING
        if not len(self._means):
            return Situation("running", 0, self._means)
        return self._at_band(start, end)

    def _at_band(self, start: Nanos, end: Nanos) -> Situation:
        if np.isnan(self._means).any():
            return _TRANSITION  # where it is run is not known (yet)
        if self._note_move(end):
            return _TRANSITION
        band = self.bands.locate(self._means)
        if band != self._band:
            # the first one after a start has settled already
            if self._band != NONE and self._moved < end:
                self._moved = end
            self._band = band
        if end - self._moved < self._settle or start < self._moved:
            return _TRANSITION
        return Situation("running", band, self._means.copy())

    def _note_move(self, end: Nanos) -> bool:
        """Whether the operating point moves within the window."""
        moves = len(self.bands) > 0 and not self.bands.is_steady(self._lows, self._highs)
        if moves:
            self._moved = end
        return moves

    def clock_stepped(self, offset: Nanos) -> None:
        """The clock of the windows was set by ``offset``: how long ago the machine was started has not changed."""
        self._changed += offset
        self._moved += offset

    def to_json(self) -> dict[str, Any]:
        """What must survive a restart."""
        return self.bands.to_json()

    def restore(self, document: Mapping[str, Any]) -> None:
        """Take back what ``to_json`` gave. Raises ValueError where it does not fit any more."""
        self.bands.restore(document)
