"""What a model is fed with, and what a model that does not fit is told."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import ModelError
from agent.monitoring.detection.model import LoadedModel, log_power
from agent.monitoring.manipulation.extraction import FeatureVector
from agent.monitoring.types import FloatArray


class MeanSquare:
    """A model that reconstructs nothing: its error is the mean square of what it is given."""

    def __init__(self, input_size: int) -> None:
        self.input_size = input_size

    def score(self, x: FloatArray) -> float:
        return float(np.mean(np.square(x)))

    def close(self) -> None:
        pass


@given(bins=st.integers(1, 40), size=st.integers(1, 100))
def test_the_log_power_is_repeated_or_cut_to_the_models_size(bins: int, size: int) -> None:
    power = np.random.default_rng(bins).exponential(100.0, bins)
    fed = np.zeros(size, dtype=np.float32)
    log_power(power, fed)
    assert fed.tolist() == np.resize(np.log1p(power), size).astype(np.float32).tolist()


def test_the_error_is_the_models_score_of_the_windows_log_power() -> None:
    model = LoadedModel(MeanSquare(6), "log_power")
    vector = FeatureVector(0, 1, np.zeros(1), power=np.expm1(np.array([1.0, 2.0, 3.0])))
    assert model.error(vector) == pytest.approx((1 + 4 + 9) / 3)


def test_without_a_spectrum_there_is_no_error_to_tell() -> None:
    model = LoadedModel(MeanSquare(6), "log_power")
    assert math.isnan(model.error(FeatureVector(0, 1, np.zeros(1))))


def test_a_model_for_another_number_of_bands_is_refused_by_name() -> None:
    model = LoadedModel(MeanSquare(640), "bands")
    assert LoadedModel(MeanSquare(32), "bands").fed_with(32, "pump-1.vibration").input_size == 32
    with pytest.raises(ModelError, match=r"pump-1\.vibration: its model takes 640 values, and bands has 32"):
        model.fed_with(32, "pump-1.vibration")
