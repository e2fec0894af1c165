"""A sender's clock that was once far ahead, or was set back, is followed after a while."""

from __future__ import annotations

from agent.monitoring.types import Quality
from tests.monitoring.manipulation.test_quality import flags, gate, sample, wave


def test_a_clock_that_was_once_far_ahead_is_followed_back_after_ten_blocks() -> None:
    checked = gate(rate=10.0)
    checked.check(wave(0, 1, 2))
    checked.check(wave(1e6, 1, 2))
    taken = [checked.check(wave(1 + 0.2 * i, float(i), 2))[0] is not None for i in range(15)]
    assert taken == [False] * 9 + [True] * 6


def test_single_samples_of_a_clock_set_back_are_good_again_after_ten() -> None:
    checked = gate(rate=1.0)
    checked.check(sample(1e6, 1))
    found = flags(checked, *(sample(i, float(i)) for i in range(15)))
    assert found[:10] == [Quality.OUT_OF_ORDER] * 10
    assert found[10:] == [Quality.GOOD] * 5
