"""From windows to scores: what is learned when, what is refused, and what is followed."""

from __future__ import annotations

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.monitoring.detection.bands import NONE, Bands
from agent.monitoring.detection.judge import CommissionedJudge
from agent.monitoring.detection.process import ProcessBaseline
from agent.monitoring.detection.regime import Situation
from tests.monitoring.detection.baselines import SPREADS, process_windows
from tests.monitoring.detection.judged import ASKED, HOUR, Machine, commissioned, comparable, events

# --------------------------------------------------------------------------- commissioning


def test_it_learns_after_the_windows_that_it_asked_for_and_says_what_is_still_missing() -> None:
    machine = Machine()
    judged = machine.normal(ASKED - 1)
    assert [judgement.missing for judgement in judged] == list(range(ASKED - 1, 0, -1))
    assert machine.judge.progress == pytest.approx(1 - 1 / ASKED)
    (last,) = machine.normal(1)
    assert last.events == ({"event": "learned", "windows": ASKED},)
    assert last.learned is not None
    assert last.learned.shape == (ASKED, 6)
    assert last.score is None
    assert machine.judge.learned
    assert machine.judge.progress == 1.0
    (next_,) = machine.normal(1)
    assert next_.score is not None
    assert next_.score.ratio < 1.0


def test_however_few_windows_are_asked_for_twenty_are_needed() -> None:
    machine = Machine(windows=3)
    assert events(machine.normal(19)) == []
    assert events(machine.normal(1)) == [{"event": "learned", "windows": 20}]


def test_progress_is_kept_for_a_restart_a_few_times_and_not_with_every_window() -> None:
    kept = [judgement.keep for judgement in Machine().normal(ASKED)]
    assert kept[-1]
    assert sum(kept) == 4


def test_a_span_with_a_step_is_refused_and_the_next_one_begins_with_what_is_left() -> None:
    machine, rows = Machine(), process_windows(ASKED, 0)
    rows[:30, 1] += 100 * SPREADS[1]
    (refused,) = events(machine.feed(rows))
    assert (refused["event"], refused["windows"]) == ("refused", 10)
    assert "the first 30 windows are left out: flow went from" in refused["remarks"][0]
    assert machine.judge.progress == pytest.approx(10 / ASKED)
    assert not machine.judge.learned
    judged = machine.normal(30)
    assert judged[0].missing == 29
    assert events(judged) == [{"event": "learned", "windows": ASKED}]


def test_a_stuck_channel_is_left_out_with_a_remark_and_never_judged() -> None:
    machine, rows = Machine(), process_windows(ASKED, 0)
    rows[:, 1], rows[:, 4] = 30.0, 0.0
    (learned,) = events(machine.feed(rows))
    assert learned["remarks"] == ["flow is left out: it always said 30, as a dead or stuck sensor does"]
    faulty = process_windows(20, 1)
    faulty[:, 1] += 50 * SPREADS[1]
    assert all(j.score is not None and j.score.ratio < 1.0 for j in machine.feed(faulty))


def test_a_dead_machine_is_refused_again_and_again_and_memory_stays_bounded() -> None:
    machine = Machine()
    refused = events(machine.feed(np.zeros((10 * ASKED, 6))))
    assert [event["event"] for event in refused] == ["refused"] * 10
    assert "no channel is left to learn from" in refused[0]["remarks"]
    assert machine.judge.to_json()["collected"]["0"]["rows"] == []


def test_windows_that_miss_a_channel_are_made_up_for_without_a_word() -> None:
    machine, rows = Machine(windows=20), process_windows(20, 0)
    rows[[3, 9, 15], [0, 1, 2]] = np.nan
    assert events(machine.feed(rows)) == []
    judged = machine.normal(3)
    assert [judgement.missing for judgement in judged] == [2, 1, 0]
    assert events(judged) == [{"event": "learned", "windows": 20}]


def test_windows_that_are_hardly_filled_or_outside_of_running_are_neither_learned_nor_judged() -> None:
    machine = Machine()
    machine.feed(process_windows(100, 0), judgeable=False)
    for name in ("stopped", "starting", "transition"):
        judged = machine.feed(process_windows(100, 0), name=name)
        assert {(judgement.score, judgement.regime) for judgement in judged} == {(None, name)}
    assert machine.judge.progress == 0.0
    machine.normal(ASKED)
    assert {j.score for j in machine.feed(process_windows(5, 1), judgeable=False)} == {None}


# --------------------------------------------------------------------------- load bands


def test_a_band_is_unseen_until_it_was_learned_and_the_others_are_judged_meanwhile() -> None:
    machine = Machine(speeds=True)
    first = machine.normal(ASKED, 1500.0)
    assert {judgement.regime for judgement in first} == {"running"}
    assert events(first) == [{"event": "learned", "windows": ASKED, "band": 0}]
    unseen = machine.normal(ASKED // 2, 900.0)
    assert {(judgement.regime, judgement.score) for judgement in unseen} == {("unseen", None)}
    assert machine.judge.progress == 1.0, "the asset is in service"
    back = machine.normal(5, 1500.0)
    assert all(judgement.regime == "running" and judgement.score is not None for judgement in back)
    later = machine.normal(ASKED // 2, 900.0)
    assert events(later) == [{"event": "learned", "windows": ASKED, "band": 1}]
    assert all(judgement.score is not None for judgement in machine.normal(5, 900.0))


def test_where_there_are_too_many_bands_already_it_stays_unseen() -> None:
    machine = Machine(speeds=True)
    machine.normal(ASKED, 1500.0)
    nowhere = Situation("running", NONE, np.array([1.0]))
    judged = [machine.judge.judge(machine.window(row), nowhere, standing=False) for row in process_windows(60, 0)]
    assert {(judgement.regime, judgement.score) for judgement in judged} == {("unseen", None)}
    assert machine.judge.to_json()["collected"] == {}


# --------------------------------------------------------------------------- while an alarm stands


def test_nothing_is_learned_while_an_alarm_stands() -> None:
    machine = Machine(speeds=True)
    machine.normal(ASKED, 1500.0)
    assert events(machine.feed(process_windows(3 * ASKED, 0), 900.0, standing=True)) == []
    assert machine.judge.to_json()["collected"] == {}


def test_nothing_is_followed_while_an_alarm_stands_nor_what_was_normal_before_it() -> None:
    machine = commissioned(every=120)
    before = machine.judge.to_json()["baseline"]
    per_day = 24 * HOUR // 120
    for _ in range(3):
        assert events(machine.normal(40)) == []
        assert events(machine.feed(process_windows(per_day, 0), standing=True)) == []
    assert machine.judge.to_json()["baseline"] == before
    assert events(machine.normal(99)) == [], "the step that was due rested on too little"


def test_an_alarm_is_scored_as_long_as_it_stands() -> None:
    machine, faulty = commissioned(), process_windows(20, 1)
    faulty[:, 1] += 30 * SPREADS[1]
    assert all(j.score is not None and j.score.ratio > 1.0 for j in machine.feed(faulty, standing=True))


# --------------------------------------------------------------------------- following


def test_normal_is_followed_four_hours_after_the_commissioning_and_then_each_day_with_an_event() -> None:
    machine = commissioned(every=120)
    begin = machine.count
    judged = machine.normal(3 * 720)
    at = [begin + 1 + i for i, judgement in enumerate(judged) if judgement.events]
    assert [(count - begin) * 120 / HOUR for count in at] == [4.0, 28.0, 52.0]
    for event in events(judged):
        assert event["event"] == "adapted"
        assert {"threshold", "moved"} <= set(event)
    assert [judgement.keep for judgement in judged] == [bool(judgement.events) for judgement in judged]


def test_what_is_not_normal_is_not_followed() -> None:
    machine, odd = commissioned(every=120), process_windows(900, 1)
    odd[:, 1] += 30 * SPREADS[1]
    odd[::3] = process_windows(300, 2)
    (adapted,) = events(machine.feed(odd))
    assert abs(adapted["moved"].get("flow", 0.0)) < 0.1
    assert machine.judge.to_json()["baseline"]["tail"]["windows"] < ASKED + 300


def test_a_slow_change_is_followed_and_reverting_undoes_it() -> None:
    machine = commissioned(every=120)
    moved = process_windows(5 * 720, 1)
    moved[:, 0] += 0.7 * SPREADS[0]

    def usual() -> float:
        rows = process_windows(20, 3)
        rows[:, 0] += 0.7 * SPREADS[0]
        return float(np.median([j.score.value for j in machine.feed(rows) if j.score is not None]))

    before = usual()
    assert len(events(machine.feed(moved))) == 5
    assert usual() < before
    machine.judge.revert()
    assert usual() == pytest.approx(before)


def test_what_is_typical_is_told_by_the_baseline() -> None:
    machine = commissioned()
    ratios = [j.score.ratio for j in machine.normal(200) if j.score is not None]
    assert machine.judge.typical == pytest.approx(np.median(ratios), abs=0.1)


# --------------------------------------------------------------------------- anew


@given(before=st.integers(0, 3 * ASKED), seed=st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_recommissioned_it_is_as_if_it_had_never_learned(before: int, seed: int) -> None:
    used, fresh = Machine(every=120, speeds=True), Machine(every=120, speeds=True)
    used.normal(before, 1500.0)
    used.judge.recommission()
    assert not used.judge.learned
    assert used.judge.progress == 0.0
    fresh.bands.locate(np.array([1500.0]))
    fresh.count = used.count
    one, other = (machine.normal(5 * ASKED, 1500.0, seed) for machine in (used, fresh))
    assert [event["event"] for event in events(other)] == ["learned", "adapted"]
    assert [comparable(judgement) for judgement in one] == [comparable(judgement) for judgement in other]
    assert used.judge.to_json() == fresh.judge.to_json()


def test_recommissioned_after_an_alarm_a_new_level_is_normal() -> None:
    machine, higher = commissioned(), process_windows(ASKED + 20, 1)
    higher[:, 1] += 30 * SPREADS[1]
    machine.judge.recommission()
    judged = machine.feed(higher)
    assert events(judged) == [{"event": "learned", "windows": ASKED}]
    assert all(j.score is not None and j.score.ratio < 1.0 for j in judged[ASKED:])


# --------------------------------------------------------------------------- restart


@given(
    cut=st.integers(0, 170), seed=st.integers(0, 99), stuck=st.booleans(), step=st.integers(0, 60),
    missing=st.lists(st.integers(0, 170), max_size=5),
)
@settings(max_examples=30, deadline=None)
def test_a_restart_at_any_window_changes_nothing_that_follows(
    cut: int, seed: int, stuck: bool, step: int, missing: list[int]
) -> None:
    rows, speeds = process_windows(180, seed), [1500.0] * 60 + [1000.0] * 60 + [1500.0] * 60
    rows[:step, 0] += 50 * SPREADS[0]
    rows[missing, 2] = np.nan
    if stuck:
        rows[:, 1], rows[:, 4] = 30.0, 0.0
    one, before, after = (Machine(speeds=True) for _ in range(3))
    through = [comparable(j) for row, speed in zip(rows, speeds, strict=True) for j in one.feed(row[None], speed)]
    for row, speed in zip(rows[:cut], speeds[:cut], strict=True):
        before.feed(row[None], speed)
    after.bands.restore(orjson.loads(orjson.dumps(before.bands.to_json())))
    after.judge.restore(orjson.loads(orjson.dumps(before.judge.to_json())))
    assert after.judge.learned is before.judge.learned
    after.count = before.count
    rest = [
        comparable(j) for row, speed in zip(rows[cut:], speeds[cut:], strict=True) for j in after.feed(row[None], speed)
    ]
    assert rest == through[cut:]


def test_progress_survives_a_restart() -> None:
    machine, again = Machine(), Machine()
    machine.normal(ASKED // 2)
    again.judge.restore(orjson.loads(orjson.dumps(machine.judge.to_json())))
    assert again.judge.progress == 0.5
    assert events(again.normal(ASKED // 2)) == [{"event": "learned", "windows": ASKED}]


def test_steps_are_taken_at_their_times_over_a_restart() -> None:
    machine, again = commissioned(every=120), Machine(every=120)
    again.judge.restore(orjson.loads(orjson.dumps(machine.judge.to_json())))
    again.count = machine.count
    judged = again.normal(125)
    assert [i for i, judgement in enumerate(judged) if judgement.events] == [4 * HOUR // 120 - 1]


def test_what_was_learned_of_other_features_is_refused() -> None:
    collecting = Machine()
    collecting.normal(5)
    document = collecting.judge.to_json()
    document["collected"]["0"]["rows"][2].append(1.0)
    with pytest.raises(ValueError, match="other features"):
        Machine().judge.restore(document)
    with pytest.raises(ValueError, match="other channels"):
        CommissionedJudge(
            ProcessBaseline(["x"], [0], [1], bands=Bands([])), ASKED, 2).restore(commissioned().judge.to_json())
