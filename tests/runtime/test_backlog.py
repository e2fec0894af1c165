"""Memory that waits for the disk: bounded, in order, and what matters least goes first."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from agent.monitoring.types import RecordKind
from agent.ports import Entry
from agent.runtime.backlog import IMPORTANCE, Backlog

KINDS = st.sampled_from(IMPORTANCE)


def entry(seq: int, kind: RecordKind, size: int = 10) -> Entry:
    return Entry(1, seq, kind, "pump", seq, b"x" * size)


def waiting(backlog: Backlog) -> list[Entry]:
    piece = backlog.piece(10**9, backlog.newest)
    backlog.let_go()
    return [one for submission in piece for one in submission.entries]


def filled(kinds: Sequence[RecordKind], most: int) -> Backlog:
    backlog = Backlog(most, 10**9)
    for seq, kind in enumerate(kinds, 1):
        backlog.add([entry(seq, kind)], seq, 0.0)
    return backlog


@given(st.lists(KINDS, max_size=120), st.integers(1, 40))
def test_it_stays_within_its_bound_and_nothing_goes_while_something_less_important_waits(
    kinds: list[RecordKind], most: int
) -> None:
    backlog = Backlog(most, 10**9)
    for seq, kind in enumerate(kinds, 1):
        gone = backlog.add([entry(seq, kind)], seq, 0.0)
        left = waiting(backlog)
        assert len(left) == backlog.rows <= most
        for lost in gone:
            less = [one for one in left if IMPORTANCE.index(one.kind) < IMPORTANCE.index(lost)]
            assert not less
        assert [one.seq for one in left] == sorted(one.seq for one in left)
        assert sum(len(one.payload) for one in left) == backlog.bytes


@given(st.lists(KINDS, min_size=1, max_size=60), st.integers(1, 30))
def test_of_one_kind_the_newest_stay(kinds: list[RecordKind], most: int) -> None:
    left = waiting(filled(kinds, most))
    for kind in IMPORTANCE:
        sent = [seq for seq, other in enumerate(kinds, 1) if other == kind]
        kept = [one.seq for one in left if one.kind == kind]
        assert kept == sent[len(sent) - len(kept):]


def test_what_is_on_its_way_to_the_disk_is_not_touched() -> None:
    backlog = filled(["window"] * 8, 8)
    piece = backlog.piece(4, backlog.newest)
    backlog.add([entry(9, "alarm")], 9, 0.0)
    assert [one.seq for submission in piece for one in submission.entries] == [1, 2, 3, 4]
    assert backlog.stored() == 4
    assert [one.seq for one in waiting(backlog)] == [7, 8, 9]


def test_the_marks_of_what_had_to_go_are_still_told() -> None:
    windows: list[RecordKind] = ["window"] * 5
    alarms: list[RecordKind] = ["alarm"] * 8
    backlog = filled(windows + alarms, 8)
    assert [one.kind for one in waiting(backlog)] == ["alarm"] * 7
    backlog.piece(10**9, backlog.newest)
    assert backlog.stored() == 13
    assert not backlog
    assert (backlog.rows, backlog.bytes, backlog.oldest) == (0, 0, None)


def test_it_is_bounded_in_bytes() -> None:
    backlog = Backlog(1000, 10_000)
    for seq in range(1, 100):
        backlog.add([entry(seq, "evidence", 900)], seq, 0.0)
        assert backlog.bytes <= 10_000


def test_a_piece_ends_where_it_is_told() -> None:
    backlog = filled(["window"] * 5, 100)
    assert [submission.number for submission in backlog.piece(100, 3)] == [1, 2, 3]
    backlog.let_go()
    assert [submission.number for submission in backlog.piece(2, 5)] == [1, 2]
