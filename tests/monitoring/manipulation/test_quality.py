"""The quality gate: every doubt has its flag and its count, and good samples pass untouched."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from agent.monitoring.manipulation.quality import QualityGate
from agent.monitoring.spec import ChannelSpec, Source
from agent.monitoring.types import SECOND, Block, Quality

NOW = 1_700_000_000 * SECOND
STAMPED = Source(value="/v", time="/t", time_unit="ns")
ARRIVED = Source()
NAN, INF = float("nan"), float("inf")


def gate(source: Source = STAMPED, **spec: Any) -> QualityGate:
    return QualityGate(ChannelSpec(name="pressure", topic="pump", source=source, **spec))


def sample(seconds: float, value: float) -> Block:
    return Block("pump", "pressure", NOW + round(seconds * SECOND), np.array([value]))


def wave(seconds: float, *values: float, rate: float = 10.0) -> Block:
    return Block("pump", "pressure", NOW + round(seconds * SECOND), np.array(values), rate)


def batch(seconds: list[float], *values: float) -> Block:
    times = np.array([NOW + round(second * SECOND) for second in seconds])
    return Block("pump", "pressure", int(times[0]), np.array(values), None, times)


def flags(checked: QualityGate, *blocks: Block) -> list[Quality]:
    return [checked.check(block)[1] for block in blocks]


def counted(checked: QualityGate) -> dict[str, int]:
    return {name: count for name, count in checked.counts().items() if count}


def test_good_blocks_pass_as_they_are() -> None:
    checked = gate(rate=10.0, valid=(0.0, 5.0), stuck_after=3)
    for block in (sample(0, 1), wave(0.1, 2, 3, 4), batch([0.4, 0.5], 1, 2), sample(0.6, 0)):
        passed, quality = checked.check(block)
        assert passed is block
        assert quality is Quality.GOOD
    assert counted(checked) == {}


@pytest.mark.parametrize(
    ("value", "flag"),
    [(NAN, Quality.NOT_A_NUMBER), (INF, Quality.NOT_A_NUMBER), (-INF, Quality.NOT_A_NUMBER),
     (5.1, Quality.OUT_OF_RANGE), (-0.1, Quality.OUT_OF_RANGE)],
)  # fmt: skip
def test_a_single_unusable_sample_is_dropped(value: float, flag: Quality) -> None:
    checked = gate(valid=(0.0, 5.0))
    assert checked.check(sample(0, value)) == (None, flag)
    assert counted(checked) == {(flag.name or "").lower(): 1}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_unusable_samples_of_a_block_become_nan_on_a_copy(dtype: Any) -> None:
    values = np.array([1, NAN, 9, INF, 2], dtype=dtype)
    passed, quality = gate(valid=(0.0, 5.0)).check(Block("pump", "pressure", NOW, values, 10.0))
    assert passed is not None
    assert quality == Quality.NOT_A_NUMBER | Quality.OUT_OF_RANGE
    assert passed.values.dtype == dtype
    np.testing.assert_array_equal(passed.values, [1, NAN, NAN, NAN, 2])
    np.testing.assert_array_equal(values, np.array([1, NAN, 9, INF, 2], dtype=dtype))


def test_a_block_without_a_usable_sample_is_dropped() -> None:
    checked = gate(valid=(0.0, 5.0))
    assert checked.check(wave(0, NAN, 9))[0] is None
    assert checked.check(batch([1, 2], NAN, 9))[0] is None
    assert counted(checked) == {"not_a_number": 2, "out_of_range": 2}


def test_without_a_valid_range_every_value_whose_square_is_a_number_is_good() -> None:
    assert flags(gate(), wave(0, 1e150, -1e150), sample(9, 1e150)) == [Quality.GOOD] * 2
    assert flags(gate(), wave(0, 1e151, 1), sample(9, -1e308)) == [Quality.OUT_OF_RANGE] * 2


@pytest.mark.parametrize("count", [1, 2])
def test_a_bound_is_the_same_for_a_sample_alone_and_in_a_block(count: int) -> None:
    above = np.full(count, 0.1, dtype=np.float32)  # the float32 next to 0.1 is above it
    block = Block("pump", "pressure", NOW, above, 10.0 if count > 1 else None)
    assert gate(valid=(0.0, 0.1)).check(block) == (None, Quality.OUT_OF_RANGE)


def test_float32_infinity_is_no_number_whatever_the_bounds() -> None:
    block = Block("pump", "pressure", NOW, np.array([np.inf, 1], dtype=np.float32), 10.0)
    passed, quality = gate().check(block)
    assert passed is not None
    assert quality == Quality.NOT_A_NUMBER
    np.testing.assert_array_equal(passed.values, np.array([np.nan, 1], dtype=np.float32))


def test_a_single_sample_out_of_order_is_handed_on_for_the_window_to_judge() -> None:
    checked = gate()
    checked.check(sample(2, 1))
    late = sample(1, 1)
    assert checked.check(late) == (late, Quality.OUT_OF_ORDER)
    assert flags(checked, sample(3, 1)) == [Quality.GOOD]


def test_a_waveform_out_of_order_is_dropped() -> None:
    checked = gate()
    checked.check(wave(2, 1, 2))
    assert checked.check(wave(1, 1, 2)) == (None, Quality.OUT_OF_ORDER)
    assert counted(checked) == {"out_of_order": 2}


def test_a_block_that_rounding_lets_begin_before_the_last_one_ended_is_in_order() -> None:
    checked = gate(rate=10.0)
    assert flags(checked, wave(0, 1, 2), wave(0.0999, 3, 4)) == [Quality.GOOD, Quality.GOOD]


def test_a_duplicate_is_dropped_and_another_value_at_the_same_time_is_not() -> None:
    checked = gate()
    assert flags(checked, sample(0, 1), sample(0, 1), sample(0, 2)) == [
        Quality.GOOD, Quality.DUPLICATE, Quality.GOOD,
    ]  # fmt: skip
    checked = gate()
    first, again, other = wave(0, 1, NAN), wave(0, 1, NAN), wave(0, 1, 2)
    checked.check(first)
    assert checked.check(again) == (None, Quality.DUPLICATE)
    assert checked.check(other) == (other, Quality.GOOD)


def test_duplicates_within_a_batch_are_taken_out() -> None:
    checked = gate()
    passed, quality = checked.check(batch([0, 0, 1], 1, 1, 2))
    assert passed is not None
    assert passed.times is not None
    assert (passed.values.tolist(), passed.times.tolist()) == ([1.0, 2.0], [NOW, NOW + SECOND])
    assert quality == Quality.DUPLICATE
    alone, _ = checked.check(batch([1, 2], 2, 3))
    assert alone is not None
    assert (alone.time, alone.values.tolist(), alone.times) == (NOW + 2 * SECOND, [3.0], None)


def test_a_batch_in_any_order_is_handed_on_with_its_flag() -> None:
    checked = gate()
    passed, quality = checked.check(batch([1, 0, 2], 1, NAN, 3))
    assert passed is not None
    np.testing.assert_array_equal(passed.values, [1, NAN, 3])
    assert quality == Quality.OUT_OF_ORDER | Quality.NOT_A_NUMBER


def test_a_gap_is_called_after_one_and_a_half_missed_periods() -> None:
    assert flags(gate(rate=10.0), sample(0, 1), sample(0.25, 1), sample(0.51, 1)) == [
        Quality.GOOD, Quality.GOOD, Quality.GAP,
    ]  # fmt: skip
    assert flags(gate(rate=10.0), wave(0, 1, 2), wave(0.2, 1, 2), wave(0.56, 1, 2)) == [
        Quality.GOOD, Quality.GOOD, Quality.GAP,
    ]  # fmt: skip


def test_without_a_nominal_rate_no_gap_is_called() -> None:
    assert flags(gate(), wave(0, 1, 2), wave(3600, 1, 2)) == [Quality.GOOD, Quality.GOOD]


def test_times_written_in_milliseconds_make_no_gaps_in_a_fast_waveform() -> None:
    checked = gate(Source(value="/v", time="/t", time_unit="ms"), rate=25_600.0)
    starts = [round(block * 1000 / 25_600, 3) for block in range(50)]
    blocks = [wave(start, *np.arange(1000.0), rate=25_600.0) for start in starts]
    assert set(flags(checked, *blocks)) == {Quality.GOOD}
    assert flags(checked, wave(starts[-1] + 2000 / 25_600, 1, 2, rate=25_600.0)) == [Quality.GAP]


def test_messages_of_one_burst_are_neither_duplicates_nor_out_of_order() -> None:
    checked = gate(ARRIVED)
    burst = [sample(0, 1), sample(0, 1), wave(-0.1, 1, 2), wave(-0.2, 1, 2, 3), wave(-0.2, 1, 2, 3)]
    assert flags(checked, *burst) == [Quality.GOOD] * 5


def test_a_lost_block_shows_through_the_jitter_of_arrival() -> None:
    checked = gate(ARRIVED, rate=10.0)
    arrivals = [0.0, 1.3, 1.9, 3.0, 5.0]
    assert flags(checked, *(wave(start, *range(10)) for start in arrivals)) == [Quality.GOOD] * 4 + [
        Quality.GAP
    ]


def test_a_clock_that_was_set_back_is_flagged_once_and_followed() -> None:
    checked = gate(ARRIVED, rate=10.0)
    singles = flags(checked, sample(100, 1), sample(0, 2), sample(0.1, 3))
    assert singles == [Quality.GOOD, Quality.OUT_OF_ORDER, Quality.GOOD]
    checked = gate(ARRIVED, rate=10.0)
    back = wave(0, 3, 4)
    checked.check(wave(100, 1, 2))
    assert checked.check(back) == (back, Quality.OUT_OF_ORDER)
    assert flags(checked, wave(0.2, 5, 6)) == [Quality.GOOD]


def test_stuck_is_flagged_while_it_lasts() -> None:
    checked = gate(stuck_after=3)
    course = flags(checked, *(sample(second, value) for second, value in enumerate([1, 1, 1, 1, 2, 2])))
    assert course == [Quality.GOOD] * 2 + [Quality.STUCK] * 2 + [Quality.GOOD] * 2
    assert counted(checked) == {"stuck": 2}


def test_a_run_goes_on_from_block_to_block() -> None:
    checked = gate(stuck_after=3)
    course = flags(checked, wave(0, 0, 1, 1), wave(1, 1, 2, 3), wave(2, 4, 5, 6), wave(3, 7, 7, 7, 8))
    assert course == [Quality.GOOD, Quality.STUCK, Quality.GOOD, Quality.STUCK]
    assert counted(checked) == {"stuck": 2}


def test_zero_calls_nothing_stuck() -> None:
    assert set(flags(gate(), *(sample(second, 1) for second in range(99)))) == {Quality.GOOD}


def test_every_flag_of_the_gate_is_counted_by_its_name() -> None:
    assert set(gate().counts()) == {
        "out_of_order", "duplicate", "gap", "stuck", "out_of_range", "not_a_number",
    }  # fmt: skip


VALUES = st.sampled_from([0.0, 1.0, 1.0, 2.0, 7.0, 99.0, NAN, INF])
STREAMS = st.lists(st.tuples(st.integers(0, 5), VALUES), min_size=1, max_size=40)
"""(periods missed before the sample, its value)."""


def chunked(stream: list[tuple[int, float]], cuts: set[int]) -> list[Block]:
    """The stream at 10 Hz in blocks, cut there and wherever periods were missed."""
    starts = sorted(
        {0, *(cut for cut in cuts if cut < len(stream))} | {i for i, (gap, _) in enumerate(stream) if gap}
    )
    positions = np.cumsum([1 + gap for gap, _ in stream])
    blocks = []
    for first, last in pairwise([*starts, len(stream)]):
        values = [value for _, value in stream[first:last]]
        blocks.append(
            wave(positions[first] / 10, *values)
            if len(values) > 1
            else sample(positions[first] / 10, values[0])
        )
    return blocks


def accepted(checked: QualityGate, blocks: list[Block]) -> list[tuple[int, float]]:
    """(ns, value) of every usable sample."""
    taken = []
    for block in blocks:
        passed, _ = checked.check(block)
        if passed is not None:
            values = passed.values.tolist()
            taken += [
                (passed.time + i * SECOND // 10, value)
                for i, value in enumerate(values)
                if np.isfinite(value)
            ]
    return taken


@given(STREAMS, st.sets(st.integers(1, 39)), st.sets(st.integers(1, 39)), st.integers(0, 3))
def test_chunking_a_stream_differently_changes_nothing(
    stream: list[tuple[int, float]], cuts: set[int], others: set[int], stuck_after: int
) -> None:
    spec: dict[str, Any] = {"rate": 10.0, "valid": (0.0, 10.0), "stuck_after": stuck_after}
    one, other = gate(**spec), gate(**spec)
    assert accepted(one, chunked(stream, cuts)) == accepted(other, chunked(stream, others))
    assert one.counts() == other.counts()


@given(st.lists(st.tuples(st.integers(-3, 9), VALUES), min_size=2, max_size=20), st.integers(0, 3))
def test_a_batch_is_judged_like_its_samples_one_by_one(
    stream: list[tuple[int, float]], stuck_after: int
) -> None:
    spec: dict[str, Any] = {"rate": 1.0, "valid": (0.0, 10.0), "stuck_after": stuck_after}
    together, alone = gate(**spec), gate(**spec)
    quality = together.check(batch([second for second, _ in stream], *(value for _, value in stream)))[1]
    combined = Quality.GOOD
    for found in flags(alone, *(sample(second, value) for second, value in stream)):
        combined |= found
    assert quality == combined
    assert together.counts() == alone.counts()


FLOATS = st.one_of(
    hnp.arrays(np.float64, st.integers(1, 6), elements=st.floats(width=64)),
    hnp.arrays(np.float32, st.integers(1, 6), elements=st.floats(width=32)),
)


@st.composite
def any_block(draw: st.DrawFn) -> Block:
    values, time = draw(FLOATS), draw(st.integers(-(2**62), 2**62))
    if len(values) > 1 and draw(st.booleans()):
        times = draw(hnp.arrays(np.int64, len(values), elements=st.integers(-(2**62), 2**62)))
        return Block("pump", "pressure", int(times[0]), values, None, times)
    return Block("pump", "pressure", time, values, draw(st.floats(1e-3, 1e6)) if len(values) > 1 else None)


@given(
    st.lists(any_block(), max_size=6),
    st.sampled_from([STAMPED, ARRIVED]),
    st.sampled_from([None, (-1.0, 1.0), (-INF, INF)]),
    st.sampled_from([None, 10.0]),
    st.integers(0, 3),
)
def test_no_block_whatever_raises_or_is_changed(
    blocks: list[Block], source: Source, valid: tuple[float, float] | None, rate: float | None, stuck_after: int
) -> None:
    checked = gate(source, valid=valid, rate=rate, stuck_after=stuck_after)
    low, high = valid or (-INF, INF)
    for block in blocks:
        before = block.values.copy()
        passed, quality = checked.check(block)
        np.testing.assert_array_equal(block.values, before)
        if passed is None:
            assert quality
            continue
        usable = passed.values[~np.isnan(passed.values)]
        assert usable.size
        assert np.isfinite(usable).all()
        assert ((usable >= low) & (usable <= high)).all()
