"""The faults and what speaks for each of them: a table of rules, no code.

A rule is a fault, the signs one of which must be there, and weighted terms: a sign (see ``evidence``) that
should be up, down or steady. Weights are judgement, not measurement: 3 for what defines the fault, 1 for
what accompanies it. The vibration signs follow ISO 13373-2:2016 and Randall & Antoni (2011); the
hydraulic ones follow Guelich, Centrifugal Pumps (2020), ch. 10-11, and ISO 17359:2018, annex B.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

Fault: TypeAlias = Literal[
    "outer-race", "inner-race", "rolling-element", "cage", "bearing", "imbalance", "misalignment", "looseness",
    "lubrication", "cavitation", "blocked-suction", "impeller-wear", "seal-leak", "blocked-discharge", "overload",
    "electrical", "sensor",
]
Direction: TypeAlias = Literal["up", "down", "steady", "moved"]


class Term(NamedTuple):
    """A sign that should be so, and how much that weighs."""

    sign: str
    direction: Direction
    weight: float


class Rule(NamedTuple):
    """A fault and its terms. ``needs``: signs of the terms one of which must clearly agree."""

    fault: Fault
    needs: tuple[str, ...]
    terms: tuple[Term, ...]


NAMES: Final[Mapping[Fault, str]] = {
    "outer-race": "damage on the outer race of a bearing",
    "inner-race": "damage on the inner race of a bearing",
    "rolling-element": "damage on a rolling element of a bearing",
    "cage": "a damaged or loose bearing cage",
    "bearing": "bearing damage",
    "imbalance": "imbalance of the rotor",
    "misalignment": "misalignment of the coupling or a bent shaft",
    "looseness": "mechanical looseness",
    "lubrication": "poor lubrication or early wear of a bearing",
    "cavitation": "cavitation or gas in the pump",
    "blocked-suction": "a blocked suction (strainer, valve)",
    "impeller-wear": "a worn impeller or wear rings",
    "seal-leak": "a leak (seal, pipe) or a valve that has opened",
    "blocked-discharge": "a blocked discharge or a valve that has closed",
    "overload": "overload",
    "electrical": "a fault of the motor or its supply",
    "sensor": "a fault of the sensor, not of the machine",
}


def _line(fault: Fault, line: str) -> Rule:
    return Rule(fault, (line,), (
        Term(line, "up", 4.0), Term("impulsive", "up", 0.5), Term("high", "up", 1.0), Term("1x", "steady", 0.5),
    ))


RULES: Final[tuple[Rule, ...]] = (
    _line("outer-race", "outer"),
    _line("inner-race", "inner"),
    _line("rolling-element", "element"),
    Rule("cage", ("cage",), (Term("cage", "up", 4.0), Term("outer", "steady", 1.0), Term("inner", "steady", 1.0))),
    Rule("bearing", ("impulsive", "high", "vibration"), (
        Term("impulsive", "up", 3.0), Term("high", "up", 2.0), Term("lines", "up", 1.5), Term("1x", "steady", 1.0),
        Term("vibration", "up", 2.0), Term("temperature", "up", 2.0), Term("current", "up", 1.0),
        Term("pressure", "steady", 1.0), Term("flow", "steady", 1.0), Term("pressure unrest", "steady", 1.0),
    )),
    Rule("imbalance", ("1x", "rotation", "vibration"), (
        Term("1x", "up", 3.0), Term("rotation", "up", 2.0), Term("2x", "steady", 1.0), Term("3x", "steady", 0.5),
        Term("high", "steady", 1.5), Term("impulsive", "steady", 1.0), Term("lines", "steady", 1.0),
        Term("vibration", "up", 2.0), Term("temperature", "steady", 2.0), Term("current", "steady", 1.0),
        Term("pressure", "steady", 1.0), Term("flow", "steady", 1.0), Term("pressure unrest", "steady", 1.0),
    )),
    Rule("misalignment", ("2x",), (
        Term("2x", "up", 3.0), Term("1x", "up", 0.5), Term("3x", "steady", 1.0), Term("half", "steady", 0.5),
        Term("high", "steady", 1.0), Term("lines", "steady", 0.5),
    )),
    Rule("looseness", ("3x", "half"), (
        Term("3x", "up", 2.0), Term("half", "up", 2.0), Term("2x", "up", 1.0), Term("1x", "up", 0.5),
        Term("lines", "steady", 0.5),
    )),
    Rule("lubrication", ("high",), (
        Term("high", "up", 3.0), Term("low", "steady", 2.0), Term("lines", "steady", 2.0),
        Term("impulsive", "steady", 1.0), Term("temperature", "up", 1.0),
    )),
    Rule("cavitation", ("broad", "pressure unrest", "flow unrest"), (
        Term("broad", "up", 3.0), Term("lines", "steady", 2.0), Term("1x", "steady", 0.5),
        Term("pressure unrest", "up", 2.5), Term("flow unrest", "up", 2.5),
        Term("vibration", "up", 1.5), Term("pressure", "down", 0.5), Term("flow", "down", 0.5),
    )),
    Rule("blocked-suction", ("curve",), (
        Term("curve", "up", 3.0), Term("large loss", "up", 2.0), Term("current", "down", 1.0),
        Term("lost work", "steady", 1.5), Term("speed", "steady", 1.0), Term("vibration", "steady", 0.5),
    )),
    Rule("impeller-wear", ("curve",), (
        Term("curve", "up", 3.0), Term("large loss", "down", 2.0), Term("current", "down", 0.5),
        Term("lost work", "steady", 1.5), Term("speed", "steady", 1.0),
        Term("pressure unrest", "steady", 1.5), Term("flow unrest", "steady", 1.5),
    )),
    Rule("seal-leak", ("opened", "lost work"), (
        Term("lost work", "up", 2.5), Term("opened", "up", 1.5), Term("pressure", "down", 1.5),
        Term("speed", "steady", 1.0), Term("pressure unrest", "steady", 1.0),
    )),
    Rule("blocked-discharge", ("restricted",), (
        Term("restricted", "up", 3.0), Term("pressure", "up", 1.0), Term("flow", "down", 1.0),
        Term("current", "down", 0.5), Term("speed", "steady", 1.0),
    )),
    Rule("overload", ("current", "power", "torque"), (
        Term("current", "up", 2.0), Term("power", "up", 2.0), Term("torque", "up", 2.0),
        Term("temperature", "up", 1.0), Term("flow", "up", 1.5), Term("vibration", "steady", 1.0),
    )),
    Rule("electrical", ("current", "current unrest", "voltage"), (
        Term("current", "up", 2.0), Term("current unrest", "up", 2.0), Term("voltage", "moved", 2.0),
        Term("flow", "steady", 1.5), Term("pressure", "steady", 1.0), Term("vibration", "steady", 1.0),
    )),
    Rule("sensor", ("alone",), (
        Term("alone", "up", 3.0), Term("vibration", "steady", 1.0), Term("temperature", "steady", 1.0),
    )),
)
