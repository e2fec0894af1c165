"""Times and paces are told in the unit that a person would choose."""

from __future__ import annotations

from math import inf

import pytest

from agent.monitoring.prognosis.trend import Prognosis
from agent.monitoring.prognosis.wording import duration, rate

DAY = 86_400.0


@pytest.mark.parametrize(("low", "high", "text"), [
    (4 * DAY, 9 * DAY, "4 to 9 days"),
    (2400, 3 * 3600, "40 minutes to 3 hours"),
    (30 * 3600, 40 * DAY, "30 hours to 6 weeks"),
    (10, 20, "1 minute"),
    (20, 130, "1 to 2 minutes"),
    (5 * DAY, inf, "more than 5 days"),
    (10, inf, "more than 1 minute"),
    (3 * 365 * DAY, 5 * 365 * DAY, "3 to 5 years"),
])
def test_a_time_to_come(low: float, high: float, text: str) -> None:
    assert duration(low, high) == text


@pytest.mark.parametrize(("points", "text"), [
    ((-3.9, -3.1, -2.4), "falling 3.1 points a day (2.4 to 3.9)"),
    ((2.4, 3.1, 3.9), "rising 3.1 points a day (2.4 to 3.9)"),
    ((-0.04, -0.03, -0.01), "falling 0.9 points a month (0.3 to 1.2)"),
    ((-60.0, -48.0, -30.0), "falling 2.0 points an hour (1.2 to 2.5)"),
    ((-2000.0, -1440.0, -900.0), "falling 1.0 points a minute (0.6 to 1.4)"),
    ((-1e-4, -1e-5, -1e-6), "falling 0.0003 points a month (3e-05 to 0.003)"),
])
def test_a_pace(points: tuple[float, float, float], text: str) -> None:
    assert rate(*points) == text


def test_a_prognosis_in_one_line() -> None:
    prognosis = Prognosis((-3.9, -3.1, -2.4), True, (4 * DAY, 6 * DAY, 9 * DAY), False, 3 * DAY)
    assert prognosis.text() == "falling 3.1 points a day (2.4 to 3.9); alarm limit in 4 to 9 days"
    assert Prognosis((-3.9, -3.1, 2.4), past=True).text() == "past the alarm limit; no trend"
