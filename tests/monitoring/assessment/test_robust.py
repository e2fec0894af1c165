"""A few odd windows bend neither medians nor spreads nor fits."""

from __future__ import annotations

import numpy as np
import pytest

from agent.monitoring.assessment import robust


def _noise(count: int = 400) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.random.default_rng(7).normal(size=count)


def test_the_spread_of_normal_noise_is_its_standard_deviation() -> None:
    assert robust.spread(_noise(20_000)) == pytest.approx(1.0, abs=0.03)


def test_outliers_do_not_widen_the_spread_and_two_heaps_do() -> None:
    odd = _noise()
    odd[:20] = 1e6
    assert robust.spread(odd) < 1.5
    heaps = np.concatenate([_noise() - 10.0, _noise() + 10.0, np.zeros(500)])
    assert robust.spread(heaps) > 5.0


def test_medians_leave_out_what_is_not_finite() -> None:
    rows = np.array([[1.0, np.nan], [2.0, np.nan], [np.inf, np.nan], [3.0, np.nan]])
    assert robust.medians(rows)[0] == 2.0
    assert np.isnan(robust.medians(rows)[1])


def test_a_fit_finds_its_parabola_among_outliers() -> None:
    place = np.linspace(-1.0, 1.0, 400)
    design = np.stack([np.ones(400), place, place * place], axis=1)
    values = design @ [5.0, 2.0, 1.0] + 0.1 * _noise()
    values[::40] += 50.0
    coefficients, left = robust.fit(design, values)
    assert coefficients == pytest.approx([5.0, 2.0, 1.0], abs=0.1)
    assert left < 0.15
