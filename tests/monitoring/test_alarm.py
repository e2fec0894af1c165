"""The alarm's table: total, and one alarm an episode."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from agent.monitoring.alarm import TABLE, Alarm, AlarmEvent, AlarmState
from agent.monitoring.detection.state import Condition


def test_the_table_is_total() -> None:
    assert set(TABLE) == set(product(AlarmState, AlarmEvent))


def test_an_episode_is_raised_worsened_and_cleared_once() -> None:
    alarm = Alarm()
    course = [Condition.WARNING, Condition.WARNING, Condition.ALARM, Condition.WARNING, Condition.NORMAL]
    assert [alarm.update(c, t) for t, c in enumerate(course, 1)] == ["raised", None, "worsened", None, "cleared"]
    assert alarm.since == 1


@given(st.lists(st.sampled_from(list(Condition)), max_size=50))
def test_raised_and_cleared_alternate(course: list[Condition]) -> None:
    alarm = Alarm()
    said = [t for i, c in enumerate(course) if (t := alarm.update(c, i)) in {"raised", "cleared"}]
    assert said == ["raised", "cleared"] * (len(said) // 2) + ["raised"] * (len(said) % 2)
    again = Alarm()
    again.restore(alarm.to_json())
    assert (again.state, again.condition, again.since) == (alarm.state, alarm.condition, alarm.since)
