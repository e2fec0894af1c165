"""A pace and a time to come in words, in the unit that a person would choose."""

from __future__ import annotations

from math import isfinite
from typing import Final

_UNITS: Final = (
    ("minute", 60.0), ("hour", 3600.0), ("day", 86_400.0), ("week", 7 * 86_400.0), ("month", 30 * 86_400.0),
    ("year", 365 * 86_400.0),
)
_FEWEST_POINTS: Final = 0.5
_PER: Final = {"minute": "a minute", "hour": "an hour", "day": "a day", "month": "a month"}
_TELLING: Final = 1.95
"""Of a unit: from so many on it is used."""


def rate(low: float, middle: float, high: float) -> str:
    """Points a day as, e.g., ``falling 3.1 points a day (2.4 to 3.9)``; the shortest time is taken in which
    at least half a point passes."""
    word = "rising" if middle > 0.0 else "falling"
    unit, seconds = "month", 30 * 86_400.0
    for name, length in _UNITS:
        if name in _PER and abs(middle) * length / 86_400.0 >= _FEWEST_POINTS:
            unit, seconds = name, length
            break
    # a fall is told by its size
    near, far = (low, high) if middle > 0.0 else (-high, -low)
    shown = [_number(points * seconds / 86_400.0) for points in (abs(middle), near, far)]
    return f"{word} {shown[0]} points {_PER[unit]} ({shown[1]} to {shown[2]})"


def duration(low: float, high: float) -> str:
    """Seconds from and to as, e.g., ``4 to 9 days``, ``40 minutes to 3 hours``; without an end ``more than 4 days``."""
    first, first_unit = _in_unit(low)
    if not isfinite(high):
        return f"more than {_counted(first, first_unit)}"
    last, last_unit = _in_unit(high)
    if first_unit != last_unit:
        return f"{_counted(first, first_unit)} to {_counted(last, last_unit)}"
    return _counted(last, last_unit) if first == last else f"{first} to {_counted(last, last_unit)}"


def _in_unit(seconds: float) -> tuple[str, str]:
    name, length = next(
        ((name, length) for name, length in reversed(_UNITS) if seconds >= _TELLING * length), _UNITS[0])
    return f"{max(round(seconds / length), 1)}", name


def _counted(number: str, unit: str) -> str:
    return f"{number} {unit}{'' if number == '1' else 's'}"


def _number(value: float) -> str:
    """Two digits, and no more places than they need."""
    return f"{value:.0f}" if abs(value) >= 9.95 else f"{value:.1f}" if abs(value) >= 0.095 else f"{value:.2g}"  # noqa: PLR2004
