"""Any bytes through every codec: MalformedMessage or sound blocks, nothing else.

For long runs, with atheris (``pip install atheris``, CPython 3.11) and libFuzzer's own options::

    python -m tests.fuzz.codecs -max_total_time=600 corpus/

The first byte of an input chooses the codec, the rest is the payload.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import numpy as np

from agent.errors import MalformedMessage
from agent.monitoring.acquisition.decoder import Decoder, build_decoder
from agent.monitoring.spec import ChannelSpec, DecodeLimits, Source
from agent.monitoring.types import SECOND, Block

LIMITS: Final = DecodeLimits(max_bytes=65_536, max_depth=8, max_samples=1_000)
RECEIVED: Final = 1_700_000_000 * SECOND


def _decoder(*sources: Source) -> Decoder:
    channels = [
        ChannelSpec(name=f"c{number}", topic="fuzz", source=source) for number, source in enumerate(sources)
    ]
    return build_decoder("fuzzed", channels, LIMITS)


def _documents(codec: Any) -> dict[str, Decoder]:
    source = partial(Source, codec=codec)
    return {
        f"{codec} bare": _decoder(source(rate=10.0)),
        f"{codec} flat": _decoder(
            source(value="/v", time="/t"), source(value="/w", time="/t", scale=1e300, rate=10.0)
        ),
        f"{codec} iso": _decoder(source(value="/v", time="/t", time_unit="iso8601", rate=10.0)),
        f"{codec} deep": _decoder(source(value="/v/0/v", time="/t/t", time_unit="ms"), source(value="/w/1")),
    }


def _binary(**layout: Any) -> Decoder:
    return _decoder(Source(codec="binary", rate=25_600.0, **layout))


DECODERS: Final[Mapping[str, Decoder]] = {
    **_documents("json"),
    **_documents("cbor"),
    "senml-json": _decoder(Source(codec="senml-json", value="v"), Source(codec="senml-json", value="w")),
    "senml-cbor": _decoder(Source(codec="senml-cbor", value="v", scale=1e300)),
    "binary f32": _binary(),
    "binary f64": _binary(sample="f64", little_endian=False, scale=1e300),
    "binary i16": _binary(sample="i16", interleaved=3, index=2),
    "binary i32": _binary(sample="i32", interleaved=2, offset=-1.0),
    "binary without rate": _decoder(Source(codec="binary")),
    "csv": _decoder(Source(codec="csv", value="1", time="0"), Source(codec="csv", value="2", rate=1.0)),
    "csv iso": _decoder(Source(codec="csv", value="1", time="0", time_unit="iso8601", separator=";")),
    "mixed": _decoder(
        Source(value="/v"), Source(codec="csv", value="0"), Source(codec="senml-json", value="v")
    ),
}


def probe(decode: Decoder, payload: bytes) -> list[Block]:
    """Decode, and hold the blocks to their contract; [] where the payload is malformed."""
    try:
        blocks = decode(payload, RECEIVED)
    except MalformedMessage as fault:
        reason = str(fault)
        blocks = []
    else:
        reason = ""
    assert bool(blocks) != bool(reason), "blocks, or a reason why there are none"
    for block in blocks:
        _check(block)
    return blocks


def _check(block: Block) -> None:
    count = len(block.values)
    assert block.values.shape == (count,)
    assert 1 <= count <= LIMITS.max_samples
    assert block.values.dtype in (np.float64, np.float32)
    assert type(block.time) is int
    assert abs(block.time) < 2**63
    if block.times is not None:
        assert block.times.dtype == np.int64
        assert block.times.shape == (count,)
        assert block.times[0] == block.time
    assert (count == 1) == (block.rate is None and block.times is None)


def _one_input(fuzzed: bytes) -> None:
    if fuzzed:
        decoders = list(DECODERS.values())
        probe(decoders[fuzzed[0] % len(decoders)], fuzzed[1:])


def main() -> None:
    """Fuzz until libFuzzer's options end it or an input breaks a decoder."""
    import atheris  # noqa: PLC0415 -- needed for long runs alone

    atheris.instrument_all()
    atheris.Setup(sys.argv, _one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
