"""JSON payloads become blocks, or an error that says where and why."""

from __future__ import annotations

import numpy as np
import pytest

from agent.errors import MalformedMessage
from agent.monitoring.spec import ChannelSpec, DecodeLimits
from agent.monitoring.types import SECOND, Block
from tests.monitoring.acquisition.channels import NOW, channel, decode

STAMPED = channel(value="/value", time="/ts", time_unit="ms")


def only(blocks: list[Block]) -> Block:
    assert len(blocks) == 1
    return blocks[0]


@pytest.mark.parametrize("written", [b"12.5", b"1.25e1"])
def test_a_stamped_number_is_one_sample(written: bytes) -> None:
    block = only(decode(b'{"ts":1700000000123,"value":%b,"more":[{}]}' % written, STAMPED))
    assert block[:3] == ("pump-1", "pressure", NOW + 123_000_000)
    assert block.values.tolist() == [12.5]
    assert (block.rate, block.times) == (None, None)


def test_an_integer_is_a_number() -> None:
    block = only(decode(b'{"ts":1700000000000,"value":7}', STAMPED))
    assert block.values.dtype == np.float64
    assert block.values.tolist() == [7.0]


def test_a_bare_number_arrived_when_it_was_taken() -> None:
    block = only(decode(b" 3.5\n", channel()))
    assert block.time == NOW
    assert block.values.tolist() == [3.5]


def test_null_is_a_missing_sample() -> None:
    assert np.isnan(only(decode(b'{"ts":1700000000000,"value":null}', STAMPED)).values).tolist() == [True]


def test_scale_then_offset_make_the_unit() -> None:
    celsius = channel(value="/f", scale=0.5, offset=-16.0)
    assert only(decode(b'{"f":100}', celsius)).values.tolist() == [34.0]
    assert only(
        decode(b'{"f":[100,32]}', channel(value="/f", scale=0.5, offset=-16.0, rate=1.0))
    ).values.tolist() == [34.0, 0.0]


def test_nested_arrays_are_one_block_row_by_row() -> None:
    block = only(
        decode(b'{"t":1700000000,"v":[[1,2.5],[null,4]]}', channel(value="/v", time="/t", rate=100.0))
    )
    np.testing.assert_array_equal(block.values, [1, 2.5, np.nan, 4])
    assert (block.time, block.rate, block.times) == (NOW, 100.0, None)


def test_without_a_time_the_last_sample_of_an_array_is_the_arrival() -> None:
    assert only(decode(b"[1,2,3]", channel(rate=2.0))).time == NOW - SECOND


def test_the_rate_of_the_channel_spaces_where_the_source_has_none() -> None:
    spec = ChannelSpec(name="pressure", topic="pump", rate=4.0)
    assert only(decode(b"[1,2]", spec)).rate == 4.0


def test_an_array_without_a_rate_is_refused_with_the_remedy() -> None:
    with pytest.raises(MalformedMessage, match=r"channel pressure: 2 samples .*: set rate"):
        decode(b"[1,2]", channel())


def test_several_channels_come_in_the_order_of_the_configuration() -> None:
    channels = [channel(name, value=f"/{name}", time="/t") for name in ("flow", "pressure")]
    blocks = decode(b'{"pressure":1,"t":1700000000,"flow":2}', *channels)
    assert [(block.channel, block.time, block.values.tolist()) for block in blocks] == [
        ("flow", NOW, [2.0]),
        ("pressure", NOW, [1.0]),
    ]


def test_each_channel_may_have_a_time_of_its_own() -> None:
    channels = [channel(name, value=f"/{name}/v", time=f"/{name}/t") for name in ("a", "b")]
    blocks = decode(b'{"a":{"v":1,"t":1700000000},"b":{"v":2,"t":1700000001}}', *channels)
    assert [block.time for block in blocks] == [NOW, NOW + SECOND]


def test_of_a_partial_update_the_channels_present_are_delivered() -> None:
    channels = [channel(name, value=f"/{name}", time="/t") for name in ("flow", "pressure")]
    assert [block.channel for block in decode(b'{"pressure":1,"t":1700000000}', *channels)] == ["pressure"]


def test_a_message_without_any_channel_is_refused() -> None:
    with pytest.raises(MalformedMessage, match='value at "/flow": nothing there, nor any other channel'):
        decode(b"{}", channel("flow", value="/flow"), channel("pressure", value="/pressure"))


def test_a_time_that_is_missing_is_named() -> None:
    with pytest.raises(MalformedMessage, match='time at "/ts": nothing there'):
        decode(b'{"value":1}', STAMPED)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b'{"ts":{},"value":1}', 'time at "/ts": expected a number for the time, found object'),
        (b'{"ts":1700000000000,"value":"1"}', 'value at "/value": expected a number, found string'),
        (b'{"ts":1700000000000,"value":true}', "expected a number, found boolean"),
        (b'{"ts":1700000000000,"value":{}}', "expected a number, found object"),
        (b'{"ts":1700000000000,"value":[1,false]}', "found boolean among them"),
        (b'{"ts":1700000000000,"value":[1,[2]]}', "found array among them"),
        (b'{"ts":1700000000000,"value":[]}', "an array without samples"),
        (b'{"ts":1700000000000,"value":[[],[]]}', "an array without samples"),
        (b'{"ts":1700000000000,"value":[[[[[1]]]]]}', "nested deeper than 4"),
        (b"", "the payload is empty"),
        (b'{"ts":', "cannot be decoded"),
        (b'{"value":NaN}', "cannot be decoded"),
        (b'{"value":1e999}', "cannot be decoded|nothing there"),
        (b"\xff\xfe", "cannot be decoded"),
        (b"[" * 4000, "cannot be decoded"),
        (b"17", "nothing there"),
        (b'"ts"', "nothing there"),
    ],
)
def test_a_malformed_message_is_refused_with_the_reason(payload: bytes, reason: str) -> None:
    with pytest.raises(MalformedMessage, match=reason):
        decode(payload, STAMPED)


def test_the_limits_hold() -> None:
    limits = DecodeLimits(max_bytes=30, max_samples=3)
    spec = channel(rate=1.0)
    assert len(only(decode(b"[[1],[2,3]]", spec, limits=limits)).values) == 3
    with pytest.raises(MalformedMessage, match="4 samples, 3 are allowed"):
        decode(b"[[1,2],[3,4]]", spec, limits=limits)
    with pytest.raises(MalformedMessage, match="31 bytes, 30 are allowed"):
        decode(b"1" + b" " * 30, spec, limits=limits)
