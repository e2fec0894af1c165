"""A feature's name says what it measures, in which unit, and what people call it."""

from __future__ import annotations

import pytest

from agent.monitoring.assessment.quantity import kind_of, quantity

UNITS = {"pressure": "bar", "vibration": "mm/s"}


@pytest.mark.parametrize(
    ("feature", "words", "measure", "unit"),
    [
        ("pressure.mean", "pressure", "level", "bar"),
        ("pressure.std", "unrest of pressure", "ratio", "bar"),
        ("pressure.slope", "slope of pressure", "level", "bar/s"),
        ("vibration.mean", "vibration", "ratio", "mm/s"),
        ("rms", "vibration rms", "ratio", "mm/s"),
        ("velocity_rms", "vibration velocity rms", "ratio", "mm/s"),
        ("kurtosis", "kurtosis of vibration", "ratio", ""),
        ("order_1x", "vibration at shaft speed (1x)", "ratio", "mm/s"),
        ("order_4x", "vibration at 4 times shaft speed (4x)", "ratio", "mm/s"),
        ("octave_100", "vibration in 100-200 Hz", "decibel", "dB"),
        ("third_3150", "vibration around 3150 Hz (third octave)", "decibel", "dB"),
        ("level_7", "vibration in band level_7", "decibel", "dB"),
        ("band_2", "vibration in band band_2", "power-ratio", "dB"),
        ("DE 1.ftf", "cage frequency of DE 1", "decibel", "dB"),
        ("model_error", "what the model cannot reproduce of vibration", "power-ratio", ""),
    ],
)
def test_every_feature_has_words_a_measure_and_a_unit(feature: str, words: str, measure: str, unit: str) -> None:
    found = quantity(feature, "vibration", UNITS)
    assert found is not None
    assert (found.words, found.measure, found.unit) == (words, measure, unit)


@pytest.mark.parametrize(
    ("channel", "unit", "kind"),
    [("x", "bar", "pressure"), ("x", "l / min", "flow"), ("Motor Current", "", "current"), ("x", "m/s²", "vibration"),
     ("x", "K", "temperature"), ("bearing temp", "", "temperature"), ("x", "", "other"), ("x", "pcs", "other")],
)
def test_a_channel_is_known_by_its_unit_else_by_its_name(channel: str, unit: str, kind: str) -> None:
    assert kind_of(channel, unit) == kind
