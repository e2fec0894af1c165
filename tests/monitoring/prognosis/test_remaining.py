"""The first passage against scipy and against random walks; what is nearer or faster is reached sooner."""

from __future__ import annotations

from itertools import pairwise
from math import inf, isfinite, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from agent.monitoring.prognosis.drift import Drift
from agent.monitoring.prognosis.remaining import first_passage, remaining

POSITIVE = st.floats(0.05, 50.0)


@given(st.floats(0.1, 100.0), POSITIVE, st.floats(0.05, 5.0), st.floats(0.05, 5.0))
def test_with_a_known_drift_it_is_the_inverse_gaussian(
    time: float, distance: float, pace: float, wandering: float
) -> None:
    mean, shape = distance / pace, distance**2 / wandering
    expected = stats.invgauss.cdf(time, mean / shape, scale=shape)
    assert first_passage(time, distance, pace, 0.0, wandering) == pytest.approx(expected, abs=1e-6)


def test_with_an_uncertain_drift_it_is_the_share_of_random_walks_that_came_there() -> None:
    rng = np.random.default_rng(7)
    walks, steps, length = 4000, 1000, 0.02
    drifts = rng.normal(1.0, 0.4, size=walks)
    at = np.zeros(walks)
    come = np.zeros(walks, dtype=bool)
    for step in range(1, steps + 1):
        at += drifts * length + rng.normal(size=walks) * sqrt(2.0 * length)
        come |= at >= 10.0
        if step in {300, 500, 800}:
            assert first_passage(step * length, 10.0, 1.0, 0.4, 2.0) == pytest.approx(come.mean(), abs=0.03)


@given(POSITIVE, st.floats(0.01, 5.0), st.floats(0.0, 2.0), st.floats(1e-4, 5.0))
def test_it_is_a_probability_that_only_grows(
    distance: float, pace: float, deviation: float, wandering: float
) -> None:
    reached = [first_passage(time, distance, pace, deviation, wandering) for time in np.geomspace(0.01, 1e4, 40)]
    assert all(0.0 <= share <= 1.0 for share in reached)
    assert all(after >= before - 1e-6 for before, after in pairwise(reached))


def test_a_straight_fall_is_reached_about_when_the_line_says() -> None:
    low, middle, high = remaining(30.0, Drift(-0.1, 1e-4, 1e-6), span=1000.0)
    assert low < 300.0 < high
    assert 150.0 < middle < 600.0


def test_what_may_turn_round_may_never_be_reached() -> None:
    low, middle, high = remaining(40.0, Drift(-0.1, 0.1, 1e-3), span=100.0)
    assert isfinite(low)
    assert isfinite(middle)
    assert high == inf


@given(st.floats(1.0, 50.0), st.floats(1e-4, 1.0), st.floats(0.01, 0.4), st.floats(1e-5, 1.0))
def test_quantiles_are_in_order_and_the_nearer_limit_is_reached_sooner(
    distance: float, pace: float, unsure: float, wandering: float
) -> None:
    found = Drift(-pace, unsure * pace, wandering)
    near, far = remaining(distance, found, 200.0), remaining(2.0 * distance, found, 200.0)
    assert 0.0 < near[0] <= near[1] <= near[2]
    assert all(first <= second for first, second in zip(near, far, strict=True))


def test_the_less_is_known_the_wider_is_the_interval() -> None:
    sure = remaining(30.0, Drift(-0.1, 0.001, 1e-4), 400.0)
    unsure = remaining(30.0, Drift(-0.1, 0.07, 1e-4), 400.0)
    wandering = remaining(30.0, Drift(-0.1, 0.001, 20.0), 400.0)
    assert sure[2] / sure[0] < unsure[2] / unsure[0]
    assert sure[2] / sure[0] < wandering[2] / wandering[0]
