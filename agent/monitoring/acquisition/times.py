"""Times as devices write them, made into nanoseconds since the epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final, TypeAlias

from agent.errors import MalformedMessage
from agent.monitoring.acquisition.samples import kind
from agent.monitoring.spec import TimeUnit
from agent.monitoring.types import SECOND, Nanos

TimeReader: TypeAlias = Callable[[object, str], Nanos]
"""(a decoded value, where it stood) -> ns; raises MalformedMessage."""

EARLIEST: Final[Nanos] = 946_684_800 * SECOND
LATEST: Final[Nanos] = 7_258_118_400 * SECOND
"""2000-01-01 and 2200-01-01. Narrow enough that a time read in the wrong unit falls outside:
the seconds of this century are January 1970 in milliseconds, its milliseconds are the far future
in seconds."""

FACTORS: Final[Mapping[TimeUnit, int]] = {"s": SECOND, "ms": 1_000_000, "us": 1_000, "ns": 1}
"""Nanoseconds in each unit that is a number."""

_MICROSECOND: Final[Nanos] = 1_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def time_reader(unit: TimeUnit) -> TimeReader:
    """How to read times of this unit."""
    if unit == "iso8601":
        return _read_iso8601
    factor = FACTORS[unit]

    def read_number(value: object, where: str) -> Nanos:
        if type(value) is int:
            time = value * factor
            if EARLIEST <= time < LATEST:
                return time
        elif type(value) is float:
            # Of infinity and NaN the comparison makes an end, before rounding would raise.
            if EARLIEST <= value * factor < LATEST:
                return _round(value, factor)
        else:
            raise MalformedMessage(f"{where}: expected a number for the time, found {kind(value)}")
        raise MalformedMessage(f"{where}: the time is not within 2000 to 2200; is the time unit {unit}?")

    return read_number


def seconds_to_nanos(value: float) -> Nanos:
    """Seconds (int or finite float) in nanoseconds; a float is rounded to the microsecond."""
    return value * SECOND if type(value) is int else _round(value, SECOND)


def _round(value: float, factor: int) -> Nanos:
    """A float of ``factor`` ns in ns.

    The seconds of our century resolve 0.24 us as a float: rounding to the microsecond gives what
    the sender wrote in decimal (1700000000.001 s), to the nanosecond would give it noise.
    """
    if factor <= _MICROSECOND:
        return round(value * factor)
    return round(value * (factor // _MICROSECOND)) * _MICROSECOND


def _read_iso8601(value: object, where: str) -> Nanos:
    if type(value) is not str:
        raise MalformedMessage(f"{where}: expected an ISO 8601 text for the time, found {kind(value)}")
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        since = moment - _EPOCH
    except (ValueError, OverflowError):
        raise MalformedMessage(f"{where}: not an ISO 8601 time") from None
    time = (since.days * 86_400 + since.seconds) * SECOND + since.microseconds * 1_000
    if EARLIEST <= time < LATEST:
        return time
    raise MalformedMessage(f"{where}: the time is not within 2000 to 2200")
