"""The operating system's clocks, in the units that the ports promise."""

from __future__ import annotations

import time

from agent.adapters.clock import SystemClock


def test_wall_time_is_in_nanoseconds_since_the_epoch() -> None:
    before = time.time_ns()
    now = SystemClock().now()
    assert before <= now <= time.time_ns()


def test_monotonic_time_is_in_seconds_and_goes_forward() -> None:
    clock = SystemClock()
    begun = clock.monotonic()
    time.sleep(0.02)
    assert 0.02 <= clock.monotonic() - begun < 1.0
