"""CBOR payloads become blocks; what is no measurement is refused before it costs anything."""

from __future__ import annotations

import struct

import cbor2
import numpy as np
import pytest

from agent.errors import MalformedMessage
from agent.monitoring.spec import ChannelSpec
from tests.monitoring.acquisition.channels import NOW, channel, decode

STAMPED = channel(codec="cbor", value="/v", time="/t", rate=10.0)


def value_of(item: object, spec: ChannelSpec = STAMPED) -> list[float]:
    return list(decode(cbor2.dumps({"t": 1_700_000_000, "v": item}), spec)[0].values)


def test_numbers_and_arrays_are_samples() -> None:
    assert value_of(1.5) == [1.5]
    assert value_of([[1, 2.5], [3, 4]]) == [1.0, 2.5, 3.0, 4.0]


def test_the_time_may_be_tagged() -> None:
    plain = decode(cbor2.dumps({"t": cbor2.CBORTag(1, 1_700_000_000), "v": 1}), STAMPED)
    text = decode(
        cbor2.dumps({"t": cbor2.CBORTag(0, "2023-11-14T22:13:20Z"), "v": 1}),
        channel(codec="cbor", value="/v", time="/t", time_unit="iso8601"),
    )
    assert plain[0].time == text[0].time == NOW


@pytest.mark.parametrize(
    ("tag", "layout"), [(85, "<3f"), (81, ">3f"), (82, ">3d"), (77, "<3h"), (64, "3B"), (84, "<3e")]
)
def test_typed_arrays_are_blocks(tag: int, layout: str) -> None:
    assert value_of(cbor2.CBORTag(tag, struct.pack(layout, 1, 2, 3))) == [1.0, 2.0, 3.0]


def test_a_decimal_fraction_is_the_number_that_json_would_give() -> None:
    assert value_of(cbor2.CBORTag(4, [-2, 2155])) == [21.55]


def test_half_precision_infinity_passes_for_the_gate_to_flag() -> None:
    assert decode(b"\xf9\x7c\x00", channel(codec="cbor"))[0].values.tolist() == [np.inf]


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (cbor2.CBORTag(35, "(a+)+$"), "tag"),
        (cbor2.CBORTag(36, "Subject: x"), "tag"),
        (cbor2.CBORTag(30, [1, 3]), "tag"),
        (2**64, "tag"),
        (cbor2.CBORTag(85, b"123"), "typed array|tag"),
        (cbor2.CBORTag(85, b""), "0 samples"),
        (cbor2.CBORTag(4, [10**9, 1]), "tag"),
        (cbor2.CBORTag(4, [1.5, 1]), "tag"),
        (cbor2.CBORTag(999, 1), "found something else"),
        (cbor2.undefined, "found something else"),
        (b"1234", "found byte string"),
        ("1", "found string"),
        (True, "found boolean"),
        ([[[[[1]]]]], "nest|depth"),
    ],
)
def test_what_is_no_measurement_is_refused(item: object, reason: str) -> None:
    with pytest.raises(MalformedMessage, match=reason):
        value_of(item)


@pytest.mark.parametrize(
    "payload",
    [
        b"\x5b\x00\x00\x00\x7f\xff\xff\xff\xff",  # 550 GB of bytes to come
        b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",  # an array of 2**64 items
        b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff",  # a map of them
        b"\x81" * 4000,
        b"\xc1" * 4000,
        b"\xd8\x1c\x81\xd8\x1d\x00",  # a list that holds itself
        b"\xff",
        b"\xa1\x81\x01\x01",  # a map with an array for a key
    ],
)
def test_hostile_headers_cost_nothing(payload: bytes) -> None:
    with pytest.raises(MalformedMessage, match="cannot be decoded"):
        decode(payload, channel(codec="cbor"))


def test_digits_of_a_text_are_not_taken_for_cbor() -> None:
    with pytest.raises(MalformedMessage, match="bytes follow the first data item"):
        decode(b"12.5", channel(codec="cbor"))
