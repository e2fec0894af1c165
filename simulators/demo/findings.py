"""Whether all of it really happened: each claim of the demo held against what was heard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from simulators.demo.evidence import Evidence
from simulators.demo.hearing import Heard
from simulators.demo.story import BEARING, OUTAGE, PUMP, RACE_FAULT, STOP, SUCTION_FAULT, Span

_AFTER: Final = 60.0
"""s for which a fault shows in windows beyond its end."""
_NOTICED_WITHIN: Final = 240.0
_ROOM_IN_FLIGHT: Final = 64
"""Records that may have been on their way when the link died: they are sent again before anything."""
_COMMITTED_WITHIN: Final = 1.5
"""Real s from a window to its place on record: the group commit's second, and some room."""
_LEAVE_WITHIN: Final = 5.0
_FEWEST: Final = 100
"""Windows, for a claim about windows to say something."""


class Finding(NamedTuple):
    """One claim, whether it held, and the figure that shows it."""

    claim: str
    held: bool
    figure: str


def judge(evidence: Evidence) -> list[Finding]:
    """All claims, in the order of the story."""
    return [judgement(evidence) for judgement in _CLAIMS]


def _learned(evidence: Evidence) -> Finding:
    learned = {heard.asset: heard for heard in evidence.records
               if heard.kind == "event" and heard.body.get("event") == "learned"}
    figure = ", ".join(f"{asset} after {heard.body.get('windows')} windows, at {minutes(heard.time)}"
                       for asset, heard in sorted(learned.items()))
    return Finding("Both machines were learned on the device", learned.keys() == {PUMP, BEARING},
                   figure or "no word of it")


def _stop(evidence: Evidence) -> Finding:
    stopped = [window for asset in (PUMP, BEARING) for window in evidence.windows(asset)
               if window.regime == "stopped" and window.time in STOP]
    raised = [heard for heard in _raised(evidence) if heard.time in Span(STOP.start, STOP.end + _AFTER)]
    return Finding("The stop was seen and raised no alarm", len(stopped) > _FEWEST and not raised,
                   f"{len(stopped)} windows of a stopped machine, {len(raised)} alarms")


def _false_alarms(evidence: Evidence) -> Finding:
    spans = {BEARING: RACE_FAULT, PUMP: Span(SUCTION_FAULT.start, SUCTION_FAULT.end + _AFTER)}
    false = [heard for heard in _raised(evidence) if heard.time not in spans.get(heard.asset, Span(0, 0))]
    judged = sum(window.score is not None for asset in (PUMP, BEARING) for window in evidence.windows(asset))
    return Finding("No false alarm", judged > _FEWEST and not false,
                   f"{len(false)} in {judged} windows judged")


def _bearing(evidence: Evidence) -> Finding:
    alarm = _first(evidence.alarms, BEARING, "raised", RACE_FAULT)
    local = _first(evidence.local_alarms, BEARING, "raised", RACE_FAULT)
    claim = f"The failing bearing of {BEARING} was noticed, and upstream was told"
    if alarm is None or local is None:
        return Finding(claim, held=False, figure="no alarm " + ("upstream" if local else "at all"))
    after = alarm.time - RACE_FAULT.start
    live = evidence.outage is None or alarm.at < evidence.outage.start
    return Finding(claim, after < _NOTICED_WITHIN and live and not alarm.body.get("historical"),
                   f"{after:.0f} s after the spall began; on the local broker "
                   f"{_milliseconds(evidence, local)}")


def _outage(evidence: Evidence) -> Finding:
    claim = "The uplink was dead, and the watch went on"
    if evidence.outage is None:
        return Finding(claim, held=False, figure="the link was never cut")
    outage = evidence.outage
    through = [heard for heard in evidence.records if heard.at in Span(outage.start + 1.0, outage.end)]
    judged = [heard for heard in evidence.records if heard.kind == "window" and heard.time in outage]
    seconds = (outage.end - outage.start) / evidence.speed
    return Finding(claim, not through and len(judged) > _FEWEST,
                   f"{(outage.end - outage.start) / 60:.0f} min ({seconds:.0f} s of the demo): "
                   f"{len(through)} records got through, {len(judged)} windows went on")


def _suction(evidence: Evidence) -> Finding:
    claim = f"The blocked suction of {PUMP} was raised and cleared where the operators are, without any link"
    raised = _first(evidence.local_alarms, PUMP, "raised", SUCTION_FAULT)
    cleared = _first(evidence.local_alarms, PUMP, "cleared", Span(SUCTION_FAULT.end, OUTAGE.end))
    if raised is None or cleared is None:
        return Finding(claim, held=False, figure="not raised" if raised is None else "not cleared")
    during = evidence.outage is not None and all(heard.at in evidence.outage for heard in (raised, cleared))
    return Finding(claim, during, f"{raised.time - SUCTION_FAULT.start:.0f} s after it began "
                   f"(on the local broker {_milliseconds(evidence, raised)}), cleared "
                   f"{cleared.time - SUCTION_FAULT.end:.0f} s after it ended")


def _drain(evidence: Evidence) -> Finding:
    claim = "Back online, the alarms came ahead of the backlog, and history is marked as history"
    arrived = evidence.order_after_outage()
    positions = [number for number, heard in enumerate(arrived, 1)
                 if heard.kind == "alarm" and evidence.outage and heard.time in evidence.outage]
    live = [heard for heard in arrived if not heard.body.get("historical")]
    backlog = len(evidence.drained)
    uncommitted = _COMMITTED_WITHIN * evidence.speed  # history is what was on record when the link came
    # raised and cleared; severity may have risen between them
    held = (len(positions) >= 2 and max(positions) <= _ROOM_IN_FLIGHT + len(positions)  # noqa: PLR2004
            and backlog > _FEWEST and bool(live)
            and all(evidence.outage and heard.time >= evidence.outage.end - uncommitted for heard in live))
    where = " and ".join(str(number) for number in positions) or "none"
    return Finding(claim, held, f"{backlog} records in {evidence.drain_wall:.1f} s; the alarms were number "
                   f"{where}, after what had been on its way when the link died")


def _lost(evidence: Evidence) -> Finding:
    total = len(evidence.records)
    return Finding("Nothing was lost", total > _FEWEST and evidence.missing == 0 and bool(evidence.journal),
                   f"{total} records upstream, {sum(evidence.journal.values())} in the journal, "
                   f"{evidence.missing} missing")


def _doubled(evidence: Evidence) -> Finding:
    upstream = [_transition(heard) for heard in evidence.alarms]
    local = [_transition(heard) for heard in evidence.local_alarms]
    doubled = len(upstream) - len(set(upstream))
    return Finding("No alarm was doubled, and both sides heard the same",
                   bool(upstream) and doubled == 0 and sorted(upstream) == sorted(local),
                   f"{len(upstream)} transitions, {doubled} doubled; {evidence.copies} records came twice "
                   "and were told apart by their number")


def _left(evidence: Evidence) -> Finding:
    return Finding("The daemon left in good order when told to",
                   evidence.exit_code == 0 and evidence.stop_wall < _LEAVE_WITHIN,
                   f"exit code {evidence.exit_code} after {evidence.stop_wall:.1f} s")


_CLAIMS: Final[tuple[Callable[[Evidence], Finding], ...]] = (
    _learned, _stop, _bearing, _outage, _suction, _drain, _lost, _doubled, _false_alarms, _left)


def minutes(time: float) -> str:
    """Plant time as ``mm:ss``."""
    return f"{int(time) // 60:02d}:{int(time) % 60:02d}"


def _raised(evidence: Evidence) -> list[Heard]:
    return [heard for heard in evidence.alarms if heard.body.get("transition") == "raised"]


def _first(alarms: tuple[Heard, ...], asset: str, transition: str, span: Span) -> Heard | None:
    return next((heard for heard in alarms if heard.asset == asset
                 and heard.body.get("transition") == transition and heard.time in span), None)


def _transition(heard: Heard) -> tuple[str, str, float]:
    return heard.asset, str(heard.body.get("transition")), heard.time


def _milliseconds(evidence: Evidence, alarm: Heard) -> str:
    latency = evidence.latency_wall(alarm)
    return "at once" if latency is None else f"{latency * 1e3:.0f} ms after the sample"
