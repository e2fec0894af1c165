"""The health index says how far a point is from its alarm limit, and an asset is as well as its worst point."""

from __future__ import annotations

from math import inf, nan

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.monitoring.assessment.health import Health, asset_health, index

RATIOS = st.floats(0.0, 10.0)


@pytest.mark.parametrize(("ratio", "expected"), [(0.0, 100), (0.4, 100), (0.7, 75), (1.0, 50), (1.6, 0), (9.0, 0)])
def test_the_index_is_linear_between_typical_and_its_mirror_image(ratio: float, expected: float) -> None:
    assert index(ratio, 0.4) == pytest.approx(expected)


def test_a_machine_as_it_was_learned_is_in_full_health() -> None:
    health = Health(0.5)
    assert [health.update(0.5, time) for time in range(1, 20)] == [100.0] * 19


def test_one_or_two_odd_windows_do_not_move_it() -> None:
    health = Health(0.5)
    for time in range(1, 20):
        health.update(0.5, time)
    assert health.update(5.0, 20) == 100.0
    assert health.update(5.0, 21) == 100.0
    assert (health.update(5.0, 22) or 0.0) < 100.0


def test_a_step_is_half_followed_after_nine_windows() -> None:
    health = Health(0.5)
    for time in range(1, 20):
        health.update(0.5, time)
    followed = [health.update(1.0, time) or 0.0 for time in range(20, 60)]
    assert followed[7] > 75.0 > followed[9]
    assert followed[-1] == pytest.approx(50.0, abs=2.0)


def test_what_is_not_finite_or_not_later_says_nothing() -> None:
    health = Health(0.5)
    assert health.update(nan, 1) is None
    before = health.update(0.9, 5)
    assert health.update(inf, 6) == before
    assert health.update(9.0, 5) == before


@pytest.mark.parametrize("typical", [0.95, 1.0, 3.0, nan, -1.0])
def test_a_typical_ratio_out_of_reason_still_gives_an_index(typical: float) -> None:
    health = Health(typical)
    assert health.update(1.0, 1) == pytest.approx(50.0)


@given(st.lists(RATIOS, min_size=1, max_size=30), st.floats(0.0, 0.9), st.integers(0, 29))
def test_a_restart_changes_nothing(ratios: list[float], typical: float, cut: int) -> None:
    straight, first = Health(typical), Health(typical)
    for time, ratio in enumerate(ratios[:cut], 1):
        straight.update(ratio, time)
        first.update(ratio, time)
    second = Health(0.0)
    second.restore(orjson.loads(orjson.dumps(first.to_json())))
    for time, ratio in enumerate(ratios[cut:], cut + 1):
        assert second.update(ratio, time) == straight.update(ratio, time)


def test_what_is_no_snapshot_is_refused() -> None:
    with pytest.raises(ValueError, match="no health index"):
        Health(0.5).restore({"typical": 0.5})


@given(st.lists(RATIOS, min_size=1, max_size=40), st.floats(0.0, 0.9))
def test_the_index_stays_between_0_and_100(ratios: list[float], typical: float) -> None:
    health = Health(typical)
    for time, ratio in enumerate(ratios, 1):
        value = health.update(ratio, time)
        assert value is not None
        assert 0.0 <= value <= 100.0


def test_an_asset_is_as_well_as_its_worst_point_and_says_who_pulls_it_down() -> None:
    health = asset_health({"fan end": 100.0, "drive end": 42.0, "gear": 80.0})
    assert health.value == 42.0
    assert health.contributors == (("drive end", 58.0), ("gear", 20.0))
    with pytest.raises(ValueError, match="no health"):
        asset_health({})
