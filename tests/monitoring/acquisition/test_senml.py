"""SenML packs resolve as RFC 8428 says."""

from __future__ import annotations

import cbor2
import numpy as np
import orjson
import pytest

from agent.errors import MalformedMessage
from agent.monitoring.types import SECOND
from tests.monitoring.acquisition.channels import NOW, channel, decode

VOLTAGE = channel("voltage", codec="senml-json", value="urn:dev:ow:10e2073a01080063:voltage")
CURRENT = channel("current", codec="senml-json", value="urn:dev:ow:10e2073a01080063:current")

# After RFC 8428, section 5.1.3: base name, base time and relative times.
PACK = [
    {
        "bn": "urn:dev:ow:10e2073a01080063:",
        "bt": 1.7e9,
        "bu": "A",
        "bver": 5,
        "n": "voltage",
        "u": "V",
        "v": 120.1,
    },
    *(
        {"n": "current", "t": t, "v": v}
        for t, v in ((-5, 1.2), (-4, 1.3), (-3, 1.4), (-2, 1.5), (-1, 1.6), (0, 1.7))
    ),
]
NUMBERED = {"bver": -1, "bn": -2, "bt": -3, "bu": -4, "bv": -5, "n": 0, "u": 1, "v": 2, "t": 6}


def pack(*records: dict[str, object]) -> bytes:
    return orjson.dumps(records)


def test_base_fields_hold_until_given_again() -> None:
    voltage, current = decode(orjson.dumps(PACK), VOLTAGE, CURRENT)
    assert (voltage.time, voltage.values.tolist(), voltage.times) == (NOW, [120.1], None)
    assert current.time == NOW - 5 * SECOND
    assert current.values.tolist() == [1.2, 1.3, 1.4, 1.5, 1.6, 1.7]
    assert current.times is not None
    np.testing.assert_array_equal(current.times, NOW + np.arange(-5, 1) * SECOND)


def test_cbor_with_integer_labels_says_the_same() -> None:
    numbered = cbor2.dumps([{NUMBERED[label]: value for label, value in record.items()} for record in PACK])
    specs = [channel(spec.name, codec="senml-cbor", value=spec.source.value) for spec in (VOLTAGE, CURRENT)]
    for ours, theirs in zip(
        decode(numbered, *specs), decode(orjson.dumps(PACK), VOLTAGE, CURRENT), strict=True
    ):
        assert ours[:3] == theirs[:3]
        np.testing.assert_array_equal(ours.values, theirs.values)


def test_a_second_base_name_replaces_the_first() -> None:
    spec = channel(codec="senml-json", value="b:x")
    block = decode(pack({"bn": "a:", "n": "x", "v": 1}, {"bn": "b:", "n": "x", "v": 2}), spec)[0]
    assert block.values.tolist() == [2.0]


def test_the_base_value_is_added() -> None:
    block = decode(
        pack({"n": "x", "bv": 20, "v": 1.5}, {"n": "x", "v": -1}), channel(codec="senml-json", value="x")
    )[0]
    assert block.values.tolist() == [21.5, 19.0]


def test_times_below_two_to_the_28_count_from_arrival() -> None:
    spec = channel(codec="senml-json", value="x")
    assert decode(pack({"n": "x", "v": 1}), spec)[0].time == NOW
    assert decode(pack({"n": "x", "t": -0.25, "v": 1}), spec)[0].time == NOW - SECOND // 4
    assert decode(pack({"n": "x", "t": 2**28 - 1, "v": 1}), spec)[0].time == NOW + (2**28 - 1) * SECOND


def test_booleans_are_zero_and_one() -> None:
    block = decode(
        pack({"n": "x", "vb": True}, {"n": "x", "vb": False}), channel(codec="senml-json", value="x")
    )[0]
    assert block.values.tolist() == [1.0, 0.0]


def test_records_stay_in_the_order_they_were_sent() -> None:
    block = decode(
        pack({"n": "x", "t": -1, "v": 1}, {"n": "x", "t": -2, "v": 2}), channel(codec="senml-json", value="x")
    )[0]
    assert block.times is not None
    assert block.times.tolist() == [NOW - SECOND, NOW - 2 * SECOND]


def test_other_names_and_records_without_a_value_are_passed_over() -> None:
    spec = channel(codec="senml-json", value="x")
    block = decode(
        pack({"bn": ""}, {"n": "note", "vs": "warm"}, {"n": "x", "s": 7}, {"n": "x", "v": 1}), spec
    )[0]
    assert block.values.tolist() == [1.0]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"{}", "a SenML pack is an array, found object"),
        (b"[1]", "record 0: expected an object, found number"),
        (b"[]", 'no record of the name "x"'),
        (b'[{"n":"y","v":1}]', 'no record of the name "x"'),
        (b'[{"n":"x","v":1,"secret_":0}]', "record 0: a field ending in _"),
        (b'[{"n":"x","v":"1"}]', "record 0: v: expected a number, found string"),
        (b'[{"n":"x","v":true}]', "found boolean"),
        (b'[{"n":"x","vb":1}]', "vb: expected a boolean"),
        (b'[{"n":"x","vs":"1"}]', "expected a number, found vs"),
        (b'[{"n":7,"v":1}]', "n: expected a string, found number"),
        (b'[{"bn":7,"v":1}]', "bn: expected a string, found number"),
        (b'[{"bn":"x","bver":11,"v":1}]', "newer than version 10"),
        (b'[{"n":"x","t":1e300,"v":1}]', "not within 2000 to 2200"),
        (b'[{"n":"x","t":-1e300,"v":1}]', "not within 2000 to 2200"),
        (b'[{"n":"x","bt":1e308,"t":1e308,"v":1}]', "not within 2000 to 2200"),
        (b'[{"n":"x","t":536870912,"v":1}]', "not within 2000 to 2200"),
        (b"[", "cannot be decoded"),
        (b"[%b{}]" % (b"{}," * 64), "65 records, 64 are allowed"),
    ],
)
def test_a_malformed_pack_is_refused_with_the_reason(payload: bytes, reason: str) -> None:
    with pytest.raises(MalformedMessage, match=reason):
        decode(payload, channel(codec="senml-json", value="x"))
