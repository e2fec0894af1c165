"""The demo claims nothing that did not happen: each claim falls when its fact is taken away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from simulators.demo.evidence import Evidence
from simulators.demo.findings import judge
from simulators.demo.hearing import Heard
from simulators.demo.story import OUTAGE, PUMP, STOP, Span
from tests.simulators.demo.sample import alarm, also, evidence, without


def _fallen(one: Evidence) -> list[str]:
    return [finding.claim for finding in judge(one) if not finding.held]


def _number_of(one: Evidence, kind: str, asset: str = PUMP) -> int:
    return next(heard.place[1] for heard in one.records if heard.kind == kind and heard.asset == asset)


def test_all_claims_hold_of_a_sound_run() -> None:
    assert _fallen(evidence()) == []


def test_none_holds_where_nothing_was_heard_but_that_no_claim_says_more_than_it_knows() -> None:
    assert len(_fallen(Evidence(speed=1.0))) == len(judge(evidence()))


def _unlearned(one: Evidence) -> Evidence:
    return without(one, _number_of(one, "event"))


def _alarm_at_the_stop(one: Evidence) -> Evidence:
    body = {**alarm(PUMP, "raised", STOP.start + 10), "boot": 1, "seq": 9_000, "historical": False}
    return also(one, Heard(STOP.start + 10, "alarm", body))


def _noticed_after_the_outage(one: Evidence) -> Evidence:
    upstream = tuple(
        replace(heard, at=OUTAGE.end + 9) if heard.kind == "alarm" and not heard.body["historical"] else heard
        for heard in one.upstream)
    return replace(one, upstream=upstream)


def _leaky_outage(one: Evidence) -> Evidence:
    return replace(one, outage=Span(600.0, OUTAGE.end + 0.5))


def _deaf_operators(one: Evidence) -> Evidence:
    return replace(one, local=tuple(heard for heard in one.local if heard.asset != PUMP))


def _alarms_last(one: Evidence) -> Evidence:
    return replace(one, upstream=tuple(sorted(
        one.upstream, key=lambda heard: (heard.at, heard.kind == "alarm"))))


def _unmarked(one: Evidence) -> Evidence:
    upstream = tuple(replace(heard, body={**heard.body, "historical": False}) for heard in one.upstream)
    return replace(one, upstream=upstream)


def _lost(one: Evidence) -> Evidence:
    return without(one, _number_of(one, "window"))


def _doubled_alarm(one: Evidence) -> Evidence:
    first = next(heard for heard in one.upstream if heard.kind == "alarm")
    highest = max(heard.place[1] for heard in one.records)
    return replace(also(one, replace(first, body={**first.body, "seq": highest + 1})),
                   journal={**one.journal, "alarm": one.journal["alarm"] + 1})


def _crashed(one: Evidence) -> Evidence:
    return replace(one, exit_code=70)


def _lingering(one: Evidence) -> Evidence:
    return replace(one, stop_wall=6.0)


@pytest.mark.parametrize(("spoilt", "claim"), [
    (_unlearned, "Both machines were learned"),
    (_alarm_at_the_stop, "The stop was seen and raised no alarm"),
    (_alarm_at_the_stop, "No false alarm"),
    (_noticed_after_the_outage, "The failing bearing"),
    (_leaky_outage, "The uplink was dead"),
    (_deaf_operators, "The blocked suction"),
    (_alarms_last, "Back online"),
    (_unmarked, "Back online"),
    (_lost, "Nothing was lost"),
    (_doubled_alarm, "No alarm was doubled"),
    (_crashed, "The daemon left in good order"),
    (_lingering, "The daemon left in good order"),
])
def test_a_claim_falls_with_its_fact(spoilt: Callable[[Evidence], Evidence], claim: str) -> None:
    assert any(fallen.startswith(claim) for fallen in _fallen(spoilt(evidence())))
