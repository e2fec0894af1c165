"""Severity: by how far and how long, and never less for more of either."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.monitoring.severity import DAY, HOUR, Severity, severity_of

ratios = st.floats(0, 1e6)
spans = st.floats(0, 1e8)


@pytest.mark.parametrize(
    ("ratio", "seconds", "word"),
    [
        (1.0, 0, "low"), (1.0, HOUR, "medium"), (1.0, DAY, "medium"), (1.59, 30 * DAY, "medium"),
        (1.6, 0, "medium"), (1.6, HOUR, "medium"), (1.6, DAY, "high"),
        (2.5, 0, "high"), (math.inf, DAY, "high"), (math.nan, 0, "low"),
    ],
)
def test_the_table_holds_at_its_edges(ratio: float, seconds: float, word: str) -> None:
    assert severity_of(ratio, seconds).word == word


@given(ratio=ratios, more=ratios, seconds=spans, longer=spans)
def test_farther_or_longer_is_never_less_severe(ratio: float, more: float, seconds: float, longer: float) -> None:
    assert severity_of(ratio, seconds) <= severity_of(ratio + more, seconds + longer)


@given(ratio=st.floats(), seconds=spans)
def test_every_ratio_has_a_severity(ratio: float, seconds: float) -> None:
    assert severity_of(ratio, seconds) in Severity
