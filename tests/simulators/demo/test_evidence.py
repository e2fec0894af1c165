"""What is read off a run: copies, gaps, alarms, latency."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulators.demo.evidence import Evidence
from simulators.demo.hearing import Heard
from simulators.demo.story import BEARING, PUMP, RACE_FAULT, SUCTION_FAULT
from tests.simulators.demo.sample import SPEED, also, evidence, without


def test_a_record_that_came_twice_is_kept_once_and_counted_as_a_copy() -> None:
    sound = evidence()
    again = also(sound, sound.upstream[7])
    assert again.records == sound.records
    assert (sound.copies, again.copies) == (0, 1)


def test_a_gap_in_the_numbers_is_a_missing_record() -> None:
    assert evidence().missing == 0
    assert without(evidence(), 12).missing == 1


def test_the_last_record_is_missed_because_the_journal_has_it() -> None:
    sound = evidence()
    last = max(heard.place for heard in sound.records)[1]
    assert without(sound, last).missing == 1


def test_the_word_online_is_no_record() -> None:
    sound = evidence()
    assert also(sound, Heard(1.0, "state", {"state": "online"})).copies == 0


def test_an_alarm_lasts_until_it_clears_and_one_that_does_not_clear_stands() -> None:
    assert [tuple(span) for span in evidence().alarm_spans(PUMP)] == [
        (PUMP, SUCTION_FAULT.start + 9.0, SUCTION_FAULT.end + 12.0)]
    assert [tuple(span) for span in evidence().alarm_spans(BEARING)] == [
        (BEARING, RACE_FAULT.start + 90.0, None)]


def test_history_is_what_is_marked_so_and_came_after_the_outage() -> None:
    drained = evidence().drained
    assert {heard.body["historical"] for heard in drained} == {True}
    assert len(drained) == sum(heard.body["historical"] for heard in evidence().upstream)
    assert evidence().drain_wall == 0.0


def test_latency_counts_real_time_from_the_last_sample_of_the_window() -> None:
    sound = evidence()
    raised = next(heard for heard in sound.local_alarms if heard.asset == PUMP)
    assert sound.latency_wall(raised) == pytest.approx(1.2 / SPEED)
    assert replace(sound, sent={}).latency_wall(raised) is None


def test_a_run_of_which_nothing_was_heard_can_be_asked_everything() -> None:
    nothing = Evidence(speed=1.0)
    assert (nothing.missing, nothing.copies, nothing.drain_wall) == (0, 0, 0.0)
    assert nothing.windows(PUMP) == [] == nothing.alarm_spans(PUMP)
