"""The alarms of one asset as a panel: a command to one or all of them, and what is put on record."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agent.errors import CommandError
from agent.monitoring.alarm import Alarm, Change
from agent.monitoring.alarm_table import AlarmState
from agent.monitoring.types import Command, Nanos, Record
from agent.monitoring.wording import iso

_NORMAL = AlarmState.NORMAL


def carry_out(alarms: Iterable[Alarm], command: Command, time: Nanos) -> list[tuple[Alarm, Change]]:
    """Do what an operator asks, with the alarm that is named or with each one that it can be done with.

    ``alarms`` are those of ``command.asset``. Raises CommandError where nothing at all was done.
    """
    panel = list(alarms)
    chosen = [alarm for alarm in panel if command.alarm in {None, alarm.name}]
    if not chosen:
        known = ", ".join(alarm.name for alarm in panel)
        raise CommandError(f"{command.name}: {command.asset} has no alarm {command.alarm}; it has: {known or 'none'}")
    done: list[tuple[Alarm, Change]] = []
    refusals: list[str] = []
    for alarm in chosen:
        try:
            done.append((alarm, alarm.command(command, time)))
        except CommandError as refusal:
            refusals.append(str(refusal))
    if not done:
        raise CommandError(_said_once(chosen, command) if len(chosen) > 1 and command.name == "ack" else
                           "\n".join(refusals))
    return done


def _said_once(alarms: list[Alarm], command: Command) -> str:
    """One sentence where each alarm alone would say that there is nothing to acknowledge."""
    states = ", ".join(f"{alarm.name} is {alarm.state.value}" for alarm in alarms if alarm.state is not _NORMAL)
    return f"ack: no alarm of {command.asset} asks for it; {states or 'all are normal'}"


def record_of(change: Change, asset: str, alarm: Alarm) -> dict[str, Any]:
    """The body of the record that a transition leaves, ready for orjson.

    ``standing`` says whether the condition stands after it; ``since``: when its last episode began;
    ``announced``: whether people are told; ``actor`` and ``reason`` only where a person acted.
    """
    body: dict[str, Any] = {
        "asset": asset,
        "alarm": alarm.name,
        "concerns": alarm.kind,
        "transition": change.transition,
        "before": change.before.value,
        "state": change.after.value,
        "cause": change.cause,
        "severity": change.severity.word,
        "condition": alarm.condition.name.lower(),
        "standing": alarm.standing,
        "announced": change.announced,
        "time": iso(change.time),
        "since": iso(alarm.since or change.time),
    }
    if change.after is AlarmState.SHELVED:
        body["until"] = iso(alarm.until)
    if change.cause == "operator":
        body["actor"] = change.actor
        body["reason"] = change.reason
    return body


def alarm_record(change: Change, asset: str, body: dict[str, Any]) -> Record:
    """The record itself: what people are told is an alarm, what is only put on record an event."""
    if change.announced:
        return Record("alarm", asset, change.time, body)
    return Record("event", asset, change.time, {"event": "alarm", **body})
