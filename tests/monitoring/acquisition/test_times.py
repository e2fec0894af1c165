"""Times in every unit become the nanosecond that was meant, or are refused."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import MalformedMessage
from agent.monitoring.acquisition.times import EARLIEST, LATEST, time_reader
from agent.monitoring.spec import TimeUnit
from agent.monitoring.types import SECOND

INSTANT = 1_700_000_000 * SECOND


@pytest.mark.parametrize(
    ("unit", "written"),
    [
        ("s", 1_700_000_000), ("ms", 1_700_000_000_000), ("us", 1_700_000_000_000_000),
        ("ns", 1_700_000_000_000_000_000), ("s", 1.7e9), ("ms", 1.7e12), ("us", 1.7e15),
        ("iso8601", "2023-11-14T22:13:20Z"), ("iso8601", "2023-11-14T22:13:20"),
        ("iso8601", "2023-11-15T00:13:20+02:00"), ("iso8601", "20231114T221320"),
    ],
)  # fmt: skip
def test_every_unit_tells_the_same_instant(unit: TimeUnit, written: object) -> None:
    assert time_reader(unit)(written, "time") == INSTANT


@given(st.integers(EARLIEST, LATEST - 1))
def test_whole_nanoseconds_stay_exact(time: int) -> None:
    assert time_reader("ns")(time, "time") == time


# Until 2106, when seconds outgrow 32 bits, a float tells neighbouring microseconds apart.
@given(st.integers(EARLIEST // 1_000, 2**32 * 10**6))
def test_float_seconds_mean_the_microsecond_they_were_written_with(micros: int) -> None:
    assert time_reader("s")(float(f"{micros // 10**6}.{micros % 10**6:06}"), "time") == micros * 1_000


@given(st.datetimes(datetime(2000, 1, 1), datetime(2199, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001
def test_iso_texts_stay_exact_to_the_microsecond(moment: datetime) -> None:
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    expected = (since.days * 86_400 + since.seconds) * SECOND + since.microseconds * 1_000
    assert time_reader("iso8601")(moment.isoformat(), "time") == expected


@pytest.mark.parametrize(
    ("unit", "written"),
    [("ms", 1_700_000_000), ("s", 1_700_000_000_000), ("us", 1_700_000_000_000), ("ns", 1_700_000_000)],
)
def test_a_time_in_the_wrong_unit_is_refused(unit: TimeUnit, written: int) -> None:
    with pytest.raises(MalformedMessage, match=f"is the time unit {unit}"):
        time_reader(unit)(written, "time at /ts")


@pytest.mark.parametrize("written", [math.nan, math.inf, -math.inf, 1e300, 10**400, -1])
def test_a_number_that_is_no_time_is_refused(written: float) -> None:
    with pytest.raises(MalformedMessage, match="not within 2000 to 2200"):
        time_reader("s")(written, "time")


@pytest.mark.parametrize(
    ("written", "found"), [(True, "boolean"), ("1.7e9", "string"), (None, "null"), ({}, "object")]
)
def test_what_is_no_number_is_named(written: object, found: str) -> None:
    with pytest.raises(MalformedMessage, match=f"expected a number for the time, found {found}"):
        time_reader("s")(written, "time")


@pytest.mark.parametrize(
    "written", ["", "yesterday", "2023-13-01", "\ud800", "0001-01-01T00:00:00+14:00", 17]
)
def test_what_is_no_iso_time_is_refused(written: object) -> None:
    with pytest.raises(MalformedMessage, match=r"ISO 8601|2000 to 2200"):
        time_reader("iso8601")(written, "time")
