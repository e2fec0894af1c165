"""What changed: one feature against its learned normal, in the words and units of a technician."""

from __future__ import annotations

from math import floor, log10
from typing import Final, NamedTuple

from agent.monitoring.assessment.quantity import BEARING_LINES, Measure

SIGNIFICANT: Final = 3.0
"""Spreads beyond which a change is one: what 3 in 1000 windows exceed where noise is normal."""

_MOST_PLACES: Final = 6
_HUGE: Final = 1e6
"""From here on, and below its inverse, powers of ten read better."""


class Change(NamedTuple):
    """``value`` and ``normal`` in the feature's ``unit``. ``amount``: how far from normal, with its sign: in the
    unit where ``measure`` is level, else in dB. ``significance``: the amount in learned spreads, with its sign.
    ``words``: what the feature is called; ``frequency``: where in Hz a line was found."""

    channel: str | None
    feature: str
    value: float
    normal: float
    amount: float
    unit: str
    significance: float
    measure: Measure
    words: str
    frequency: float | None = None

    @property
    def significant(self) -> bool:
        """Whether it is more than noise."""
        return abs(self.significance) >= SIGNIFICANT

    @property
    def statistic(self) -> str:
        """The feature without the channel or the bearing: ``pressure.mean`` -> ``mean``."""
        return self.feature.rpartition(".")[2]

    def text(self) -> str:
        """"pressure 2.31 bar, 0.42 bar below its normal 2.73 bar", without a full stop."""
        if not self.significant:
            told = "as normal" if self.unit == "dB" else f"{_with(self.value, self.unit)}, as normal"
            return f"{self._named()} {told}"
        if self.measure == "level":
            return self._difference()
        if self.measure == "ratio" and self.normal > 0.0:
            return self._ratio()
        where = "over" if self.amount >= 0.0 else "under"
        return f"{self._named()} {self.amount:+.1f} dB {where} baseline"

    def _named(self) -> str:
        if self.frequency is None:
            return self.words
        line = BEARING_LINES.get(self.statistic)
        if line is None:
            return f"{self.words} {self.frequency:.1f} Hz"
        bearing = self.feature.rpartition(".")[0]
        return f"{line} {self.frequency:.1f} Hz ({bearing})"

    def _difference(self) -> str:
        # so many decimals that the difference keeps two digits: 1013.25 - 1012.94 is not 1013 - 1013
        places = 1 - floor(log10(abs(self.amount)))
        side = "above" if self.amount > 0.0 else "below"
        value, normal, amount = (
            _with_places(number, places, self.unit) for number in (self.value, self.normal, abs(self.amount))
        )
        return f"{self.words} {value}, {amount} {side} its normal {normal}"

    def _ratio(self) -> str:
        times = self.value / self.normal
        value, normal = _with(self.value, self.unit), _with(self.normal, self.unit)
        return f"{self._named()} {value}, {_times(times)} times its normal {normal}"


def _with(number: float, unit: str) -> str:
    """Three digits and the unit."""
    size = abs(number)
    if size >= _HUGE or 0.0 < size < 1.0 / _HUGE:
        return f"{number:.3g} {unit}".rstrip()
    return (f"{number:.0f} {unit}" if size >= 100.0 else f"{number:#.3g} {unit}").rstrip()  # noqa: PLR2004


def _times(ratio: float) -> str:
    """Two digits."""
    if ratio < 1.0 or ratio >= _HUGE:
        return f"{ratio:.2g}"
    return f"{ratio:.1f}" if ratio < 9.95 else f"{ratio:.0f}"  # noqa: PLR2004 -- 9.96 is 10


def _with_places(number: float, places: int, unit: str) -> str:
    plain = abs(places) <= _MOST_PLACES
    return f"{number:.{max(places, 0)}f} {unit}".rstrip() if plain else f"{number:.3g} {unit}".rstrip()
