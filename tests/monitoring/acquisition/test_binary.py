"""Raw binary payloads: every number format, either byte order, channels taking turns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import MalformedMessage
from agent.monitoring.spec import SampleType
from agent.monitoring.types import SECOND
from tests.monitoring.acquisition.channels import NOW, channel, decode

DTYPES: dict[SampleType, str] = {"i16": "i2", "i32": "i4", "f32": "f4", "f64": "f8"}


@given(
    sample=st.sampled_from(list(DTYPES)),
    little=st.booleans(),
    interleaved=st.integers(1, 4),
    numbers=st.lists(st.integers(-32_768, 32_767), min_size=1, max_size=12),
)
def test_what_was_packed_comes_out(
    sample: SampleType, little: bool, interleaved: int, numbers: list[int]
) -> None:
    frames = np.array([[number + lane for lane in range(interleaved)] for number in numbers]).clip(
        -32_768, 32_767
    )
    payload = frames.astype(("<" if little else ">") + DTYPES[sample]).tobytes()
    channels = [
        channel(f"c{lane}", codec="binary", rate=100.0, sample=sample, little_endian=little,
                interleaved=interleaved, index=lane)
        for lane in range(interleaved)
    ]  # fmt: skip
    blocks = decode(payload, *channels)
    assert [block.values.tolist() for block in blocks] == frames.T.tolist()
    assert {block.time for block in blocks} == {NOW - (len(numbers) - 1) * SECOND // 100}
    assert all(block.values.flags.c_contiguous for block in blocks)


def test_a_native_waveform_is_a_view_on_the_payload() -> None:
    payload = np.arange(8, dtype="<f4").tobytes()
    block = decode(payload, channel(codec="binary", rate=25_600.0))[0]
    assert block.values.dtype == np.float32
    assert np.shares_memory(block.values, np.frombuffer(payload, np.uint8))


def test_precision_is_kept() -> None:
    large = np.array([2**31 - 1, 2**24 + 1], dtype="<i4")
    assert (
        decode(large.tobytes(), channel(codec="binary", sample="i32", rate=1.0))[0].values.tolist()
        == large.tolist()
    )
    counts = np.array([3, -3], dtype="<i2")
    scaled = decode(counts.tobytes(), channel(codec="binary", sample="i16", rate=1.0, scale=0.1, offset=1.0))[
        0
    ]
    assert scaled.values.dtype == np.float64
    assert scaled.values.tolist() == [3 * 0.1 + 1.0, -3 * 0.1 + 1.0]


def test_one_sample_needs_no_rate() -> None:
    block = decode(np.float32(1.5).tobytes(), channel(codec="binary"))[0]
    assert (block.time, block.values.tolist(), block.rate) == (NOW, [1.5], None)


@pytest.mark.parametrize("rate", [None, 100.0])
@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "the payload is empty"),
        (b"12345", "5 bytes are no multiple of 4, the bytes of one sample"),
        (bytes(4 * 65), "65 samples, 64 are allowed"),
        (bytes(4100), "4100 bytes, 4096 are allowed"),
    ],
)
def test_a_malformed_block_is_refused_with_the_reason(
    payload: bytes, reason: str, rate: float | None
) -> None:
    with pytest.raises(MalformedMessage, match=reason):
        decode(payload, channel(codec="binary", rate=rate))


def test_a_block_without_a_rate_is_refused_with_the_remedy() -> None:
    with pytest.raises(MalformedMessage, match="set rate"):
        decode(bytes(8), channel(codec="binary"))
