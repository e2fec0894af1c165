"""A panel of alarms: one command for all of them, and every transition on record with cause and actor."""

from __future__ import annotations

import orjson
import pytest

from agent.errors import CommandError
from agent.monitoring.alarm import Alarm
from agent.monitoring.annunciator import carry_out, record_of
from agent.monitoring.detection.state import Condition
from agent.monitoring.types import SECOND, Command


def panel() -> tuple[Alarm, Alarm]:
    vibration, sensor = Alarm("vibration"), Alarm("temperature sensor", kind="sensor")
    vibration.update(Condition.ALARM, SECOND, 2.0)
    return vibration, sensor


def test_a_command_to_the_asset_does_what_can_be_done() -> None:
    vibration, sensor = panel()
    done = carry_out((vibration, sensor), Command("ack", "pump", "ada"), 2 * SECOND)
    assert [(alarm.name, change.transition) for alarm, change in done] == [("vibration", "acknowledged")]


def test_a_command_to_the_asset_reaches_every_alarm_of_it() -> None:
    done = carry_out(panel(), Command("shelve", "pump", "ada", seconds=60), 2 * SECOND)
    assert [change.transition for _, change in done] == ["shelved", "shelved"]


def test_a_command_to_one_alarm_leaves_the_others_alone() -> None:
    vibration, sensor = panel()
    carry_out((vibration, sensor), Command("out-of-service", "pump", "ada", alarm="temperature sensor"), 2 * SECOND)
    assert (vibration.state.value, sensor.state.value) == ("unacknowledged", "out-of-service")


def test_a_command_that_no_alarm_can_follow_says_so_of_each() -> None:
    with pytest.raises(CommandError) as refusal:
        carry_out(panel(), Command("unshelve", "pump", "ada"), 2 * SECOND)
    assert [line.partition(";")[0] for line in str(refusal.value).splitlines()] == [
        "unshelve: alarm vibration of pump is unacknowledged", "unshelve: alarm temperature sensor of pump is normal"]


@pytest.mark.parametrize(("alarms", "known"), [(panel(), "vibration, temperature sensor"), ((), "none")])
def test_an_alarm_that_is_not_there_is_answered_with_those_that_are(alarms: tuple[Alarm, ...], known: str) -> None:
    with pytest.raises(CommandError, match=f"has no alarm flow; it has: {known}"):
        carry_out(alarms, Command("ack", "pump", "ada", alarm="flow"), 0)


def test_the_record_of_a_raised_alarm_says_how_severe_and_since_when() -> None:
    alarm = Alarm("vibration")
    change = alarm.update(Condition.ALARM, 5 * SECOND, 2.0)
    assert change is not None
    assert orjson.loads(orjson.dumps(record_of(change, "pump", alarm))) == {
        "asset": "pump", "alarm": "vibration", "concerns": "machine", "transition": "raised", "before": "normal",
        "state": "unacknowledged", "cause": "condition", "severity": "medium", "condition": "alarm",
        "standing": True, "announced": True, "time": "1970-01-01T00:00:05.000000Z",
        "since": "1970-01-01T00:00:05.000000Z",
    }


def test_the_record_of_a_command_says_who_why_and_until_when() -> None:
    alarm, _ = panel()
    command = Command("shelve", "pump", "ada", seconds=60, reason="spare ordered")
    body = record_of(alarm.command(command, 10 * SECOND), "pump", alarm)
    assert (body["cause"], body["actor"], body["reason"]) == ("operator", "ada", "spare ordered")
    assert (body["until"], body["since"]) == ("1970-01-01T00:01:10.000000Z", "1970-01-01T00:00:01.000000Z")


def test_an_alarm_that_never_rose_is_dated_by_its_transition() -> None:
    alarm = Alarm("vibration")
    body = record_of(alarm.command(Command("out-of-service", "pump", "ada"), 10 * SECOND), "pump", alarm)
    assert (body["since"], body["announced"]) == ("1970-01-01T00:00:10.000000Z", False)
