"""JSON payloads (RFC 8259), parsed by orjson.

orjson refuses what the standard library lets through (NaN, Infinity, lone surrogates) and nesting
beyond 1024 levels, without recursing into Python.
"""

from __future__ import annotations

from collections.abc import Sequence

from orjson import loads

from agent.monitoring.acquisition.pointed import Decoder, build_pointed
from agent.monitoring.spec import ChannelSpec, DecodeLimits


def build_json(asset: str, channels: Sequence[ChannelSpec], limits: DecodeLimits) -> Decoder:
    """A decoder of JSON documents. Raises ValueError where a pointer is none."""
    return build_pointed(asset, channels, limits, loads)
