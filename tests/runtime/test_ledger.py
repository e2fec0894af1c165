"""Acknowledgements leave in the order of arrival, each once its records are committed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.runtime.ledger import Ledger


def test_a_message_without_records_is_ready_at_once() -> None:
    ledger = Ledger()
    ledger.absorbed(1)
    assert ledger.ready() == [1]


def test_later_messages_wait_behind_one_that_waits_for_its_commit() -> None:
    ledger = Ledger()
    ledger.absorbed(1, mark=7)
    ledger.absorbed(2)
    assert ledger.ready() == []
    ledger.committed(7)
    assert ledger.ready() == [1, 2]


@given(st.lists(st.booleans(), max_size=40), st.data())
def test_order_is_kept_and_nothing_leaves_before_its_commit(waits: list[bool], data: st.DataObject) -> None:
    ledger, marks, mark = Ledger(), {}, 0
    for token, wait in enumerate(waits, 1):
        mark += wait
        marks[token] = mark if wait else 0
        ledger.absorbed(token, marks[token])
    left: list[int] = []
    for done in [*sorted(data.draw(st.lists(st.integers(0, mark), max_size=5))), mark]:
        ledger.committed(done)
        ready = ledger.ready()
        assert all(marks[token] <= done for token in ready)
        left += ready
    assert left == list(range(1, len(waits) + 1))
    assert len(ledger) == 0
