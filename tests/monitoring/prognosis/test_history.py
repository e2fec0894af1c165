"""History is fine for what is recent and coarse for what is long ago, and never grows without bound."""

from __future__ import annotations

from math import inf, nan

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.monitoring.prognosis.history import BINS, FEWEST, FOLD, History
from agent.monitoring.types import SECOND


def filled(values: list[float], every: int = 10) -> History:
    history = History()
    for number, value in enumerate(values, 1):
        history.add(number * every * SECOND, value)
    return history


def test_each_level_tells_the_means_of_its_last_bins() -> None:
    values = np.random.default_rng(1).normal(size=600)
    for level, stretch in enumerate(filled(values.tolist()).stretches(), 1):
        assert stretch.windows == FOLD**level
        whole = len(values) // stretch.windows
        expected = values[: whole * stretch.windows].reshape(whole, -1).mean(axis=1)[-BINS:]
        assert stretch.means == pytest.approx(expected)
        assert stretch.pace == pytest.approx(10.0)


def test_too_few_windows_make_no_stretch() -> None:
    assert list(filled([1.0] * (FEWEST * FOLD - 1)).stretches()) == []
    (only,) = filled([1.0] * FEWEST * FOLD).stretches()
    assert only.span == FEWEST * FOLD


def test_a_standstill_slows_the_pace_and_moves_nothing() -> None:
    history = History()
    for number in range(1, 97):
        rest = 3600 if number > 48 else 0
        history.add((number * 10 + rest) * SECOND, 80.0)
    (stretch, *_) = history.stretches()
    assert stretch.pace == pytest.approx((92 * 10 + 3600) / 92)


def test_a_year_of_windows_takes_no_more_room_than_an_hour_does_twice() -> None:
    history = History()
    for number in range(1, 40_000):
        history.add(number * SECOND, 100.0 - number * 1e-4)
    assert len(orjson.dumps(history.to_json())) < 20_000
    assert sum(len(stretch.means) for stretch in history.stretches()) <= 10 * BINS


@pytest.mark.parametrize("value", [nan, inf, -inf])
def test_what_is_not_finite_says_nothing(value: float) -> None:
    history = filled([50.0])
    history.add(100 * SECOND, value)
    assert history.last == 50.0


def test_a_window_that_is_not_later_says_nothing() -> None:
    history = filled([50.0])
    history.add(10 * SECOND, 20.0)
    assert history.last == 50.0


@given(st.lists(st.floats(0.0, 100.0), max_size=300), st.integers(0, 300))
def test_a_restart_changes_nothing(values: list[float], cut: int) -> None:
    straight, first = filled(values), filled(values[:cut])
    second = History()
    second.restore(orjson.loads(orjson.dumps(first.to_json())))
    for number, value in enumerate(values[cut:], len(values[:cut]) + 1):
        second.add(number * 10 * SECOND, value)
    assert second.to_json() == straight.to_json()


@pytest.mark.parametrize("document", [
    {},
    {"last": 1.0, "time": 1, "levels": []},
    {"last": 1.0, "time": 1, "levels": [{"means": [1.0], "ends": [], "total": 0.0, "count": 0}]},
    {"last": 1.0, "time": 1, "levels": [{"means": [], "ends": [], "total": 0.0, "count": FOLD}]},
    {"last": 1.0, "time": 1, "levels": [{"means": None, "ends": [], "total": 0.0, "count": 0}]},
    {"last": "high", "time": 1, "levels": [{"means": [], "ends": [], "total": 0.0, "count": 0}]},
])
def test_what_is_no_snapshot_is_refused_and_changes_nothing(document: dict[str, object]) -> None:
    history = filled([50.0] * 40)
    before = history.to_json()
    with pytest.raises(ValueError):
        history.restore(document)
    assert history.to_json() == before
