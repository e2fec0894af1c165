"""Following normal: in steps, within bounds, and undone at will."""

from __future__ import annotations

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from agent.monitoring.detection.following import Following, Step

STEP, MOST = 0.25, 2.0
ENOUGH = 100
QUARANTINE = 50
deviations = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=2)


def collected(following: Following, deviation: list[float], windows: int = ENOUGH) -> Step | None:
    for _ in range(windows):
        following.collect(np.array(deviation), -1.0, 1.0)
    return following.step()


def offset(following: Following) -> NDArray[np.float64]:
    assert following.offset is not None
    return following.offset


@settings(max_examples=30)
@given(st.lists(deviations, min_size=1, max_size=15))
def test_it_moves_no_more_than_a_step_a_time_and_no_more_than_most_in_all(course: list[list[float]]) -> None:
    following, before = Following(2, STEP, MOST), np.zeros(2)
    for deviation in course:
        taken = collected(following, deviation)
        assert taken is not None
        assert np.abs(taken.moved).max() <= STEP + 1e-12
        assert np.abs(offset(following)).max() <= MOST
        assert offset(following) == pytest.approx(before + taken.moved)
        before = offset(following)


@settings(max_examples=30)
@given(deviations)
def test_it_arrives_where_normal_is_and_stays_there(deviation: list[float]) -> None:
    following = Following(2, STEP, MOST)
    for _ in range(round(MOST / STEP) + 1):
        collected(following, deviation)
    assert offset(following) == pytest.approx(np.clip(deviation, -MOST, MOST))


def test_a_step_rests_on_enough_independent_windows() -> None:
    following = Following(2, STEP, MOST)
    assert collected(following, [1.0, 1.0], ENOUGH - 1) is None
    assert following.offset is None
    assert collected(following, [1.0, 1.0], 1) is not None
    for _ in range(ENOUGH):
        following.collect(np.ones(2), 0.0, 0.5)
    assert following.step() is None


def test_a_step_tells_the_tail_what_was_above_its_level() -> None:
    following = Following(1, STEP, MOST)
    for window in range(200):
        following.collect(np.zeros(1), 0.4 if window % 10 == 0 else -0.3, 0.5)
    taken = following.step()
    assert taken is not None
    assert (taken.windows, taken.excesses, taken.total) == pytest.approx((100.0, 10.0, 4.0))
    assert following.step() is None, "what was told once is not told again"


def test_what_was_forgotten_moves_nothing() -> None:
    following = Following(2, STEP, MOST)
    for _ in range(QUARANTINE - 1):
        following.collect(np.full(2, 1.0), 3.0, 1.0)
    following.forget()
    taken = collected(following, [-1.0, 0.0])
    assert taken is not None
    assert taken.moved.tolist() == [-STEP, 0.0]
    assert taken.excesses == 0.0


def test_forgetting_keeps_the_steps_and_reverting_undoes_them() -> None:
    following = Following(2, STEP, MOST)
    collected(following, [1.0, -1.0])
    following.collect(np.ones(2), 0.0, 1.0)
    following.forget()
    assert offset(following).tolist() == [STEP, -STEP]
    following.revert()
    assert following.offset is None
    taken = collected(following, [0.1, 0.0])
    assert taken is not None
    assert taken.moved.tolist() == pytest.approx([0.1, 0.0])


def test_a_missing_channel_stays_where_it_is() -> None:
    following = Following(2, STEP, MOST)
    taken = collected(following, [0.1, np.nan])
    assert taken is not None
    assert taken.moved.tolist() == pytest.approx([0.1, 0.0])


@given(deviations)
def test_a_restored_one_is_where_it_was(deviation: list[float]) -> None:
    following, restored = Following(2, STEP, MOST), Following(2, STEP, MOST)
    restored.restore(orjson.loads(orjson.dumps(following.to_json())))
    assert restored.offset is None
    collected(following, deviation)
    restored.restore(orjson.loads(orjson.dumps(following.to_json())))
    assert offset(restored).tolist() == offset(following).tolist()


def test_what_was_followed_of_other_channels_is_refused() -> None:
    with pytest.raises(ValueError, match="other channels"):
        Following(2, STEP, MOST).restore([0.1, 0.2, 0.3])
