"""Steps of the wall clock, and when it cannot be believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.monitoring.types import SECOND
from agent.runtime.timekeeping import Step, Timekeeper
from agent.shipped import FLOOR
from tests.runtime.clocks import NOON, HandClock


@given(st.lists(st.tuples(st.floats(0.0, 1e6), st.floats(-5e-4, 5e-4)), max_size=20))
def test_a_clock_that_is_only_slewed_makes_no_step(turns: list[tuple[float, float]]) -> None:
    clock = HandClock()
    keeper = Timekeeper(clock)
    for seconds, slew in turns:
        clock.run(seconds)
        clock.wall += round(min(seconds, 1000.0) * slew * SECOND)
        assert keeper.look() is None


@given(st.integers(-10**9, 10**9).filter(lambda seconds: abs(seconds) > 1), st.floats(0.0, 1e5))
def test_a_step_is_said_once_with_what_the_clock_would_have_read(seconds: int, before: float) -> None:
    clock = HandClock()
    keeper = Timekeeper(clock)
    clock.run(before)
    expected = clock.wall
    clock.wall += seconds * SECOND
    step = keeper.look()
    assert step is not None
    assert (step.offset, step.after) == (seconds * SECOND, clock.wall)
    assert step.before == expected
    clock.run(1.0)
    assert keeper.look() is None


def test_only_a_step_out_of_the_impossible_past_asks_for_a_repair() -> None:
    assert Step(5 * SECOND, NOON).repairs
    assert not Step(NOON, NOON + 3600 * SECOND).repairs
    assert not Step(NOON, 5 * SECOND).repairs
    assert not Step(5 * SECOND, FLOOR - 1).repairs


@given(st.integers(0, 3600), st.booleans(), st.integers(4000, 2 * 10**9), st.booleans())
def test_what_was_stamped_on_either_side_of_a_step_ends_on_this_side(
    age: int, stepped: bool, offset: int, back: bool
) -> None:
    signed = -offset if back else offset
    step = Step(NOON, NOON + signed * SECOND)
    true = step.after - age * SECOND
    seen = true if stepped else true - step.offset
    if offset > 2 * age:
        assert step.restamped(seen) == true


def test_a_clock_before_the_program_was_made_is_no_clock_but_is_given_time_at_the_start() -> None:
    clock = HandClock(wall=90 * SECOND, synchronised=False)
    keeper = Timekeeper(clock)
    assert keeper.judge() == ""
    clock.run(601.0)
    assert "before this program" in keeper.judge()
    clock.wall = NOON
    assert keeper.judge() == ""


@pytest.mark.parametrize(("ever", "told"), [(True, True), (False, False)])
def test_a_day_without_a_time_server_is_a_trouble_only_where_there_was_one(ever: bool, told: bool) -> None:
    clock = HandClock(synchronised=ever)
    keeper = Timekeeper(clock)
    assert keeper.judge() == ""
    clock.right = False
    clock.run(86_399.0)
    assert keeper.judge() == ""
    assert keeper.synchronised is False
    clock.run(2.0)
    assert bool(keeper.judge()) is told
