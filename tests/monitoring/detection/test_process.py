"""Process telemetry: units do not matter, load does, and temperatures are not asked."""

from __future__ import annotations

from typing import Final

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from agent.monitoring.detection.bands import Bands
from agent.monitoring.detection.process import ProcessBaseline
from agent.monitoring.detection.regime import Situation
from agent.monitoring.detection.score import Span
from tests.monitoring.detection.baselines import HERE, LEVELS, PROCESS, SPREADS, process, process_windows, scores

RATED: Final = 1500.0


@given(
    channel=st.integers(0, 2), scale=st.floats(1e-3, 1e4), negative=st.booleans(), offset=st.floats(-1e3, 1e3),
    fault=st.floats(0.0, 20.0),
)
@settings(max_examples=50, deadline=None)
def test_the_unit_of_a_channel_does_not_change_the_score(
    channel: int, scale: float, negative: bool, offset: float, fault: float
) -> None:
    learning, windows = process_windows(60, 0), process_windows(20, 1)
    windows[10:, 1] += fault * SPREADS[1]

    def in_unit(features: NDArray[np.float64]) -> NDArray[np.float64]:
        told = features.copy()
        told[:, channel] = (-scale if negative else scale) * (told[:, channel] + offset)
        told[:, 3 + channel] *= scale
        return told

    one, other = process(), process()
    one.learn(Span(learning, np.zeros((60, 0)), 12.0), 0, ())
    other.learn(Span(in_unit(learning), np.zeros((60, 0)), 12.0), 0, ())
    expected = [score.value for score in scores(one, windows)]
    assert [score.value for score in scores(other, in_unit(windows))] == pytest.approx(expected, rel=1e-5)


def test_contributors_tell_which_way_a_channel_went() -> None:
    baseline, windows = process(), process_windows(2, 1)
    baseline.learn(Span(process_windows(100, 0), np.zeros((100, 0)), 12.0), 0, ())
    windows[0, 0] += 20 * SPREADS[0]
    windows[1, 2] -= 20 * SPREADS[2]
    (up, *_), (down, *_) = (score.contributors for score in scores(baseline, windows))
    assert up[0] == "pressure"
    assert up[1] > 5.0
    assert down[0] == "current"
    assert down[1] < -5.0


def test_of_a_low_score_nobody_asks_what_it_is_made_of() -> None:
    baseline = process()
    baseline.learn(Span(process_windows(100, 0), np.zeros((100, 0)), 12.0), 0, ())
    assert baseline.score(np.concatenate([LEVELS, SPREADS]), HERE).contributors == ()


def test_windows_that_overlap_make_a_threshold_of_fewer_independent_ones() -> None:
    found = []
    for overlap in (1.0, 12.0):
        baseline = process(overlap=overlap)
        baseline.learn(Span(process_windows(400, 0), np.zeros((400, 0)), 1.0), 0, ())
        found.append(baseline.score(process_windows(1, 1)[0], HERE).threshold)
    assert found[1] < found[0]


# --------------------------------------------------------------------------- run at different points


def at(speeds: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Windows of a pump: pressure with the square of its speed, flow with it, current with its cube."""
    windows = process_windows(len(speeds), seed)
    share = speeds / RATED
    windows[:, :3] += LEVELS * (np.column_stack([share**2, share, share**3]) - 1.0)
    return windows


class Pump:
    """A baseline, and the bands at which it is run."""

    def __init__(self) -> None:
        self.bands = Bands(["speed"])
        self.baseline = ProcessBaseline(PROCESS, [0, 1, 2], [3, 4, 5], bands=self.bands)

    def learn(self, speed: float, wander: float = 0.0, without: tuple[str, ...] = (), seed: int = 0) -> int:
        speeds = speed * (1.0 + wander * np.sin(np.arange(100) // 10))
        windows = at(speeds, seed)
        if without:
            windows[:, [PROCESS.index(name) for name in without]] = np.nan
        band = self.bands.locate(np.array([speed]))
        self.baseline.learn(Span(windows, speeds[:, None], 12.0), band, without)
        return band

    def ratios(self, band: int, speed: float, windows: int = 40, **faults: float) -> list[float]:
        features = at(np.full(windows, speed), 7)
        for name, amount in faults.items():
            features[:, PROCESS.index(name)] += amount
        situation = Situation("running", band, np.array([speed]))
        return [self.baseline.score(row, situation).ratio for row in features]


def test_a_speed_that_moves_within_its_band_is_no_fault() -> None:
    pump = Pump()
    band = pump.learn(1500.0)
    for speed in (1450.0, 1500.0, 1550.0):
        assert max(pump.ratios(band, speed)) < 1.0


def test_learned_at_several_speeds_it_notices_at_all_of_them_what_it_did_at_one() -> None:
    pump = Pump()
    bands = [pump.learn(speed, wander=0.02, seed=i) for i, speed in enumerate((1500.0, 1300.0, 1100.0, 900.0))]
    for band, speed in zip(bands, (1510.0, 1290.0, 1110.0, 910.0), strict=True):
        assert max(pump.ratios(band, speed)) < 1.0
        assert min(pump.ratios(band, speed, flow=-4.0)) > 1.0


def test_moves_of_the_operating_point_while_learning_are_not_taken_for_spread() -> None:
    steady, moving = Pump(), Pump()
    assert steady.learn(1500.0) == moving.learn(1500.0, wander=0.03) == 0
    from_moving, from_steady = (np.median(pump.ratios(0, 1500.0, pressure=-0.5)) for pump in (moving, steady))
    assert from_moving > 0.5 * from_steady


def test_a_channel_that_was_silent_does_not_keep_the_others_from_being_learned_by_load() -> None:
    pump = Pump()
    band = pump.learn(1500.0, wander=0.02, without=("flow",))
    assert max(pump.ratios(band, 1480.0)) < 1.0
    assert min(pump.ratios(band, 1500.0, pressure=-1.0)) > 1.0


def test_a_channel_that_was_silent_at_one_band_is_judged_at_the_others_as_if_it_had_never_been() -> None:
    broken, spared = Pump(), Pump()
    for i, speed in enumerate((1500.0, 1300.0, 1100.0, 900.0)):
        for pump in (broken, spared):
            pump.learn(speed, wander=0.02, seed=i)
    silent = broken.learn(700.0, wander=0.02, without=("pressure",), seed=9)
    for band, speed in enumerate((1510.0, 1290.0, 1110.0, 910.0)):
        leak, unhindered = (np.median(pump.ratios(band, speed, pressure=-0.25)) for pump in (broken, spared))
        assert leak > 1.0
        assert leak == pytest.approx(unhindered, rel=0.25)
    there = np.array([700.0])
    deviations = broken.baseline.deviations(at(there, 7)[0], Situation("running", silent, there))
    assert np.isnan(deviations).tolist() == [True, False, False]  # nothing is known there: it is not as expected


def test_normal_windows_at_new_points_refine_what_is_expected_there() -> None:
    pump = Pump()
    band = pump.learn(1500.0)
    situation = Situation("running", band, np.array([1560.0]))
    doubtful = np.median(pump.ratios(band, 1560.0, current=2.0))
    for row in at(np.full(120, 1560.0), 3):
        pump.baseline.follow(pump.baseline.score(row, situation))
    change = pump.baseline.adapt()
    assert change is not None
    assert change["points"] == 1
    assert np.median(pump.ratios(band, 1560.0, current=2.0)) > doubtful
    assert max(pump.ratios(band, 1560.0)) < 1.0


def test_what_was_forgotten_refines_nothing() -> None:
    pump = Pump()
    band = pump.learn(1500.0)
    for speed, forgets in ((1560.0, True), (1500.0, False)):
        for row in at(np.full(120, speed), 3):
            pump.baseline.follow(pump.baseline.score(row, Situation("running", band, np.array([speed]))))
        if forgets:
            pump.baseline.forget()
    change = pump.baseline.adapt()
    assert change is not None
    assert "points" not in change


def test_restored_it_expects_the_same_at_every_point() -> None:
    pump, again = Pump(), Pump()
    bands = [pump.learn(speed, seed=i) for i, speed in enumerate((1500.0, 1200.0))]
    again.bands.restore(pump.bands.to_json())
    again.baseline.restore(orjson.loads(orjson.dumps(pump.baseline.to_json())))
    for band, speed in zip(bands, (1480.0, 1230.0), strict=True):
        assert again.ratios(band, speed) == pump.ratios(band, speed)
