"""The response topic and correlation data are found among all properties that a PUBLISH may have."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from agent.adapters.mqtt.request import Request, read_request


def packed(**values: Any) -> bytes:
    """As an independent implementation writes them."""
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    for name, value in values.items():
        setattr(properties, name, value)
    written: bytes = properties.pack()  # type: ignore[no-untyped-call]
    return written


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff"), min_size=1, max_size=40)
PROPERTIES = st.fixed_dictionaries({}, optional={
    "PayloadFormatIndicator": st.integers(0, 1),
    "MessageExpiryInterval": st.integers(0, 2**32 - 1),
    "TopicAlias": st.integers(1, 65535),
    "ContentType": TEXT,
    "ResponseTopic": TEXT,
    "CorrelationData": st.binary(max_size=200),
    "UserProperty": st.tuples(TEXT, TEXT),
})


@given(PROPERTIES)
def test_whatever_else_a_request_carries_its_answer_s_place_is_found(values: dict[str, Any]) -> None:
    assert read_request(packed(**values)) == Request(values.get("ResponseTopic"), values.get("CorrelationData"))


@given(st.binary(max_size=60))
def test_no_bytes_make_it_fail(octets: bytes) -> None:
    topic, correlation = read_request(octets)
    assert topic is None or topic.encode() in octets
    assert correlation is None or correlation in octets


def test_properties_that_are_cut_short_say_nothing() -> None:
    whole = packed(ResponseTopic="office/answers", CorrelationData=b"7")
    assert read_request(whole) == Request("office/answers", b"7")
    assert {read_request(whole[:end]) for end in range(1, len(whole) - 4)} == {Request()}


def test_no_properties_ask_for_nothing() -> None:
    assert read_request(b"") == Request()
