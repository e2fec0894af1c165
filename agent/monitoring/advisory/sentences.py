"""What a technician is told: a few plain sentences made from an alarm's evidence.

What happened and since when; what it most probably is, how sure that is, and why; what else it may be; how
severe the standard finds it; how it goes on; what to check next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from agent.monitoring.advisory.actions import ACTIONS, UNKNOWN
from agent.monitoring.assessment.change import Change
from agent.monitoring.assessment.diagnosis import Candidate, Likelihood
from agent.monitoring.assessment.zones import Zone

_HAPPENED: Final[Mapping[str, str]] = {
    "raised": "{what} is not as it was learned, since {since}",
    "worsened": "{what} has become worse; it is not as it was learned since {since}",
    "explained": "{what} is not as it was learned, since {since}",
    "cleared": "{what} is back to normal; it was not since {since}",
    "unsuppressed": "{what} runs again, and is still not as it was learned, as since {since}",
}
_STILL: Final = "{what} is not as it was learned, since {since}"
_SURENESS: Final[Mapping[Likelihood, str]] = {
    "likely": "Most likely: {name}",
    "possible": "Possibly: {name}",
    "conceivable": "Nothing fits well; the nearest is {name}",
}
_SEVERITY: Final[Mapping[str, str]] = {"warning": "Warning", "alarm": "Alarm"}
_MOST_CHANGES: Final = 3
_MOST_EVIDENCE: Final = 3


def sentences(  # noqa: PLR0913 -- all that is known of an alarm
    asset: str,
    transition: str,
    severity: str,
    since: str,
    *,
    channel: str | None = None,
    changes: Sequence[Change] = (),
    candidates: Sequence[Candidate] = (),
    zone: Zone | None = None,
    prognosis: str | None = None,
    pending: bool = False,
) -> tuple[str, ...]:
    """The advice, sentence by sentence.

    ``transition`` and ``severity`` as in alarm records; ``since``: a time as text; ``prognosis``: a clause as
    the prognosis gives it, without a full stop. ``pending``: the causes are told later, once they show.
    """
    what = f"{asset}, {channel}" if channel else asset
    happened = _HAPPENED.get(transition, _STILL).format(what=what, since=since)
    if transition == "cleared":
        return (f"{happened}.", "Nothing has to be done now. If it comes and goes, look for what it goes with.")
    lines = [f"{_SEVERITY.get(severity, severity.capitalize())}: {happened}."]
    if changes:
        lines.append(f"What changed: {'; '.join(change.text() for change in changes[:_MOST_CHANGES])}.")
    if pending:
        return (*lines, "What it may be follows, as soon as a whole window has seen it.")
    lines += _causes(candidates)
    if zone is not None:
        lines.append(f"Vibration is in {zone.text()}.")
    if prognosis:
        lines.append(f"{prognosis[0].upper()}{prognosis[1:].rstrip('.')}.")
    action = ACTIONS[candidates[0].fault] if candidates else UNKNOWN
    lines += [f"Next: {action.check}", action.urgency]
    return tuple(lines)


def _listed(evidence: Sequence[str]) -> str:
    """The strongest of it, nothing twice: several signs may rest on one channel."""
    clauses = [clause for sign in evidence[:_MOST_EVIDENCE] for clause in sign.split("; ")]
    return "; ".join(dict.fromkeys(clauses))


def _causes(candidates: Sequence[Candidate]) -> list[str]:
    if not candidates:
        return []
    best, *others = candidates
    lines = [f"{_SURENESS[best.likelihood].format(name=best.name)}."]
    if best.evidence_for:
        lines.append(f"For it speaks: {_listed(best.evidence_for)}.")
    if best.evidence_against:
        lines.append(f"Against it: {_listed(best.evidence_against)}.")
    rivals = [other.name for other in others if other.likelihood != "conceivable"]
    if rivals:
        lines.append(f"It may also be {' or '.join(rivals)}.")
    if best.missing:
        lines.append(f"To be surer: {'; '.join(best.missing)}.")
    return lines
