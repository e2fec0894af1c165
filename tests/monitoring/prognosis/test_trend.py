"""A trend is told where there is one, with a time that usually holds; else that there is none."""

from __future__ import annotations

from math import inf

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from agent.monitoring.assessment.health import Health
from agent.monitoring.prognosis.trend import Prognosis, Trend
from agent.monitoring.types import SECOND

HOUR = 3600


def fed(values: NDArray[np.float64], every: float = HOUR) -> Trend:
    trend = Trend()
    for number, value in enumerate(values.tolist(), 1):
        trend.add(round(number * every) * SECOND, value)
    return trend


def healths(ratios: NDArray[np.float64]) -> NDArray[np.float64]:
    health = Health(0.4)
    return np.array([health.update(ratio, number) for number, ratio in enumerate(ratios.tolist(), 1)], dtype=float)


def test_a_steady_fall_is_told_with_its_pace_and_the_time_that_is_left() -> None:
    noise = np.random.default_rng(1).normal(size=480) * 0.05
    prognosis = fed(healths(0.4 + 0.4 * np.linspace(0, 1, 480) + noise)).estimate()
    assert prognosis.significant
    assert prognosis.trend is not None
    low, middle, high = prognosis.trend
    assert low < middle < high < 0.0
    assert low < -0.4 / 0.6 * 50 / 20 < high  # from 100 by a third in 20 days
    assert prognosis.remaining is not None
    assert prognosis.remaining[0] < 10 * 86_400 < prognosis.remaining[2]
    assert "falling" in prognosis.text()
    assert "alarm limit in" in prognosis.text()


@pytest.mark.parametrize("lasting", [0.0, 0.9])
def test_a_healthy_machine_has_no_trend(lasting: float) -> None:
    rng = np.random.default_rng(2)
    called = 0
    for _ in range(40):
        noise = np.empty(300)
        last = 0.0
        for number in range(300):
            noise[number] = last = lasting * last + rng.normal() * np.sqrt(1 - lasting**2)
        called += fed(healths(0.45 + 0.05 * noise)).estimate().significant
    assert called <= 2


def test_a_machine_in_full_health_has_nothing_to_tell() -> None:
    assert fed(np.full(500, 100.0)).estimate() == Prognosis()
    assert Prognosis().text() == "no trend"


def test_before_there_are_windows_enough_nothing_is_told() -> None:
    assert Trend().estimate() == Prognosis()
    assert not fed(np.linspace(100, 60, 31)).estimate().significant
    assert fed(np.linspace(100, 60, 32)).estimate().significant


def test_what_is_past_the_limit_says_so_and_no_time() -> None:
    prognosis = fed(np.linspace(100, 45, 200)).estimate()
    assert prognosis.past
    assert prognosis.remaining is None
    assert prognosis.text().startswith("past the alarm limit; falling")


def test_a_recovery_rises_and_has_no_time_to_the_limit() -> None:
    noise = np.random.default_rng(5).normal(size=300) * 0.5
    prognosis = fed(np.linspace(55, 95, 300) + noise).estimate()
    assert prognosis.significant
    assert prognosis.remaining is None
    assert prognosis.text().startswith("rising")


def test_a_machine_that_stands_still_half_the_time_has_twice_the_time_left() -> None:
    values = np.linspace(95, 70, 200)
    always = fed(values).estimate().remaining
    halved = fed(values, every=2 * HOUR).estimate().remaining
    assert always is not None
    assert halved is not None
    assert halved == pytest.approx([2 * time for time in always])


def test_a_sudden_fall_is_seen_over_minutes_and_a_slow_one_over_weeks() -> None:
    noise = np.random.default_rng(6).normal(size=2000) * 0.3
    slow = fed(np.linspace(100, 80, 2000) + noise).estimate()
    sudden = fed(np.concatenate([np.full(1900, 95.0), np.linspace(95, 60, 100)]) + noise).estimate()
    assert slow.significant
    assert sudden.significant
    assert sudden.span < slow.span / 2
    assert slow.remaining is not None
    assert sudden.remaining is not None
    assert sudden.remaining[1] < slow.remaining[1] / 10


def test_a_document_is_json_even_where_no_end_is_in_sight() -> None:
    document = Prognosis((-3.0, -2.0, -1.0), True, (86_400.0, 200_000.0, inf), False, 3600.0).document()
    assert orjson.loads(orjson.dumps(document))["remaining_seconds"] == [86_400.0, 200_000.0, None]


@settings(max_examples=30)
@given(st.lists(st.floats(0.0, 100.0), max_size=200), st.integers(0, 200))
def test_whatever_came_it_answers_and_a_restart_changes_nothing(values: list[float], cut: int) -> None:
    straight, first = fed(np.array(values)), fed(np.array(values[:cut]))
    second = Trend()
    second.restore(orjson.loads(orjson.dumps(first.to_json())))
    for number, value in enumerate(values[cut:], len(values[:cut]) + 1):
        second.add(number * HOUR * SECOND, value)
    prognosis = second.estimate()
    assert prognosis == straight.estimate()
    assert prognosis.text()
    if prognosis.remaining is not None:
        assert values[-1] > 50.0
        assert prognosis.significant
