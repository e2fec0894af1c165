"""A change is told in the words and units of a technician."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.monitoring.assessment.change import Change


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (Change("pressure", "pressure.mean", 2.31, 2.73, -0.42, "bar", -9.0, "level", "pressure"),
         "pressure 2.31 bar, 0.42 bar below its normal 2.73 bar"),
        (Change("pressure", "pressure.mean", 1013.25, 1012.94, 0.31, "hPa", 9.0, "level", "pressure"),
         "pressure 1013.25 hPa, 0.31 hPa above its normal 1012.94 hPa"),
        (Change("x", "x.mean", 5e-9, 2e-9, 3e-9, "", 9.0, "level", "x"), "x 5e-09, 3e-09 above its normal 2e-09"),
        (Change("vibration", "rms", 4.1, 1.8, 7.15, "mm/s", 9.0, "ratio", "vibration rms"),
         "vibration rms 4.10 mm/s, 2.3 times its normal 1.80 mm/s"),
        (Change("vibration", "rms", 0.9, 1.8, -6.0, "mm/s", -9.0, "ratio", "vibration rms"),
         "vibration rms 0.900 mm/s, 0.5 times its normal 1.80 mm/s"),
        (Change("vibration", "DE.bpfo", 11.0, 1.7, 9.3, "dB", 9.0, "decibel", "outer-race frequency of DE", 107.4),
         "outer-race frequency 107.4 Hz (DE) +9.3 dB over baseline"),
        (Change("vibration", "octave_3200", -20.0, -17.0, -3.0, "dB", -4.0, "decibel", "vibration in 3200-6400 Hz"),
         "vibration in 3200-6400 Hz -3.0 dB under baseline"),
        (Change("pressure", "pressure.mean", 2.71, 2.73, -0.02, "bar", -0.5, "level", "pressure"),
         "pressure 2.71 bar, as normal"),
        (Change("vibration", "octave_3200", -20.0, -19.0, -1.0, "dB", -1.0, "decibel", "vibration in 3200-6400 Hz"),
         "vibration in 3200-6400 Hz as normal"),
    ],
)
def test_a_change_reads_plainly(change: Change, text: str) -> None:
    assert change.text() == text


@given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300))
def test_no_difference_makes_a_text_fail_or_grow_without_end(value: float, normal: float) -> None:
    if amount := value / 2 - normal / 2:
        change = Change("x", "x.mean", value, normal, amount, "bar", 9.0, "level", "x")
        assert len(change.text()) < 120


@given(st.floats(0.0, 1e300), st.floats(1e-300, 1e300))
def test_no_ratio_makes_a_text_fail_or_grow_without_end(value: float, normal: float) -> None:
    change = Change("x", "rms", value, normal, 99.0, "bar", 9.0, "ratio", "x rms")
    assert len(change.text()) < 120
