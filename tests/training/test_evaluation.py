"""How separation is measured: against definitions written out, on cases whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.training.evaluation import causal_median, error_rise, octave_rise, separation

SCORES = st.lists(st.integers(-5, 5), min_size=1, max_size=20)


@given(good=SCORES, bad=SCORES)
def test_the_auc_is_the_share_of_pairs_won_with_ties_as_half(good: list[int], bad: list[int]) -> None:
    won = sum((b > g) + 0.5 * (b == g) for g in good for b in bad)
    scores = np.array(good + bad, dtype=np.float64)
    faulty = np.array([False] * len(good) + [True] * len(bad))
    assert separation(scores, faulty).auc == pytest.approx(won / (len(good) * len(bad)))


def test_detected_counts_faulty_records_above_nearly_all_normal_ones() -> None:
    scores = np.concatenate([np.arange(100.0), [50.0, 99.5, 200.0, 300.0]])
    faulty = np.arange(104) >= 100
    assert separation(scores, faulty).detected == 0.75


@pytest.mark.parametrize("faulty", [True, False])
def test_records_of_one_kind_cannot_be_told_apart(faulty: bool) -> None:
    with pytest.raises(ValueError, match="nothing to tell apart"):
        separation(np.arange(3.0), np.full(3, faulty))


def test_the_median_looks_back_and_never_ahead() -> None:
    values = np.array([1.0, 9.0, 2.0, 3.0, 4.0, 100.0, 5.0])
    assert causal_median(values).tolist() == [1.0, 5.0, 2.0, 2.5, 3.0, 4.0, 4.0]


def test_one_outlier_does_not_raise_the_octave_rule_and_a_lasting_rise_does() -> None:
    octaves = np.zeros((12, 7))
    octaves[4, 3] = 40.0
    octaves[8:, 5] = 12.0
    assert octave_rise(octaves).tolist() == [0.0] * 10 + [12.0] * 2


def test_the_errors_rise_is_in_db_over_the_machines_own_normal() -> None:
    errors = np.array([2.0] * 10 + [20.0] * 5)
    assert error_rise(errors, baseline=10).tolist() == pytest.approx([0.0] * 12 + [10.0] * 3)
