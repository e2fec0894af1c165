"""Channels and payload times that the acquisition tests share."""

from __future__ import annotations

from typing import Any

from agent.monitoring.acquisition.decoder import build_decoder
from agent.monitoring.spec import ChannelSpec, DecodeLimits, Source
from agent.monitoring.types import SECOND, Block

NOW = 1_700_000_000 * SECOND
LIMITS = DecodeLimits(max_bytes=4096, max_depth=4, max_samples=64)


def channel(name: str = "pressure", rate: float | None = None, **source: Any) -> ChannelSpec:
    """A channel of the topic ``pump``, read as ``source`` says."""
    return ChannelSpec(name=name, topic="pump", rate=rate, source=Source(**source))


def decode(payload: bytes, *channels: ChannelSpec, limits: DecodeLimits = LIMITS) -> list[Block]:
    """The blocks of a payload that arrived at NOW."""
    return build_decoder("pump-1", channels, limits)(payload, NOW)
