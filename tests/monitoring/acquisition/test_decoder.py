"""The decoder of a topic decodes once and gives one block a channel, in their order."""

from __future__ import annotations

import struct

import pytest

from agent.errors import MalformedMessage
from tests.monitoring.acquisition.channels import channel, decode

MIXED = (
    channel("wave", codec="binary", rate=10.0),
    channel("flow", value="/flow"),
    channel("level", codec="csv", value="0"),
)


def test_a_topic_may_carry_payloads_of_several_formats() -> None:
    assert [block.channel for block in decode(b'{"flow":1}  ', *MIXED[:2])] == ["wave", "flow"]
    assert [block.channel for block in decode(b'{"flow":1}', *MIXED)] == ["flow"]
    assert [block.channel for block in decode(struct.pack("<2f", 1, 2), *MIXED)] == ["wave"]


def test_a_payload_of_no_known_format_is_refused_with_every_reason() -> None:
    with pytest.raises(MalformedMessage, match=r"no multiple of 4.*cannot be decoded.*expected a number"):
        decode(b"hello", *MIXED)
