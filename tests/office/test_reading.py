"""What the collector makes of a message: a record, a device's state, or a rejection that says why."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.intake import Arrival, ClockStep, Mark, Origin, Period, Presence, Rejection
from agent.office.reading import LARGEST, Read, read
from agent.ports import Delivery
from tests.fleet import NOON, on_its_way, record, summary

RECEIVED = 1_800_000_000_000_000_000
ORIGIN = Origin("lab", "d-1")


def heard(payload: bytes, kind: str = "event", topic: str = "", *, retained: bool = False) -> Read:
    return read(Delivery(topic or f"plant/x/v1/lab/d-1/{kind}", payload, RECEIVED, 7, retained), "plant/x")


def rejected(document: dict[str, Any], kind: str = "event") -> Rejection:
    message = heard(json.dumps(document).encode(), kind)
    assert isinstance(message, Rejection)
    return message


def arrived(document: dict[str, Any], kind: str = "event") -> Arrival:
    message = heard(json.dumps(document).encode(), kind)
    assert isinstance(message, Arrival), message
    return message


def test_a_record_is_kept_as_its_device_wrote_it_without_what_concerns_its_way() -> None:
    document = record(5, event="regime", was="idle")
    message = heard(on_its_way(document, "3.2", "event", 9, historical=True))
    assert isinstance(message, Arrival)
    assert json.loads(message.payload) == document
    assert message.mark == Mark("3.2", "event", 9)
    assert (message.origin, message.place, message.historical) == (ORIGIN, (1, 5), True)
    assert message.at == NOON + timedelta(seconds=5)
    assert message.received == datetime.fromtimestamp(RECEIVED / 1e9, UTC)


def test_what_a_device_sends_that_wants_no_receipt_has_no_place_in_a_stream() -> None:
    assert arrived({**record(5), "historical": False}).mark is None


def test_a_summary_has_its_period_and_whether_it_was_merged() -> None:
    message = arrived(summary(4, thinned=12, minutes=60), "summary")
    assert message.period == Period("vibration", NOON, NOON + timedelta(hours=1), 12)
    assert message.at == NOON + timedelta(hours=1)
    assert arrived(summary(4, channel=None), "summary").period == Period(None, NOON, NOON + timedelta(minutes=5), 0)


def test_a_clock_that_was_set_from_1970_tells_how_wrong_it_was() -> None:
    document = record(9, event="clock", before_seq=9, offset_s=1.5e9) | {
        "from": "1970-01-01T00:05:00.000000Z", "to": "2026-11-23T12:00:00.000000Z"}
    assert arrived(document).step == ClockStep(ORIGIN, 1, 9, timedelta(seconds=1.5e9))


def test_a_clock_that_was_right_before_it_was_set_repairs_nothing() -> None:
    document = record(9, event="clock", before_seq=9, offset_s=3600.0) | {
        "from": "2026-11-23T11:00:00.000000Z", "to": "2026-11-23T12:00:00.000000Z"}
    assert arrived(document).step is None


@pytest.mark.parametrize("state", ["online", "offline", "stopped"])
def test_a_state_is_the_devices_presence(state: str) -> None:
    message = heard(state.encode(), "state", retained=True)
    assert isinstance(message, Presence)
    assert (message.origin, message.state, message.retained) == (ORIGIN, state, True)


@pytest.mark.parametrize(("change", "reason"), [
    ({"device": "d-2"}, "another device"),
    ({"device": None}, "another device"),
    ({"kind": "alarm"}, "another kind"),
    ({"boot": 0}, "boot"),
    ({"boot": True}, "boot"),
    ({"seq": 1.5}, "seq"),
    ({"seq": 2**63}, "seq"),
    ({"seq": "5"}, "seq"),
    ({"asset": 5}, "asset"),
    ({"asset": "x" * 257}, "asset"),
    ({"time": "yesterday"}, "time"),
    ({"time": 12}, "time"),
    ({"historical": "yes"}, "historical"),
    ({"link": "1"}, "link"),
    ({"link": "1.2", "stream": "fast", "number": 3}, "stream"),
    ({"link": "1.2", "stream": "live", "number": 0}, "number"),
    ({"link": "1.2", "stream": "live"}, "number"),
    ({"event": "clock", "from": "1970-01-01T00:00:00Z", "to": "2026-11-23T12:00:00Z", "before_seq": 3,
      "offset_s": 1e300}, "clock"),
    ({"event": "clock", "from": "1970-01-01T00:00:00Z", "to": "2026-11-23T12:00:00Z", "before_seq": 3,
      "offset_s": True}, "offset_s"),
])
def test_a_record_that_is_wrong_is_rejected_with_the_reason(change: dict[str, Any], reason: str) -> None:
    assert reason in rejected({**record(5), **change}).reason


@pytest.mark.parametrize("change", [
    {"start": None}, {"end": "2026-11-23T11:00:00Z"}, {"channel": 3}, {"thinned": -1}, {"thinned": 2.0}])
def test_a_summary_of_no_period_is_rejected(change: dict[str, Any]) -> None:
    rejected({**summary(5), **change}, "summary")


@pytest.mark.parametrize("payload", [
    b"", b"null", b"[]", b"{", b"\xff\xfe", b'{"a":NaN}', b'{"a":1e999}', b'{"a":"\\ud800"}', b"[" * 5000,
    b'{"a":' * 600 + b"1" + b"}" * 600, b" " * (LARGEST + 1)])
def test_what_is_no_document_is_rejected(payload: bytes) -> None:
    assert isinstance(heard(payload), Rejection)


def test_a_document_that_is_nested_too_deep_to_be_written_is_rejected_and_its_number_counts() -> None:
    deep = on_its_way(record(5), "1.2", "event", 3)[:-1] + b',"deep":' + b"[" * 300 + b"]" * 300 + b"}"
    message = heard(deep)
    assert isinstance(message, Rejection)
    assert message.mark == Mark("1.2", "event", 3)


@pytest.mark.parametrize("topic", [
    "plant/x/v1/lab/d-1", "plant/x/v1/lab/d-1/event/more", "plant/x/v2/lab/d-1/event", "other/v1/lab/d-1/event",
    "plant/x/v1/LAB/d-1/event", "plant/x/v1/lab/d 1/event", "plant/x/v1/lab/d-1/receipt", "plant/x/v1//d-1/event"])
def test_a_topic_that_names_no_device_and_kind_is_rejected(topic: str) -> None:
    assert isinstance(heard(json.dumps(record(5)).encode(), topic=topic), Rejection)


def test_a_rejected_record_keeps_its_number_so_that_its_stream_goes_on() -> None:
    message = rejected({**record(5, asset=5), "link": "1.2", "stream": "event", "number": 3})
    assert (message.mark, message.place) == (Mark("1.2", "event", 3), (1, 5))


def test_a_nul_in_what_a_person_typed_costs_no_more_than_itself() -> None:
    message = arrived(record(5, reason="a\0b", listed=["c\0"]) | {"k\0": {"d": "\0"}})
    assert json.loads(message.payload)["reason"] == "a\ufffdb"
    assert "\\u0000" not in message.payload


def test_a_time_without_a_zone_is_taken_for_utc() -> None:
    assert arrived(record(5, time="2026-11-23T12:00:00")).at == NOON


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=8)


@given(change=st.dictionaries(
    st.sampled_from(["device", "boot", "seq", "kind", "asset", "time", "end", "start", "channel", "thinned", "link",
                     "stream", "number", "historical", "event", "from", "to", "offset_s", "before_seq", "recorded"]),
    _JSON), kind=st.sampled_from(["event", "summary", "alarm", "state", "health"]))
def test_no_document_makes_the_reader_raise(change: dict[str, Any], kind: str) -> None:
    heard(json.dumps({**summary(5), "kind": kind, **change}).encode(), kind)


@given(payload=st.binary(), topic=st.text())
def test_no_bytes_make_the_reader_raise(payload: bytes, topic: str) -> None:
    assert isinstance(heard(payload, topic=topic or "t"), Rejection)
    heard(payload, "summary")
