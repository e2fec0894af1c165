"""Regimes by hand-made courses: what the machine is doing, and when nothing may be judged."""

from __future__ import annotations

from typing import Final

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.monitoring.detection.bands import NONE
from agent.monitoring.detection.regime import Regime, Situation
from agent.monitoring.spec import ChannelSpec, RunningSpec
from agent.monitoring.types import SECOND

SPEED: Final = ChannelSpec(name="speed", topic="t", unit="rpm", role="operating")
LOAD: Final = ChannelSpec(name="load", topic="t", unit="%", role="operating")
FLOW: Final = ChannelSpec(name="flow", topic="t", unit="m3/h")
SETTLE: Final = 30


class Course:
    """A machine second by second; windows are of one second, as long as ``window``."""

    def __init__(self, regime: Regime, window: int = 1) -> None:
        self.regime = regime
        self.window = window
        self.second = 1_000
        self.last: dict[str, list[float]] = {}

    def run(self, seconds: int, **values: float) -> list[Situation]:
        found = []
        for _ in range(seconds):
            self.second += 1
            now = self.second * SECOND
            for name, value in values.items():
                seen = self.last.setdefault(name, [])
                seen.append(value)
                del seen[: -self.window]
                self.regime.update(name, min(seen), float(np.mean(seen)), max(seen), now)
            found.append(self.regime.at(now - self.window * SECOND, now))
        return found


def names(situations: list[Situation]) -> list[str]:
    """What it was in turn."""
    told = [situation.name for situation in situations]
    return [name for i, name in enumerate(told) if i == 0 or told[i - 1] != name]


def count(situations: list[Situation], name: str) -> int:
    return sum(situation.name == name for situation in situations)


# --------------------------------------------------------------------------- with neither rule nor operating channels


def test_without_a_rule_and_operating_channels_it_always_runs_at_its_only_band() -> None:
    regime = Regime(None, [FLOW])
    assert regime.channels == ()
    situations = Course(regime).run(3)
    assert [(situation.name, situation.band) for situation in situations] == [("running", 0)] * 3


# --------------------------------------------------------------------------- by a rule


def by_rule(*channels: ChannelSpec, settle: float = SETTLE) -> Course:
    return Course(Regime(RunningSpec(channel="flow", above=5.0, settle=settle), [FLOW, *channels]))


def test_before_anything_was_said_it_counts_as_stopped() -> None:
    assert names(by_rule().run(2)) == ["stopped"]


def test_a_machine_that_is_found_running_has_settled_already() -> None:
    assert names(by_rule().run(5, flow=10.0)) == ["running"]


def test_after_a_start_nothing_is_judged_until_it_has_settled() -> None:
    course = by_rule()
    assert names(course.run(5, flow=0.0)) == ["stopped"]
    started = course.run(100, flow=10.0)
    assert names(started) == ["starting", "running"]
    assert count(started, "starting") == SETTLE
    assert names(course.run(5, flow=5.0)) == ["stopped"], "at the limit it stands"


def test_each_start_settles_anew() -> None:
    course = by_rule()
    course.run(60, flow=10.0)
    for _ in range(3):
        course.run(1, flow=0.0)
        assert names(course.run(SETTLE, flow=10.0)) == ["starting"]


def test_a_window_that_reaches_into_the_standstill_is_not_of_a_running_machine() -> None:
    regime = Regime(RunningSpec(channel="flow", above=5.0, settle=0.0), [FLOW])
    regime.update("flow", 0.0, 9.0, 10.0, 10 * SECOND)
    assert regime.at(0, 10 * SECOND).name == "stopped"


def test_a_reading_that_is_missing_changes_nothing() -> None:
    course = by_rule()
    course.run(5, flow=10.0)
    assert names(course.run(5, flow=float("nan"))) == ["running"]


def test_the_rules_channel_tells_beside_the_operating_ones() -> None:
    assert by_rule(SPEED).regime.channels == ("flow", "speed")
    assert Regime(RunningSpec(channel="speed", above=500.0), [SPEED, LOAD]).channels == ("speed", "load")


def test_where_it_is_run_must_be_known_before_it_is_judged() -> None:
    course = by_rule(SPEED)
    assert names(course.run(5, flow=10.0)) == ["transition"]
    assert names(course.run(5, flow=10.0, speed=1500.0)) == ["running"]


# --------------------------------------------------------------------------- by an operating channel alone


def by_speed(window: int = 1) -> Course:
    return Course(Regime(None, [FLOW, SPEED]), window)


def test_by_speed_alone_it_stands_below_a_share_of_the_most_it_has_done() -> None:
    course = by_speed()
    assert names(course.run(60, speed=1500.0)) == ["running"]
    assert names(course.run(5, speed=70.0)) == ["stopped"]
    assert names(course.run(60, speed=1500.0)) == ["starting", "running"]


def test_a_shaft_that_creeps_has_never_run() -> None:
    assert names(by_speed().run(60, speed=9.0)) == ["stopped"]


def test_a_load_without_such_a_unit_runs_from_the_first_value_above_nothing() -> None:
    course = Course(Regime(None, [LOAD]))
    assert names(course.run(5, load=0.0)) == ["stopped"]
    assert names(course.run(60, load=3.0)) == ["starting", "running"]


def test_after_a_move_to_another_band_everything_is_masked_for_a_while() -> None:
    course = by_speed()
    (first,) = {situation.band for situation in course.run(60, speed=1500.0)}
    moved = course.run(60, speed=1200.0)
    assert names(moved) == ["transition", "running"]
    assert count(moved, "transition") == SETTLE
    assert moved[-1].band != first
    back = course.run(60, speed=1500.0)
    assert count(back, "transition") == SETTLE
    assert back[-1].band == first


def test_each_further_move_masks_anew() -> None:
    course = by_speed()
    course.run(60, speed=1500.0)
    for speed in (1200.0, 900.0, 1200.0, 1500.0):
        assert names(course.run(SETTLE, speed=speed)) == ["transition"]


def test_windows_that_hold_the_move_are_masked_however_soon_it_settles() -> None:
    course = Course(Regime(RunningSpec(channel="speed", above=500.0, settle=0.0), [SPEED]), window=12)
    course.run(60, speed=1500.0)
    moved = course.run(40, speed=1200.0)
    assert names(moved) == ["transition", "running"]
    assert 11 <= count(moved, "transition") <= 24


def test_a_slow_ramp_is_masked_until_it_has_arrived() -> None:
    course = by_speed(window=12)
    course.run(60, speed=1500.0)
    ramp = [situation for step in range(60) for situation in course.run(1, speed=1500.0 - 15.0 * step)]
    assert names(ramp[12:]) == ["transition"]
    assert names(course.run(60, speed=600.0)) == ["transition", "running"]


def test_noise_of_the_speed_is_no_move() -> None:
    course, rng = by_speed(), np.random.default_rng(0)
    situations = [s for _ in range(500) for s in course.run(1, speed=1500.0 * (1 + 0.01 * rng.standard_normal()))]
    assert names(situations) == ["running"]
    assert {situation.band for situation in situations} == {0}


def test_the_operating_point_is_told_where_it_runs_and_only_there() -> None:
    course = by_speed()
    for situation in [*course.run(40, speed=1500.0), *course.run(60, speed=1200.0), *course.run(5, speed=0.0)]:
        assert (situation.point is not None) is (situation.name == "running") is (situation.band != NONE)
    point = course.run(60, speed=1210.0)[-1].point
    assert point is not None
    assert point.tolist() == [1210.0]


def test_a_start_that_is_run_up_slowly_settles_after_it_has_arrived() -> None:
    course = by_speed(window=12)
    course.run(60, speed=1500.0)
    course.run(20, speed=0.0)
    for step in range(25):
        course.run(1, speed=60.0 * (step + 1))
    arrived = course.run(90, speed=1500.0)
    assert names(arrived) == ["starting", "transition", "running"]
    assert len(arrived) - count(arrived, "running") >= SETTLE


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0.0, 900.0, 1200.0, 1500.0]), st.integers(1, 60)), max_size=6))
def test_no_window_is_judged_within_the_settling_time_after_a_change(course: list[tuple[float, int]]) -> None:
    machine = by_speed(window=12)
    machine.run(60, speed=1500.0)
    before, since = 1500.0, SETTLE
    for speed, seconds in course:
        since = since if speed == before else 0
        for situation in machine.run(seconds, speed=speed):
            assert situation.name == "stopped" or speed > 0.0
            assert situation.name != "running" or since >= SETTLE
            since += 1
        before = speed


# --------------------------------------------------------------------------- restart


def test_a_restored_regime_knows_its_bands_and_what_a_standstill_is() -> None:
    before = by_speed()
    before.run(60, speed=1500.0)
    before.run(60, speed=1200.0)
    after = by_speed()
    after.regime.restore(orjson.loads(orjson.dumps(before.regime.to_json())))
    assert [after.run(1, speed=1200.0)[0].band, len(after.regime.bands)] == [1, 2]
    assert names(after.run(5, speed=70.0)) == ["stopped"]
    assert {s.band for s in after.run(90, speed=1500.0) if s.name == "running"} == {0}


def test_a_regime_of_other_channels_is_refused() -> None:
    with pytest.raises(ValueError, match="other operating variables"):
        Regime(None, [LOAD]).restore(by_speed().regime.to_json())
