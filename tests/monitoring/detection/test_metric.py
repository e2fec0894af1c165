"""The baseline of one slow metric: what it notices, what it bears, and what it remembers."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from agent.monitoring.detection.metric import GRACE, PARTS, MetricBaseline, MetricJudge
from agent.monitoring.detection.regime import Situation
from agent.monitoring.detection.score import Score
from agent.monitoring.manipulation.extraction import FeatureVector
from agent.monitoring.types import SECOND

STEP = 300 * SECOND
DAY = 288
RUNNING = Situation("running", 0)


def daily(days: int, seed: int = 0) -> NDArray[np.float64]:
    """A load that swings with the day, and noise; a reading every 5 minutes."""
    rows = np.arange(days * DAY)
    noise = np.random.default_rng(seed).normal(size=len(rows))
    values: NDArray[np.float64] = 50.0 + 20.0 * np.sin(2 * np.pi * rows / DAY) + noise
    return values


def run(baseline: MetricBaseline, values: NDArray[np.float64], first: int = 0) -> list[Score]:
    """The scores of values in their order, an alarm standing until 50 rows were normal."""
    scores, quiet = [], 50
    for row, value in enumerate(values.tolist(), first):
        score = baseline.score(value, row * STEP)
        quiet = 0 if score.value > score.threshold and baseline.learned else quiet + 1
        baseline.learn(value, row * STEP, standing=quiet < 50)
        scores.append(score)
    return scores


def test_it_judges_after_its_grace() -> None:
    baseline = MetricBaseline()
    run(baseline, daily(1)[: GRACE - 1])
    assert (baseline.learned, baseline.progress) == (False, (GRACE - 1) / GRACE)
    run(baseline, daily(1)[GRACE - 1 : GRACE], GRACE - 1)
    assert (baseline.learned, baseline.progress) == (True, 1.0)


def test_a_spike_is_told_by_the_value_and_the_range() -> None:
    values = daily(8)
    values[7 * DAY + 100] += 40.0
    scores = run(MetricBaseline(), values)
    score = scores[7 * DAY + 100]
    assert score.value > score.threshold
    assert {name for name, _ in score.contributors[:2]} == {"residual", "range"}
    assert score.probability < 0.005


def test_a_value_at_the_wrong_time_of_day_is_told_though_it_is_an_ordinary_one() -> None:
    values = daily(17)  # the first day, without an expectation, is out of the history
    trough = 16 * DAY + 3 * DAY // 4
    values[trough : trough + 6] = 60.0  # in the night what is usual in the morning
    scores = run(MetricBaseline(), values)
    worst = max(scores[trough : trough + 6], key=lambda score: score.value)
    assert worst.value > worst.threshold
    assert "range" not in dict(worst.contributors)


def test_a_small_shift_of_level_is_told_by_the_long_means_first() -> None:
    values = daily(17)
    values[16 * DAY :] += 3.0
    scores = run(MetricBaseline(), values)[16 * DAY :]
    first = next(score for score in scores[:100] if score.value > score.threshold)
    assert first.contributors[0][0] in {"residual_3", "residual_10", "residual_50"}


def test_noise_raises_no_more_episodes_than_the_budget_says() -> None:
    scores = run(MetricBaseline(false_alarms_per_month=5.0), np.random.default_rng(3).normal(size=2 * 30 * DAY))
    over = np.flatnonzero([score.value > score.threshold for score in scores[GRACE:]])
    episodes = 1 + int((np.diff(over) > 50).sum()) if len(over) else 0
    assert episodes <= 18  # 97.5 % of a Poisson law of 10 in two months


def test_a_constant_says_nothing_until_it_moves() -> None:
    baseline = MetricBaseline()
    scores = run(baseline, np.full(2 * DAY, 45.0))
    assert {score.value for score in scores} == {0.0}
    assert baseline.score(46.0, 2 * DAY * STEP).value > baseline.threshold


def test_a_smaller_budget_and_quicker_samples_ask_for_more_decades() -> None:
    def threshold(budget: float, step: int) -> float:
        baseline = MetricBaseline(budget)
        for row in range(GRACE):
            baseline.learn(0.0, row * step, standing=False)
        return baseline.threshold

    assert threshold(5.0, STEP) == 7.5
    assert threshold(1.0, STEP) == pytest.approx(12.6, abs=0.1)
    assert threshold(5.0, 60 * SECOND) == pytest.approx(12.6, abs=0.1)
    assert threshold(5.0, 3600 * SECOND) == 7.5


def test_while_an_alarm_stands_the_expectation_does_not_follow() -> None:
    standing, following = MetricBaseline(), MetricBaseline()
    run(standing, daily(3))
    run(following, daily(3))
    for row in range(3 * DAY, 5 * DAY):
        standing.learn(200.0, row * STEP, standing=True)
        following.learn(200.0, row * STEP, standing=False)
    ordinary = [float(daily(1)[0])]
    stood, followed = (one.to_json()["expected"]["means"][0] for one in (standing, following))
    assert abs(stood - ordinary[0]) < 5.0
    assert followed > stood + 20.0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_says_nothing_and_teaches_nothing(value: float) -> None:
    baseline = MetricBaseline()
    run(baseline, daily(1))
    before = json.dumps(baseline.to_json())
    assert baseline.score(value, DAY * STEP) == Score(0.0, 7.5, 1.0)
    baseline.learn(value, DAY * STEP, standing=False)
    assert json.dumps(baseline.to_json()) == before


def test_to_score_changes_nothing() -> None:
    baseline = MetricBaseline()
    run(baseline, daily(2))
    before = json.dumps(baseline.to_json())
    first = baseline.score(500.0, 2 * DAY * STEP)
    assert baseline.score(500.0, 2 * DAY * STEP) == first
    assert json.dumps(baseline.to_json()) == before


@given(cut=st.integers(min_value=0, max_value=2 * DAY))
@settings(max_examples=15, deadline=None)
def test_a_restart_anywhere_changes_no_score(cut: int) -> None:
    values = daily(2, seed=5)
    values[300] += 30.0
    whole = run(MetricBaseline(), values)
    before = MetricBaseline()
    run(before, values[:cut])
    after = MetricBaseline()
    after.restore(json.loads(json.dumps(before.to_json())))
    rest: list[Score] = []
    quiet = 50
    for row in range(2 * DAY):
        if whole[row].value > whole[row].threshold and row >= GRACE:
            quiet = 0
        elif row:
            quiet += 1
        if row >= cut:
            rest.append(after.score(float(values[row]), row * STEP))
            after.learn(float(values[row]), row * STEP, standing=quiet < 50)
    assert rest == whole[cut:]


@given(scale=st.sampled_from([1e-3, 0.5, 2.0, 1e6]), offset=st.sampled_from([0.0, -1e3, 7.0]))
@settings(max_examples=12, deadline=None)
def test_the_unit_of_a_metric_changes_no_score(scale: float, offset: float) -> None:
    values = daily(2, seed=1)
    values[400] += 15.0
    said = [score.value for score in run(MetricBaseline(), values)]
    told = [score.value for score in run(MetricBaseline(), values * scale + offset)]
    assert told == pytest.approx(said, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("change", [
    {"kind": "process"},
    {"seconds": -1.0},
    {"times": [0] * GRACE},
    {"means": {"count": 1, "latest": [], "sums": [], "history": [], "tails": []}},
])
def test_what_does_not_fit_is_refused(change: dict[str, Any]) -> None:
    document = MetricBaseline().to_json()
    with pytest.raises(ValueError, match=r"metric|interval"):
        MetricBaseline().restore({**document, **change})


def vector(row: int, value: float, *, judgeable: bool = True) -> FeatureVector:
    """The window of one sample."""
    return FeatureVector(row * STEP, row * STEP, np.array([0.0, value]), judgeable)


def test_the_judge_tells_once_that_it_has_learned_and_from_what() -> None:
    judge = MetricJudge(1)
    values = daily(1)
    said = [judge.judge(vector(row, value), RUNNING, standing=False) for row, value in enumerate(values.tolist())]
    events = [(row, one.events) for row, one in enumerate(said) if one.events]
    assert events == [(GRACE - 1, ({"event": "learned", "windows": GRACE},))]
    rows = said[GRACE - 1].learned
    assert rows is not None
    np.testing.assert_array_equal(rows[:, 1], values[:GRACE])
    assert said[GRACE - 1].score is None
    assert said[GRACE].score is not None


def test_the_judge_leaves_a_stopped_machine_and_broken_windows_alone() -> None:
    judge = MetricJudge(1)
    assert judge.judge(vector(0, 1.0), Situation("stopped", 0), standing=False).score is None
    judge.judge(vector(0, 1.0, judgeable=False), RUNNING, standing=False)
    assert judge.progress == 0.0


def test_the_judge_goes_on_after_a_restart_and_begins_anew_when_told() -> None:
    values = daily(1).tolist()
    judge, restarted = MetricJudge(1, grace=60), MetricJudge(1, grace=60)
    for row, value in enumerate(values[:40]):
        judge.judge(vector(row, value), RUNNING, standing=False)
    restarted.restore(json.loads(json.dumps(judge.to_json())))
    for row, value in enumerate(values[40:], 40):
        told, again = (one.judge(vector(row, value), RUNNING, standing=False) for one in (judge, restarted))
        assert told.score == again.score
    assert restarted.learned
    restarted.revert()
    restarted.recommission()
    assert (restarted.learned, restarted.progress) == (False, 0.0)


def test_the_parts_have_names() -> None:
    assert PARTS == ("residual", "residual_3", "residual_10", "residual_50", "range")
