"""From signs to candidate faults: weighted rules, with the evidence for and against each told.

The score of a candidate is the sum of weight x agreement over the rule's terms, over the sum of the weights,
where a term agrees from -1 (the contrary) to 1; a term whose sign was not measured counts a quarter of its
weight in the denominator, so that what is not known makes nobody surer. It is a ranking, not a
probability: nothing here was calibrated on failures of your machines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from agent.monitoring.assessment.change import Change
from agent.monitoring.assessment.evidence import Context, Sign, signs
from agent.monitoring.assessment.faults import NAMES, RULES, Direction, Fault, Rule

Likelihood: TypeAlias = Literal["likely", "possible", "conceivable"]

MOST: Final = 3
_NEEDED: Final = 0.25
_LIKELY: Final = 0.65
_POSSIBLE: Final = 0.4
_CONCEIVABLE: Final = 0.2
_UNMEASURED: Final = 0.25
_TOLD: Final = 0.25
_WEIGHTY: Final = 1.0


class Candidate(NamedTuple):
    """A fault that would explain the changes. ``score``: 0 to 1, see above; ``evidence_for`` and ``against``:
    texts, the weightiest first; ``missing``: what would have to be known to be surer."""

    fault: Fault
    score: float
    likelihood: Likelihood
    evidence_for: tuple[str, ...]
    evidence_against: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def name(self) -> str:
        """In a sentence's place."""
        return NAMES[self.fault]

    def document(self) -> dict[str, Any]:
        """As a record holds it."""
        return {"fault": self.fault, "name": self.name, "likelihood": self.likelihood,
                "score": round(self.score, 3), "for": list(self.evidence_for),
                "against": list(self.evidence_against), "missing": list(self.missing)}


def diagnose(changes: Sequence[Change], context: Context) -> tuple[Candidate, ...]:
    """The candidates, the best first, at most three; none where nothing that is known fits.

    ``changes``: all features, those that did not change, too (``Reference.all_changes``): that the first
    order of the shaft is as it was is evidence.
    """
    found = signs(changes, context)
    judged = (_judge(rule, found, context) for rule in RULES)
    candidates = sorted((c for c in judged if c is not None), key=lambda c: -c.score)
    return tuple(candidates[:MOST])


def _judge(rule: Rule, found: Mapping[str, Sign], context: Context) -> Candidate | None:
    directions = {term.sign: term.direction for term in rule.terms}
    if not any(_agreement(found[name], directions[name]) >= _NEEDED for name in rule.needs if name in found):
        return None
    total = weight = 0.0
    told: list[tuple[float, str]] = []
    missing: list[str] = []
    for term in rule.terms:
        sign = found.get(term.sign)
        if sign is None:
            weight += _UNMEASURED * term.weight
            if term.weight >= _WEIGHTY:
                missing.append(term.sign)
            continue
        agreement = _agreement(sign, term.direction)
        total += term.weight * agreement
        weight += term.weight
        told.append((term.weight * agreement, sign.text))
    score = min(max(total / weight, 0.0), 1.0)
    if score < _CONCEIVABLE:
        return None
    told.sort(key=lambda entry: -abs(entry[0]))
    return Candidate(
        rule.fault, score,
        "likely" if score >= _LIKELY else "possible" if score >= _POSSIBLE else "conceivable",
        tuple(dict.fromkeys(text for amount, text in told if amount >= _TOLD)),
        tuple(dict.fromkeys(text for amount, text in told if amount <= -_TOLD)),
        _wanted(rule, missing, found, context),
    )


def _agreement(sign: Sign, direction: Direction) -> float:
    """-1 to 1. What should have moved and did not speaks against, half as loud as the contrary would."""
    strength = sign.strength
    if direction == "steady":
        return 1.0 - abs(strength) - max(sign.size, abs(strength))
    towards = {"up": strength, "down": -strength, "moved": abs(strength)}[direction]
    return max(1.5 * towards - 0.5, -1.0)


_BEARING_LINES: Final = frozenset({"outer", "inner", "element", "cage", "lines"})
_SHAFT_LINES: Final = frozenset({"half", "1x", "2x", "3x"})
_TELLING: Final = ("pressure", "flow", "current", "temperature")
_AMBIGUOUS: Final = (
    "at one operating point a blocked suction and a worn impeller look alike but for size and pace: read the"
    " suction pressure, and compare the head at closed discharge with the pump's curve"
)


def _wanted(rule: Rule, missing: Sequence[str], found: Mapping[str, Sign], context: Context) -> tuple[str, ...]:
    """What to add or to measure so that the missing signs could be told."""
    wanted: list[str] = []
    shaft = any(name in _SHAFT_LINES for name in missing)
    lines = any(name in _BEARING_LINES for name in missing)
    if "broad" in found or "impulsive" in found:
        if (shaft or lines) and not context.speed_known:
            wanted.append("the shaft's speed is not known: add machine.speed or machine.speed_channel")
        if lines and not context.bearings:
            wanted.append("a bearing frequency cannot be told: add machine.bearings")
    elif lines or shaft:
        wanted.append("the level alone does not tell: take a vibration spectrum")
    measured = set(context.kinds.values())
    telling = {term.sign.removesuffix(" unrest") for term in rule.terms if term.direction != "steady"}
    absent = [kind for kind in _TELLING if kind in telling and kind not in measured]
    if absent and (len(measured) > 1 or "pressure" in absent):
        wanted.append(f"no {' or '.join(absent)} is measured here")
    if rule.fault in {"blocked-suction", "impeller-wear"}:
        wanted.append(_AMBIGUOUS)
    return tuple(wanted)
