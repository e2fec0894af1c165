"""An alarm's life: one alarm an episode, and nothing that people were told of ends unseen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agent.errors import CommandError
from agent.monitoring.alarm import Alarm, AlarmKind, Change
from agent.monitoring.alarm_table import AlarmState
from agent.monitoring.detection.state import Condition
from agent.monitoring.severity import DAY, HOUR, Severity
from agent.monitoring.spec import AlarmSpec
from agent.monitoring.types import SECOND, Command, CommandName

N, W, A = Condition.NORMAL, Condition.WARNING, Condition.ALARM
LATCHING = AlarmSpec(latching=True)


def order(name: CommandName, seconds: float | None = None) -> Command:
    return Command(name, "pump", "ada", seconds=seconds, reason="seen")


def raised(spec: AlarmSpec | None = None, kind: AlarmKind = "machine") -> Alarm:
    alarm = Alarm("vibration", spec or AlarmSpec(), kind)
    assert alarm.update(A, SECOND) is not None
    return alarm


def transition(change: Change | None) -> str | None:
    return change.transition if change else None


def test_an_episode_is_raised_worsened_and_cleared_once() -> None:
    alarm = Alarm()
    course = [W, W, A, W, A, N, N]
    said = [transition(alarm.update(condition, time)) for time, condition in enumerate(course, 1)]
    assert said == ["raised", None, "worsened", None, None, "cleared", None]
    assert alarm.since == 1


def test_an_alarm_that_nobody_acknowledged_waits_for_it_after_its_end() -> None:
    alarm = raised()
    assert alarm.update(N, 2 * SECOND) is not None
    assert (alarm.state, alarm.annunciating, alarm.standing) == (AlarmState.RETURNED, True, False)
    assert alarm.command(order("ack"), 3 * SECOND).after is AlarmState.NORMAL


def test_an_acknowledged_alarm_ends_by_itself() -> None:
    alarm = raised()
    change = alarm.command(order("ack"), 2 * SECOND)
    assert (change.transition, change.cause, change.actor, change.reason) == (
        "acknowledged", "operator", "ada", "seen")
    assert not alarm.annunciating
    cleared = alarm.update(N, 3 * SECOND)
    assert cleared is not None
    assert (cleared.after, cleared.announced) == (AlarmState.NORMAL, True)


@pytest.mark.parametrize("acknowledged_before", [False, True])
def test_a_latching_alarm_stays_until_it_is_acknowledged_after_its_end(acknowledged_before: bool) -> None:
    alarm = raised(LATCHING)
    if acknowledged_before:
        alarm.command(order("ack"), 2 * SECOND)
    assert transition(alarm.update(N, 3 * SECOND)) == "cleared"
    assert alarm.state is AlarmState.LATCHED
    reset = alarm.command(order("ack"), 4 * SECOND)
    assert (reset.transition, reset.after) == ("reset", AlarmState.NORMAL)


@pytest.mark.parametrize("spec", [AlarmSpec(), LATCHING])
def test_a_second_episode_before_the_first_is_acknowledged_is_raised_again(spec: AlarmSpec) -> None:
    alarm = raised(spec)
    alarm.update(N, 2 * SECOND)
    again = alarm.update(A, 3 * SECOND)
    assert again is not None
    assert (again.transition, again.after, alarm.since) == ("raised", AlarmState.UNACKNOWLEDGED, 3 * SECOND)


# -------------------------------------------------------------------------------------- out of sight


def put_away(alarm: Alarm, how: str) -> Change | None:
    if how == "suppress":
        return alarm.suppress(True, 2 * SECOND)
    return alarm.command(order("shelve" if how == "shelve" else "out-of-service"), 2 * SECOND)


def bring_back(alarm: Alarm, how: str) -> Change | None:
    if how == "suppress":
        return alarm.suppress(False, 9 * SECOND)
    return alarm.command(order("unshelve" if how == "shelve" else "in-service"), 9 * SECOND)


@pytest.mark.parametrize("how", ["shelve", "suppress", "remove"])
def test_an_alarm_that_still_stands_comes_back_unacknowledged(how: str) -> None:
    alarm = raised()
    alarm.command(order("ack"), SECOND)
    gone = put_away(alarm, how)
    assert gone is not None
    assert gone.announced
    back = bring_back(alarm, how)
    assert back is not None
    assert (back.before, back.after, back.announced) == (gone.after, AlarmState.UNACKNOWLEDGED, True)


@pytest.mark.parametrize("how", ["shelve", "suppress", "remove"])
def test_what_happens_out_of_sight_is_recorded_and_not_announced(how: str) -> None:
    alarm = Alarm()
    away = put_away(alarm, how)
    changes = [away, alarm.update(W, 3 * SECOND), alarm.update(A, 4 * SECOND), alarm.update(N, 5 * SECOND),
               bring_back(alarm, how)]
    assert [transition(change) for change in changes][1:4] == ["raised", "worsened", "cleared"]
    assert not any(change.announced for change in changes if change)
    assert alarm.state is AlarmState.NORMAL


@pytest.mark.parametrize("how", ["shelve", "suppress", "remove"])
def test_an_alarm_raised_out_of_sight_is_announced_on_the_way_out(how: str) -> None:
    alarm = Alarm()
    put_away(alarm, how)
    alarm.update(A, 3 * SECOND)
    back = bring_back(alarm, how)
    assert back is not None
    assert (back.after, back.announced) == (AlarmState.UNACKNOWLEDGED, True)


def test_shelving_ends_at_its_end() -> None:
    alarm = raised()
    alarm.command(order("shelve", 60.0), 100 * SECOND)
    assert alarm.tick(159 * SECOND) is None
    change = alarm.tick(160 * SECOND)
    assert change is not None
    assert (change.transition, change.cause, change.after) == ("unshelved", "time", AlarmState.UNACKNOWLEDGED)
    assert alarm.tick(161 * SECOND) is None


def test_shelving_again_sets_another_end() -> None:
    alarm = raised()
    alarm.command(order("shelve", 60.0), 100 * SECOND)
    assert alarm.command(order("shelve", 10.0), 101 * SECOND).before is AlarmState.SHELVED
    assert alarm.tick(111 * SECOND) is not None


def test_shelving_without_an_end_ends_with_the_shift_or_the_longest_that_is_allowed() -> None:
    for longest, expected in ((DAY, 8 * HOUR), (HOUR, HOUR)):
        alarm = raised(AlarmSpec(longest_shelving=longest))
        alarm.command(order("shelve"), 0)
        assert alarm.until == expected * SECOND


@pytest.mark.parametrize("seconds", [0.0, -1.0, 3601.0, float("nan"), float("inf")])
def test_shelving_for_no_time_or_too_long_is_refused_with_the_longest_that_is_allowed(seconds: float) -> None:
    alarm = raised(AlarmSpec(longest_shelving=HOUR))
    with pytest.raises(CommandError, match="3600 s"):
        alarm.command(order("shelve", seconds), 0)
    assert (alarm.state, alarm.until) == (AlarmState.UNACKNOWLEDGED, 0)


def test_a_clock_that_was_far_ahead_when_it_was_shelved_does_not_shelve_it_for_ever() -> None:
    alarm = raised(AlarmSpec(longest_shelving=HOUR))
    alarm.command(order("shelve", HOUR), 10**9 * SECOND)
    assert alarm.tick(SECOND) is None
    assert alarm.tick((1 + 3600) * SECOND) is not None


def test_shelving_that_ends_at_a_standstill_leaves_the_alarm_suppressed() -> None:
    alarm = raised()
    alarm.command(order("shelve", 60.0), 0)
    assert alarm.suppress(True, 10 * SECOND) is None
    back = alarm.tick(60 * SECOND)
    assert back is not None
    assert (back.after, back.announced) == (AlarmState.SUPPRESSED, False)
    assert transition(alarm.suppress(False, 70 * SECOND)) == "unsuppressed"
    assert alarm.state is AlarmState.UNACKNOWLEDGED


def test_a_standstill_is_told_once() -> None:
    alarm = raised()
    assert transition(alarm.suppress(True, 2)) == "suppressed"
    assert alarm.suppress(True, 3) is None


def test_an_alarm_that_is_over_waits_for_its_acknowledgement_through_a_standstill() -> None:
    alarm = raised()
    alarm.update(N, 2 * SECOND)
    assert alarm.suppress(True, 3 * SECOND) is None
    assert alarm.state is AlarmState.RETURNED
    assert alarm.command(order("ack"), 4 * SECOND).after is AlarmState.SUPPRESSED


def test_an_alarm_that_waits_and_comes_back_at_a_standstill_is_said_to_be_suppressed() -> None:
    alarm = raised()
    alarm.update(N, 2 * SECOND)
    alarm.suppress(True, 3 * SECOND)
    again = alarm.update(A, 4 * SECOND)
    assert again is not None
    assert (again.transition, again.after, again.announced) == ("raised", AlarmState.SUPPRESSED, True)


# ----------------------------------------------------------------------------------------- commands


@pytest.mark.parametrize(
    ("prepare", "name", "state", "possible"),
    [
        (lambda _: None, "in-service", "unacknowledged", "ack, shelve, out-of-service"),
        (lambda alarm: alarm.command(order("ack"), 2), "ack", "acknowledged", "shelve, out-of-service"),
        (lambda alarm: alarm.command(order("shelve"), 2), "ack", "shelved", "shelve, unshelve, out-of-service"),
        (lambda alarm: alarm.command(order("out-of-service"), 2), "shelve", "out-of-service", "in-service"),
        (lambda alarm: alarm.suppress(True, 2), "ack", "suppressed", "shelve, out-of-service"),
        (lambda _: None, "unshelve", "unacknowledged", "ack, shelve, out-of-service"),
    ],
)
def test_a_command_that_cannot_be_done_says_why_and_what_could_be(
    prepare: Callable[[Alarm], object], name: CommandName, state: str, possible: str
) -> None:
    alarm = raised()
    prepare(alarm)
    with pytest.raises(CommandError) as refusal:
        alarm.command(order(name), 3)
    assert str(refusal.value) == f"{name}: alarm vibration of pump is {state}; possible: {possible}"


def test_a_command_that_is_not_an_alarms_is_refused() -> None:
    with pytest.raises(CommandError, match="recommission"):
        raised().command(order("recommission"), 2)


# ----------------------------------------------------------------------------- refractory, severity


def test_within_the_refractory_time_no_new_episode_begins() -> None:
    alarm = raised(AlarmSpec(refractory=100.0))
    alarm.update(N, 2 * SECOND)
    assert [alarm.update(c, t * SECOND) for t, c in ((50, A), (60, N), (100, A))] == [None] * 3
    assert (alarm.condition, alarm.standing) == (A, False)


def test_a_condition_that_outlasts_the_refractory_time_is_raised_then() -> None:
    alarm = raised(AlarmSpec(refractory=100.0))
    alarm.update(N, 2 * SECOND)
    assert [transition(alarm.update(A, t * SECOND)) for t in (99, 100, 101, 102)] == [None, None, "raised", None]
    assert alarm.since == 101 * SECOND


def test_an_alarm_that_stands_longer_is_told_again_even_if_it_was_acknowledged() -> None:
    alarm = Alarm()
    alarm.update(A, SECOND, ratio=1.7)
    assert alarm.severity is Severity.MEDIUM
    alarm.command(order("ack"), 2 * SECOND)
    course = [(HOUR, 1.7), (DAY, 1.7), (DAY + 62, 1.7), (DAY + 130, 9.0)]
    said = [alarm.update(A, round(seconds * SECOND), ratio) for seconds, ratio in course]
    assert [transition(change) for change in said] == [None, None, "worsened", None]
    assert (alarm.state, alarm.severity) == (AlarmState.UNACKNOWLEDGED, Severity.HIGH)


def severities(*ratios: float) -> list[str]:
    """What is told of an alarm with these ratios, 10 s from one to the next."""
    alarm = Alarm()
    said = [alarm.update(A, (number + 1) * 10 * SECOND, ratio) for number, ratio in enumerate(ratios)]
    return [f"{number}: {change.transition} {change.severity.word}" for number, change in enumerate(said) if change]


def test_the_windows_that_fill_up_with_a_sudden_fault_are_told_as_one_rise() -> None:
    assert severities(1.1, *[1.5, 1.9, 2.4], *[4.0] * 20) == ["0: raised low", "12: worsened high"]


def test_a_spike_does_not_make_an_alarm_severe() -> None:
    assert severities(*[1.1, 1.2, 9.0] * 20) == ["0: raised low"]


def test_a_ratio_that_is_no_number_tells_nothing() -> None:
    assert severities(1.1, *[float("nan")] * 20, *[float("nan"), 1.2] * 20) == ["0: raised low"]


def test_a_limit_that_a_person_set_is_at_least_medium_and_its_warning_low() -> None:
    alarm = Alarm("temperature", AlarmSpec(), "limit")
    changes = [alarm.update(W, 1), alarm.update(A, 2)]
    assert [change.severity for change in changes if change] == [Severity.LOW, Severity.MEDIUM]


def test_each_episode_has_a_severity_of_its_own() -> None:
    alarm = Alarm()
    for condition, ratio in ((A, 9.0), (N, 0.1), (A, 1.0)):
        alarm.update(condition, SECOND, ratio)
    assert alarm.severity is Severity.LOW


# ---------------------------------------------------------------------------------------- snapshots


def test_a_snapshot_of_the_first_version_is_an_unacknowledged_alarm_or_none() -> None:
    alarm = Alarm()
    alarm.restore({"condition": "alarm", "since": 7})
    assert (alarm.state, alarm.condition, alarm.since) == (AlarmState.UNACKNOWLEDGED, A, 7)
    alarm.restore({"condition": "normal", "since": 7})
    assert (alarm.state, alarm.condition) == (AlarmState.NORMAL, N)


@pytest.mark.parametrize(
    "document",
    [
        {}, {"condition": "alarm"}, {"condition": "odd", "since": 1}, {"condition": 3, "since": 1},
        {"condition": "alarm", "since": "soon"}, {"condition": "alarm", "since": 1, "state": "odd"},
        {"condition": "alarm", "since": 1, "severity": "odd"},
        {"condition": "normal", "since": 1, "standing": True},
        {"condition": "alarm", "since": 1, "state": "normal", "standing": True},
        {"condition": "alarm", "since": 1, "state": "acknowledged", "standing": False},
    ],
)
def test_a_snapshot_that_is_no_alarms_is_refused_and_changes_nothing(document: dict[str, Any]) -> None:
    alarm = raised()
    before = alarm.to_json()
    with pytest.raises(ValueError):
        alarm.restore(document)
    assert alarm.to_json() == before
