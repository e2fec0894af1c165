"""A batch is a few statements, however many messages it has: a statement for each would be ten times as slow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from agent.adapters.sql.store import SqlStore
from agent.intake import Place
from tests.adapters.sql.batches import message, put
from tests.adapters.sql.conftest import Ask
from tests.fleet import record


@contextmanager
def _statements() -> Iterator[list[str]]:
    heard: list[str] = []

    def hear(_: Any, __: Any, statement: str, *___: Any) -> None:
        heard.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", hear)
    try:
        yield heard
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", hear)


def _asked(store: SqlStore, seqs: range) -> int:
    with _statements() as heard:
        put(store, *(message(record(seq), seq) for seq in seqs))
    return len(heard)


def test_a_large_batch_takes_no_more_statements_than_a_small_one(store: SqlStore) -> None:
    _asked(store, range(1, 2))
    assert _asked(store, range(2, 300)) == _asked(store, range(300, 301))


def test_a_batch_that_comes_again_takes_one_statement_more(store: SqlStore, ask: Ask) -> None:
    fresh = _asked(store, range(1, 300))
    assert _asked(store, range(1, 300)) <= fresh + 1
    assert ask("SELECT count(*) FROM records") == [(299,)]


def test_a_record_that_an_operator_deletes_meanwhile_is_no_conflict(
    store: SqlStore, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, message(record(1)))
    nothing: dict[Place, Any] = {}
    monkeypatch.setattr("agent.adapters.sql.store.SqlTransaction._stored", lambda *_: nothing)
    put(store, message(record(1)))
    assert ask("SELECT count(*) FROM rejected") == [(0,)]
