"""Plots: where values come to lie, which ticks an axis has, what is escaped."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.demo.plots import Axis, Plot


def _parsed(plot: Plot) -> ET.Element:
    return ET.fromstring(plot.svg())  # noqa: S314 -- our own


def test_linear_ticks_are_round_and_within_the_axis() -> None:
    assert Axis(0, 30, "min").ticks() == [0, 5, 10, 15, 20, 25, 30]
    assert Axis(-1.0, 27.0, "dB").ticks() == [0, 5, 10, 15, 20, 25]


def test_logarithmic_ticks_are_ones_and_threes() -> None:
    assert Axis(0.1, 30, "score", log=True).ticks() == pytest.approx([0.1, 0.3, 1, 3, 10, 30])


@given(st.floats(-1e6, 1e6), st.floats(0.01, 1e6))
def test_an_axis_has_a_few_ticks_whatever_its_range(low: float, length: float) -> None:
    ticks = Axis(low, low + length, "").ticks()
    assert 1 <= len(ticks) <= 8
    assert all(low - 1e-6 * length <= tick <= (low + length) + 1e-6 * length for tick in ticks)


@given(st.floats(-1e9, 1e9))
def test_values_beyond_the_axis_lie_on_its_edge(value: float) -> None:
    for axis in (Axis(0, 10, ""), Axis(0.1, 10, "", log=True)):
        assert 0.0 <= axis.place(value) <= 1.0


def test_a_line_is_interrupted_where_there_is_no_value() -> None:
    plot = Plot(Axis(0, 10, "x"), Axis(0, 10, "y"), "t")
    plot.line([(0, 1), (1, 1), None, (3, 1)], "score")
    path = next(element for element in _parsed(plot) if element.get("data-count"))
    assert path.get("data-count") == "3"
    assert (path.get("d") or "").count("M") == 2
    assert (path.get("d") or "").count("L") == 1


def test_there_is_a_dot_for_every_point() -> None:
    plot = Plot(Axis(0, 10, "x"), Axis(0, 10, "y"), "t")
    plot.dots([(1, 2), (3, 4)], "live")
    path = next(element for element in _parsed(plot) if element.get("data-count"))
    assert path.get("data-count") == str((path.get("d") or "").count("M")) == "2"


def test_labels_are_escaped() -> None:
    plot = Plot(Axis(0, 10, "a < b & c"), Axis(0, 10, "<y>"), 'say "t"')
    plot.level(5, "<script>")
    parsed = _parsed(plot)
    texts = [element.text for element in parsed if element.tag == "text"]
    assert {"a < b & c", "<y>", "<script>"} <= set(texts)
    assert parsed.get("aria-label") == 'say "t"'
