"""CSV payloads: each line a row of samples."""

from __future__ import annotations

import numpy as np
import pytest

from agent.errors import MalformedMessage
from agent.monitoring.types import SECOND
from tests.monitoring.acquisition.channels import NOW, channel, decode

STAMPED = channel(codec="csv", value="1", time="0")


def test_one_line_is_one_sample_of_each_channel() -> None:
    blocks = decode(b"1700000000,1.5,-2\r\n", STAMPED, channel("flow", codec="csv", value="2", time="0"))
    assert [(block.channel, block.time, block.values.tolist(), block.times) for block in blocks] == [
        ("pressure", NOW, [1.5], None),
        ("flow", NOW, [-2.0], None),
    ]


def test_several_lines_are_a_block_with_times() -> None:
    block = decode(b"1700000000.5,1\n\n1700000002,nan\n1700000001, \n", STAMPED)[0]
    np.testing.assert_array_equal(block.values, [1, np.nan, np.nan])
    assert block.times is not None
    assert (block.times - NOW).tolist() == [SECOND // 2, 2 * SECOND, SECOND]
    assert block.time == block.times[0]


def test_lines_without_a_time_are_spaced_by_the_rate() -> None:
    block = decode(b"1\n2\n3", channel(codec="csv", value="0", rate=2.0))[0]
    assert (block.time, block.rate, block.values.tolist()) == (NOW - SECOND, 2.0, [1.0, 2.0, 3.0])


def test_nanoseconds_stay_exact() -> None:
    spec = channel(codec="csv", value="1", time="0", time_unit="ns")
    assert decode(b"1700000000000000001,1", spec)[0].time == NOW + 1


def test_iso_times_and_other_separators() -> None:
    spec = channel(codec="csv", value="1", time="0", time_unit="iso8601", separator=";", scale=10.0)
    block = decode(b'2023-11-14 22:13:20;1.5\n"2023-11-14T22:13:21Z";2', spec)[0]
    assert block.times is not None
    assert (block.times - NOW).tolist() == [0, SECOND]
    assert block.values.tolist() == [15.0, 20.0]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "the payload is empty"),
        (b"\n \n", "no line holds a sample"),
        (b"time,value\n", "line 1, column 1: expected a number"),
        (b"1700000000,1\n1700000001", "line 2: no column 1, it has 1"),
        (b"1700000000,1_000", "line 1, column 1: expected a number"),
        (b"1_700_000_000,1", "line 1, column 0: expected a number"),
        (b"9" * 3000 + b",1", "not within 2000 to 2200"),
        (b",1", "not within 2000 to 2200"),
        (b"\xff\xfe,1", "line 1, column 0: expected a number"),
        (b"1700000000,1\n" * 65, "65 lines, 64 are allowed"),
    ],
)
def test_a_malformed_payload_is_refused_with_line_and_column(payload: bytes, reason: str) -> None:
    with pytest.raises(MalformedMessage, match=reason):
        decode(payload, STAMPED)


def test_a_column_that_is_no_number_is_a_configuration_to_refuse() -> None:
    with pytest.raises(ValueError, match="a column is a number"):
        decode(b"1", channel(codec="csv", value="pressure"))
