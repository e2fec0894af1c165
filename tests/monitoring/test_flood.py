"""A flood of alarms is one alarm: it begins above the rate that a person can follow, and ebbs below half of it."""

from __future__ import annotations

import json
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.monitoring.alarm import Change
from agent.monitoring.flood import Flood
from agent.monitoring.types import SECOND, Command


def transitions(changes: list[Change | None]) -> list[str | None]:
    return [change.transition if change else None for change in changes]


def flooded() -> Flood:
    flood = Flood()
    said = transitions([flood.note(f"pump-{second % 3}", second * SECOND) for second in range(1, 12)])
    assert said == [None] * 10 + ["raised"]
    return flood


def test_ten_alarms_in_ten_minutes_are_none_and_the_eleventh_is_a_flood() -> None:
    flood = flooded()
    assert (flood.count, dict(flood.assets)) == (11, {"pump-0": 3, "pump-1": 4, "pump-2": 4})


def test_eleven_alarms_in_more_than_ten_minutes_are_no_flood() -> None:
    flood = Flood()
    assert not any(flood.note("pump", minute * 60 * SECOND) for minute in range(100))


def test_a_flood_is_said_once_and_ends_once_with_all_that_it_brought() -> None:
    flood = flooded()
    assert transitions([flood.note("fan", second * SECOND) for second in range(12, 100)]) == [None] * 88
    # the eleven newest are of seconds 89 to 99: four of them are left 600 s after the 95th
    assert flood.tick((95 + 600) * SECOND - 1) is None
    end = flood.tick((95 + 600) * SECOND)
    assert end is not None
    body = flood.record(end)
    assert (body["transition"], body["concerns"], body["count"]) == ("cleared", "device", 99)
    assert body["assets"] == [["fan", 88], ["pump-1", 4], ["pump-2", 4], ["pump-0", 3]]


def test_the_next_flood_counts_anew() -> None:
    flood = flooded()
    assert flood.tick(2000 * SECOND) is not None
    for second in range(3000, 3011):
        flood.note("fan", second * SECOND)
    assert flood.assets == [("fan", 11)]


def test_any_number_of_assets_is_counted_in_few_names() -> None:
    flood = Flood()
    for number in range(10_000):
        flood.note(f"machine-{number}", (number + 1) * SECOND)
    assert flood.count == 10_000
    assert len(flood.assets) == 33
    assert flood.assets[0][0] == "others"


def test_a_flood_can_be_shelved_as_any_alarm_and_comes_back() -> None:
    flood = flooded()
    flood.alarm.command(Command("shelve", "", "ada", seconds=60), 20 * SECOND)
    change = flood.tick(80 * SECOND)
    assert change is not None
    assert (change.transition, change.after.value) == ("unshelved", "unacknowledged")


def test_alarms_that_a_wrong_clock_dated_ahead_are_forgotten_once_it_is_put_right() -> None:
    flood = Flood()
    for second in range(10):
        flood.note("pump", (10**9 + second) * SECOND)
    assert flood.note("pump", SECOND) is None
    assert not any(flood.note("pump", second * SECOND) for second in range(2, 11))


@pytest.mark.parametrize(("limit", "seconds"), [(0, 600.0), (10, 0.0)])
def test_a_rate_that_is_none_is_refused(limit: int, seconds: float) -> None:
    with pytest.raises(ValueError, match="no rate"):
        Flood(limit, seconds)


@pytest.mark.parametrize("document", [{}, {"alarm": {}, "recent": [], "assets": {}},
                                      {"alarm": {"condition": "normal", "since": 0}, "recent": [1], "assets": {}}])
def test_a_snapshot_that_is_no_floods_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Flood().restore(document)


gaps = st.lists(st.integers(0, 40), max_size=80)


@given(gaps=gaps)
def test_it_floods_by_the_definition(gaps: list[int]) -> None:
    """Against a plain count over all alarms, with the two rates of the standard."""
    flood, on = Flood(limit=4, seconds=60.0), False
    seen: list[int] = []
    for second in accumulate(gaps):
        seen.append(second)
        within = sum(second - 60 < other <= second for other in seen)
        before = within - 1
        on = (on and before >= 2) or within > 4
        flood.tick(second * SECOND)
        flood.note("pump", second * SECOND)
        assert flood.alarm.standing is on


@given(gaps=gaps, cut=st.integers(0, 80))
def test_a_restart_changes_nothing(gaps: list[int], cut: int) -> None:
    through, restarted = Flood(limit=4, seconds=60.0), Flood(limit=4, seconds=60.0)
    for number, second in enumerate(accumulate(gaps)):
        if number == cut:
            kept = json.loads(json.dumps(restarted.to_json()))
            restarted = Flood(limit=4, seconds=60.0)
            restarted.restore(kept)
        name = f"machine-{number % 3}"
        assert through.note(name, second * SECOND) == restarted.note(name, second * SECOND)
    assert through.to_json() == restarted.to_json()
