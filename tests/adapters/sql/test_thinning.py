"""A merged summary stands for its parts, in whatever order they come; in SQLite and in PostgreSQL."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.adapters.sql.store import SqlStore
from tests.adapters.sql.batches import message, numbers, put
from tests.adapters.sql.conftest import Ask
from tests.fleet import NOON, record, summary


def minute(seq: int, at: int, **body: Any) -> dict[str, Any]:
    return summary(seq, start=NOON + timedelta(minutes=at), minutes=5, **body)


def test_a_merged_summary_replaces_all_within_its_period_and_none_else(store: SqlStore, ask: Ask) -> None:
    put(store, *(message(minute(seq, 5 * seq)) for seq in range(14)[1:]),
        message(minute(20, 10, channel="current")), message(minute(21, 10, asset="fan")),
        message(minute(22, 10, channel=None)), message({**minute(23, 10), "device": "d-2"}), message(record(24)))
    put(store, message(summary(11, start=NOON + timedelta(minutes=5), minutes=55, thinned=11)))
    assert ask("SELECT seq, thinned FROM records ORDER BY seq") == [
        (11, 11), (12, 0), (13, 0), (20, 0), (21, 0), (22, 0), (23, 0), (24, None)]


def test_a_part_that_comes_after_what_it_was_merged_into_is_not_kept(store: SqlStore, ask: Ask) -> None:
    put(store, message(summary(12, minutes=60, thinned=12), 1))
    merged = message(summary(12, minutes=60, thinned=12), 4)
    kept = put(store, message(minute(3, 15), 2), message(minute(12, 55), 3), merged)
    assert numbers(kept) == {"live": 4}
    assert ask("SELECT seq, thinned FROM records") == [(12, 12)]
    assert ask("SELECT count(*) FROM rejected") == [(0,)]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations([*range(1, 13), *range(1, 13), 12 + 100, 8 + 200, 12 + 100]),
       cuts=st.lists(st.integers(0, 27), max_size=5))
def test_in_whatever_order_parts_and_merged_summaries_come_the_widest_stands(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], cuts: list[int]
) -> None:
    """``order``: parts by their seq, the hour of all twelve as 112, one of the first eight as 208."""
    made = {112: summary(12, minutes=60, thinned=12), 208: summary(8, minutes=40, thinned=8)}
    path = tmp_path_factory.mktemp("law") / "fleet.db"
    store = SqlStore(f"sqlite:///{path}")
    edges = [0, *sorted(cuts), len(order)]
    for begin, end in pairwise(edges):
        put(store, *(message(made.get(seq) or minute(seq, 5 * (seq - 1))) for seq in order[begin:end]))
    store.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT seq, thinned FROM records").fetchall() == [(12, 12)]
        assert connection.execute("SELECT count(*) FROM rejected").fetchone() == (0,)
