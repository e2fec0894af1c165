"""A handful of power cuts, as ``make powercut`` makes two hundred."""

from __future__ import annotations

from pathlib import Path

from tests.endurance.powercut import sound, trial


def test_a_power_cut_loses_nothing_that_was_acknowledged_or_announced(tmp_path: Path) -> None:
    found = trial(tmp_path, 5, longest=1.0)
    assert sound(found), found
    assert found["messages"] > 50
