"""What every baseline owes its callers, whatever it is made of."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.monitoring.detection.regime import Situation
from agent.monitoring.detection.score import Baseline, Score, Span
from agent.monitoring.detection.tail import MONTH
from tests.monitoring.detection.baselines import KINDS, Kind, learned, scores

every_kind = pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])


def of(baseline: Baseline) -> dict[str, Any]:
    """What was learned; an indicator's mean is what was seen lately."""
    return {key: value for key, value in baseline.to_json().items() if key != "mean"}


def follow(baseline: Baseline, kind: Kind, windows: int, seed: int, by: float = 0.0) -> None:
    for row in kind.normal(windows, seed):
        row[: len(kind.unit)] += by * kind.unit
        baseline.follow(baseline.score(row, Situation("running", 0, np.zeros(0))))


def test_a_score_is_so_many_times_its_threshold() -> None:
    assert Score(3.0, 2.0, 0.1).ratio == 1.5


@every_kind
def test_what_is_normal_scores_typically_where_it_says_below_the_threshold(kind: Kind) -> None:
    baseline = learned(kind)
    ratios = [score.ratio for score in scores(baseline, kind.normal(300, 2))]
    assert max(ratios) < 1.0
    assert 0.0 <= baseline.typical < 1.0
    assert np.median(ratios) == pytest.approx(baseline.typical, abs=0.15)


@every_kind
def test_the_channel_that_moved_is_named_first(kind: Kind) -> None:
    for position, name in enumerate(learned(kind).names):
        baseline, faulty = learned(kind), kind.normal(60, 1)
        faulty[:, position] += kind.worse * kind.unit[position]
        last = scores(baseline, faulty)[-1]
        assert last.value > last.threshold
        assert last.probability < 1e-5
        assert last.contributors[0][0] == name
        amounts = [abs(amount) for _, amount in last.contributors]
        assert amounts[0] == max(amounts)


@every_kind
def test_the_more_a_channel_moves_the_higher_the_score(kind: Kind) -> None:
    values = []
    for times in (0.0, 0.5, 1.0, 2.0):
        faulty = kind.normal(60, 1)
        faulty[:, 0] += times * kind.worse * kind.unit[0]
        values.append(scores(learned(kind), faulty)[-1].value)
    assert values == sorted(values)
    assert values[-1] > values[0]


@every_kind
def test_to_score_never_changes_what_was_learned(kind: Kind) -> None:
    baseline = learned(kind)
    before = of(baseline)
    faulty = kind.normal(100, 2)
    faulty[50:, 0] += kind.worse * kind.unit[0]
    faulty[10, 1] = np.nan
    scores(baseline, faulty)
    assert of(baseline) == before


@every_kind
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 999), follows=st.booleans(), without=st.booleans())
def test_restored_it_scores_identically(kind: Kind, seed: int, follows: bool, without: bool) -> None:
    baseline = learned(kind, windows=100, without=(kind.make(1.0).names[1],) if without else ())
    if follows:
        follow(baseline, kind, round(100 * kind.independent), seed, by=0.5)
        assert baseline.adapt() is not None
    document = orjson.loads(orjson.dumps(baseline.to_json()))
    one, other = kind.make(1.0), kind.make(1.0)
    one.restore(document)
    other.restore(orjson.loads(orjson.dumps(one.to_json())))
    windows = kind.normal(30, seed + 1)
    assert scores(one, windows) == scores(other, windows)
    assert one.typical == baseline.typical
    # beyond the records that a median still remembers, as if there had been no restart
    assert scores(one, windows)[10:] == scores(baseline, np.vstack([windows, windows]))[40:]


@every_kind
def test_what_was_learned_of_something_else_is_refused(kind: Kind) -> None:
    for other in KINDS:
        if other is not kind:
            with pytest.raises(ValueError, match="what was learned belongs to"):
                learned(other).restore(learned(kind).to_json())


@every_kind
def test_a_missing_channel_does_not_speak(kind: Kind) -> None:
    baseline, windows = learned(kind), kind.normal(100, 1)
    windows[:, 1] = np.nan
    found = scores(baseline, windows)
    assert all(0.0 < score.probability <= 1.0 for score in found)
    assert max(score.ratio for score in found) < 1.0
    windows[:, 0] += kind.worse * kind.unit[0]
    assert scores(baseline, windows)[-1].contributors[0][0] == baseline.names[0]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.name != "spectrum"], ids=["process", "indicator"])
@given(amount=st.floats(-1e3, 1e3), silent=st.booleans())
@settings(max_examples=30, deadline=None)
def test_a_channel_that_is_left_out_never_raises_the_score(kind: Kind, amount: float, silent: bool) -> None:
    name = kind.make(1.0).names[1]
    baseline, same = learned(kind, windows=60, without=(name,)), learned(kind, windows=60, without=(name,))
    windows = kind.normal(40, 1)
    moved = windows.copy()
    moved[20:, 1] = np.nan if silent else moved[20:, 1] + amount * kind.unit[1]
    assert [s.value for s in scores(baseline, moved)] == [s.value for s in scores(same, windows)]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.name != "spectrum"], ids=["process", "indicator"])
def test_a_channel_that_was_silent_while_learning_is_no_hindrance(kind: Kind) -> None:
    baseline, windows = kind.make(1.0), kind.normal(100, 0)
    windows[:, 1] = np.nan
    baseline.learn(Span(windows, np.zeros((100, 0)), kind.seconds), 0, (baseline.names[1],))
    found = scores(baseline, kind.normal(100, 1))
    assert max(score.ratio for score in found) < 1.0
    assert b"NaN" not in orjson.dumps(baseline.to_json())


@every_kind
def test_only_bands_that_were_learned_are_known(kind: Kind) -> None:
    baseline = kind.make(1.0)
    assert not baseline.knows(0)
    baseline.learn(Span(kind.normal(60, 0), np.zeros((60, 0)), kind.seconds), 3, ())
    assert baseline.knows(3)
    assert not baseline.knows(0)


@every_kind
def test_each_band_has_a_normal_of_its_own(kind: Kind) -> None:
    baseline = learned(kind)
    elsewhere = kind.normal(400, 5)
    elsewhere[:, 0] += kind.worse * kind.unit[0]
    baseline.learn(Span(elsewhere, np.zeros((400, 0)), kind.seconds), 1, ())
    there = Situation("running", 1, np.zeros(0))
    assert max(baseline.score(row, there).ratio for row in elsewhere[:50]) < 1.0
    assert baseline.score(kind.normal(1, 6)[0], Situation("running", 0, np.zeros(0))).ratio < 1.0


# --------------------------------------------------------------------------- the budget


@every_kind
@pytest.mark.parametrize("per_value", [1e-3, 1e-2])
def test_false_alarms_of_a_healthy_machine_stay_within_the_budget(kind: Kind, per_value: float) -> None:
    """Over 8 machines; in independent values, as many as overlapping windows hold."""
    budget = per_value * MONTH / (kind.seconds * kind.independent)
    windows = 800
    over = 0.0
    for machine in range(8):
        baseline = learned(kind, budget, seed=machine)
        found = scores(baseline, kind.normal(windows, 100 + machine))
        over += sum(score.value > score.threshold for score in found) / kind.independent
    expected = 8 * windows / kind.independent * per_value
    assert over <= expected + 3.0 * np.sqrt(expected) + 1.0


@every_kind
def test_a_smaller_budget_is_a_higher_threshold(kind: Kind) -> None:
    thresholds = [scores(learned(kind, budget), kind.normal(1, 1))[0].threshold for budget in (100.0, 1.0, 0.01)]
    assert thresholds == sorted(thresholds)
    assert thresholds[-1] > thresholds[0]


# --------------------------------------------------------------------------- following


@every_kind
def test_slow_change_is_followed_in_bounds_told_and_undone(kind: Kind) -> None:
    baseline = learned(kind)
    fresh = baseline.to_json()
    told = []
    for step in range(4):
        follow(baseline, kind, round(120 * kind.independent), step, by=1.0)
        told.append(baseline.adapt())
    for change in told:
        assert change is not None
        assert all(threshold > 0.0 for threshold in change["threshold"])
        assert set(change["moved"]) <= set(baseline.names)
        assert change["moved"]
    tail = baseline.to_json()["tail"]
    assert tail["windows"] > fresh["tail"]["windows"]
    moved = kind.normal(200, 9)
    moved[:, : len(kind.unit)] += kind.unit
    after = np.median([score.value for score in scores(baseline, moved)])
    baseline.revert()
    assert np.median([score.value for score in scores(baseline, moved)]) > after


@every_kind
def test_too_few_windows_move_nothing_nor_do_forgotten_ones(kind: Kind) -> None:
    baseline = learned(kind)
    assert baseline.adapt() is None
    follow(baseline, kind, round(99 * kind.independent), 1)
    assert baseline.adapt() is None
    baseline.forget()
    follow(baseline, kind, round(49 * kind.independent), 2)
    assert baseline.adapt() is None


@every_kind
def test_the_threshold_hardly_moves_for_windows_that_are_as_they_were_learned(kind: Kind) -> None:
    baseline = learned(kind)
    for seed in range(3):
        before = scores(baseline, kind.normal(1, 1))[0].threshold
        follow(baseline, kind, round(200 * kind.independent), seed)
        change = baseline.adapt()
        assert change is not None
        after = scores(baseline, kind.normal(1, 1))[0].threshold
        assert change["threshold"] == [before, after]
        assert after == pytest.approx(before, rel=0.1)
