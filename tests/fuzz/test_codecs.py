"""A decoder never raises anything but MalformedMessage, whatever it is sent."""

from __future__ import annotations

from typing import Any

import cbor2
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.codecs import DECODERS, probe

KEYS = st.sampled_from(["v", "w", "t", "0", "n", "bn", "bt", "bv", "vb", "s", "u", "bver", "x_", ""])
TIMES = st.one_of(
    st.integers(1_600_000_000, 1_800_000_000),
    st.integers(1_600_000_000_000, 1_800_000_000_000),
    st.floats(),
    st.sampled_from(["2023-11-14T22:13:20Z", "2023-11-14", "now", 10**18]),
)
LEAVES: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(), st.text(max_size=8), TIMES
)


def _nested(leaves: st.SearchStrategy[Any], keys: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(keys, inner, max_size=5),
        max_leaves=12,
    )


TAGS = st.sampled_from(
    [0, 1, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 64, 77, 81, 85, 100, 256, 258, 260, 999]
)
TAGGED = st.one_of(
    LEAVES,
    st.binary(max_size=16),
    st.integers(-(2**80), 2**80),
    st.builds(
        cbor2.CBORTag,
        TAGS,
        st.one_of(LEAVES, st.binary(max_size=16), st.lists(st.integers(-500, 500), max_size=3)),
    ),
)
JSON = _nested(LEAVES, KEYS).map(orjson.dumps)
CBOR = _nested(TAGGED, KEYS | st.integers(-7, 9)).map(cbor2.dumps)
CELLS = st.one_of(
    TIMES.map(str), st.floats().map(str), st.text(max_size=4), st.sampled_from(["1_0", "", "٣"])
)
CSV = st.lists(st.lists(CELLS, max_size=4).map(",".join), max_size=5).map(
    lambda lines: "\n".join(lines).encode("utf-8", "surrogatepass")
)

# Good payloads, whose neighbourhood is where a decoder's cases meet.
SEEDS = [
    b'{"t":1700000000,"v":1.5,"w":[1,2]}',
    b'{"t":{"t":1700000000000},"v":[{"v":1}],"w":[1,2]}',
    b'[{"bn":"","bt":1.7e9,"n":"v","v":1},{"n":"w","vb":true,"t":-1}]',
    cbor2.dumps({"t": cbor2.CBORTag(1, 1_700_000_000), "v": 1.5, "w": cbor2.CBORTag(85, bytes(8))}),
    cbor2.dumps([{-2: "", -3: 1.7e9, 0: "v", 2: cbor2.CBORTag(4, [-2, 150])}]),
    b'{"t":"2023-11-14T22:13:20+01:00","v":[1,2.5,null]}',
    cbor2.dumps({"t": cbor2.CBORTag(0, "2023-11-14T22:13:20Z"), "v": [1, 2.5]}),
    cbor2.dumps({"t": {"t": 1_700_000_000_000}, "v": [{"v": 1}]}),
    b"[[1,2],[3,4]]",
    cbor2.dumps([[1, 2], [3, 4]]),
    bytes(4),
    b"1700000000,1.5,2\n1700000001,,3\n",
    b"2023-11-14T22:13:20Z;1.5\n",
    bytes(range(48)),
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A good payload with some bytes replaced, put in or cut out."""
    payload = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(payload)))
        payload[start : start + draw(st.integers(0, 4))] = draw(st.binary(max_size=4))
    return bytes(payload)


@pytest.mark.parametrize("codec", DECODERS)
@given(payload=st.one_of(st.binary(max_size=64), damaged(), JSON, CBOR, CSV))
def test_nothing_but_a_malformed_message_leaves_a_decoder(codec: str, payload: bytes) -> None:
    probe(DECODERS[codec], payload)


@pytest.mark.parametrize("codec", DECODERS)
@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[" * 60_000,
        b"[" * 60_000 + b"]" * 60_000,
        b'{"v":' * 10_000,
        b"\x81" * 60_000,
        b"\xbf\x61v" * 20_000,
        b"\xd9\xff\xfe" * 20_000,
        b"\xc2\x5a\x00\x00\xf0\x00" + b"\xff" * 0xF000,
        b"9" * 60_000,
        b"\n" * 60_000,
        b"1," * 30_000,
        b"\x00" * 65_537,
    ],
    ids=lambda payload: f"{payload[:6].hex()}-{len(payload)}",
)
def test_payloads_made_to_cost_are_refused_or_decoded_in_bounds(codec: str, payload: bytes) -> None:
    for block in probe(DECODERS[codec], payload):
        assert block.values.nbytes <= len(payload) * 8


def test_every_seed_is_understood_and_every_decoder_understands_one() -> None:
    understood = [[codec for codec, decode in DECODERS.items() if probe(decode, seed)] for seed in SEEDS]
    assert all(understood)
    assert {codec for codecs in understood for codec in codecs} == set(DECODERS)
