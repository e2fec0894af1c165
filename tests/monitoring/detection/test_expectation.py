"""What the means should be at an operating point: learned from stays, doubted where there were none."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from agent.monitoring.detection.expectation import UNTOLD, Expectation, Stay, Stays

SCALE = np.array([1500.0])


def pump(speed: float) -> NDArray[np.float64]:
    """Flow goes with speed, head with its square."""
    return np.array([30.0 * speed / 1500.0, 4.0 * (speed / 1500.0) ** 2])


def learned(speeds: Sequence[float], spread: float = 1e-4) -> Expectation:
    expectation = Expectation(1, 2)
    expectation.add([Stay(np.array([speed]), pump(speed), 50.0) for speed in speeds])
    expectation.fit(np.full(2, spread))
    return expectation


def doubt(expectation: Expectation, speed: float) -> NDArray[np.float64]:
    return np.sqrt(expectation.at(np.array([speed]))[1])


weights = st.lists(st.floats(-10.0, 10.0), min_size=6, max_size=6).filter(lambda w: max(map(abs, w)) > 0.1)


@given(weights=weights, seed=st.integers(0, 99))
def test_a_quadratic_law_is_met_once_there_were_enough_points(weights: list[float], seed: int) -> None:
    def law(point: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = point[0] / 1500.0, point[1] / 80.0
        return np.array([np.dot(weights, [1.0, x, y, x * x, x * y, y * y])])

    rng = np.random.default_rng(seed)
    points = rng.uniform([750.0, 40.0], [1500.0, 80.0], size=(20, 2))
    stays = [Stay(point, law(point), 100.0) for point in points]
    size = max(abs(stay.means[0]) for stay in stays)
    expectation = Expectation(2, 1)
    expectation.add(stays)
    expectation.fit(np.array([1e-4 * size]))
    for point in rng.uniform([800.0, 45.0], [1450.0, 75.0], size=(5, 2)):
        expected, variance = expectation.at(point)
        assert expected == pytest.approx(law(point), abs=0.02 * size)
        assert abs(expected - law(point)) <= 4.0 * np.sqrt(variance)


@pytest.mark.parametrize("speeds", [[1500.0], [1500.0, 900.0], [1500.0, 1200.0, 900.0, 600.0]])
def test_where_it_has_been_the_means_are_those_that_were_seen(speeds: list[float]) -> None:
    expectation = learned(speeds)
    for speed in speeds:
        expected, _ = expectation.at(np.array([speed]))
        assert expected == pytest.approx(pump(speed), rel=0.01)
        assert (doubt(expectation, speed) < 0.01 * pump(1500.0)).all()


def test_doubt_grows_away_from_what_was_seen() -> None:
    expectation = learned([1200.0, 1210.0])
    doubts = np.array([doubt(expectation, speed) for speed in (1205.0, 1300.0, 1500.0, 3000.0)])
    assert (np.diff(doubts, axis=0) > 0.0).all()
    assert (doubts[-1] > pump(1200.0)).all(), "far away anything may be normal"


def test_doubt_falls_as_more_points_are_learned() -> None:
    courses = [[1500.0], [1500.0, 900.0], [1500.0, 900.0, 1200.0, 600.0, 750.0, 1350.0]]
    doubts = np.array([doubt(learned(course), 1100.0) for course in courses])
    assert (np.diff(doubts, axis=0) < 0.0).all()


@given(speeds=st.lists(st.floats(300.0, 3000.0), min_size=1, max_size=5, unique=True), at=st.floats(300.0, 3000.0))
def test_an_expectation_is_as_wrong_as_its_doubt_says(speeds: list[float], at: float) -> None:
    expectation = learned(speeds)
    expected, _ = expectation.at(np.array([at]))
    assert (np.abs(expected - pump(at)) <= 3.0 * doubt(expectation, at)).all()


def test_what_no_quadratic_follows_is_doubted() -> None:
    def kinked(speed: float) -> NDArray[np.float64]:
        return np.array([30.0 * (speed > 1000.0) + 10.0, 4.0])

    expectation = Expectation(1, 2)
    expectation.add([Stay(np.array([speed]), kinked(speed), 50.0) for speed in np.linspace(500.0, 1500.0, 12)])
    expectation.fit(np.full(2, 1e-3))
    uncertain, certain = doubt(expectation, 1000.0)
    assert uncertain > 2.0
    assert certain < 0.05


def test_a_longer_stay_says_more() -> None:
    expectation = Expectation(1, 1)
    expectation.add([Stay(SCALE, np.array([10.0]), 1000.0), Stay(SCALE, np.array([20.0]), 1.0)])
    expectation.fit(np.array([5.0]))
    assert expectation.at(SCALE)[0] == pytest.approx([10.0], abs=0.5)


def test_a_channel_without_a_spread_is_expected_all_the_same() -> None:
    expectation = Expectation(1, 2)
    expectation.add([Stay(SCALE, np.array([30.0, 4.0]), 50.0)])
    expectation.fit(np.array([np.inf, 0.1]))
    expected, variance = expectation.at(SCALE)
    assert np.isfinite(expected).all()
    assert np.isfinite(variance).all()


def test_a_channel_that_was_left_out_once_is_expected_as_if_it_had_never_been_there() -> None:
    """A sensor that was dead while a band was learned must not make its channel doubtful everywhere."""
    speeds = [600.0, 800.0, 1000.0, 1200.0, 1400.0, 1500.0]
    known = [Stay(np.array([speed]), pump(speed), 50.0) for speed in speeds]
    silent = [Stay(np.array([speed]), np.array([UNTOLD, pump(speed)[1]]), 50.0) for speed in (700.0, 900.0, 1100.0)]
    both, without, restored = Expectation(1, 2), Expectation(1, 2), Expectation(1, 2)
    both.add([*known, *silent])
    both.fit(np.full(2, 1e-3))
    without.add(known)
    without.fit(np.full(2, 1e-3))
    for speed in (650.0, 1150.0):
        expected, variance = both.at(np.array([speed]))
        assert expected == pytest.approx(pump(speed), rel=0.01)
        assert np.sqrt(variance[0]) < 1.5 * doubt(without, speed)[0]
        assert variance[1] <= without.at(np.array([speed]))[1][1]
    restored.restore(orjson.loads(orjson.dumps(both.to_json())))
    restored.fit(np.full(2, 1e-3))
    assert doubt(restored, 900.0).tolist() == doubt(both, 900.0).tolist()


def test_later_stays_add_only_places_where_there_was_none() -> None:
    expectation = learned([1500.0, 1200.0])
    faulty = [Stay(np.array([speed]), 0.5 * pump(speed), 500.0) for speed in (1500.0, 1205.0)]
    assert expectation.add_new(faulty) == 0
    assert expectation.add_new([Stay(np.array([900.0]), pump(900.0), 10.0), *faulty]) == 1
    expectation.fit(np.full(2, 1e-4))
    assert expectation.at(SCALE)[0] == pytest.approx(pump(1500.0), rel=0.01)


def test_memory_is_bounded_and_the_longest_stays_are_kept() -> None:
    expectation = Expectation(1, 2)
    expectation.add([Stay(np.array([float(i)]), np.zeros(2), float(i)) for i in range(1, 400)])
    assert len(expectation) == 96
    kept = expectation.to_json()
    assert min(windows for _, _, windows in kept) == 304.0
    assert [windows for _, _, windows in kept] == sorted(windows for _, _, windows in kept), "in their order"
    expectation.fit(np.ones(2))
    assert expectation.add_new([Stay(np.array([9000.0]), np.zeros(2), 1e6)]) == 0


@given(speeds=st.lists(st.floats(300.0, 3000.0), min_size=1, max_size=8), at=st.floats(300.0, 3000.0))
def test_restored_it_expects_the_same_bit_for_bit(speeds: list[float], at: float) -> None:
    expectation, restored = learned(speeds), Expectation(1, 2)
    restored.restore(orjson.loads(orjson.dumps(expectation.to_json())))
    restored.fit(np.full(2, 1e-4))
    for kept, known in zip(restored.at(np.array([at])), expectation.at(np.array([at])), strict=True):
        assert kept.tolist() == known.tolist()


# --------------------------------------------------------------------------- stays


def stays_of(points: Sequence[float], means: Sequence[float] | None = None, overlap: float = 1.0) -> list[Stay]:
    stays = Stays(overlap)
    for i, point in enumerate(points):
        stays.take(np.array([point]), np.array([means[i] if means else point / 100.0]), SCALE)
    return stays.drain()


def test_windows_at_one_point_are_one_stay_and_a_move_begins_another() -> None:
    found = stays_of([1500.0, 1501.0, 1499.0, 1200.0, 1200.0], [1.0, 2.0, 3.0, 7.0, 9.0])
    assert [(stay.point[0], stay.means[0], stay.windows) for stay in found] == [(1500.0, 2.0, 3.0), (1200.0, 8.0, 2.0)]


def test_windows_that_overlap_count_for_their_new_share() -> None:
    (stay,) = stays_of([1500.0] * 24, overlap=12.0)
    assert stay.windows == pytest.approx(2.0)


def test_a_window_that_misses_a_channel_says_nothing() -> None:
    (stay,) = stays_of([1500.0] * 3, [4.0, float("nan"), 6.0])
    assert (stay.means[0], stay.windows) == (5.0, 2.0)


def test_what_was_drained_is_not_told_again() -> None:
    stays = Stays(1.0)
    stays.take(SCALE, np.array([1.0]), SCALE)
    assert len(stays.drain()) == 1
    assert stays.drain() == []


@given(st.lists(st.sampled_from([600.0, 900.0, 1200.0, 1500.0]), max_size=60))
def test_no_window_is_lost_and_none_counted_twice(points: list[float]) -> None:
    found = stays_of(points)
    assert sum(stay.windows for stay in found) == len(points)
    assert sum(stay.windows * stay.point[0] for stay in found) == pytest.approx(sum(points))
    assert all(one.point[0] != next_.point[0] for one, next_ in pairwise(found))


def test_a_ramp_of_any_length_keeps_few_stays() -> None:
    assert len(stays_of([10.0 * i for i in range(1000)])) <= 96
