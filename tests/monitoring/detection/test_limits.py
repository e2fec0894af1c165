"""Fixed limits: the worst one exceeded is named, and hysteresis holds it."""

from __future__ import annotations

import numpy as np

from agent.monitoring.detection.limits import Limits
from agent.monitoring.detection.state import Condition
from agent.monitoring.spec import LimitSpec

NAMES = ("rms", "mean")
RMS = LimitSpec(feature="rms", warning=2.0, alarm=4.0)


def test_the_worst_limit_exceeded_is_named_with_its_value() -> None:
    exceeded, still = Limits([RMS], NAMES, 1.0).check(np.array([5.0, 0.0]))
    assert exceeded is not None
    assert (exceeded.feature, exceeded.value, exceeded.limit) == ("rms", 5.0, 4.0)
    assert (exceeded.condition, still) == (Condition.ALARM, Condition.ALARM)


def test_at_the_limit_is_not_over_it() -> None:
    assert Limits([RMS], NAMES, 1.0).check(np.array([2.0, 0.0])) == (None, Condition.NORMAL)


def test_hysteresis_keeps_a_limit_standing_below_it() -> None:
    exceeded, still = Limits([RMS], NAMES, 0.5).check(np.array([2.5, 0.0]))
    assert exceeded is not None
    assert exceeded.condition is Condition.WARNING
    assert still is Condition.ALARM


def test_a_limit_below_reads_the_other_way_and_holds_for_negative_numbers() -> None:
    limits = Limits([LimitSpec(feature="mean", alarm=-10.0, direction="below")], NAMES, 0.9)
    assert limits.check(np.array([0.0, -11.0]))[0] is not None
    exceeded, still = limits.check(np.array([0.0, -9.5]))
    assert (exceeded, still) == (None, Condition.ALARM)
    assert limits.check(np.array([0.0, -8.5])) == (None, Condition.NORMAL)


def test_a_missing_feature_exceeds_nothing() -> None:
    assert Limits([RMS], NAMES, 1.0).check(np.array([np.nan, 0.0])) == (None, Condition.NORMAL)
