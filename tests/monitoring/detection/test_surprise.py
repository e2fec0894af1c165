"""Surprise in decades: that of a tail is as rare as it says, the range forgets, memory is bounded."""

from __future__ import annotations

import json

import numpy as np
import pytest

from agent.monitoring.detection.surprise import HISTORY, SCALES, Means, Range


def test_two_decades_are_said_of_one_value_in_a_hundred() -> None:
    means = Means()
    draws = np.random.default_rng(0).exponential(size=12_000).tolist()
    said = []
    for draw in draws:
        said.append(means.surprises(draw)[0])
        means.learn(draw)
    assert np.mean(np.array(said[2000:]) >= 2.0) == pytest.approx(0.01, abs=0.003)


def test_a_mean_is_that_of_the_latest_values() -> None:
    means = Means()
    draws = np.random.default_rng(1).normal(size=500)
    for draw in draws.tolist():
        means.learn(draw)
    for scale, total in zip(SCALES, means.to_json()["sums"], strict=True):
        assert total == pytest.approx(float(draws[len(draws) - scale + 1 :].sum()), abs=1e-9)


def test_nothing_is_said_of_a_tail_before_there_is_one() -> None:
    means = Means()
    for draw in range(49):
        means.learn(float(draw % 3))
        assert means.surprises(1e6) == [0.0] * len(SCALES)


def test_the_history_is_bounded() -> None:
    means, extremes = Means(), Range()
    for draw in range(2 * HISTORY + 7):  # a ramp: every value is a new extreme
        means.learn(float(draw))
        extremes.learn(float(draw))
    assert len(means.to_json()["history"]) == HISTORY
    assert len(json.dumps(extremes.to_json())) < 300


def test_a_first_new_extreme_surprises_more_than_one_of_many() -> None:
    seldom, often = Range(), Range()
    for row in range(1000):
        seldom.learn(float(row % 10))
        often.learn(row / 100.0)
    assert seldom.surprise(9.5) > 3.0
    assert often.surprise(10.0) < 0.5
    assert seldom.surprise(5.0) == 0.0


def test_one_absurd_reading_is_forgotten() -> None:
    extremes = Range()
    for row in range(3 * HISTORY):
        extremes.learn(-9999.0 if row == 100 else float(row % 10))
        if row == HISTORY // 2:
            assert extremes.surprise(-50.0) == 0.0
    assert extremes.surprise(-50.0) > 3.0
