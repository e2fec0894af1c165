"""Delays between attempts: spread from nothing to a ceiling that doubles up to its bound."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.adapters.backoff import Backoff


def test_the_ceiling_doubles_up_to_its_bound() -> None:
    backoff = Backoff(first=0.5, most=4.0, draw=lambda: 1.0)
    assert [backoff.next() for _ in range(6)] == [0.5, 1.0, 2.0, 4.0, 4.0, 4.0]


def test_a_reset_begins_from_the_first_ceiling_again() -> None:
    backoff = Backoff(first=0.5, most=60.0, draw=lambda: 1.0)
    for _ in range(5):
        backoff.next()
    backoff.reset()
    assert backoff.next() == 0.5


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=30))
def test_the_jitter_is_full_every_delay_lies_between_nothing_and_the_ceiling(draws: list[float]) -> None:
    drawn = iter(draws)
    backoff = Backoff(first=0.5, most=60.0, draw=lambda: next(drawn))
    for attempt, share in enumerate(draws):
        assert backoff.next() == share * min(60.0, 0.5 * 2**attempt)
