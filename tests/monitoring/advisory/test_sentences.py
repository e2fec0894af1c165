"""A technician is told what happened, how sure it is, why, and what to check next."""

from __future__ import annotations

import pytest

from agent.monitoring.advisory.actions import ACTIONS
from agent.monitoring.advisory.sentences import sentences
from agent.monitoring.assessment.change import Change
from agent.monitoring.assessment.diagnosis import Candidate
from agent.monitoring.assessment.faults import NAMES, Fault
from agent.monitoring.assessment.zones import SHIPPED, verdict

LINE = Change("vibration", "DE.bpfo", 11.0, 1.7, 9.3, "dB", 9.0, "decibel", "outer-race frequency of DE", 107.4)
OUTER = Candidate("outer-race", 0.8, "likely", (LINE.text(),), (), ())
SINCE = "2026-01-05 08:30 UTC"


def test_an_alarm_is_told_from_what_happened_to_what_to_check() -> None:
    rival = Candidate("lubrication", 0.5, "possible", (), (), ())
    zone = verdict(3.1, SHIPPED["group-2-rigid"], "mm/s", (10.0, 1000.0))
    told = sentences("pump-1", "raised", "alarm", SINCE, channel="vibration", changes=[LINE],
                     candidates=[OUTER, rival], zone=zone, prognosis="the alarm limit is reached in 9 to 20 days")
    assert told[0] == f"Alarm: pump-1, vibration is not as it was learned, since {SINCE}."
    assert told[1] == "What changed: outer-race frequency 107.4 Hz (DE) +9.3 dB over baseline."
    assert told[2] == "Most likely: damage on the outer race of a bearing."
    assert "It may also be poor lubrication or early wear of a bearing." in told
    assert any(line.startswith("Vibration is in zone C of group-2-rigid") for line in told)
    assert "The alarm limit is reached in 9 to 20 days." in told
    assert told[-2].startswith("Next: Listen at the bearing housing")
    assert "do not stop the machine for this alone" in told[-1]


def test_how_sure_it_is_is_said() -> None:
    possible = sentences("p", "raised", "warning", SINCE, candidates=[OUTER._replace(likelihood="possible")])
    assert "Possibly: damage on the outer race of a bearing." in possible
    assert possible[0].startswith("Warning: ")
    unsure = sentences("p", "raised", "warning", SINCE, candidates=[OUTER._replace(likelihood="conceivable")])
    assert any(line.startswith("Nothing fits well") for line in unsure)


def test_what_speaks_against_and_what_is_missing_is_not_kept_back() -> None:
    doubted = OUTER._replace(evidence_against=("crest factor as normal",), missing=("no speed",))
    told = sentences("p", "worsened", "alarm", SINCE, candidates=[doubted])
    assert "Against it: crest factor as normal." in told
    assert "To be surer: no speed." in told
    assert "has become worse" in told[0]


def test_a_change_that_fits_no_fault_still_gets_a_next_step() -> None:
    told = sentences("p", "raised", "alarm", SINCE, changes=[LINE])
    assert told[-2].startswith("Next: Compare with what was done")


def test_a_machine_that_is_started_again_with_its_fault_is_told_so() -> None:
    told = sentences("p", "unsuppressed", "alarm", SINCE, candidates=[OUTER])
    assert "runs again" in told[0]
    assert told[-2].startswith("Next: ")


def test_the_end_of_an_alarm_asks_for_nothing() -> None:
    told = sentences("p", "cleared", "normal", SINCE, changes=[LINE], candidates=[OUTER])
    assert told[0] == f"p is back to normal; it was not since {SINCE}."
    assert not any(line.startswith("Next") for line in told)


@pytest.mark.parametrize("fault", NAMES)
def test_every_fault_has_a_check_and_an_urgency_in_whole_sentences(fault: Fault) -> None:
    action = ACTIONS[fault]
    for line in action:
        assert line.endswith(".")
        assert not line.endswith("..")
        assert line[0].isupper()


def test_every_sentence_ends_once() -> None:
    told = sentences("p", "raised", "alarm", SINCE, changes=[LINE, LINE], candidates=[OUTER],
                     prognosis="no trend.")
    assert all(line.endswith(".") and not line.endswith("..") for line in told)
