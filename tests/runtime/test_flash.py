"""Bytes written a day: counted over restarts, held against a budget until midnight."""

from __future__ import annotations

from agent.monitoring.types import SECOND
from agent.runtime.flash import FlashBudget
from tests.runtime.clocks import HandClock

MIDNIGHT = 20_000 * 86_400 * SECOND
"""2024-10-04."""


class Desk:
    """A budget of 1000 bytes a day, at noon."""

    def __init__(self) -> None:
        self.clock = HandClock(MIDNIGHT + 43_200 * SECOND)
        self.written: int | None = 0
        self.flash = FlashBudget(lambda: self.written, self.clock, 1000)


def test_what_the_process_has_written_is_the_days_and_the_budget_ends_at_midnight() -> None:
    desk = Desk()
    desk.written = 600
    desk.flash.measure()
    assert (desk.flash.spent, desk.flash.exceeded) == (600, False)
    desk.written = 1000
    desk.flash.measure()
    assert desk.flash.exceeded
    desk.clock.run(43_200)
    desk.flash.measure()
    assert (desk.flash.spent, desk.flash.exceeded) == (0, False)


def test_the_days_bytes_of_earlier_runs_count() -> None:
    desk = Desk()
    desk.flash.remember({"flash_bytes 2024-10-04": 900, "flash_bytes 2024-10-03": 5000, "evicted_window": 3})
    desk.written = 100
    desk.flash.measure()
    assert desk.flash.spent == 1000


def test_counters_are_told_once_a_minute_and_nothing_twice() -> None:
    desk = Desk()
    desk.written = 100
    desk.flash.measure()
    assert desk.flash.tell() == {}
    assert desk.flash.tell(at_once=True) == {"flash_bytes 2024-10-04": 100}
    desk.written = 250
    desk.flash.measure()
    desk.clock.run(61)
    assert desk.flash.tell() == {"flash_bytes 2024-10-04": 150}
    assert desk.flash.tell(at_once=True) == {}


def test_a_clock_that_is_put_back_does_not_begin_a_day_anew() -> None:
    desk = Desk()
    desk.written = 1000
    desk.flash.measure()
    desk.clock.wall += 86_400 * SECOND
    desk.flash.measure()
    assert not desk.flash.exceeded
    desk.clock.wall -= 86_400 * SECOND
    desk.flash.measure()
    assert desk.flash.exceeded


def test_a_kernel_that_does_not_say_costs_the_budget_and_nothing_else() -> None:
    desk = Desk()
    desk.written = None
    desk.flash.measure()
    assert (desk.flash.spent, desk.flash.exceeded) == (0, False)
