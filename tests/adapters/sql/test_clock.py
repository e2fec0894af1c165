"""Times that a device stamped with a wrong clock, put right by what it tells of it; in SQLite and in PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.adapters.sql.store import SqlStore
from tests.adapters.sql.batches import message, put
from tests.adapters.sql.conftest import Ask
from tests.fleet import NOON, iso, record, summary

_LOST = datetime(1970, 1, 1, 0, 5, tzinfo=UTC)


def lost(seq: int, **body: Any) -> dict[str, Any]:
    return record(seq, time=iso(_LOST + timedelta(seconds=seq)), **body)


def clock_set(seq: int) -> dict[str, Any]:
    offset = (NOON - _LOST).total_seconds()
    told = record(seq, event="clock", before_seq=seq, offset_s=offset)
    return told | {"from": iso(_LOST), "to": iso(NOON)}


@pytest.mark.parametrize("late", [True, False])
def test_times_before_the_clock_was_set_are_put_right_whenever_they_come(
    store: SqlStore, ask: Ask, late: bool
) -> None:
    wrong = [message(lost(1)), message(lost(2)), message(lost(3, device="d-2")), message(lost(4, boot=2)),
             message(summary(5, start=_LOST)), message(lost(99))]
    step = [message(clock_set(10))]
    for batch in ((step, wrong) if late else (wrong, step)):
        put(store, *batch)
    times = {(device, boot, seq): at for device, boot, seq, at in ask("SELECT device, boot, seq, at FROM records")}
    assert times["d-1", 1, 1] == iso(NOON + timedelta(seconds=1))
    assert times["d-1", 1, 2] == iso(NOON + timedelta(seconds=2))
    assert times["d-1", 1, 5] == iso(NOON + timedelta(minutes=5))
    others = [times[place][:4] for place in (("d-2", 1, 3), ("d-1", 2, 4), ("d-1", 1, 99))]
    assert others == ["1970", "1970", "1970"]
    assert ask("SELECT begins FROM summaries") == [(iso(NOON),)]
    put(store, *step, *wrong)
    assert ask("SELECT count(*) FROM rejected") == [(0,)]


def test_the_clock_and_what_it_puts_right_may_come_in_one_batch(store: SqlStore, ask: Ask) -> None:
    put(store, message(lost(1)), message(clock_set(10)))
    assert ask("SELECT at FROM records WHERE seq = 1") == [(iso(NOON + timedelta(seconds=1)),)]
