"""The laws of an alarm's life, whatever happens to it."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent.errors import CommandError
from agent.monitoring.alarm import Alarm, Change
from agent.monitoring.alarm_table import AWAY, TOLD, AlarmState
from agent.monitoring.detection.state import Condition
from agent.monitoring.severity import Severity
from agent.monitoring.spec import AlarmSpec
from agent.monitoring.types import SECOND, Command

N, W, A = Condition.NORMAL, Condition.WARNING, Condition.ALARM

steps = st.lists(
    st.one_of(
        st.tuples(st.just("update"), st.sampled_from([N, W, A]), st.sampled_from([0.5, 1.0, 1.8, 3.0])),
        st.tuples(st.just("command"), st.sampled_from(["ack", "shelve", "unshelve", "out-of-service", "in-service"]),
                  st.sampled_from([None, 5.0, 50.0])),
        st.tuples(st.just("suppress"), st.booleans(), st.none()),
        st.tuples(st.just("tick"), st.none(), st.none()),
    ),
    max_size=60,
)
specs = st.builds(AlarmSpec, latching=st.booleans(), refractory=st.sampled_from([0.0, 7.0]),
                  longest_shelving=st.sampled_from([10.0, 100.0]))


def take(alarm: Alarm, step: tuple[str, Any, Any], time: int) -> Change | None:
    kind, first, second = step
    if kind == "update":
        return alarm.update(first, time, second)
    if kind == "suppress":
        return alarm.suppress(first, time)
    if kind == "tick":
        return alarm.tick(time)
    try:
        return alarm.command(Command(first, "pump", "ada", None, second), time)
    except CommandError:
        return None


@given(spec=specs, course=steps)
def test_raised_and_cleared_take_turns_whatever_else_happens(spec: AlarmSpec, course: list[Any]) -> None:
    alarm = Alarm("a", spec)
    said = [take(alarm, step, second * SECOND) for second, step in enumerate(course, 1)]
    turns = [change.transition for change in said if change and change.transition in {"raised", "cleared"}]
    assert turns == ["raised", "cleared"] * (len(turns) // 2) + ["raised"] * (len(turns) % 2)
    assert alarm.standing == (len(turns) % 2 == 1)


@given(spec=specs, course=steps)
def test_every_step_keeps_the_laws_of_the_states(spec: AlarmSpec, course: list[Any]) -> None:
    alarm = Alarm("a", spec)
    begun = None
    for second, step in enumerate(course, 1):
        before, severity = alarm.state, alarm.severity
        change = take(alarm, step, second * SECOND)
        assert (change is not None) or alarm.state is before
        if change is not None:
            assert (change.before, change.after, change.severity) == (before, alarm.state, alarm.severity)
            if change.transition == "raised":
                assert begun is None or second - begun >= spec.refractory or change.severity > Severity.LOW
                begun = second
            elif alarm.standing:
                assert alarm.severity >= severity
        if alarm.state not in AWAY:
            assert alarm.standing == (alarm.state in {AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED})
        assert (alarm.state is AlarmState.SHELVED) == (alarm.until > 0)
        assert alarm.state is not AlarmState.SUPPRESSED or alarm.stopped


@given(spec=specs, course=steps)
def test_what_people_were_told_ends_by_being_told(spec: AlarmSpec, course: list[Any]) -> None:
    """Who hears only what is announced knows at every moment whether something asks for them."""
    alarm = Alarm("a", spec)
    known = AlarmState.NORMAL
    for second, step in enumerate(course, 1):
        change = take(alarm, step, second * SECOND)
        if change is not None and change.announced:
            known = change.after
        if alarm.state in TOLD or known in TOLD:
            assert known is alarm.state


@given(spec=specs, course=steps, pace=st.sampled_from([1, 45]), cut=st.integers(0, 60))
def test_a_restart_changes_nothing(spec: AlarmSpec, course: list[Any], pace: int, cut: int) -> None:
    through, restarted = Alarm("a", spec), Alarm("a", spec)
    for number, step in enumerate(course, 1):
        if number == cut:
            kept = json.loads(json.dumps(restarted.to_json()))
            restarted = Alarm("a", spec)
            restarted.restore(kept)
        assert take(through, step, number * pace * SECOND) == take(restarted, step, number * pace * SECOND)
    assert through.to_json() == restarted.to_json()
