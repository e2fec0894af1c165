"""Before old summaries that nobody has received are dropped, those of an hour become one that says what they said."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.adapters.sqlite.journal import SqliteJournal
from agent.adapters.sqlite.thinning import merged
from agent.monitoring.types import SECOND, RecordKind
from agent.monitoring.wording import iso
from agent.ports import Entry
from tests.adapters.sqlite.entries import ALARMS, T0, alarm, entry

PERIODS: Final[tuple[RecordKind, ...]] = ("summary",)
PERIOD: Final = 300
BEGIN = T0 // (3600 * SECOND) * 3600 * SECOND
FEATURES = {f"feature-{number}": {"min": 1.0, "mean": 2.0, "max": 3.0} for number in range(4)}


def summary(boot: int, seq: int, period: int, *, channel: str | None = None, **body: Any) -> Entry:
    """Of the ``period``-th five minutes."""
    start, end = BEGIN + period * PERIOD * SECOND, BEGIN + (period + 1) * PERIOD * SECOND
    document: dict[str, Any] = {
        "device": "d", "boot": boot, "seq": seq, "kind": "summary", "asset": "pump", "channel": channel,
        "start": iso(start), "end": iso(end), "windows": 300, "alarm_windows": 1,
        "score": {"count": 300, "min": 0.5, "mean": 1.0 + period % 2, "p95": 2.0 + period % 12, "max": 9.0},
        "health": {"min": 80, "mean": 90.0, "last": 95}, "states": {"normal": 299, "alarm": 1},
        "features": FEATURES, "quality": {"gap": 1}, **body}
    return Entry(boot, seq, "summary", "pump", end, orjson.dumps(document))


def bodies(journal: SqliteJournal) -> list[dict[str, Any]]:
    return [orjson.loads(kept.payload) for kept in journal.pending(1_000_000, PERIODS)]


def test_a_full_journal_makes_hours_of_old_periods_and_loses_none_of_them(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j.db", 1_000_000)
    boot = journal.begin_boot(T0)
    seq = 0
    days = 5
    for first in range(0, days * 288, 10):
        journal.commit([summary(boot, seq := seq + 1, period, channel=name)
                        for period in range(first, first + 10) for name in ("a", "b")]
                       + ([alarm(boot, seq := seq + 1)] if first % 50 == 0 else []))
    kept = bodies(journal)
    for name in ("a", "b"):
        of_one = [body for body in kept if body["channel"] == name]
        assert sum(body["windows"] for body in of_one) == days * 288 * 300
        assert sum(body["score"]["count"] for body in of_one) == days * 288 * 300
        assert sum(body.get("thinned", 1) for body in of_one) == days * 288
        thinned = [body for body in of_one if "thinned" in body]
        assert {body["thinned"] for body in thinned} == {12}
        assert {body["start"][14:19] for body in thinned} == {"00:00"}
        assert {body["score"]["p95"] for body in thinned} == {13.0}
        assert max(body["end"] for body in thinned) <= iso(BEGIN + (days - 1) * 86_400 * SECOND)
        ends = [body["end"] for body in of_one]
        assert ends == sorted(ends)
    counters = journal.counters()
    assert counters == {"thinned_summary": 2 * days * 288 - len(kept)}
    assert journal.lost == counters["thinned_summary"]
    assert len(journal.pending(999, ALARMS)) == math.ceil(days * 288 / 50)
    journal.close()


def test_what_is_left_has_the_place_of_the_newest_part_and_a_checksum_that_holds(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j.db", 600_000)
    boot = journal.begin_boot(T0)
    for first in range(0, 3 * 288, 8):
        journal.commit([summary(boot, period + 1, period) for period in range(first, first + 8)])
    thinned = [body for body in bodies(journal) if "thinned" in body]
    assert thinned
    for body in thinned:
        assert body["end"] == iso(BEGIN + body["seq"] * PERIOD * SECOND)
    journal.close()


def test_what_was_delivered_is_not_thinned_but_goes(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j.db", 300_000)
    boot = journal.begin_boot(T0)
    for first in range(0, 1000, 20):
        periods = range(first, first + 20)
        journal.commit([summary(boot, period + 1, period) for period in periods],
                       settled=[(boot, period + 1) for period in periods])
    counters = journal.counters()
    assert counters.keys() == {"evicted_summary"}
    assert journal.lost == 0
    journal.close()


def test_hours_that_are_thin_already_are_dropped_when_nothing_else_is_left(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j.db", 300_000)
    boot = journal.begin_boot(T0)
    for first in range(0, 1500, 20):
        journal.commit([summary(boot, hour + 1, hour * 12) for hour in range(first, first + 20)])
    kept = bodies(journal)
    assert journal.counters() == {"lost_summary": 1500 - len(kept)}
    assert [body["seq"] for body in kept] == list(range(1501 - len(kept), 1501))
    journal.close()


def test_other_entries_of_the_kind_are_no_stumbling_block(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j.db", 300_000)
    boot = journal.begin_boot(T0)
    for first in range(1, 3000, 20):
        # another version's, perhaps: without what is merged
        journal.commit([entry(boot, seq, "summary")._replace(time=BEGIN + seq * PERIOD * SECOND)
                        for seq in range(first, first + 20)])
    assert journal.counters().keys() == {"lost_summary"}
    journal.close()


parts = st.lists(
    st.builds(
        lambda windows, low, spread, scored: {
            "windows": windows, "alarm_windows": windows // 2, "start": "s", "end": "e",
            "score": {"count": windows, "min": low, "mean": low + spread / 2, "p95": low + spread, "max": low + spread}
            if scored else None,
            "health": {"min": 1, "mean": 2.0, "last": windows}, "features": FEATURES if scored else {},
            "states": {"normal": windows}},
        st.integers(1, 1000), st.floats(-1e6, 1e6), st.floats(0, 1e6), st.booleans()),
    min_size=3, max_size=8)


@given(parts, st.data())
def test_in_how_many_steps_parts_are_merged_does_not_matter(found: list[dict[str, Any]], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(found) - 1))
    at_once = merged(found)
    in_steps = merged([merged(found[:cut]), merged(found[cut:])])
    assert in_steps["thinned"] == at_once["thinned"] == len(found)
    assert in_steps["states"] == at_once["states"] == {"normal": at_once["windows"]}
    assert in_steps["health"]["last"] == at_once["health"]["last"]
    if at_once["score"] is None:
        assert in_steps["score"] is None
        return
    for name in ("count", "min", "p95", "max"):
        assert in_steps["score"][name] == at_once["score"][name]
    assert in_steps["score"]["mean"] == pytest.approx(at_once["score"]["mean"], rel=1e-9, abs=1e-3)
    assert at_once["score"]["min"] - 1e-3 <= at_once["score"]["mean"] <= at_once["score"]["max"] + 1e-3
