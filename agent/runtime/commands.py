"""Commands by MQTT: what a person asks of an asset's alarms, carried out by the chain, answered.

::

    <device>/cmd/<name>  {"asset": ..., "alarm"?, "actor"?, "seconds"?, "reason"?, "id"?}
        |
        v
    receive --> Monitor.command --> records, as all records go --> on the disk
        | cannot be done                                             |
        v                                                            v
    {"id": ..., "ok": false, "error": "..."}            {"id": ..., "ok": true, "records": [...]}

"Done" is said when the disk has it: what a person was told survives a power cut. A disk that is
too slow for a person's patience is told apart (``"durable": false``).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias, get_args

import orjson

from agent.errors import CommandError, MalformedMessage
from agent.monitoring.types import Command, CommandName, Nanos, Record
from agent.ports import Delivery

CarryOut: TypeAlias = Callable[[Command, Nanos], list[Record]]
"""Does it; raises CommandError with a text for the person."""
Answer: TypeAlias = Callable[[Delivery, bytes], bool]
"""Publishes the answer to a request; False where it cannot be."""

NAMES: Final[tuple[CommandName, ...]] = get_args(CommandName)
UNNAMED: Final = "unnamed"
"""The actor where the sender did not say who asks."""

_LONGEST: Final = 4096
_TEXTS: Final = {"asset": 64, "alarm": 128, "actor": 128, "reason": 512}
"""Keys that hold text, and how many letters of it."""
_KEYS: Final = (*_TEXTS, "seconds", "id")
_PATIENCE: Final = 2.0
"""s that an answer waits for the disk; whoever asked waits for 5."""


class _Owed(NamedTuple):
    """An answer that waits for a commit."""

    mark: int
    since: float
    request: Delivery
    answer: dict[str, Any]


class Commands:
    """Belongs to the worker's thread, as the chain does.

    ``topic``: what the topics of commands begin with, ``<device>/cmd``.
    """

    def __init__(self, topic: str, carry_out: CarryOut, answer: Answer) -> None:
        self._prefix = f"{topic}/"
        self._carry_out = carry_out
        self._answer = answer
        self._owed: deque[_Owed] = deque()
        self.filter = f"{topic}/+"

    @property
    def owing(self) -> bool:
        """Whether somebody waits for an answer."""
        return bool(self._owed)

    def concerns(self, topic: str) -> bool:
        """Whether a message on this topic is a command."""
        return topic.startswith(self._prefix)

    def receive(self, request: Delivery, now: Nanos, mark: int, monotonic: float) -> list[Record]:
        """Carry it out; its records, which the caller commits as ``mark``. Answered by ``settle``.

        One that cannot be done is answered at once. Raises MalformedMessage where it is no command.
        """
        if request.retained:
            raise MalformedMessage("a command that was retained is not carried out: publish it without retain")
        command = read_command(request.topic.removeprefix(self._prefix), request.payload)
        identity = _identity(request.payload)
        try:
            records = self._carry_out(command, now)
        except CommandError as refusal:
            self._say(request, {"id": identity, "ok": False, "error": str(refusal)})
            return []
        answer = {"id": identity, "ok": True, "records": [record.body for record in records]}
        self._owed.append(_Owed(mark if records else 0, monotonic, request, answer))
        return records

    def refuse(self, request: Delivery, reason: str) -> None:
        """Answer what is no command; a retained one is answered no more: nobody waits for that."""
        if not request.retained:
            self._say(request, {"id": _identity(request.payload), "ok": False, "error": reason})

    def settle(self, done: int, monotonic: float) -> None:
        """Answer what is on the disk: all commits up to ``done``."""
        while self._owed:
            mark, since, request, answer = self._owed[0]
            if mark > done:
                if monotonic - since < _PATIENCE:
                    return
                answer["durable"] = False
            self._owed.popleft()
            self._say(request, answer)

    def _say(self, request: Delivery, answer: Mapping[str, Any]) -> None:
        self._answer(request, orjson.dumps(answer))


def read_command(name: str, payload: bytes) -> Command:
    """A command from its topic's last level and its JSON. Raises MalformedMessage, saying what is wrong."""
    known = [command for command in NAMES if command == name]
    if not known:
        raise MalformedMessage(f"there is no command {name[:64]!r}; there are: {', '.join(NAMES)}")
    document = _document(payload)
    if unknown := [key for key in document if key not in _KEYS]:
        raise MalformedMessage(f"a command has no {unknown[0][:64]!r}; it may have: {', '.join(_KEYS)}")
    texts = {key: text for key, most in _TEXTS.items() if (text := _text(document, key, most)) is not None}
    if not texts.get("asset"):
        raise MalformedMessage('the command names no machine: it needs "asset"')
    seconds = _seconds(document.get("seconds"))
    if seconds is not None and known[0] != "shelve":
        raise MalformedMessage(f"{name} takes no seconds; only shelve has an end")
    return Command(
        name=known[0],
        asset=texts["asset"],
        actor=texts.get("actor") or UNNAMED,
        alarm=texts.get("alarm") or None,
        seconds=seconds,
        reason=texts.get("reason", ""),
    )


def _document(payload: bytes) -> dict[str, Any]:
    if len(payload) > _LONGEST:
        raise MalformedMessage(f"a command has at most {_LONGEST} bytes")
    try:
        document = orjson.loads(payload)
    except orjson.JSONDecodeError as fault:
        raise MalformedMessage(f"the command is no JSON: {fault}") from None
    if not isinstance(document, dict):
        raise MalformedMessage('the command is no JSON object such as {"asset": "pump-1"}')
    return document


def _text(document: Mapping[str, Any], key: str, most: int) -> str | None:
    text = document.get(key)
    if text is None:
        return None
    # what is printed on somebody's terminal later must not steer it
    if not isinstance(text, str) or len(text) > most or not text.isprintable():
        raise MalformedMessage(f'"{key}" should be printable text of at most {most} letters')
    return text


def _seconds(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise MalformedMessage('"seconds" should be a number above 0')
    return float(value)


def _identity(payload: bytes) -> str | int | None:
    """What the sender knows its request by, for the answer; None where it gave nothing usable."""
    if len(payload) > _LONGEST:
        return None
    try:
        document = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
    identity = document.get("id") if isinstance(document, dict) else None
    return identity if isinstance(identity, str | int) else None
