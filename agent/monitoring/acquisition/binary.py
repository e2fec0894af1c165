"""Raw binary payloads: consecutive samples of one number format, channels taking turns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from agent.errors import MalformedMessage
from agent.monitoring.acquisition.pointed import Decoder
from agent.monitoring.acquisition.samples import Outlet, check_size
from agent.monitoring.spec import ChannelSpec, DecodeLimits, SampleType
from agent.monitoring.types import SECOND, Block, FloatArray, Nanos

_FORMATS: Final[dict[SampleType, str]] = {"i16": "i2", "i32": "i4", "f32": "f4", "f64": "f8"}
_EXACT: Final = frozenset({"i2", "f4"})
"""The formats whose every value a float32 holds."""


def build_binary(asset: str, channels: Sequence[ChannelSpec], limits: DecodeLimits) -> Decoder:
    """A decoder of channels that share one layout (sample, byte order, interleaving).

    A payload carries no time: its last sample was taken at arrival.
    """
    layout = channels[0].source
    dtype = np.dtype(("<" if layout.little_endian else ">") + _FORMATS[layout.sample])
    frame = dtype.itemsize * layout.interleaved
    max_bytes = min(limits.max_bytes, limits.max_samples * frame)
    outlets = tuple((Outlet.of(asset, spec), spec.source.index) for spec in channels)

    def decode(payload: bytes, received: Nanos) -> list[Block]:
        check_size(payload, limits)
        if len(payload) % frame:
            raise MalformedMessage(
                f"{len(payload)} bytes are no multiple of {frame}, the bytes of one sample"
            )
        if len(payload) > max_bytes:
            raise MalformedMessage(f"{len(payload) // frame} samples, {limits.max_samples} are allowed")
        raw = np.frombuffer(payload, dtype).reshape(-1, layout.interleaved)
        return [outlet.block(_samples(raw[:, index], outlet), None, received) for outlet, index in outlets]

    outlet = outlets[0][0]
    native = dtype == np.dtype("=f4") and layout.interleaved == 1
    if not native or len(outlets) > 1 or not outlet.rate or outlet.scale != 1.0 or outlet.offset:
        return decode

    # A waveform as it is, the common case of the busiest topics: one view on the payload, no copy.
    name, rate, period = outlet.channel, outlet.rate, SECOND / outlet.rate
    frombuffer, new = np.frombuffer, tuple.__new__

    def decode_plain(payload: bytes, received: Nanos) -> list[Block]:
        size = len(payload)
        if size % frame or not frame < size <= max_bytes:
            return decode(payload, received)
        first = received - round((size // frame - 1) * period)
        return [new(Block, (asset, name, first, frombuffer(payload, dtype), rate, None))]

    return decode_plain


def _samples(raw: np.ndarray[Any, np.dtype[Any]], outlet: Outlet) -> FloatArray:
    """One column in the channel's unit: float32 where that is exact, else float64."""
    if raw.dtype.str[1:] in _EXACT and outlet.scale == 1.0 and not outlet.offset:
        return np.ascontiguousarray(raw, dtype=np.float32)
    return outlet.scaled(raw.astype(np.float64))
