"""The page that stays: complete in itself, and no more on it than was heard."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from simulators.demo.evidence import Evidence
from simulators.demo.findings import Finding, judge
from simulators.demo.hearing import Heard
from simulators.demo.report import page, write
from simulators.demo.story import PUMP
from tests.simulators.demo.pages import Page
from tests.simulators.demo.sample import alarm, also, evidence

SCORES = f"Scores of {PUMP} over time"
ARRIVALS = "When each record happened and when it was heard upstream"


def _page(one: Evidence) -> Page:
    return Page(page(one, judge(one)))


def test_the_page_needs_nothing_else_and_is_well_formed() -> None:
    shown = _page(evidence())
    assert shown.foreign == []
    assert shown.unbalanced == []
    assert "url(" not in shown.text
    assert "$" not in "".join(shown.words)


def test_every_record_heard_is_one_dot() -> None:
    sound = evidence()
    dots = _page(sound).counts[ARRIVALS]
    assert sum(dots.values()) == len(sound.records)
    assert dots["alarms"] == len(sound.alarms) == 3
    assert dots["history"] + 2 == len(sound.drained)


def test_every_score_heard_is_a_point_of_the_line() -> None:
    sound = evidence()
    judged = sum(window.score is not None for window in sound.windows(PUMP))
    assert 0 < judged < len(sound.windows(PUMP))
    assert _page(sound).counts[SCORES]["score"] == judged


def test_a_page_is_made_even_of_a_run_of_which_nothing_was_heard() -> None:
    shown = _page(Evidence(speed=24.0))
    assert shown.unbalanced == []
    assert shown.counts[SCORES]["score"] == 0
    assert "none was heard" in "".join(shown.words)


def test_what_came_from_a_broker_is_text_and_nothing_else() -> None:
    evil = "<script>alert(1)</script>"
    body = {**alarm(evil, evil, 100.0), "boot": 1, "seq": 9_000, "contributors": [[evil, 1.0]]}
    shown = _page(also(evidence(), Heard(100.0, "alarm", body)))
    assert shown.foreign == []
    assert evil in "".join(shown.words)


def test_a_claim_that_did_not_hold_is_said_first() -> None:
    sound = evidence()
    findings = [Finding("The moon is made of cheese", held=False, figure="0 g of it")]
    text = page(replace(sound, exit_code=70), findings)
    assert "1 of 1 claims did not hold" in text
    assert "Everything below really happened" not in text
    assert text.index("did not hold") < text.index("The moon is made of cheese") < text.index("<svg")


def test_the_page_is_written_beside_what_it_rests_on(tmp_path: Path) -> None:
    path = write(tmp_path, evidence(), judge(evidence()), ["It took 80 s."])
    assert path == tmp_path / "index.html"
    assert "It took 80 s." in path.read_text(encoding="utf-8")
