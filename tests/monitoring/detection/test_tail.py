"""The tail: from a false-alarm budget to a threshold, and from a value to how rare it is."""

from __future__ import annotations

from math import inf, log

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.monitoring.detection.indicator import PRIOR as INDICATOR
from agent.monitoring.detection.process import PRIOR as PROCESS
from agent.monitoring.detection.spectrum import PRIOR as SPECTRUM
from agent.monitoring.detection.tail import MONTH, Prior, Tail, per_window

OPEN = Prior(level=1.0, scale=0.3, weight=20.0, floor=0.0)
"""One whose floor never decides."""

probabilities = st.floats(1e-12, 0.09)
priors = st.sampled_from([OPEN, PROCESS, SPECTRUM, INDICATOR])
seen = st.tuples(st.integers(0, 5000), st.floats(0.0, 0.3), st.floats(0.01, 3.0))
"""Windows, the share of them above the level, and their mean excess in prior scales."""


def tail(prior: Prior, windows: int = 0, share: float = 0.0, scale: float = 1.0) -> Tail:
    found = Tail(prior)
    found.add(windows, windows * share, windows * share * scale * prior.scale)
    return found


@given(prior=priors, seen=seen, one=probabilities, other=probabilities)
def test_fewer_false_alarms_are_bought_with_a_higher_threshold(
    prior: Prior, seen: tuple[int, float, float], one: float, other: float
) -> None:
    learned = tail(prior, *seen)
    rare, often = sorted((one, other))
    assert learned.threshold(rare) >= learned.threshold(often) >= prior.floor


@given(prior=priors, seen=seen, one=st.floats(0.0, 50.0), other=st.floats(0.0, 50.0))
def test_a_higher_value_is_never_more_probable(
    prior: Prior, seen: tuple[int, float, float], one: float, other: float
) -> None:
    learned = tail(prior, *seen)
    low, high = sorted((one, other))
    assert 1.0 >= learned.probability(low) >= learned.probability(high) > 0.0


@given(seen=seen, probability=st.floats(1e-9, 0.05))
def test_probability_is_the_inverse_of_threshold(seen: tuple[int, float, float], probability: float) -> None:
    learned = tail(OPEN, *seen)
    threshold = learned.threshold(probability)
    if threshold > OPEN.level:
        assert learned.probability(threshold) == pytest.approx(probability, rel=1e-6)


@given(prior=priors, seen=seen)
def test_probability_has_no_jump_where_the_tail_begins(prior: Prior, seen: tuple[int, float, float]) -> None:
    learned = tail(prior, *seen)
    assert learned.probability(prior.level * (1 - 1e-9)) == pytest.approx(learned.probability(prior.level), rel=1e-6)


def test_whatever_is_asked_for_often_is_at_the_floor() -> None:
    assert Tail(PROCESS).threshold(0.5) == PROCESS.floor


def test_a_budget_of_nothing_is_never_exceeded() -> None:
    assert Tail(PROCESS).threshold(0.0) == inf


def test_an_endless_value_has_a_probability_that_a_logarithm_can_be_taken_of() -> None:
    assert 0.0 < Tail(PROCESS).probability(1e300) <= 1e-12


@given(probability=st.floats(1e-9, 1e-3), windows=st.integers(100, 5000))
def test_the_threshold_tightens_as_normal_windows_come_in_that_are_as_expected(
    probability: float, windows: int
) -> None:
    alone, few, many = (tail(OPEN, n, 0.1).threshold(probability) for n in (0, windows, 10 * windows))
    assert alone > few > many
    assert many > OPEN.level + OPEN.scale * log(0.1 / probability)  # never below what it tends to


@given(probability=st.floats(1e-9, 1e-3))
def test_a_machine_with_a_longer_tail_than_expected_gets_a_higher_threshold(probability: float) -> None:
    short, long = (tail(OPEN, 1000, 0.1, scale).threshold(probability) for scale in (0.5, 2.0))
    assert long > short


@pytest.mark.parametrize("scale", [0.05, 0.3, 1.5])
def test_a_known_exponential_is_recovered_from_many_samples(scale: float) -> None:
    rng = np.random.default_rng(3)
    learned = Tail(OPEN)
    # exponential, with 5 % above the level
    start = OPEN.level + scale * log(0.05)
    learned.learn(start + rng.exponential(scale, 200_000))
    for probability in (1e-3, 1e-5, 1e-7):
        true = start + scale * log(1.0 / probability)
        assert learned.threshold(probability) - OPEN.level == pytest.approx(true - OPEN.level, rel=0.05)


def test_few_samples_with_an_odd_one_do_not_move_the_shipped_thresholds_far() -> None:
    for prior in (PROCESS, SPECTRUM, INDICATOR):
        values = np.full(100, 0.5 * prior.level)
        values[::20] = prior.level + 5.0 * prior.scale
        before, learned = Tail(prior), Tail(prior)
        learned.learn(values)
        probability = per_window(1.0, 60.0)
        assert learned.threshold(probability) == pytest.approx(before.threshold(probability), rel=0.25)


def test_overlapping_windows_count_for_their_new_share_only() -> None:
    values = 1.0 + np.random.default_rng(0).exponential(0.3, 500)
    once, thrice = Tail(OPEN), Tail(OPEN)
    once.learn(values)
    thrice.learn(np.repeat(values, 3), overlap=3.0)
    assert thrice.threshold(1e-6) == pytest.approx(once.threshold(1e-6))


@given(seen=seen, probability=probabilities)
def test_a_restored_tail_has_the_same_threshold(seen: tuple[int, float, float], probability: float) -> None:
    learned, restored = tail(OPEN, *seen), Tail(OPEN)
    restored.restore(orjson.loads(orjson.dumps(learned.to_json())))
    assert restored.threshold(probability) == learned.threshold(probability)


def test_a_budget_is_shared_among_the_windows_of_a_month() -> None:
    assert per_window(2.0, 10.0) * MONTH / 10.0 == pytest.approx(2.0)
