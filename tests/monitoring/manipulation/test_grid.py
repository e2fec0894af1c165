"""Grid: samples of several channels fall into cells, and cells make windows."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.monitoring.manipulation.grid import COUNT, HIGH, LOW, SQUARE, SUM, CellWindow, Grid
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
    assert window.newest[SUM].tolist() == [1.0, 5.0]
    assert window.filled == 0.5


def test_a_window_sums_its_last_cells() -> None:
    grid = Grid([1.0], seconds=3, stride=1, lateness=5)
    windows = feed(grid, [(0, t, float(t)) for t in range(6)])
    assert windows[-1].moments[:, 0].tolist() == [3.0, 12.0, 50.0, 3.0, 5.0]
    assert (COUNT, SUM, SQUARE, LOW, HIGH) == (0, 1, 2, 3, 4)


def test_channels_of_different_rates_share_cells() -> None:
    grid = Grid([4.0, 1.0], seconds=1, stride=1, lateness=5)
    windows = feed(grid, [(0, 0.0, 1), (1, 0.1, 9), (0, 0.25, 2), (0, 0.5, 3), (0, 0.75, 4)])
    assert [w.moments[COUNT].tolist() for w in windows] == [[4.0, 1.0]]


def test_two_samples_in_one_cell_by_clock_jitter_lose_nothing() -> None:
    grid = Grid([1.0], seconds=1, stride=1, lateness=5)
    windows = feed(grid, [(0, 0.02, 1), (0, 1.01, 2), (0, 1.99, 3), (0, 3.0, 4)])
    assert [w.newest[SUM, 0] for w in windows] == [1, 2, 3, 4]
    assert grid.late == 0


def test_a_silent_channel_holds_a_cell_back_only_for_the_lateness() -> None:
    grid = Grid([1.0, 1.0], seconds=1, stride=1, lateness=3)
    assert feed(grid, [(0, t, 1.0) for t in range(4)]) == []
    windows = feed(grid, [(0, 4, 1.0)])
    assert [w.end // SECOND for w in windows] == [1]
    assert windows[0].moments[COUNT].tolist() == [1.0, 0.0]


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
    assert windows[-1].moments[SUM, 0] == 4.0


def test_a_gap_longer_than_the_window_forgets_what_was_before() -> None:
    grid = Grid([1.0], seconds=3, stride=1, lateness=5)
    windows = feed(grid, [(0, 0, 1.0), (0, 1, 1.0), (0, 2, 1.0), (0, 100, 7.0)])
    assert windows[-1].moments[SUM, 0] == 7.0
    assert windows[-1].filled == pytest.approx(1 / 3)


def test_nan_samples_fill_a_cell_but_count_for_nothing() -> None:
    grid = Grid([None], seconds=1, stride=1, lateness=0)
    windows = feed(grid, [(0, 0.1, np.nan), (0, 0.5, 2.0), (0, 1.1, 3.0)])
    assert windows[0].moments[COUNT, 0] == 1


@given(
    values=st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=60),
    cuts=st.lists(st.integers(0, 60), max_size=8),
)
def test_chunking_a_stream_differently_changes_nothing(values: list[float], cuts: list[int]) -> None:
    rate = 4.0
    singly = Grid([rate], seconds=2, stride=1, lateness=5)
    chunked = Grid([rate], seconds=2, stride=1, lateness=5)
    period = SECOND // 4
    one = [w for i, v in enumerate(values) for w in singly.add(0, Block("a", "c", i * period, np.array([v])))]
    edges = sorted({0, len(values), *(cut for cut in cuts if cut < len(values))})
    many = [
        window
        for low, high in pairwise(edges)
        for window in chunked.add(0, Block("a", "c", low * period, np.array(values[low:high]), rate))
    ]
    assert [(w.start, w.end) for w in one] == [(w.start, w.end) for w in many]
    for a, b in zip(one, many, strict=True):
        np.testing.assert_allclose(a.moments, b.moments, rtol=1e-9, atol=1e-6)
