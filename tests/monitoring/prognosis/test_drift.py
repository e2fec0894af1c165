"""A drift is as sure as its noise allows: a line through noise soon, a random walk hardly ever."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import linalg, stats

from agent.monitoring.prognosis import drift as module
from agent.monitoring.prognosis.drift import drift


def binned(values: NDArray[np.float64], windows: int) -> NDArray[np.float64]:
    means: NDArray[np.float64] = values.reshape(-1, windows).mean(axis=1)
    return means


def lasting(rng: np.random.Generator, size: int) -> NDArray[np.float64]:
    """Noise of unit variance with the memory of a health index."""
    keep = np.exp(-1.0 / module.REMEMBERED)
    noise = np.empty(size)
    last = rng.normal()
    for number in range(size):
        noise[number] = last = keep * last + np.sqrt(1.0 - keep**2) * rng.normal()
    return noise


def test_a_line_is_found_with_its_slope() -> None:
    found = drift(binned(np.arange(384) * -0.1, 16), 16)
    assert found.mean == pytest.approx(-0.1)
    assert found.certainty < -100.0


@pytest.mark.parametrize("windows", [4, 16, 64])
def test_a_line_through_noise_is_found_within_its_deviation(windows: int) -> None:
    rng = np.random.default_rng(windows)
    true = -40.0 / (24 * windows)
    found = [
        drift(binned(np.arange(24 * windows) * true + 2.0 * lasting(rng, 24 * windows), windows), windows)
        for _ in range(60)
    ]
    off = np.array([(each.mean - true) / each.deviation for each in found])
    assert abs(np.mean(off)) < 0.3
    assert 0.2 < np.std(off) < 1.2  # it cannot rule out that the noise was wandering, hence is too modest
    assert np.mean([each.certainty < -2.5 for each in found]) > 0.6


def test_random_walks_are_seldom_called_a_trend_where_least_squares_does_so_mostly() -> None:
    rng = np.random.default_rng(3)
    called = fitted = 0
    for _ in range(400):
        means = binned(np.cumsum(rng.normal(size=384)), 16)
        called += abs(drift(means, 16).certainty) > 2.5
        fitted += stats.linregress(np.arange(24), means).pvalue < 0.01
    assert called < 40
    assert fitted > 200


def test_lasting_noise_is_seldom_called_a_trend() -> None:
    rng = np.random.default_rng(4)
    called = sum(abs(drift(binned(lasting(rng, 24 * 16), 16), 16).certainty) > 2.5 for _ in range(400))
    assert called < 16


def test_the_covariance_is_that_of_the_windows_averaged() -> None:
    """Against the covariance of every window, averaged over the bins (scipy for the noise)."""
    bins, windows = 8, 16
    fine = 40  # steps to a window, as the closed form is that of continuous time
    steps = np.arange(bins * windows * fine) + 0.5
    mean = np.kron(np.eye(bins), np.full((1, windows * fine), 1.0 / (windows * fine)))
    wandering = mean @ np.minimum.outer(steps, steps) @ mean.T / steps.size
    noise = mean @ linalg.toeplitz(np.exp(-np.arange(steps.size) / fine / module.REMEMBERED)) @ mean.T
    differences = np.diff(np.eye(bins), axis=0)
    design = module._design(bins, windows)
    for share, inverse in zip(module._SHARES, design.inverse, strict=True):
        expected = differences @ (wandering + share * noise) @ differences.T
        assert np.linalg.inv(inverse) == pytest.approx(expected, rel=2e-3, abs=2e-3)


@given(st.integers(0, 1000), st.floats(-50.0, 50.0), st.floats(0.1, 20.0))
def test_a_shift_changes_nothing_and_a_scale_scales(seed: int, shift: float, scale: float) -> None:
    means = np.cumsum(np.random.default_rng(seed).normal(size=20))
    plain, moved, scaled = drift(means, 4), drift(means + shift, 4), drift(means * scale, 4)
    assert moved == pytest.approx(plain, rel=1e-6)
    assert scaled.mean == pytest.approx(scale * plain.mean, rel=1e-3, abs=1e-6)
    assert scaled.deviation == pytest.approx(scale * plain.deviation, rel=1e-3)
