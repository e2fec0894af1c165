"""From a topic to those who listen: which assets' channels a message is for, and its decoder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.monitoring.acquisition.decoder import Decoder, build_decoder
from agent.monitoring.acquisition.topics import fewest, fill, matches, placeholders
from agent.monitoring.spec import AssetSpec, ChannelSpec, DecodeLimits

_MAX_TOPICS: Final = 10_000
_MAX_ID: Final = 64
_FOREIGN: Final = re.compile(r"[^a-z0-9._-]")


class Feed(NamedTuple):
    """One asset's share of a topic. ``spec`` is as configured, its id perhaps a template."""

    asset_id: str
    spec: AssetSpec
    decode: Decoder


class Router:
    """Finds the feeds of a topic; remembers the answers for the topics last met.

    Not thread-safe: the thread that decodes owns it.
    """

    def __init__(self, assets: Sequence[AssetSpec], limits: DecodeLimits) -> None:
        self._assets = tuple(assets)
        self._limits = limits
        self._known: dict[str, tuple[Feed, ...]] = {}

    def filters(self) -> tuple[str, ...]:
        """What to subscribe to, without filters that others cover."""
        return fewest(channel.topic for asset in self._assets for channel in asset.channels)

    def asset(self, asset_id: str) -> AssetSpec | None:
        """The asset that is configured under this very id; None for those that wildcards name."""
        return next((asset for asset in self._assets if asset.id == asset_id and not placeholders(asset.id)), None)

    def route(self, topic: str) -> tuple[Feed, ...]:
        """The feeds of a topic, in the order of the configuration; () for a topic of no asset.

        Raises ValueError where an asset's id asks for wildcards that its topics do not have.
        """
        feeds = self._known.get(topic)
        if feeds is None:
            feeds = tuple(feed for asset in self._assets for feed in self._feeds(asset, topic))
            # Topics are a sender's choice under a wildcard: the memory for them is bounded.
            if len(self._known) >= _MAX_TOPICS:
                del self._known[next(iter(self._known))]
            self._known[topic] = feeds
        return feeds

    def _feeds(self, asset: AssetSpec, topic: str) -> list[Feed]:
        listening: dict[str, list[ChannelSpec]] = {}
        for channel in asset.channels:
            captures = matches(channel.topic, topic)
            if captures is not None:
                listening.setdefault(asset_id(fill(asset.id, captures)), []).append(channel)
        return [
            Feed(filled, asset, build_decoder(filled, channels, self._limits))
            for filled, channels in listening.items()
        ]


def asset_id(text: str) -> str:
    """A valid asset id made of any text: ``[a-z0-9][a-z0-9._-]{0,63}``.

    Texts that differ only in case or in foreign characters give the same id.
    """
    cleaned = _FOREIGN.sub("-", text.lower()).lstrip("._-")[:_MAX_ID]
    return cleaned or "unnamed"
