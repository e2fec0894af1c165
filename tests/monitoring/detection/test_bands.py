"""Load bands: the same work is in the same band, and noise at an edge is no move."""

from __future__ import annotations

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from agent.monitoring.detection.bands import MOST, NONE, WIDTH, Bands

points = st.lists(
    st.tuples(st.floats(-3000, 3000), st.floats(-100, 100)).map(np.array), min_size=1, max_size=60)


def speed(rpm: float) -> NDArray[np.float64]:
    return np.array([rpm])


def at(*rpms: float) -> Bands:
    bands = Bands(["speed"])
    for rpm in rpms:
        bands.locate(speed(rpm))
    return bands


@given(centre=st.floats(10.0, 1e6), away=st.floats(-WIDTH, WIDTH))
def test_points_within_the_width_are_one_band(centre: float, away: float) -> None:
    bands = at(centre)
    assert bands.locate(speed(centre * (1 + away))) == 0
    assert len(bands) == 1


@given(centre=st.floats(10.0, 1e6), away=st.floats(1.3 * WIDTH, 0.9))
def test_points_further_away_are_another_band(centre: float, away: float) -> None:
    bands = at(centre)
    assert bands.locate(speed(centre * (1 - away))) == 1
    assert bands.locate(speed(centre)) == 0


def test_a_band_is_left_only_somewhat_further_out_than_it_is_entered() -> None:
    bands = at(1000.0, 920.0)
    # 944 is within 50 of 920 and 56 from 1000
    assert bands.locate(speed(1000.0)) == 0
    assert bands.locate(speed(944.0)) == 0, "not yet left"
    assert bands.locate(speed(939.0)) == 1
    assert bands.locate(speed(944.0)) == 1
    assert bands.locate(speed(970.0)) == 1, "nearer to 1000, but within the edge of 920"
    assert bands.locate(speed(981.0)) == 0


def test_each_variable_has_its_own_width() -> None:
    bands = Bands(["speed", "valve"])
    assert bands.locate(np.array([3000.0, 1.0])) == 0
    assert bands.locate(np.array([2900.0, 1.04])) == 0
    assert bands.locate(np.array([3000.0, 0.5])) == 1


def test_there_are_never_more_bands_than_most_and_those_known_are_found_again() -> None:
    bands = Bands(["speed", "load"])
    for number in range(100):
        bands.locate(np.array([300.0 * (10 - number % 10), 10.0 * (10 - number // 10)]))
    assert len(bands) == MOST
    assert bands.locate(np.array([-3000.0, -100.0])) == NONE
    assert [bands.locate(bands.centre(band)) for band in range(MOST)] == list(range(MOST))


@given(points)
def test_a_point_is_in_a_band_whose_centre_is_near(course: list[NDArray[np.float64]]) -> None:
    bands = Bands(["speed", "load"])
    for point in course:
        band = bands.locate(point)
        if band != NONE:
            assert (np.abs(bands.centre(band) - point) <= 1.2 * WIDTH * bands.scale * (1 + 1e-9) + 2e-12).all()
    assert bands.scale == pytest.approx(np.abs(course).max(axis=0))


@given(before=points, after=points)
def test_restored_bands_decide_as_they_would_have(
    before: list[NDArray[np.float64]], after: list[NDArray[np.float64]]
) -> None:
    bands, restored = Bands(["speed", "load"]), Bands(["speed", "load"])
    for point in before:
        bands.locate(point)
    restored.restore(orjson.loads(orjson.dumps(bands.to_json())))
    assert [restored.locate(point) for point in after] == [bands.locate(point) for point in after]


def test_a_restart_at_the_edge_of_a_band_does_not_make_another_one() -> None:
    bands, restored = at(1000.0, 945.0), Bands(["speed"])
    restored.restore(bands.to_json())
    assert restored.locate(speed(944.0)) == bands.locate(speed(944.0)) == 0


def test_bands_of_other_variables_are_refused() -> None:
    with pytest.raises(ValueError, match="other operating variables"):
        Bands(["load"]).restore(at(1000.0).to_json())


def test_a_window_that_goes_through_more_than_a_band_is_not_steady() -> None:
    bands = at(1000.0)
    assert bands.is_steady(speed(960.0), speed(1040.0))
    assert not bands.is_steady(speed(900.0), speed(1040.0))


def test_a_band_is_described_by_its_operating_point() -> None:
    bands = Bands(["speed", "valve"])
    bands.locate(np.array([1480.0, 0.5]))
    assert bands.describe(0) == {"speed": 1480.0, "valve": 0.5}
    assert bands.centre(0).tolist() == [1480.0, 0.5]


def test_a_machine_at_a_standstill_value_of_zero_has_a_band_too() -> None:
    bands = at(0.0, 0.0)
    assert len(bands) == 1
    assert bands.locate(speed(100.0)) == 1
