"""CBOR payloads (RFC 8949), parsed by cbor2 with everything that is no measurement refused.

Of the tags only those are read that a sensor has a use for: times (0 and 1) as the text or number
they hold, decimal fractions (4), typed arrays (64 to 87, RFC 8746), and the mark of CBOR itself
(55799). The others make objects (regular expressions, mail, shared references that form cycles)
that cost memory or time and say nothing of a machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from typing import Any, Final

import cbor2
import numpy as np

from agent.monitoring.acquisition.pointed import Decoder, build_pointed
from agent.monitoring.spec import ChannelSpec, DecodeLimits

_TYPED_ARRAYS: Final[Mapping[int, str]] = {
    64: "u1", 65: ">u2", 66: ">u4", 67: ">u8", 68: "u1", 69: "<u2", 70: "<u4", 71: "<u8",
    72: "i1", 73: ">i2", 74: ">i4", 75: ">i8", 77: "<i2", 78: "<i4", 79: "<i8",
    80: ">f2", 81: ">f4", 82: ">f8", 84: "<f2", 85: "<f4", 86: "<f8",
}  # fmt: skip
"""Tag -> dtype (RFC 8746, section 2.1); the 128-bit floats have none."""

_REFUSED: Final = (
    2, 3, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 76, 83, 87, 100, 256, 258, 260, 261, 1004, 43000, 43001,
)  # fmt: skip
"""Tags that cbor2 would make objects of: bignums, bigfloats, string and shared references,
rationals, regular expressions, mail, UUIDs, addresses, sets, dates, complex numbers."""

_MAX_EXPONENT: Final = 400
"""Beyond it every power of ten is infinite or nothing as a float."""


class CborReader:
    """Parses one CBOR data item a payload; ValueError for anything else.

    ``keys``: "text" for maps whose keys are text or bytes; "any" where integers are keys too.
    cbor2 recommends "text" against keys chosen to collide, which make a map's cost quadratic.
    """

    def __init__(self, limits: DecodeLimits, keys: str = "text") -> None:
        self._depth = limits.max_depth
        self._strict_keys = keys == "text"

    def __call__(self, payload: bytes) -> Any:
        source = BytesIO(payload)
        decoder = cbor2.CBORDecoder(
            source,
            max_depth=self._depth,
            semantic_decoders=_SEMANTICS,
            strict_hashable_types=self._strict_keys,
        )
        try:
            document = decoder.decode()
        except cbor2.CBORDecodeError as fault:
            raise ValueError(str(fault)) from None
        # The digits of a text are whole data items: read as CBOR, "12.5" begins with a -18.
        if source.tell() != len(payload):
            raise ValueError("bytes follow the first data item")
        return document


def build_cbor(asset: str, channels: Sequence[ChannelSpec], limits: DecodeLimits) -> Decoder:
    """A decoder of CBOR documents. Raises ValueError where a pointer is none."""
    return build_pointed(asset, channels, limits, CborReader(limits))


def _refuse(_value: object, _immutable: bool) -> object:  # noqa: FBT001 -- cbor2's signature
    raise ValueError("a tag that no measurement needs")


def _untag(value: object, _immutable: bool) -> object:  # noqa: FBT001
    return value


def _decimal_fraction(value: object, _immutable: bool) -> float:  # noqa: FBT001
    if not isinstance(value, list | tuple) or [type(part) for part in value] != [int, int]:
        raise ValueError("a decimal fraction is two integers")
    exponent, mantissa = value
    if abs(exponent) > _MAX_EXPONENT:
        raise ValueError("a decimal fraction out of range")
    # Through text, so that 2150 * 10**-2 is the same 21.5 that JSON would have given.
    return float(f"{mantissa}e{exponent}")


def _typed_array(dtype: np.dtype[Any]) -> Callable[[object, bool], object]:
    def read(value: object, _immutable: bool) -> object:  # noqa: FBT001
        if not isinstance(value, bytes) or len(value) % dtype.itemsize:
            raise ValueError(f"a typed array is bytes, a multiple of {dtype.itemsize}")
        return np.frombuffer(value, dtype)

    return read


_SEMANTICS: Final[Mapping[int, Callable[[Any, bool], Any]]] = {
    **dict.fromkeys(_REFUSED, _refuse),
    0: _untag,
    1: _untag,
    4: _decimal_fraction,
    **{tag: _typed_array(np.dtype(name)) for tag, name in _TYPED_ARRAYS.items()},
}
