"""Commissioning: a span is learned only if it was normal, and whoever is refused is told why."""

from __future__ import annotations

from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from agent.monitoring.detection.commissioning import Inspection, inspect, without_moves

NAMES: Final = ("pressure", "flow", "current")
COURSES: Final = ("steady", "stuck", "silent", "step", "late step", "drift", "outliers")


def noise(windows: int, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(windows, len(NAMES)))


def course(kind: str, windows: int, seed: int) -> NDArray[np.float64]:
    """Noise of deviation 1, with something in ``flow`` that a span may have."""
    levels = noise(windows, seed)
    flow = levels[:, 1]
    if kind == "stuck":
        flow[:] = 7.25
    elif kind == "silent":
        flow[::2] = np.nan
    elif kind == "step":
        flow[: windows // 4] += 40.0
    elif kind == "late step":
        flow[3 * windows // 4 :] += 40.0
    elif kind == "drift":
        flow += np.linspace(0.0, 30.0, windows)
    elif kind == "outliers":
        flow[::4] += 100.0 * np.where(np.arange(0, windows, 4) % 8, 1.0, -1.0)
    return levels


def verdict(found: Inspection) -> tuple[bool, int, list[int], list[str], int]:
    """All but the figures in the sentences."""
    return found.accepted, found.first, found.rows.tolist(), list(found.left_out), len(found.remarks)


# ------------------------------------------------------------------------------- what is accepted


@given(
    windows=st.integers(20, 400), seed=st.integers(0, 2**32 - 1),
    scale=st.floats(1e-3, 1e6), offset=st.floats(-1e5, 1e5),
)
def test_stationary_noise_is_accepted_whole_at_any_scale_and_offset(
    windows: int, seed: int, scale: float, offset: float
) -> None:
    found = inspect(NAMES, offset + scale * noise(windows, seed))
    assert (found.accepted, found.first, len(found.rows), found.left_out, found.remarks) == (True, 0, windows, {}, ())


@given(
    kind=st.sampled_from(COURSES), windows=st.integers(60, 200), seed=st.integers(0, 99),
    scale=st.floats(1e-3, 1e6), offset=st.floats(-1e3, 1e3), channel=st.integers(0, 2),
)
def test_the_verdict_does_not_depend_on_a_channels_unit(  # noqa: PLR0913, PLR0917 -- the law's quantities
    kind: str, windows: int, seed: int, scale: float, offset: float, channel: int
) -> None:
    levels = course(kind, windows, seed)
    other = levels.copy()
    other[:, channel] = scale * (other[:, channel] + offset)
    assert verdict(inspect(NAMES, other)) == verdict(inspect(NAMES, levels))


def test_windows_that_miss_a_channel_are_not_among_the_rows() -> None:
    levels = noise(100)
    levels[[3, 50], [0, 2]] = np.nan
    found = inspect(NAMES, levels)
    assert found.accepted
    assert set(range(100)) - set(found.rows.tolist()) == {3, 50}


def test_a_few_outliers_are_normal() -> None:
    levels = noise(100)
    levels[::20, 0] += 50.0
    assert inspect(NAMES, levels).accepted


def test_a_slow_wave_is_no_drift() -> None:
    levels = noise(200)
    levels[:, 0] += 3.0 * np.sin(np.linspace(0.0, 6 * np.pi, 200))
    assert inspect(NAMES, levels).accepted


# ------------------------------------------------------------------------------- what is left out


@given(value=st.floats(-1e6, 1e6), windows=st.integers(20, 100))
def test_a_stuck_channel_is_left_out_and_its_value_is_told(value: float, windows: int) -> None:
    levels = noise(windows)
    levels[:, 1] = value
    found = inspect(NAMES, levels)
    assert found.accepted
    assert list(found.left_out) == ["flow"]
    assert f"always said {value:.6g}," in found.left_out["flow"]
    assert found.remarks == (f"flow is left out: {found.left_out['flow']}",)


def test_a_channel_whose_means_stand_still_is_not_stuck_if_its_samples_move() -> None:
    levels, spreads = noise(50), np.full((50, 3), 0.2)
    levels[:, 1] = 5.0
    assert inspect(NAMES, levels, spreads).left_out == {}
    spreads[:, 1] = 0.0
    assert list(inspect(NAMES, levels, spreads).left_out) == ["flow"]


def test_a_silent_channel_is_left_out_and_the_others_are_learned_from_every_window() -> None:
    levels = noise(100)
    levels[:30, 2] = np.nan
    found = inspect(NAMES, levels)
    assert (found.accepted, len(found.rows)) == (True, 100)
    assert found.left_out == {"current": "it was silent in 30 % of the windows"}


@given(dead=st.sets(st.sampled_from(range(3))), windows=st.integers(20, 60))
def test_something_is_accepted_as_long_as_one_channel_lives(dead: set[int], windows: int) -> None:
    levels = noise(windows)
    levels[:, list(dead)] = np.nan
    found = inspect(NAMES, levels)
    assert found.accepted is (len(dead) < 3)
    assert set(found.left_out) == {NAMES[i] for i in dead}
    assert found.accepted or (found.first == windows and "no channel is left" in found.remarks[-1])


# ------------------------------------------------------------------------------- steps


@given(at=st.integers(10, 45), seed=st.integers(0, 99), by=st.floats(20.0, 1e6), sign=st.sampled_from([-1, 1]))
def test_what_was_before_a_step_is_left_out(at: int, seed: int, by: float, sign: int) -> None:
    levels = noise(100, seed)
    levels[:at, 1] += sign * by
    found = inspect(NAMES, levels)
    assert (found.accepted, found.first, found.rows.tolist()) == (True, at, list(range(at, 100)))
    (remark,) = found.remarks
    assert f"the first {at} windows are left out: flow went from" in remark


def test_too_little_after_a_step_is_refused_and_is_the_beginning_of_the_next_span() -> None:
    levels = noise(100)
    levels[70:, 0] += 30.0
    found = inspect(NAMES, levels)
    assert (found.accepted, found.first, found.rows.tolist()) == (False, 70, list(range(70, 100)))
    assert "pressure went from" in found.remarks[0]


def test_of_several_levels_only_the_last_one_is_learned() -> None:
    levels = noise(200)
    levels[:30, 0] += 60.0
    levels[:60, 2] -= 40.0
    found = inspect(NAMES, levels)
    assert (found.accepted, found.first) == (True, 60)
    assert len(found.remarks) == 2


def test_a_step_within_what_the_samples_scatter_anyway_is_none() -> None:
    levels = 0.01 * noise(100)
    levels[:40] += 1.0
    assert inspect(NAMES, levels).first == 40
    assert inspect(NAMES, levels, np.ones_like(levels)).first == 0


def test_a_step_below_the_floor_is_none() -> None:
    levels = 0.05 * noise(100)
    levels[:40, 0] += 2.0
    assert inspect(NAMES, levels).first == 40
    assert inspect(NAMES, levels, floor=1.5).first == 0


# ------------------------------------------------------------------------------- what is refused


@given(by=st.floats(20.0, 1e4), seed=st.integers(0, 99), sign=st.sampled_from([-1, 1]), windows=st.integers(40, 200))
def test_a_drift_is_refused_and_keeps_the_newer_half(by: float, seed: int, sign: int, windows: int) -> None:
    levels = noise(windows, seed)
    levels[:, 2] += sign * np.linspace(0.0, by, windows)
    found = inspect(NAMES, levels)
    assert not found.accepted
    assert any("current" in remark for remark in found.remarks)
    # where the climb is so steep that a cut through it is a step, the drift is what is left after the cut
    assert windows // 2 <= found.first < windows
    assert found.rows.tolist() == list(range(found.first, windows))


def test_a_drift_names_its_channel_and_both_ends() -> None:
    levels = noise(160)
    levels[:, 2] += np.linspace(0.0, 8.0, 160)
    found = inspect(NAMES, levels)
    assert (found.accepted, found.first) == (False, 80)
    (remark,) = found.remarks
    assert remark.startswith("current drifts: from ")


@given(share=st.floats(0.25, 0.45), seed=st.integers(0, 99))
def test_many_outliers_are_refused_and_nothing_of_the_span_is_kept(share: float, seed: int) -> None:
    levels = noise(200, seed)
    far = np.random.default_rng(seed).choice(200, round(share * 200), replace=False)
    levels[far, 0] += 1000.0
    found = inspect(NAMES, levels)
    assert (found.accepted, found.first, len(found.rows)) == (False, 200, 0)
    assert "pressure is far from its usual" in found.remarks[-1]


def test_channels_that_are_hardly_ever_there_together_are_refused_with_the_reason_and_half_is_forgotten() -> None:
    levels = np.random.default_rng(0).normal(size=(60, 4))
    for window in range(60):
        if window % 6 < 4:
            levels[window, window % 6] = np.nan
    found = inspect((*NAMES, "speed"), levels)
    assert not found.accepted
    assert 30 <= found.first < 60
    assert "only 20 of 60 windows hold every channel" in found.remarks[-1]


@given(kind=st.sampled_from(COURSES), windows=st.integers(20, 120), seed=st.integers(0, 99))
def test_a_refusal_always_says_why_and_never_keeps_the_whole_span(kind: str, windows: int, seed: int) -> None:
    found = inspect(NAMES, course(kind, windows, seed))
    assert found.accepted or (found.remarks and found.first > 0)
    assert all(found.first <= row < windows for row in found.rows)


# ------------------------------------------------------------------------------- told to run differently


@given(slope=st.floats(-50.0, 50.0), seed=st.integers(0, 99))
def test_what_goes_with_the_operating_point_is_no_drift(slope: float, seed: int) -> None:
    points = np.linspace(1000.0, 1100.0, 120)[:, None]
    levels = noise(120, seed) + slope * points
    assert inspect(NAMES, without_moves(levels, points)).accepted


def test_a_drift_beside_a_steady_operating_point_stays_one() -> None:
    rng = np.random.default_rng(0)
    points = 1000.0 + rng.normal(size=(160, 1))
    levels = noise(160)
    levels[:, 0] += np.linspace(0.0, 15.0, 160)
    assert not inspect(NAMES, without_moves(levels, points)).accepted


def test_a_missing_channel_does_not_keep_the_moves_from_being_taken_out() -> None:
    points = np.linspace(1000.0, 1100.0, 120)[:, None]
    levels = noise(120) + 5.0 * points
    levels[::10, 1] = np.nan
    found = without_moves(levels, points)
    assert np.nanstd(found, axis=0) == pytest.approx(np.ones(3), abs=0.3)
    assert np.isnan(found[::10, 1]).all()


@pytest.mark.parametrize("points", [np.zeros((50, 0)), np.full((50, 2), 3.0)])
def test_without_moves_the_levels_stay_as_they_are(points: NDArray[np.float64]) -> None:
    levels = noise(50)
    assert np.array_equal(without_moves(levels, points), levels)
