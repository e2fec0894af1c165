"""Kills of everything between a sensor and the collector's table, and what stands in it afterwards."""

from __future__ import annotations

from pathlib import Path

from tests.endurance.kill import compare, trial


def test_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    """The short form of `make kill`."""
    found = trial(tmp_path, kills=8, least_records=170)
    assert found["kills"] == {"daemon": 2, "sensor broker": 2, "uplink broker": 2, "collector": 2}
    assert found["alarms"] >= 6
    assert found["summaries"] >= 50
    assert {name: found[name] for name in ("missing", "doubled", "extra", "deaths")} == {
        "missing": 0, "doubled": 0, "extra": 0, "deaths": 0}


def test_what_is_missing_doubled_or_extra_is_found() -> None:
    one, other, third = {"a": 1}, {"a": 2}, {"a": 3}
    assert compare([one, other], [one, other]) == {"missing": 0, "doubled": 0, "extra": 0}
    assert compare([one, other], [one, one, third]) == {"missing": 1, "doubled": 1, "extra": 1}
