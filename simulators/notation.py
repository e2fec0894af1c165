"""How faults, network schedules and addresses are written on the command line.

Each function reads one argument and raises argparse's error, so that everything wrong is said before
anything begins.
"""

from __future__ import annotations

import math
import re
from argparse import ArgumentTypeError
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

from simulators.faults import (
    MACHINE_FAULTS,
    SENSOR_FAULTS,
    MachineFault,
    MachineFaultKind,
    SensorFault,
    SensorFaultKind,
)
from simulators.publishing import split_url
from simulators.pump import CHANNELS

FAULT: Final = "KIND@START[-END][:SEVERITY][~GROWTH]"
SENSOR_FAULT: Final = "CHANNEL:KIND@START-END[:SIZE]"
STEP: Final = "SECONDS:ACTION"

_NUMBER = r"\d+(?:\.\d+)?"
_FAULT = re.compile(rf"(?P<kind>[a-z-]+)@(?P<start>{_NUMBER})(?:-(?P<end>{_NUMBER}))?"
                    rf"(?::(?P<severity>{_NUMBER}))?(?:~(?P<growth>{_NUMBER}))?")
_SENSOR_FAULT = re.compile(rf"(?P<channel>\w+):(?P<kind>[a-z-]+)@(?P<start>{_NUMBER})-(?P<end>{_NUMBER})"
                           rf"(?::(?P<size>-?{_NUMBER}))?")
_STEP = re.compile(rf"(?P<at>{_NUMBER}):(?P<action>[a-z]+)(?:=(?P<seconds>{_NUMBER}))?")

Action: TypeAlias = Literal["cut", "blackhole", "delay", "restore"]


class Step(NamedTuple):
    """``at`` s after the start the network does ``action``; ``seconds`` is the delay's."""

    at: float
    action: Action
    seconds: float = 0.0


def read_fault(text: str) -> MachineFault:
    """E.g. ``outer-race@600-1200:0.8~300``: it grows for 300 s. Without END it never ends."""
    found = _FAULT.fullmatch(text)
    kinds: dict[str, MachineFaultKind] = {kind: kind for kind in MACHINE_FAULTS}
    if found is None or found["kind"] not in kinds:
        raise ArgumentTypeError(f"{text!r} is not {FAULT} with a KIND of {', '.join(kinds)}")
    start, end = float(found["start"]), float(found["end"] or "inf")
    severity = float(found["severity"] or 0.7)
    if end <= start or severity > 1.0:
        raise ArgumentTypeError(f"{text!r}: it must end after it starts, and its severity is 0 to 1")
    return MachineFault(kind=kinds[found["kind"]], start=start, end=end, severity=severity,
                        growth=float(found["growth"] or 0.0))


def read_sensor_fault(text: str) -> SensorFault:
    """E.g. ``pressure:drift@600-1200:0.5``; SIZE in the channel's unit, left out: a fifth of what the
    channel usually reads."""
    found = _SENSOR_FAULT.fullmatch(text)
    kinds: dict[str, SensorFaultKind] = {kind: kind for kind in SENSOR_FAULTS}
    if found is None or found["kind"] not in kinds or found["channel"] not in CHANNELS:
        raise ArgumentTypeError(f"{text!r} is not {SENSOR_FAULT} with a CHANNEL of {', '.join(CHANNELS)} "
                                f"and a KIND of {', '.join(kinds)}")
    start, end = float(found["start"]), float(found["end"])
    if end <= start:
        raise ArgumentTypeError(f"{text!r}: it must end after it starts")
    return SensorFault(channel=found["channel"], kind=kinds[found["kind"]], start=start, end=end,
                       size=float(found["size"]) if found["size"] else None)


def read_step(text: str) -> Step:
    """E.g. ``30:cut``, ``60:delay=0.5``, ``90:restore``."""
    found = _STEP.fullmatch(text)
    actions: dict[str, Action] = {action: action for action in get_args(Action)}
    if found is None or found["action"] not in actions:
        raise ArgumentTypeError(
            f"{text!r} is not {STEP} with an ACTION of cut, blackhole, delay=SECONDS, restore")
    if (found["action"] == "delay") != (found["seconds"] is not None):
        raise ArgumentTypeError(f"{text!r}: delay, and no other action, is told how long: delay=SECONDS")
    return Step(float(found["at"]), actions[found["action"]], float(found["seconds"] or 0.0))


def read_seconds(text: str) -> float:
    """A span of time, longer than none."""
    return _number(text, lowest=1e-3)


def read_speed(text: str) -> float:
    """How many times as fast as real; 0: without waiting."""
    return _number(text, lowest=0.0)


def read_seed(text: str) -> int:
    """Zero or more."""
    if not text.isdecimal():
        raise ArgumentTypeError(f"{text!r} is not 0 or more")
    return int(text)


def read_count(text: str) -> int:
    """One or more."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not 1 or more")
    return int(text)


def read_broker(text: str) -> str:
    """The URL of a broker, as it is."""
    try:
        split_url(text)
    except ValueError as fault:
        raise ArgumentTypeError(str(fault)) from fault
    return text


def read_endpoint(text: str) -> tuple[str, int]:
    """``HOST:PORT``, or a port of this computer."""
    host, _, port = text.rpartition(":")
    return host or "127.0.0.1", read_port(port)


def read_port(text: str) -> int:
    """1 to 65535."""
    if not text.isdecimal() or not 0 < int(text) < 65_536:  # noqa: PLR2004 -- what 16 bits hold
        raise ArgumentTypeError(f"{text!r} is not a port, 1 to 65535")
    return int(text)


def read_topic(text: str) -> str:
    """A topic to publish on, or a part of one: without wildcards (MQTT 5, 4.7)."""
    if not text or set(text) & set("+#\0"):
        raise ArgumentTypeError(f"{text!r} is not a topic without wildcards")
    return text


def read_separator(text: str) -> str:
    r"""One character, or ``\t`` for a tab."""
    separator = "\t" if text == r"\t" else text
    if len(separator) != 1 or separator in '\r\n"':
        raise ArgumentTypeError(f"{text!r} is not one character that separates")
    return separator


def _number(text: str, lowest: float) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a number") from None
    if not lowest <= number < math.inf:
        raise ArgumentTypeError(f"{text!r} is not {lowest} or more")
    return number
