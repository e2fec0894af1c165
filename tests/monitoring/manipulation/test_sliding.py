"""Sliding statistics: what the cells of the window give, and nothing of those before them."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from agent.monitoring.manipulation.sliding import Row, Sliding, SlidingSlope, highest, lowest, total

VALUES = st.floats(-1e6, 1e6)
LENGTHS = st.integers(1, 9)
STEPS = st.lists(st.tuples(st.sampled_from([1, 1, 1, 1, 2, 5, 30]), VALUES), min_size=1, max_size=60)
"""(cells since the one before, its value)."""
OPERATIONS = [(total, 0.0, np.sum), (lowest, np.inf, np.min), (highest, -np.inf, np.max)]


def numbered(steps: list[tuple[int, float]], first: int = 0) -> list[tuple[int, float]]:
    indices = first + np.cumsum([step for step, _ in steps])
    return [(int(index), value) for index, (_, value) in zip(indices, steps, strict=True)]


@given(STEPS, LENGTHS, st.integers(-20, 20), st.sampled_from(OPERATIONS))
def test_it_gives_what_the_cells_of_the_window_give(
    steps: list[tuple[int, float]], length: int, first: int, operation: tuple[Callable[[Row, Row], Row], float, object]
) -> None:
    combine, identity, reference = operation
    assert callable(reference)
    sliding = Sliding(combine, identity, length, 2)
    seen: list[tuple[int, float]] = []
    for index, value in numbered(steps, first):
        seen.append((index, value))
        window = np.array([[v, -v] for i, v in seen if i > index - length])
        np.testing.assert_allclose(
            sliding.push(index, [value, -value]), reference(window, axis=0), rtol=1e-12, atol=1e-8)


@pytest.mark.parametrize("glitch", [1e12, -1e300, np.inf])
def test_a_glitch_leaves_with_its_cell_and_no_trace_of_it_stays(glitch: float) -> None:
    spoiled, clean = Sliding(total, 0.0, 5, 1), Sliding(total, 0.0, 5, 1)
    for index, value in enumerate([0.1, 0.2, glitch, *np.arange(0.3, 2.0, 0.1)]):
        one = spoiled.push(index, [float(value)])
        other = clean.push(index, [float(value) if index != 2 else 0.7])
        assert (one == other) == (index not in range(2, 7))


@given(STEPS, STEPS, LENGTHS)
def test_windows_of_the_same_cells_are_the_same_bit_for_bit_whatever_was_before(
    before: list[tuple[int, float]], steps: list[tuple[int, float]], length: int
) -> None:
    old, new = Sliding(total, 0.0, length, 1), Sliding(total, 0.0, length, 1)
    for index, value in numbered(before, -10_000):
        old.push(index, [value])
    for index, value in numbered(steps):
        assert struct.pack("d", *old.push(index, [value])) == struct.pack("d", *new.push(index, [value]))


def test_after_a_reset_nothing_is_remembered_even_of_the_same_cells() -> None:
    sliding = Sliding(total, 0.0, 4, 1)
    for index in range(6):
        sliding.push(index, [9.0])
    sliding.reset()
    assert [sliding.push(index, [1.0])[0] for index in range(3, 7)] == [1, 2, 3, 4]


def expected_slope(cells: dict[int, float], last: int, length: int, stride: float) -> float:
    held = [(i * stride, v) for i, v in cells.items() if i > last - length and not np.isnan(v)]
    if len(held) < 2:
        return np.nan
    return float(stats.linregress(*zip(*held, strict=True)).slope)


@given(
    st.lists(st.tuples(st.sampled_from([1, 1, 1, 2, 7]), st.one_of(st.floats(-1e3, 1e3), st.just(np.nan))),
             min_size=1, max_size=40),
    LENGTHS,
    st.sampled_from([0.5, 1.0, 60.0]),
)  # fmt: skip
def test_the_slope_is_that_of_a_straight_line_through_the_cells_that_hold_samples(
    steps: list[tuple[int, float]], length: int, stride: float
) -> None:
    sliding = SlidingSlope(length, 2, stride)
    cells: dict[int, float] = {}
    for index, value in numbered(steps):
        cells[index] = value
        slopes = sliding.push(index, np.array([value, 3.0 * index * stride]))
        expected = expected_slope(cells, index, length, stride)
        np.testing.assert_allclose(slopes[0], expected, rtol=1e-9, atol=1e-9)
        other = {i: 3.0 * i * stride for i in cells}
        np.testing.assert_allclose(slopes[1], expected_slope(other, index, length, stride), rtol=1e-9)


def test_a_ramp_on_a_large_offset_keeps_its_slope() -> None:
    sliding = SlidingSlope(12, 1, 1.0)
    slopes = [float(sliding.push(i, np.array([101_325.0 + 1e-3 * i]))[0]) for i in range(30)]
    assert slopes[-1] == pytest.approx(1e-3, rel=1e-6)


def test_a_slope_after_a_reset_knows_nothing_of_before() -> None:
    sliding = SlidingSlope(3, 1, 1.0)
    for index in range(5):
        sliding.push(index, np.array([float(index)]))
    sliding.reset()
    assert np.isnan(sliding.push(2, np.array([7.0]))[0])
    assert sliding.push(3, np.array([5.0]))[0] == pytest.approx(-2.0)
