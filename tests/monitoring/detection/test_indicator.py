"""Slow indicators: amplitudes by their ratio and only upwards, one bad reading never decides."""

from __future__ import annotations

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from agent.monitoring.detection.indicator import IndicatorBaseline, is_amplitude, only_rises
from agent.monitoring.detection.score import Span
from agent.monitoring.spec import ChannelSpec
from tests.monitoring.detection.baselines import HERE, INDICATORS, indicator, readings, scores


def one(values: NDArray[np.float64], unit: str, worse: str = "either") -> IndicatorBaseline:
    """Of a single channel, commissioned with these readings."""
    channel = ChannelSpec(name="x", topic="t", unit=unit, worse=worse)  # type: ignore[arg-type]
    baseline = IndicatorBaseline([channel], [0])
    baseline.learn(Span(values[:, None], np.zeros((len(values), 0)), 600.0), 0, ())
    return baseline


def last(baseline: IndicatorBaseline, values: NDArray[np.float64]) -> float:
    return scores(baseline, values[:, None])[-1].ratio


def noise(count: int, seed: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=count)


@given(scale=st.floats(1e-4, 1e3))
@settings(max_examples=30, deadline=None)
def test_an_amplitude_is_judged_by_its_ratio_to_normal(scale: float) -> None:
    learning, found = 0.1 * np.exp(0.1 * noise(100, 0)), 0.1 * np.exp(0.1 * noise(30, 1) + 0.3)
    expected = last(one(learning, "g"), found)
    assert expected > 1.0
    assert last(one(scale * learning, "g"), scale * found) == pytest.approx(expected)


@pytest.mark.parametrize("unit", ["g", "mm/s", "dB"])
def test_vibration_gets_worse_upwards_only(unit: str) -> None:
    baseline = one(5.0 + 0.1 * noise(100, 0), unit)
    assert last(baseline, 4.0 + 0.1 * noise(60, 1)) < 1.0
    assert last(baseline, 6.0 + 0.1 * noise(60, 2)) > 1.0


@pytest.mark.parametrize(
    ("worse", "up", "down"), [("either", True, True), ("above", True, False), ("below", False, True)])
def test_other_channels_get_worse_as_they_are_said_to(worse: str, up: bool, down: bool) -> None:
    for shift, alarms in ((2.0, up), (-2.0, down)):
        baseline = one(50.0 + noise(100, 0), "degC", worse)
        assert (last(baseline, 50.0 + shift + noise(60, 1)) > 1.0) is alarms


def test_units_tell_what_is_an_amplitude() -> None:
    def channel(unit: str) -> ChannelSpec:
        return ChannelSpec(name="x", topic="t", unit=unit)

    units = ("g", "mm/s", "dB", "degC", "")
    assert [is_amplitude(channel(unit)) for unit in units] == [True, True, False, False, False]
    assert [only_rises(channel(unit)) for unit in units] == [True, True, True, False, False]


@given(reading=st.floats(-1e9, 1e9), at=st.integers(20, 60))
@settings(max_examples=30, deadline=None)
def test_one_bad_reading_never_decides(reading: float, at: int) -> None:
    baseline, found = one(50.0 + noise(100, 0), "degC"), 50.0 + 0.5 * noise(80, 1)
    found[at] = reading
    assert max(score.ratio for score in scores(baseline, found[:, None])) < 1.0


def test_a_change_of_one_deviation_is_noticed_within_a_few_dozen_readings() -> None:
    baseline = one(50.0 + noise(200, 0), "degC")
    over = [score.ratio > 1.0 for score in scores(baseline, (51.2 + noise(200, 1))[:, None])]
    assert 5 < over.index(True) < 60


@pytest.mark.parametrize("reading", [0.0, -0.2, float("nan")])
def test_an_amplitude_that_cannot_be_one_says_nothing(reading: float) -> None:
    baseline, found = one(0.1 * np.exp(0.1 * noise(100, 0)), "g"), np.full(30, 0.14)
    found[::2] = reading
    values = [score.value for score in scores(baseline, found[:, None])]
    assert values[0] == 0.0
    assert all(values[i] == values[i - 1] for i in range(2, 30, 2))
    assert values[-1] > values[1]


def test_contributors_tell_the_direction_in_deviations_of_the_mean() -> None:
    baseline, found = indicator(), readings(60, 1)
    baseline.learn(Span(readings(200, 0), np.zeros((200, 0)), 600.0), 0, ())
    found[:, 2] -= 0.02
    name, amount = scores(baseline, found)[-1].contributors[0]
    assert name == "efficiency"
    assert amount < -4.0


def test_an_asset_with_more_channels_asks_more_of_each() -> None:
    alone = one(50.0 + 0.5 * noise(200, 0), "degC")
    many = IndicatorBaseline(INDICATORS, [0, 1, 2])
    many.learn(Span(readings(200, 0), np.zeros((200, 0)), 600.0), 0, ())
    assert scores(many, readings(1, 1))[0].threshold > scores(alone, np.full((1, 1), 50.0))[0].threshold


def test_in_months_of_healthy_readings_false_alarms_stay_within_the_budget_though_few_were_learned_from() -> None:
    """A reading every 10 minutes, one false alarm a month; one that lasts or comes again within 6 h is one."""
    months, alarms = 6, 0
    for machine in range(months):
        baseline, quiet = indicator(), 36
        baseline.learn(Span(readings(100, machine), np.zeros((100, 0)), 600.0), 0, ())
        for number, reading in enumerate(readings(4320, 100 + machine), start=1):
            score = baseline.score(reading, HERE)
            over = score.value > score.threshold
            alarms += over and quiet >= 36
            quiet = 0 if over else quiet + 1
            if not over:
                baseline.follow(score)
            if number % 144 == 0:
                baseline.adapt()
    assert alarms <= 12, "the 99 % quantile of a Poisson count of 6"


def test_normal_readings_that_wander_are_followed_until_a_bound() -> None:
    baseline, found = one(50.0 + noise(200, 0), "degC"), 50.0 + np.linspace(0.0, 8.0, 8000) + noise(8000, 1)
    over = []
    for reading in found:
        score = baseline.score(np.array([reading]), HERE)
        over.append(score.value > score.threshold)
        if not over[-1]:
            baseline.follow(score)
    assert np.mean(over[:1500]) < 0.05, "a deviation and a half within so many readings is wandering"
    assert all(over[6000:]), "six are a fault, however slowly they came"


def test_what_is_told_to_have_moved_is_the_way_since_it_was_told_last() -> None:
    baseline = one(50.0 + noise(200, 0), "degC")
    told = []
    for seed in range(2):
        for reading in 50.5 + noise(1950, seed + 1):
            baseline.follow(baseline.score(np.array([reading]), HERE))
        change = baseline.adapt()
        assert change is not None
        told.append(change["moved"]["x"])
    assert 0.2 < told[0] < 0.8
    assert abs(told[1]) < 0.2


def test_a_restart_does_not_take_back_what_an_alarm_stands_on() -> None:
    baseline, again = one(50.0 + noise(100, 0), "degC"), one(50.0 + noise(100, 0), "degC")
    before = last(baseline, 52.0 + noise(60, 1))
    again.restore(orjson.loads(orjson.dumps(baseline.to_json())))
    after = last(again, np.array([52.0]))
    assert before > 1.5
    assert after == pytest.approx(before, rel=0.1)
