"""Telemetry features: what numpy and scipy give for the same samples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from agent.monitoring.manipulation.features.telemetry import (
    STATISTICS,
    GridStatistics,
    from_samples,
    names_of,
)
from agent.monitoring.manipulation.grid import CellWindow, Grid
from agent.monitoring.types import SECOND, Block

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40)


def last_window(values: list[float], length: int = 40) -> CellWindow:
    """One channel at 1 Hz."""
    grid = Grid([1.0], length, 1, 5, slopes=True)
    return [w for i, v in enumerate(values) for w in grid.add(0, Block("a", "c", i * SECOND, np.array([v])))][-1]


def expected(values: NDArray[np.float64]) -> list[float]:
    slope = stats.linregress(np.arange(len(values)), values).slope if len(values) > 1 else np.nan
    return [values.mean(), values.std(), values.min(), values.max(), np.sqrt((values**2).mean()), slope]


@given(VALUES)
def test_the_features_of_a_grid_are_those_of_its_samples(values: list[float]) -> None:
    found = GridStatistics(STATISTICS).of(last_window(values))
    scale = max(1.0, *map(abs, values))
    np.testing.assert_allclose(found, expected(np.array(values)), rtol=1e-7, atol=3e-7 * scale)


@given(VALUES)
def test_the_features_of_counted_samples_are_those_of_numpy(values: list[float]) -> None:
    found = from_samples(np.array(values), STATISTICS, np.arange(len(values)) * SECOND)
    np.testing.assert_allclose(found, expected(np.array(values)), rtol=1e-7, atol=1e-6)


@given(st.floats(-1e9, 1e9), st.integers(1, 40))
def test_a_constant_has_no_spread(value: float, length: int) -> None:
    assert GridStatistics(STATISTICS[:2]).of(last_window([value] * length)).tolist()[1] == 0.0
    assert from_samples(np.full(length, value))[1] <= 1e-9 * abs(value)


def test_a_spread_far_below_the_mean_is_still_told() -> None:
    ripple = [101_325.0 + 0.1 * (-1) ** i for i in range(12)]
    assert GridStatistics(STATISTICS[:2]).of(last_window(ripple, 12))[1] == pytest.approx(0.1, rel=1e-2)


def test_fewer_statistics_are_the_same_numbers() -> None:
    window = last_window([1.0, 4.0, 2.0], 3)
    whole = dict(zip(STATISTICS, GridStatistics(STATISTICS).of(window).tolist(), strict=True))
    for chosen in (STATISTICS[:2], ("mean", "std", "rms"), ("mean", "std", "min", "slope")):
        assert GridStatistics(chosen).of(window).tolist() == [whole[name] for name in chosen]


def test_without_mean_and_std_in_front_nothing_is_made() -> None:
    with pytest.raises(ValueError, match="mean and std"):
        GridStatistics(("mean", "rms"))


def test_nan_samples_count_for_nothing() -> None:
    values, times = np.array([1.0, np.nan, 3.0]), np.array([0, 1, 4]) * SECOND
    np.testing.assert_allclose(from_samples(values, STATISTICS, times), [2, 1, 1, 3, np.sqrt(5), 0.5])
    assert np.isnan(from_samples(np.array([np.nan]), STATISTICS, times[:1])).all()


def test_there_is_no_slope_without_times_or_over_one_moment() -> None:
    values = np.array([1.0, 2.0])
    assert np.isnan(from_samples(values, ("mean", "slope"))[1])
    assert np.isnan(from_samples(values, ("mean", "slope"), np.array([5, 5]))[1])


def test_names_go_statistic_by_statistic_and_a_channel_alone_needs_no_prefix() -> None:
    assert names_of(["a", "b"], ("mean", "std")) == ("a.mean", "b.mean", "a.std", "b.std")
    assert names_of(["a"]) == STATISTICS
