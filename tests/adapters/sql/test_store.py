"""Each record once, whatever came doubled, late, merged or with a wrong clock; in SQLite and in PostgreSQL."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from agent.adapters.sql.store import SqlStore
from agent.errors import ConfigError, Rejected, Unavailable
from agent.intake import Arrival, Origin
from agent.office.keeping import keep
from agent.office.reading import Read, read
from agent.ports import Delivery
from tests.adapters.sql.batches import RECEIVED, message, numbers, put
from tests.adapters.sql.conftest import Ask
from tests.fleet import NOON, PREFIX, record, summary


def test_a_record_that_comes_again_is_kept_once(store: SqlStore, ask: Ask) -> None:
    put(store, message(record(1)), message(record(2)), message(record(2)))
    put(store, message(record(2)), message(record(3)), message(record(1)))
    assert ask("SELECT seq FROM records ORDER BY seq") == [(1,), (2,), (3,)]
    assert ask("SELECT count(*) FROM rejected") == [(0,)]


def test_devices_and_sites_do_not_take_each_others_places(store: SqlStore, ask: Ask) -> None:
    elsewhere = read(Delivery(f"{PREFIX}/v1/sea/d-1/event", json.dumps(record(1)).encode(), RECEIVED, 1), PREFIX)
    put(store, message(record(1)), message(record(1, device="d-2")), message(record(1, boot=2)), elsewhere)
    assert ask("SELECT count(*) FROM records") == [(4,)]


@pytest.mark.parametrize("together", [True, False])
def test_another_record_in_a_taken_place_is_set_apart_and_its_stream_goes_on(
    store: SqlStore, ask: Ask, together: bool
) -> None:
    first, other = message(record(1, was="a"), 1), message(record(1, was="b"), 2)
    if together:
        kept = put(store, first, other)
    else:
        put(store, first)
        kept = put(store, other)
    assert numbers(kept) == {"live": 2}
    [(reason, payload)] = ask("SELECT reason, payload FROM rejected")
    assert "set up anew" in reason
    assert json.loads(payload)["was"] == "b"
    assert ask("SELECT count(*) FROM records") == [(1,)]


def test_what_is_no_record_is_kept_for_inspection_and_only_so_many(
    store: SqlStore, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.adapters.sql.store._MOST_REJECTED", 5)
    put(store, *(read(Delivery(f"{PREFIX}/v1/lab/d-1/event", b"\xff\0%d" % n, RECEIVED, 1), PREFIX)
                 for n in range(9)))
    with store.transaction() as transaction:
        transaction.tidy(NOON)
    found = ask("SELECT payload, bytes FROM rejected ORDER BY id")
    assert [payload[-1] for payload, _ in found] == ["4", "5", "6", "7", "8"]
    assert found[0][1] == 3


def test_an_unfinished_transaction_leaves_nothing(store: SqlStore, ask: Ask) -> None:
    def cut() -> None:
        with store.transaction() as transaction:
            keep(transaction, [message(record(1), 1)])
            raise RuntimeError("cut")

    with pytest.raises(RuntimeError, match="cut"):
        cut()
    assert ask("SELECT count(*) FROM records") == ask("SELECT count(*) FROM streams") == [(0,)]


# -- streams ------------------------------------------------------------------------------


def test_a_gap_holds_the_receipt_back_until_it_is_closed(store: SqlStore, ask: Ask) -> None:
    assert numbers(put(store, message(record(1), 1), message(record(3), 3))) == {"live": 1}
    assert numbers(put(store, message(record(4), 4), message(record(9), 1, "alarm"))) == {"live": 1, "alarm": 1}
    assert ask("SELECT number FROM arrivals ORDER BY number") == [(3,), (4,)]
    kept = put(store, message(record(2), 2))
    assert numbers(kept) == {"live": 4}
    [stretch] = kept.stretches.values()
    assert stretch.place == (1, 4)
    assert ask("SELECT count(*) FROM arrivals") == [(0,)]


def test_a_message_that_comes_again_is_receipted_again(store: SqlStore) -> None:
    put(store, message(record(1), 1), message(record(2), 2))
    assert numbers(put(store, message(record(1), 1))) == {"live": 2}


def test_links_count_anew(store: SqlStore) -> None:
    put(store, message(record(1), 1), message(record(2), 2))
    assert numbers(put(store, message(record(2), 1, link="1.2"))) == {"live": 1}


def test_collectors_beside_each_other_find_the_stretch_together(store: SqlStore, url: str) -> None:
    beside = SqlStore(url)
    assert numbers(put(store, message(record(1), 1), message(record(3), 3))) == {"live": 1}
    assert numbers(put(beside, message(record(4), 4))) == {"live": 1}
    assert numbers(put(beside, message(record(2), 2), message(record(6), 6))) == {"live": 4}
    assert numbers(put(store, message(record(5), 5))) == {"live": 6}
    beside.close()


def test_past_links_are_forgotten_and_the_present_one_is_not(store: SqlStore, ask: Ask) -> None:
    put(store, message(record(1), 1), message(record(3), 3))
    put(store, message(record(4), 1, link="1.2"))
    with store.transaction() as transaction:
        transaction.tidy(datetime(2020, 1, 1, tzinfo=UTC))
    assert ask("SELECT count(*) FROM streams") == [(2,)]
    with store.transaction() as transaction:
        transaction.tidy(datetime(2100, 1, 1, tzinfo=UTC))
    assert ask("SELECT link FROM streams") == [("1.2",)]
    assert ask("SELECT count(*) FROM arrivals") == [(0,)]


# -- who is there -------------------------------------------------------------------------


def state(text: bytes, seconds: int, *, retained: bool = False) -> Read:
    received = RECEIVED + seconds * 1_000_000_000
    return read(Delivery(f"{PREFIX}/v1/lab/d-1/state", text, received, 0, retained), PREFIX)


def test_a_device_is_known_by_its_state_and_when_it_was_heard(store: SqlStore, ask: Ask) -> None:
    put(store, state(b"online", 0, retained=True))
    assert ask("SELECT state, last_seen FROM devices") == [("online", None)]
    put(store, message(record(1), 1))
    put(store, state(b"offline", 5))
    put(store, state(b"offline", 9, retained=True))
    [(told, since, seen, link)] = ask("SELECT state, state_since, last_seen, link FROM devices")
    assert (told, link) == ("offline", "1.1")
    assert datetime.fromisoformat(since) - datetime.fromisoformat(seen) == timedelta(seconds=5)


def test_a_state_that_comes_again_stands_since_the_first_time(store: SqlStore, ask: Ask) -> None:
    put(store, state(b"online", 0))
    first = ask("SELECT state_since FROM devices")
    put(store, state(b"online", 60))
    assert ask("SELECT state_since FROM devices") == first


# -- what people read ---------------------------------------------------------------------


def test_summaries_have_their_numbers_as_columns(store: SqlStore, ask: Ask) -> None:
    put(store, message(summary(1)), message(summary(2, start=NOON + timedelta(minutes=5), score=None, health=None)))
    assert ask("SELECT asset, channel, windows, score_p95, health_last FROM summaries ORDER BY at") == [
        ("pump", "vibration", 300, 0.4, 0.94), ("pump", "vibration", 300, None, None)]


def test_an_alarm_stands_as_its_last_transition_says(store: SqlStore, ask: Ask) -> None:
    body: dict[str, Any] = {"alarm": "condition", "severity": "high", "standing": True, "announced": True,
                            "advice": ["look"]}
    put(store, message(record(1, "alarm", transition="raised", state="unacknowledged", **body)),
        message(record(2, "event", event="alarm", transition="acknowledged", state="acknowledged", **body)),
        message(record(3, "alarm", transition="raised", state="unacknowledged", **{**body, "alarm": "limit"})),
        message(record(4, "alarm", transition="cleared", state="normal", **{**body, "alarm": "limit"})),
        message(record(5, "event", event="regime")))
    assert ask("SELECT alarm, transition FROM alarms ORDER BY seq") == [
        ("condition", "raised"), ("condition", "acknowledged"), ("limit", "raised"), ("limit", "cleared")]
    assert ask("SELECT alarm, state, severity FROM alarms_now") == [("condition", "acknowledged", "high")]


def test_windows_are_shown_where_they_are_sent(store: SqlStore, ask: Ask) -> None:
    put(store, message(record(1, "window", channel="c", score=0.5, threshold=1.0, health=0.9, state="normal",
                              alarm=False, features={"rms": 1.0})))
    assert ask("SELECT channel, score, health, state FROM windows") == [("c", 0.5, 0.9, "normal")]


# -- the database itself ------------------------------------------------------------------


def test_a_database_that_is_laid_out_is_taken_as_it_is(store: SqlStore, url: str, ask: Ask) -> None:
    put(store, message(record(1)))
    SqlStore(url).close()
    assert ask("SELECT count(*) FROM records") == [(1,)]


def test_a_database_of_a_later_layout_is_refused_with_what_to_do(store: SqlStore, url: str, ask: Ask) -> None:
    del store
    ask_engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with ask_engine.begin() as connection:
        connection.execute(sa.text("UPDATE about SET value = '99'"))
    ask_engine.dispose()
    with pytest.raises(ConfigError, match="Update this collector"):
        SqlStore(url)
    assert ask("SELECT value FROM about") == [("99",)]


@pytest.mark.parametrize("wrong", ["fleet.db", "mysql://host/fleet", "sqlite://", "sqlite:///:memory:", ""])
def test_a_url_of_no_such_database_is_a_wrong_configuration(wrong: str) -> None:
    with pytest.raises(ConfigError):
        SqlStore(wrong)


def test_a_password_in_the_url_is_never_shown() -> None:
    with pytest.raises(ConfigError) as refused:
        SqlStore("mysql://user:canary@host/fleet")
    assert "canary" not in str(refused.value)


def test_a_database_that_is_away_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        SqlStore("postgresql://keeper@127.0.0.1:1/fleet")
    with pytest.raises(Unavailable):
        SqlStore(f"sqlite:///{tmp_path}/absent/fleet.db")


def test_a_value_that_the_database_does_not_take_is_rejected_and_no_bug(store: SqlStore) -> None:
    wrong = message(record(1))
    assert isinstance(wrong, Arrival)
    with pytest.raises(Rejected):
        put(store, wrong._replace(kind=None))  # type: ignore[arg-type]


def test_times_of_the_first_years_sort_before_the_others(store: SqlStore, ask: Ask) -> None:
    put(store, message(record(1)), message(record(2, time="0900-01-01T00:00:00Z")))
    assert ask("SELECT seq FROM records ORDER BY at") == [(2,), (1,)]


def test_the_origin_of_a_record_is_its_topic(store: SqlStore) -> None:
    kept = put(store, message(record(1), 1))
    assert [stream.origin for stream in kept.stretches] == [Origin("lab", "d-1")]
