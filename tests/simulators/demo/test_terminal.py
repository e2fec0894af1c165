"""The terminal: what a scene takes in, how it is drawn, what is said where there is no terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from simulators.demo.findings import Finding, judge
from simulators.demo.scene import COLUMNS, Scene
from simulators.demo.story import BEARING, END, OUTAGE, PUMP, SUCTION_FAULT, chapter_at
from simulators.demo.terminal import LiveView, PlainView, picture
from tests.simulators.demo.sample import BACK, evidence


def _scene(now: float) -> Scene:
    """What a watcher of the sound run knows at a time."""
    scene = Scene(24.0, now=now, chapter=chapter_at(now), link_up=now not in OUTAGE)
    for heard in evidence().upstream:
        if heard.at <= now:
            scene.hear_upstream(heard)
    for heard in evidence().local:
        if heard.at <= now:
            scene.hear_local(heard)
    return scene


def _drawn(scene: Scene) -> str:
    console = Console(file=io.StringIO(), width=110, force_terminal=False)
    console.print(picture(scene))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert isinstance(text, str)
    return text


def test_an_alarm_without_a_link_is_told_locally_and_waits_to_be_told_upstream() -> None:
    scene = _scene(SUCTION_FAULT.start + 30.0)
    newest = scene.alarms()[-1]
    assert (newest.asset, newest.transition) == (PUMP, "raised")
    assert newest.local is not None
    assert newest.upstream is None
    assert "waits for the link" in _drawn(scene)


def test_the_drain_fills_the_gap_in_the_strip() -> None:
    during, after = _scene(OUTAGE.end).machines[PUMP], _scene(BACK + 5).machines[PUMP]
    middle = int((OUTAGE.start + 240.0) / END * COLUMNS)
    assert during.strip[middle] is None
    assert after.strip[middle] == pytest.approx(20.0 / 1.82)


def test_the_journal_has_the_newest_word_while_the_link_is_dead_and_not_after() -> None:
    scene = _scene(OUTAGE.end)
    line = {"asset": PUMP, "end": "2026-01-01T00:25:30.000000Z", "score": 0.4, "threshold": 1.82,
            "state": "normal", "regime": "running"}
    scene.read_journal({"pending": {"window": 321, "alarm": 2}, "windows": [line]})
    assert scene.waiting == 323
    assert scene.machines[PUMP].from_journal
    assert "323 waiting" in _drawn(scene)
    for heard in evidence().upstream:
        if heard.at > BACK:
            scene.hear_upstream(heard)
    assert not scene.machines[PUMP].from_journal


def test_a_record_that_came_twice_counts_once() -> None:
    scene = _scene(100.0)
    before = scene.heard
    scene.hear_upstream(evidence().upstream[0])
    assert scene.heard == before > 0


@pytest.mark.parametrize("now", [0.0, 250.0, 500.0, 1250.0, END])
def test_the_picture_has_as_many_lines_at_every_time(now: float) -> None:
    assert _drawn(_scene(now)).count("\n") == _drawn(_scene(900.0)).count("\n")


def test_the_truth_is_shown_beside_what_the_daemon_says() -> None:
    drawn = _drawn(_scene(SUCTION_FAULT.start + 30.0))
    assert "suction blocked" in drawn
    assert "outer race failing" in drawn


def test_without_a_terminal_each_thing_is_said_once_with_its_time(capsys: pytest.CaptureFixture[str]) -> None:
    view = PlainView()
    with view:
        for now in (10.0, 400.0, OUTAGE.end - 1, BACK + 1, BACK + 2):
            view.show(_scene(now))
        view.conclude(judge(evidence()), ["The demo took 80 s."])
    said = capsys.readouterr().out
    assert said.count(f"ALARM raised on {PUMP}") == 2  # locally, and later upstream
    assert said.count(f"ALARM raised on {BEARING}, heard on the broker upstream") == 1
    assert said.count("The link is back.") == 1
    assert "  NO  " not in said
    assert said.count("  yes  ") == len(judge(evidence()))


def test_a_claim_that_fell_is_marked_on_both_kinds_of_output(capsys: pytest.CaptureFixture[str]) -> None:
    fallen = [Finding("The moon is made of cheese", held=False, figure="0 g of it")]
    PlainView().conclude(fallen, [])
    assert "NO  The moon is made of cheese" in capsys.readouterr().out
    console = Console(file=io.StringIO(), width=100)
    with LiveView(console) as view:
        view.show(_scene(1250.0))
        view.conclude(fallen, [])
    assert "✗" in console.file.getvalue()  # type: ignore[attr-defined]
