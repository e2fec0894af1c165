"""Commands typed at a terminal: sent to the running daemon through its broker, the answer in plain words."""

from __future__ import annotations

import getpass
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import orjson

from agent.adapters.mqtt.caller import call
from agent.config import load
from agent.config.settings import Settings
from agent.connections import endpoint
from agent.errors import EXIT_OK, EXIT_REFUSED, ConfigError, Problem
from agent.monitoring.types import Command

PATIENCE: Final = 5.0
"""s that an answer is waited for."""

_WORDS: Final = {
    "reset": "acknowledged and reset",
    "removed": "taken out of service",
    "returned": "put back in service",
}
_EVENTS: Final = {
    "recommission": "begins to learn anew what is normal",
    "revert": "is back to what was learned at first",
}


def login_name() -> str:
    """Who types: the user behind sudo, else the user."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # a user id without a name
        return f"uid {os.getuid()}"


def order(config: Path, command: Command, *, as_json: bool = False) -> int:
    """Have the daemon carry out a command; what it says goes to standard output, a refusal to standard error.

    The exit code: 0 done, 1 refused. Raises ConfigError, Unavailable where nobody answers, Rejected
    where the broker does not let us.
    """
    settings = load(config)
    if not settings.commands.enabled:
        raise ConfigError((
            Problem(str(config), "commands.enabled", "false", "this device takes no commands",
                    "Enable them and restart the daemon."),
        ))
    answer = ask(settings, command, PATIENCE)
    if as_json:
        sys.stdout.write(orjson.dumps(answer, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode())
    elif answer.get("ok") is True:
        for sentence in sentences(answer):
            print(sentence)  # noqa: T201 -- a command
    else:
        print(f"watchkeeper: refused: {answer.get('error')}", file=sys.stderr)  # noqa: T201
    return EXIT_OK if answer.get("ok") is True else EXIT_REFUSED


def ask(settings: Settings, command: Command, patience: float) -> dict[str, Any]:
    """The daemon's answer within ``patience`` s, ``{"ok": ..., ...}``. Raises as ``order`` does."""
    identity = secrets.token_hex(8)
    document = {
        "id": identity,
        "asset": command.asset,
        "alarm": command.alarm,
        "actor": command.actor,
        "seconds": command.seconds,
        "reason": command.reason,
    }
    payload = orjson.dumps({key: value for key, value in document.items() if value not in (None, "")})
    # a client id of its own: with the daemon's, the broker would hang up on the daemon
    broker = endpoint(settings.sensors)
    broker = replace(broker, client_id=f"{broker.client_id}-{identity}", connect_timeout=min(3.0, patience))
    topic = f"{settings.device.command_topic}/{command.name}"
    answer: dict[str, Any] = orjson.loads(call(broker, topic, payload, _answers(identity), patience))
    return answer


def sentences(answer: Mapping[str, Any]) -> list[str]:
    """What was done: alarms with which the same was done share a sentence."""
    alike: dict[str, list[str]] = {}
    for body in answer.get("records", ()):
        alarms = alike.setdefault(_sentence(body), [])
        if "transition" in body:
            alarms.append(str(body.get("alarm")))
    said = [sentence.replace("{alarms}", _listed(alarms)) for sentence, alarms in alike.items()]
    if answer.get("durable") is False:
        said.append("It is done, but not on the disk yet: look at the daemon's log.")
    return said


def _sentence(body: Mapping[str, Any]) -> str:
    """What was done, with ``{alarms}`` in the place of the alarms' names."""
    asset, channel = body.get("asset"), body.get("channel")
    if "transition" in body:
        transition = str(body["transition"])
        end = f" until {body['until']}" if body.get("until") else ""
        return f"{asset}: {{alarms}} {_WORDS.get(transition, transition)}{end}; now {body.get('state')}."
    event = str(body.get("event"))
    return f"{asset}{f', {channel},' if channel else ''} {_EVENTS.get(event, event)}."


def _listed(alarms: Sequence[str]) -> str:
    names = ", ".join(alarms)
    return f"{len(alarms)} alarms ({names})" if len(alarms) > 1 else f"alarm {names}"


def _answers(identity: str) -> Any:
    def is_answer(payload: bytes) -> bool:
        try:
            document = orjson.loads(payload)
        except orjson.JSONDecodeError:
            return False
        return isinstance(document, dict) and document.get("id") == identity

    return is_answer
