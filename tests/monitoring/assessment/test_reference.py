"""The reference remembers what every feature was like, and tells changes in the order of their significance."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from agent.monitoring.assessment.reference import MOST_ROWS, Reference

NAMES = ("rms", "peak", "kurtosis", "octave_3200", "octave_6400", "DE.bpfo", "envelope_band_low")
UNITS = {"vibration": "g"}
NORMAL = np.array([0.5, 2.0, 3.0, -20.0, -25.0, 2.0, 800.0])


def _windows(count: int = 100, seed: int = 1) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    wander = rng.normal(size=(count, len(NAMES))) * np.array([0.01, 0.1, 0.05, 0.5, 0.5, 1.0, 100.0])
    windows: NDArray[np.float64] = NORMAL + wander
    return windows


def _moved(by: Sequence[float]) -> NDArray[np.float64]:
    return np.add(NORMAL, by)


def _learned(windows: NDArray[np.float64] | None = None) -> Reference:
    reference = Reference(NAMES, UNITS, "vibration")
    for window in _windows() if windows is None else windows:
        reference.learn(window)
    assert reference.complete()
    return reference


def test_nothing_is_told_before_it_has_learned() -> None:
    reference = Reference(NAMES, UNITS, "vibration")
    for window in _windows(9):
        reference.learn(window)
    assert not reference.complete()
    assert not reference.learned
    assert reference.changes(NORMAL) == []


def test_normal_windows_have_changed_in_nothing() -> None:
    reference = _learned()
    told = [len(reference.changes(window)) for window in _windows(200, seed=2)]
    assert np.mean(told) < 0.05


def test_changes_are_ranked_by_significance_and_told_in_the_feature_s_own_way() -> None:
    reference = _learned()
    window = _moved([0.5, 0.0, 0.0, 15.0, 0.0, 9.3, 0.0])
    changes = reference.changes(window, frequencies={"DE.bpfo": 107.4})
    assert [change.feature for change in changes] == ["octave_3200", "rms", "DE.bpfo"]
    octave, rms, line = (change.text() for change in changes)
    assert octave == "vibration in 3200-6400 Hz +15.0 dB over baseline"
    assert rms.startswith("vibration rms 1.00 g, 2.0 times its normal 0.")
    assert line.startswith("outer-race frequency 107.4 Hz (DE) +9.")
    assert changes[1].amount == pytest.approx(6.0, abs=0.1)


def test_features_that_say_much_the_same_are_told_once() -> None:
    changes = _learned().changes(NORMAL * [3.0, 3.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    assert [change.feature for change in changes] == ["rms"]


def test_no_more_are_told_than_asked_for() -> None:
    changes = _learned().changes(_moved([5.0, 0.0, 9.0, 30.0, 30.0, 30.0, 0.0]), most=2)
    assert len(changes) == 2


def test_the_band_of_an_envelope_is_no_change_of_the_machine() -> None:
    assert _learned().changes(_moved([0, 0, 0, 0, 0, 0, 9000.0])) == []


def test_a_feature_that_is_nan_does_not_speak() -> None:
    windows = _windows()
    windows[:, 5] = nan
    reference = _learned(windows)
    told = {change.feature for change in reference.all_changes(NORMAL * [1, 1, nan, 1, 1, 1, 1])}
    assert told == {"rms", "peak", "octave_3200", "octave_6400"}


def test_of_several_windows_the_median_speaks() -> None:
    reference = _learned()
    odd = _moved([0.0, 0.0, 0.0, 40.0, 0.0, 0.0, 0.0])
    assert reference.changes(np.array([NORMAL, odd, NORMAL])) == []
    assert [change.feature for change in reference.changes(np.array([odd, odd, NORMAL]))] == ["octave_3200"]


def test_memory_is_bounded_and_evenly_thinned() -> None:
    reference = Reference(("mean",), {"x": "bar"}, "x")
    for number in range(10 * MOST_ROWS):
        reference.learn(np.array([float(number)]))
        assert len(reference._rows) < MOST_ROWS
    kept = np.array(reference._rows).ravel()
    assert len(kept) >= MOST_ROWS // 2
    assert len(set(np.diff(kept))) == 1
    assert kept[-1] > 9.5 * MOST_ROWS


def test_a_short_commissioning_does_not_make_every_drift_significant() -> None:
    names = ("pressure.mean", "flow.mean", "pressure.std", "flow.std")
    reference = Reference(names, {"pressure": "bar", "flow": "l/min"}, None)
    for _ in range(20):  # means that never moved, noise within the windows
        reference.learn(np.array([2.0, 100.0, 0.1, 0.0]))
    assert reference.complete()
    changes = reference.all_changes(np.array([2.05, 100.1, 0.1, 0.0]))
    assert [round(change.significance, 2) for change in changes] == [2.0, 0.5, 0.0, 0.0]


def _pump(seed: int) -> NDArray[np.float64]:
    """Pressure goes with the square of speed."""
    rng = np.random.default_rng(seed)
    speed = rng.uniform(1200.0, 1500.0, size=200)
    pressure = 3.0 * (speed / 1500.0) ** 2 + 0.01 * rng.normal(size=200)
    return np.stack([pressure, speed], axis=1)


def test_normal_follows_the_operating_channels_where_they_explain_it() -> None:
    reference = Reference(("pressure.mean", "speed.mean"), {"pressure": "bar", "speed": "rpm"}, None, ["speed.mean"])
    for window in _pump(1):
        reference.learn(window)
    assert reference.complete()
    assert [len(reference.changes(window)) for window in _pump(2)].count(0) >= 196
    (change,) = reference.changes(np.array([2.5, 1500.0]))
    assert change.feature == "pressure.mean"
    assert change.normal == pytest.approx(3.0, abs=0.01)
    # at full speed a pressure that is normal at a low one
    assert 2.0 < reference.all_changes(np.array([2.5, nan]))[0].normal < 2.6


@given(st.floats(0.01, 100.0))
def test_ratios_do_not_depend_on_the_unit(scale: float) -> None:
    window = NORMAL * [2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    in_g = _learned().all_changes(window)[0]
    factor = np.array([scale, scale, 1.0, 1.0, 1.0, 1.0, 1.0])
    scaled = _learned(_windows() * factor).all_changes(window * factor)[0]
    assert scaled.amount == pytest.approx(in_g.amount)
    assert scaled.significance == pytest.approx(in_g.significance)


def test_a_restart_changes_nothing() -> None:
    windows = _windows()
    windows[:, 5] = nan
    reference = _learned(windows)
    other = Reference(NAMES, UNITS, "vibration")
    other.restore(orjson.loads(orjson.dumps(reference.to_json())))
    window = NORMAL * 1.5
    assert other.all_changes(window) == reference.all_changes(window)


def test_what_was_learned_of_other_features_is_refused() -> None:
    document = _learned().to_json()
    with pytest.raises(ValueError, match="other features"):
        Reference(("rms",), UNITS, "vibration").restore(document)
    with pytest.raises(ValueError, match="shape"):
        Reference(NAMES, UNITS, "vibration").restore({**document, "spread": [1.0]})
    with pytest.raises(ValueError, match="no learned reference"):
        Reference(NAMES, UNITS, "vibration").restore({**document, "ranges": None})


def test_a_reference_that_has_not_learned_is_restored_as_such() -> None:
    reference = _learned()
    reference.restore(Reference(NAMES, UNITS, "vibration").to_json())
    assert not reference.learned
