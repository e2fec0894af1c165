"""A zone is told only where unit and bandwidth allow a verdict."""

from __future__ import annotations

from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.monitoring.assessment.zones import SHIPPED, verdict
from agent.monitoring.spec import ZonesSpec

ZONES = SHIPPED["group-2-rigid"]
BAND = (10.0, 1000.0)


@pytest.mark.parametrize(
    ("velocity", "letter"), [(0.0, "A"), (1.4, "A"), (1.41, "B"), (2.8, "B"), (4.5, "C"), (4.6, "D")]
)
def test_a_velocity_falls_into_its_zone(velocity: float, letter: str) -> None:
    zone = verdict(velocity, ZONES, "mm/s", BAND)
    assert zone is not None
    assert zone.letter == letter


@pytest.mark.parametrize(
    ("zones", "unit", "bandwidth", "velocity"),
    [
        (None, "mm/s", BAND, 3.0),
        (ZONES, "g", BAND, 3.0),
        (ZONES, "", BAND, 3.0),
        (ZONES, "mm/s", None, 3.0),
        (ZONES, "mm/s", (20.0, 1000.0), 3.0),
        (ZONES, "mm/s", (10.0, 800.0), 3.0),
        (ZONES, "mm/s", BAND, nan),
    ],
)
def test_without_zones_unit_bandwidth_or_value_there_is_no_verdict(
    zones: ZonesSpec | None, unit: str, bandwidth: tuple[float, float] | None, velocity: float
) -> None:
    assert verdict(velocity, zones, unit, bandwidth) is None


def test_a_wider_band_than_needed_is_enough_and_blanks_in_a_unit_are_none() -> None:
    assert verdict(1.0, ZONES, "mm / s", (2.0, 2000.0)) is not None


def test_the_verdict_says_the_number_the_limits_and_what_it_means() -> None:
    zone = verdict(3.1, ZONES, "mm/s", BAND)
    assert zone is not None
    assert zone.text() == (
        "zone C of group-2-rigid (3.10 mm/s rms; C is 2.8 to 4.5 mm/s): not fit for long-term running: run for a"
        " limited time until it can be remedied"
    )


def test_shipped_zones_ascend_and_say_where_they_are_from() -> None:
    for name, zones in SHIPPED.items():
        assert zones.name == name
        assert sorted(set(zones.boundaries)) == list(zones.boundaries)
        assert "ISO 10816" in zones.provenance


@given(st.floats(0.0, 50.0), st.floats(0.0, 50.0))
def test_more_vibration_is_never_a_better_zone(one: float, other: float) -> None:
    less, more = (verdict(v, ZONES, "mm/s", BAND) for v in sorted((one, other)))
    assert less is not None
    assert more is not None
    assert less.letter <= more.letter
