"""A drift is called only where no machine would move one channel alone, and never against a standing alarm."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.monitoring.detection.sensor_drift import CALLED, DriftWatch

NONE = np.zeros(4, dtype=bool)


def drift() -> DriftWatch:
    """Of pressure, flow, current and a vibration, which gets worse upwards only."""
    return DriftWatch(["either", "either", "either", "above"])


def follow(
    watching: DriftWatch, means: Iterable[Iterable[float]], *, standing: bool = False, seed: int = 1
) -> list[list[bool]]:
    """What is drifting after each window around these means."""
    rng = np.random.default_rng(seed)
    said = []
    for mean in means:
        watching.weigh(np.array(list(mean)) + 0.38 * rng.normal(size=4), NONE, standing=standing)
        said.append(watching.drifting.tolist())
    return said


def ramp(direction: Iterable[float], windows: int = 300, to: float = 6.0) -> list[list[float]]:
    return [[to * number / windows * part for part in direction] for number in range(windows)]


@pytest.mark.parametrize("channel", [0, 1, 2])
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_one_channel_that_creeps_away_alone_is_a_drifting_sensor(channel: int, sign: float) -> None:
    direction = [0.0] * 4
    direction[channel] = sign
    said = follow(drift(), ramp(direction))
    assert np.flatnonzero(said[-1]).tolist() == [channel]
    first = next(number for number, row in enumerate(said) if any(row))
    assert abs(6.0 * first / 300) < 2 * CALLED  # before its score would alarm


def test_a_vibration_that_rises_alone_is_the_machines_and_one_that_fails_is_the_sensors() -> None:
    assert not np.any(follow(drift(), ramp([0.0, 0.0, 0.0, 1.0])))
    assert follow(drift(), ramp([0.0, 0.0, 0.0, -1.0]))[-1] == [False, False, False, True]


@given(others=st.tuples(st.floats(0.4, 1.0), st.floats(-1.0, 1.0), st.floats(0.0, 3.0)), seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_channels_that_move_together_are_the_machine(others: tuple[float, float, float], seed: int) -> None:
    assert not np.any(follow(drift(), ramp([1.0, *others], to=10.0)[80:], seed=seed))


def test_what_is_off_while_an_alarm_of_the_machine_stands_stays_the_machines() -> None:
    watching = drift()
    assert not np.any(follow(watching, [[9.0, 0.0, 0.0, 0.0]] * 200, standing=True))
    # nor is it remembered once it has been repaired
    assert not np.any(follow(watching, [[0.0] * 4] * 100))


def test_a_leak_is_given_back_to_the_machine_when_the_flow_follows() -> None:
    watching = drift()
    assert follow(watching, ramp([1.0, 0.05, 0.0, 0.0], to=3.0))[-1] == [True, False, False, False]
    assert not any(follow(watching, [[3.0 + 0.02 * n, 0.15 + 0.01 * n, 0.0, 0.0] for n in range(200)])[-1])


def test_a_sensor_that_is_repaired_is_judged_again() -> None:
    watching = drift()
    assert any(follow(watching, ramp([0.0, 1.0, 0.0, 0.0]))[-1])
    assert not any(follow(watching, [[0.0] * 4] * 120)[-1])


def test_fouling_is_followed_and_does_not_hide_a_drift() -> None:
    watching = drift()
    slow = [[-0.9 * n / 4000, 0.8 * n / 4000, 0.0, 0.0] for n in range(4000)]
    assert not np.any(follow(watching, slow))
    later = [[-0.9, 0.8, 6.0 * n / 600, 0.0] for n in range(600)]
    assert follow(watching, later)[-1] == [False, False, True, False]


@given(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_noise_alone_never_drifts(seed: int) -> None:
    assert not np.any(follow(drift(), [[0.0] * 4] * 3000, seed=seed))


def test_a_channel_that_says_nothing_or_is_broken_otherwise_counts_for_nothing() -> None:
    watching = drift()
    broken = np.array([False, True, False, False])
    for _ in range(200):
        watching.weigh(np.array([0.0, 50.0, np.nan, 0.0]), broken, standing=False)
    assert not watching.drifting.any()


def test_a_restart_changes_nothing() -> None:
    course = ramp([0.0, 1.0, 0.0, 0.0])
    whole, parted, again = drift(), drift(), drift()
    follow(whole, course[:150])
    follow(parted, course[:150])
    again.restore(orjson.loads(orjson.dumps(parted.to_json())))
    assert follow(whole, course[150:], seed=2) == follow(again, course[150:], seed=2)


def test_the_drift_of_other_channels_is_refused() -> None:
    with pytest.raises(ValueError, match="other channels"):
        DriftWatch(["either"]).restore(drift().to_json())
