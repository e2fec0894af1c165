"""The expected value at a time of day."""

from __future__ import annotations

import pytest

from agent.monitoring.detection.time_of_day import TimeOfDay
from agent.monitoring.types import SECOND

HOUR = 3600 * SECOND
DAY = 24 * HOUR


def test_nothing_is_expected_before_anything_was_seen() -> None:
    assert TimeOfDay().at(0) is None


def test_a_time_of_day_not_seen_yet_is_expected_as_all_values_so_far() -> None:
    expected = TimeOfDay()
    for minute in range(90):
        expected.learn(10.0, minute * 60 * SECOND)
    assert expected.at(12 * HOUR) == pytest.approx(10.0)


def test_the_half_hour_under_way_does_not_change_what_it_is_compared_with() -> None:
    expected = TimeOfDay()
    expected.learn(10.0, 0)
    expected.learn(10.0, HOUR)
    for second in range(0, 1700, 100):
        expected.learn(99.0, DAY + second * SECOND)
        assert expected.at(DAY + second * SECOND) == 10.0


def test_each_day_moves_a_time_of_day_by_a_tenth() -> None:
    expected = TimeOfDay()
    for day, value in enumerate((10.0, 20.0)):
        expected.learn(value, day * DAY)
        expected.learn(0.0, day * DAY + HOUR)
    assert expected.at(2 * DAY) == pytest.approx(11.0)


def test_a_day_of_other_parts_is_refused() -> None:
    document = TimeOfDay().to_json()
    with pytest.raises(ValueError, match="48 parts"):
        TimeOfDay().restore({**document, "means": [0.0]})
