"""Windows by count: the same samples give the same windows, however they arrive."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agent.monitoring.manipulation.window import CountWindows, MessageWindows, SampleWindow, times_of
from agent.monitoring.types import SECOND, Block


def block(start: int, values: list[float], rate: float = 1.0) -> Block:
    return Block("a", "c", start * SECOND, np.array(values), rate)


def test_each_message_is_a_window_that_ends_one_period_after_its_last_sample() -> None:
    (window,) = MessageWindows().add(block(5, [1.0, 2.0, 3.0], rate=2.0))
    assert (window.start, window.end) == (5 * SECOND, 6 * SECOND + SECOND // 2)


def test_a_block_that_is_a_window_is_not_copied() -> None:
    values = block(0, [1.0, 2.0])
    (window,) = CountWindows(2).add(values)
    assert window.values is values.values


def test_overlapping_windows_share_their_samples() -> None:
    windows = CountWindows(4, 2)
    found = [w.values.tolist() for i in range(8) for w in windows.add(block(i, [float(i)]))]
    assert found == [[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 6, 7]]


def test_reset_forgets_the_open_window() -> None:
    windows = CountWindows(3)
    windows.add(block(0, [1.0, 2.0]))
    windows.reset()
    assert windows.add(block(9, [3.0])) == []


@given(
    count=st.integers(1, 7),
    stride=st.integers(1, 7),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=12),
)
def test_chunking_a_stream_differently_changes_nothing(count: int, stride: int, sizes: list[int]) -> None:
    stride = min(stride, count)
    chunked, singly = CountWindows(count, stride), CountWindows(count, stride)
    one, many, at = [], [], 0
    for size in sizes:
        values = [float(at + i) for i in range(size)]
        whole = block(at, values)
        many += [told(w, whole) for w in chunked.add(whole)]
        for i, value in enumerate(values):
            sample = block(at + i, [value])
            one += [told(w, sample) for w in singly.add(sample)]
        at += size
    assert many == one
    assert len(one) == max(0, (at - count) // stride + 1)


def told(window: SampleWindow, block: Block) -> tuple[int, int, list[float], list[int]]:
    times = times_of(block) if window.times is None else window.times
    return window.start, window.end, window.values.tolist(), times.tolist()


def test_a_window_of_a_block_with_times_ends_with_its_last_one() -> None:
    times = np.array([10, 25, 31])
    (window,) = CountWindows(3).add(Block("a", "c", 10, np.array([1.0, 2.0, 3.0]), None, times))
    assert (window.start, window.end) == (10, 31)


def test_a_window_is_not_changed_by_the_samples_of_the_same_block_after_it() -> None:
    first, second = CountWindows(2).add(block(0, [1.0, 2.0, 3.0, 4.0]))
    assert (first.values.tolist(), second.values.tolist()) == ([1, 2], [3, 4])
    assert first.times is not None
    assert first.times.tolist() == [0, SECOND]
