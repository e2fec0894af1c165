"""Vibration: a band that rises is noticed, one odd record is not, and the model has its say."""

from __future__ import annotations

from typing import Final

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from agent.monitoring.detection.score import Span
from agent.monitoring.detection.spectrum import PRIOR, SpectrumBaseline
from agent.monitoring.types import FloatArray
from tests.monitoring.detection.baselines import HERE, OCTAVES, octave_records, scores, spectrum

LEVELS: Final = 32


class Flat:
    """A model that reconstructs flat spectra: its error is what is not flat, as mean square."""

    input_size = LEVELS

    def score(self, x: FloatArray) -> float:
        return float(np.var(x))

    def close(self) -> None:
        pass


def learned(records: int = 100) -> SpectrumBaseline:
    baseline = spectrum()
    baseline.learn(Span(octave_records(records, 0), np.zeros((records, 0)), 10.0), 0, ())
    return baseline


def with_model(seed: int = 0) -> SpectrumBaseline:
    names = (*OCTAVES, *(f"level_{i}" for i in range(LEVELS)))
    baseline = SpectrumBaseline(names, range(7), range(7, 7 + LEVELS), Flat())
    baseline.learn(Span(leveled(100, seed), np.zeros((100, 0)), 10.0), 0, ())
    return baseline


def leveled(records: int, seed: int) -> NDArray[np.float64]:
    levels = -60.0 + np.random.default_rng(seed).normal(size=(records, LEVELS))
    return np.hstack([octave_records(records, seed), levels])


@given(band=st.integers(0, 6), rise=st.floats(12.0, 40.0))
@settings(max_examples=30, deadline=None)
def test_any_band_that_rises_by_more_than_ten_decibels_is_noticed_and_told_in_decibels(band: int, rise: float) -> None:
    baseline, records = learned(), octave_records(20, 1)
    records[:, band] += rise
    last = scores(baseline, records)[-1]
    assert last.value > last.threshold
    name, amount = last.contributors[0]
    assert name == OCTAVES[band]
    assert amount == last.value == pytest.approx(rise, abs=2.0)


@given(by=st.floats(0.0, 60.0))
@settings(max_examples=20, deadline=None)
def test_a_machine_that_becomes_quieter_is_no_fault(by: float) -> None:
    assert max(score.ratio for score in scores(learned(), octave_records(20, 1) - by)) < 1.0


@given(gain=st.floats(-80.0, 80.0))
@settings(max_examples=20, deadline=None)
def test_the_sensors_sensitivity_does_not_matter(gain: float) -> None:
    baseline = spectrum()
    baseline.learn(Span(octave_records(100, 0) + gain, np.zeros((100, 0)), 10.0), 0, ())
    expected = [score.value for score in scores(learned(), octave_records(20, 1))]
    assert [score.value for score in scores(baseline, octave_records(20, 1) + gain)] == pytest.approx(expected)


def test_two_odd_records_of_five_are_not_believed_and_three_are() -> None:
    records = octave_records(30, 1)
    records[10:12] += 40.0
    records[20:23] += 40.0
    over = [score.value > score.threshold for score in scores(learned(), records)]
    assert [i for i, is_over in enumerate(over) if is_over] == [22, 23, 24]


def test_the_threshold_that_ships_is_about_ten_decibels_and_a_hundred_records_do_not_move_it() -> None:
    threshold = scores(learned(), octave_records(1, 1))[0].threshold
    assert PRIOR.floor <= threshold <= 10.5


def test_a_band_that_varies_much_while_learning_raises_the_threshold() -> None:
    baseline, records = spectrum(), octave_records(400, 0)
    records[:, 3] += 12.0 * (np.random.default_rng(0).random(400) < 0.45)
    baseline.learn(Span(records, np.zeros((400, 0)), 10.0), 0, ())
    assert scores(baseline, octave_records(1, 1))[0].threshold > 11.0


def test_following_moves_a_quarter_of_a_decibel_a_step_and_two_in_all() -> None:
    baseline = learned()
    total = 0.0
    for step in range(12):
        for row in octave_records(510, step) + 5.0:
            baseline.follow(baseline.score(row, HERE))
        change = baseline.adapt()
        assert change is not None
        assert max(map(abs, change["moved"].values())) <= 0.25
        total += change["moved"][OCTAVES[0]]
    assert total == pytest.approx(2.0)


# --------------------------------------------------------------------------- the model's share


def test_what_the_model_cannot_reproduce_counts_though_no_band_rises() -> None:
    baseline, records = with_model(), leveled(20, 1)
    assert max(score.ratio for score in scores(baseline, records)) < 1.0
    records[:, 7::2] += 12.0
    records[:, 8::2] -= 12.0
    last = scores(baseline, records)[-1]
    assert last.value > last.threshold
    assert last.contributors[0][0] == "model"
    assert last.value == last.contributors[0][1]


def test_a_band_that_rises_further_than_the_models_error_is_named_before_it() -> None:
    baseline, records = with_model(), leveled(20, 1)
    records[:, 2] += 15.0
    assert scores(baseline, records)[-1].contributors[0][0] == OCTAVES[2]


def test_what_was_learned_with_a_model_is_restored_with_it_and_refused_without() -> None:
    baseline = with_model()
    document = orjson.loads(orjson.dumps(baseline.to_json()))
    again = with_model(seed=5)
    again.restore(document)
    assert scores(again, leveled(20, 1)) == scores(baseline, leveled(20, 1))
    with pytest.raises(ValueError, match="another model"):
        spectrum().restore(document)
