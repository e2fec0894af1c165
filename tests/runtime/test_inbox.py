"""The inbox is bounded: back-pressure first, and only a lasting overload sheds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.ports import Delivery
from agent.runtime.inbox import SHED, Inbox


def message(topic: str, number: int, size: int = 1) -> Delivery:
    return Delivery(topic, b"x" * size, 0, number)


def test_what_goes_in_comes_out_in_order() -> None:
    inbox = Inbox(100, 1000, 10.0)
    sent = [message("ab"[i % 2], i) for i in range(10)]
    inbox.offer(sent)
    assert inbox.take(4) + inbox.take(100) == sent
    assert len(inbox) == 0


def test_a_full_inbox_asks_the_link_to_stop_reading() -> None:
    inbox = Inbox(2, 1000, 10.0)
    inbox.offer([message("a", 1), message("a", 2)])
    assert not inbox.wants_more(0.0)
    assert not inbox.wants_more(9.9)
    inbox.take(1)
    assert inbox.wants_more(10.0)


def test_bytes_fill_it_too() -> None:
    inbox = Inbox(100, 10, 10.0)
    inbox.offer([message("a", 1, size=10)])
    assert not inbox.wants_more(0.0)


def test_a_lasting_overload_sheds_the_oldest_of_the_most_frequent_topic() -> None:
    inbox = Inbox(4, 1000, 1.0)
    inbox.offer([message("rare", 1), *(message("mad", i) for i in range(2, 5))])
    assert not inbox.wants_more(0.0)
    assert inbox.wants_more(1.0)
    assert inbox.offer([message("mad", 5), message("rare", 6)]) == {"mad": 2}
    taken = inbox.take(10)
    assert [d.token for d in taken] == [1, 2, 3, 4, 5, 6]
    assert [d.token for d in taken if d.payload is SHED] == [2, 3]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 20)), max_size=60))
def test_every_token_comes_out_once_and_in_order_however_much_is_shed(sizes: list[tuple[str, int]]) -> None:
    inbox = Inbox(8, 60, 0.0)
    out: list[Delivery] = []
    for token, (topic, size) in enumerate(sizes, 1):
        inbox.wants_more(0.0)
        inbox.offer([message(topic, token, size)])
        if token % 3 == 0:
            out += inbox.take(2)
    out += inbox.take(1000)
    assert [d.token for d in out] == list(range(1, len(sizes) + 1))
    assert inbox.bytes == 0
