"""Grid: samples of several channels fall into cells, and cells make windows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.monitoring.manipulation.cell import COUNT, HIGH, LOW, SQUARE, SUM
from agent.monitoring.manipulation.grid import CellWindow, Grid
from agent.monitoring.types import SECOND, Block


def sample(time: float, value: float) -> Block:
    return Block("a", "c", round(time * SECOND), np.array([value]))


def feed(grid: Grid, samples: list[tuple[int, float, float]]) -> list[CellWindow]:
    return [w for channel, time, value in samples for w in grid.add(channel, sample(time, value))]


def test_a_cell_closes_as_soon_as_every_channel_has_sent_what_its_rate_promises() -> None:
    grid = Grid([1.0, 1.0], seconds=2, stride=1, lateness=5)
    assert feed(grid, [(0, 10.0, 1.0)]) == []
    (window,) = feed(grid, [(1, 10.2, 5.0)])
    assert (window.start, window.end) == (9 * SECOND, 11 * SECOND)
    assert window.moments[SUM] == [1.0, 5.0]
    assert window.filled == 0.5


def test_a_window_sums_its_last_cells() -> None:
    grid = Grid([1.0], seconds=3, stride=1, lateness=5)
    windows = feed(grid, [(0, t, float(t)) for t in range(6)])
    assert [of_all[0] for of_all in windows[-1].moments] == [3.0, 12.0, 50.0, 3.0, 5.0]
    assert (COUNT, SUM, SQUARE, LOW, HIGH) == (0, 1, 2, 3, 4)


def test_channels_of_different_rates_share_cells() -> None:
    grid = Grid([4.0, 1.0], seconds=1, stride=1, lateness=5)
    windows = feed(grid, [(0, 0.0, 1), (1, 0.1, 9), (0, 0.25, 2), (0, 0.5, 3), (0, 0.75, 4)])
    assert [w.moments[COUNT] for w in windows] == [[4.0, 1.0]]


def test_two_samples_in_one_cell_by_clock_jitter_lose_nothing() -> None:
    grid = Grid([1.0], seconds=1, stride=1, lateness=5)
    windows = feed(grid, [(0, 0.02, 1), (0, 1.01, 2), (0, 1.99, 3), (0, 3.0, 4)])
    assert [w.moments[SUM][0] for w in windows] == [1, 2, 3, 4]
    assert grid.late == 0


def test_a_silent_channel_holds_a_cell_back_only_for_the_lateness() -> None:
    grid = Grid([1.0, 1.0], seconds=1, stride=1, lateness=3)
    assert feed(grid, [(0, t, 1.0) for t in range(4)]) == []
    windows = feed(grid, [(0, 4, 1.0)])
    assert [w.end // SECOND for w in windows] == [1]
    assert windows[0].moments[COUNT] == [1.0, 0.0]


def test_a_sample_for_a_cell_long_closed_is_counted_late_and_changes_nothing() -> None:
    grid = Grid([1.0], seconds=1, stride=1, lateness=5)
    feed(grid, [(0, t, 1.0) for t in range(5)])
    assert feed(grid, [(0, 1.5, 99.0)]) == []
    assert grid.late == 1


def test_one_time_far_ahead_does_not_make_all_that_follows_late_for_ever() -> None:
    grid = Grid([1.0], seconds=2, stride=1, lateness=5)
    feed(grid, [(0, t, 1.0) for t in range(5)])
    feed(grid, [(0, 1e9, 1.0)])
    windows = feed(grid, [(0, t, 2.0) for t in range(5, 30)])
    assert grid.late == 11
    assert [w.end // SECOND for w in windows][-1] == 30
    assert windows[-1].moments[SUM][0] == 4.0


def test_a_gap_longer_than_the_window_forgets_what_was_before() -> None:
    grid = Grid([1.0], seconds=3, stride=1, lateness=5)
    windows = feed(grid, [(0, 0, 1.0), (0, 1, 1.0), (0, 2, 1.0), (0, 100, 7.0)])
    assert windows[-1].moments[SUM][0] == 7.0
    assert windows[-1].filled == pytest.approx(1 / 3)


def test_nan_samples_fill_a_cell_but_count_for_nothing() -> None:
    grid = Grid([None], seconds=1, stride=1, lateness=0)
    windows = feed(grid, [(0, 0.1, np.nan), (0, 0.5, 2.0), (0, 1.1, 3.0)])
    assert windows[0].moments[COUNT][0] == 1


def test_a_channel_of_unknown_rate_is_done_with_a_cell_once_it_sends_for_a_later_one() -> None:
    grid = Grid([None, 1.0], seconds=1, stride=1, lateness=9)
    assert feed(grid, [(0, 0.1, 1.0), (1, 0.2, 1.0), (0, 0.9, 2.0)]) == []
    assert [w.moments[COUNT] for w in feed(grid, [(0, 1.0, 3.0)])] == [[2.0, 1.0]]


def test_a_channel_that_sends_more_than_its_rate_loses_nothing() -> None:
    grid = Grid([1.0], seconds=1, stride=1, lateness=5)
    windows = feed(grid, [(0, i / 10, 1.0) for i in range(100)])
    assert grid.late == 0
    assert sum(w.moments[COUNT][0] for w in windows) == 91  # the last nine wait for the next cell


def test_a_cell_begun_when_others_are_far_ahead_closes_at_once() -> None:
    grid = Grid([1.0, 1.0], seconds=1, stride=1, lateness=3)
    feed(grid, [(0, t, 1.0) for t in (0, 1, 9)])
    windows = feed(grid, [(1, 5, 2.0)])
    assert [(w.end // SECOND, w.moments[SUM]) for w in windows] == [(6, [0.0, 2.0])]


def test_a_negative_zero_is_a_zero() -> None:
    grid = Grid([1.0], seconds=1, stride=1, lateness=5)
    (window,) = feed(grid, [(0, 0, -0.0)])
    assert not np.signbit(window.moments).any()


def test_missing_is_a_channel_without_a_sample_in_the_whole_window() -> None:
    grid = Grid([1.0, None], seconds=2, stride=1, lateness=0)
    windows = feed(grid, [(0, 0, 1.0), (1, 0, 1.0), *((0, t, 1.0) for t in (1, 2, 3, 4))])
    assert [w.missing for w in windows] == [False, False, True, True]


def test_extremes_are_left_out_where_nobody_asks_for_them() -> None:
    grid = Grid([1.0, 1.0], seconds=2, stride=1, lateness=5, extremes=False)
    (window,) = feed(grid, [(0, 0, 1.0), (1, 0, 2.0)])
    assert window.moments == [[1.0, 1.0], [1.0, 2.0], [1.0, 4.0]]
    assert window.slopes is None


def test_slopes_are_per_second_over_the_means_of_the_cells() -> None:
    grid = Grid([2.0, None], seconds=8, stride=2, lateness=0, slopes=True)
    windows = feed(grid, [(0, i / 2, 0.25 * i) for i in range(24)])
    slopes = windows[-1].slopes
    assert slopes is not None
    assert slopes[0] == pytest.approx(0.5)
    assert np.isnan(slopes[1])


class Chunk(NamedTuple):
    """Evenly spaced samples of one channel, the first one this many milliseconds after the start."""

    channel: int
    at: int
    values: list[float]
    rate: float


VALUES = st.one_of(st.floats(-1e6, 1e6), st.sampled_from([0.0, -0.0, 0.1, np.nan]))
CHUNKS = st.lists(
    st.builds(
        Chunk,
        channel=st.integers(0, 2),
        at=st.one_of(st.integers(0, 12_000), st.sampled_from([0, 2**40])),
        values=st.lists(VALUES, min_size=1, max_size=14),
        rate=st.sampled_from([0.7, 1.0, 3.0, 4.0, 50.0]),
    ),
    min_size=1,
    max_size=30,
)


@given(CHUNKS, st.sampled_from([0.0, 2.0, 5.0]), st.booleans())
def test_a_block_is_taken_bit_for_bit_as_its_samples_would_be_one_by_one(
    chunks: list[Chunk], lateness: float, uneven: bool
) -> None:
    whole, singly = (Grid([4.0, None, 0.5], 6, 2, lateness, slopes=True) for _ in range(2))
    for channel, at, values, rate in chunks:
        times = (at * 1_000_000 + np.round(np.arange(len(values)) * (SECOND / rate))).astype(np.int64)
        block = Block("a", "c", int(times[0]), np.array(values), None if uneven else rate, times if uneven else None)
        together = whole.add(channel, block)
        alone = [
            window
            for time, value in zip(times.tolist(), values, strict=True)
            for window in singly.add(channel, Block("a", "c", time, np.array([value])))
        ]
        assert list(map(bits, together)) == list(map(bits, alone))
    assert whole.late == singly.late


ROWS = st.lists(
    st.tuples(st.sampled_from([1, 1, 1, 1, 0, 3, 40, -1]), st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3),
              st.booleans()),
    min_size=1, max_size=40)
"""(seconds since the row before, a value of each channel, whether a sample has come alone before it)."""


@given(ROWS, st.sampled_from([[1.0, 1.0, 1.0], [1.0, 4.0, None]]), st.booleans())
def test_a_row_is_taken_bit_for_bit_as_its_samples_would_be_one_by_one(
    rows: list[tuple[int, list[float], bool]], rates: list[float | None], extremes: bool
) -> None:
    whole, singly = (Grid(rates, 6, 1, 2.0, extremes=extremes, slopes=True) for _ in range(2))
    second = 1000
    for step, values, alone_before in rows:
        second += step
        if alone_before:
            ahead = sample(second + 0.5, 1.0)
            assert list(map(bits, whole.add(0, ahead))) == list(map(bits, singly.add(0, ahead)))
        row = whole.add_row(second * SECOND, values)
        together = [row] if row is not None else one_by_one(whole, second, values)
        assert list(map(bits, together)) == list(map(bits, one_by_one(singly, second, values)))
    assert whole.late == singly.late


def one_by_one(grid: Grid, second: float, values: list[float]) -> list[CellWindow]:
    return [window for channel, value in enumerate(values) for window in grid.add(channel, sample(second, value))]


def test_a_row_that_does_not_complete_a_window_of_its_own_is_not_taken() -> None:
    grid = Grid([1.0, 1.0], 6, 1, 2.0)
    window = grid.add_row(10 * SECOND, [1.0, 2.0])
    assert window is not None
    assert window.end == 11 * SECOND
    assert grid.add_row(10 * SECOND, [3.0, 4.0]) is None, "its cell is closed"
    assert grid.add(0, sample(11, 5.0)) == []
    assert grid.add_row(11 * SECOND, [6.0, 7.0]) is None, "a cell is open"
    assert [window.moments[0] for window in grid.add(1, sample(11, 8.0))] == [[2.0, 2.0]], "and nothing was taken"


def bits(window: CellWindow) -> tuple[object, ...]:
    slopes = window.slopes
    assert slopes is not None
    return (window.start, window.end, np.array(window.moments).tobytes(), window.filled, window.missing,
            slopes.tobytes())


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 400), VALUES), min_size=1, max_size=60))
def test_a_window_holds_what_the_samples_of_its_time_give(samples: list[tuple[int, int, float]]) -> None:
    """In order and without a promised rate, so that every cell takes its own samples."""
    samples = sorted(samples, key=lambda sample: sample[1])
    grid = Grid([None, None], seconds=3, stride=1, lateness=0)
    for window in feed(grid, [(channel, at / 10, value) for channel, at, value in samples]):
        for channel in range(2):
            held = np.array([
                value for of, at, value in samples
                if of == channel and window.start <= at * SECOND // 10 < window.end and not np.isnan(value)
            ])  # fmt: skip
            count, total, square, low, high = (of_all[channel] for of_all in window.moments)
            assert count == len(held)
            np.testing.assert_allclose([total, square], [held.sum(), (held * held).sum()], rtol=1e-9, atol=1e-6)
            assert (low, high) == ((held.min(), held.max()) if len(held) else (np.inf, -np.inf))
