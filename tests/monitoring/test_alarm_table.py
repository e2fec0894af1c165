"""The alarm's table: total, every state can be reached and left, and the standards' paths are in it."""

from __future__ import annotations

from itertools import product

import pytest

from agent.monitoring.alarm_table import ASKING, AWAY, TABLE, TOLD, AlarmEvent, AlarmState

COMMANDS = (AlarmEvent.ACKNOWLEDGE, AlarmEvent.RESET, AlarmEvent.SHELVE, AlarmEvent.UNSHELVE, AlarmEvent.REMOVE,
            AlarmEvent.RETURN)


def successors(state: AlarmState) -> set[AlarmState]:
    found = set()
    for event in AlarmEvent:
        following, _ = TABLE[state, event]
        found |= ({AlarmState.SUPPRESSED, AlarmState.UNACKNOWLEDGED, AlarmState.NORMAL} if following == "beneath"
                  else {following})
    return found


def test_the_table_is_total() -> None:
    assert set(TABLE) == set(product(AlarmState, AlarmEvent))


def test_every_event_means_something_somewhere_and_nothing_everywhere_else() -> None:
    for event in AlarmEvent:
        assert any(TABLE[state, event][1] for state in AlarmState)
    for (state, _), (following, transition) in TABLE.items():
        assert transition is not None or following is state


def test_every_state_can_be_reached_from_every_other() -> None:
    for start in AlarmState:
        reached, frontier = {start}, [start]
        while frontier:
            for state in successors(frontier.pop()) - reached:
                reached.add(state)
                frontier.append(state)
        assert reached == set(AlarmState)


def test_a_state_is_normal_told_or_away_and_never_two_of_them() -> None:
    assert {AlarmState.NORMAL} | TOLD | AWAY == set(AlarmState)
    assert not TOLD & AWAY
    assert ASKING < TOLD


@pytest.mark.parametrize("state", sorted(AWAY, key=str))
@pytest.mark.parametrize("event", [AlarmEvent.RAISE, AlarmEvent.WORSEN, AlarmEvent.CLEAR, AlarmEvent.LATCH])
def test_a_condition_that_changes_out_of_sight_is_recorded_and_stays_out_of_sight(
    state: AlarmState, event: AlarmEvent
) -> None:
    following, transition = TABLE[state, event]
    assert following is state
    assert transition is not None


@pytest.mark.parametrize("state", sorted(TOLD, key=str))
def test_no_alarm_that_was_told_returns_to_normal_unseen(state: AlarmState) -> None:
    for event in AlarmEvent:
        following, _ = TABLE[state, event]
        seen = state is AlarmState.ACKNOWLEDGED or event in COMMANDS
        assert seen or following not in {AlarmState.NORMAL, "beneath"} or TABLE[state, event][1] == "raised"


def test_only_an_operator_acknowledges_resets_shelves_and_takes_out_of_service() -> None:
    by_operator = {transition for (_, event), (_, transition) in TABLE.items() if event in COMMANDS and transition}
    by_itself = {transition for (_, event), (_, transition) in TABLE.items() if event not in COMMANDS and transition}
    assert by_operator == {"acknowledged", "reset", "shelved", "unshelved", "removed", "returned"}
    assert not by_operator & by_itself
