"""From a payload to blocks: the decoder of all channels of an asset that share a topic."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Final, TypeAlias

from agent.errors import MalformedMessage
from agent.monitoring.acquisition.binary import build_binary
from agent.monitoring.acquisition.csv_lines import build_csv
from agent.monitoring.acquisition.json_documents import build_json
from agent.monitoring.acquisition.pointed import Decoder
from agent.monitoring.spec import ChannelSpec, CodecName, DecodeLimits, Source
from agent.monitoring.types import Block, Nanos

__all__ = ["Decoder", "build_decoder"]

Build: TypeAlias = Callable[[str, Sequence[ChannelSpec], DecodeLimits], Decoder]


def _build_cbor(asset: str, channels: Sequence[ChannelSpec], limits: DecodeLimits) -> Decoder:
    from agent.monitoring.acquisition.cbor_documents import build_cbor  # noqa: PLC0415 -- cbor2: 2 MB

    return build_cbor(asset, channels, limits)


def _build_senml(asset: str, channels: Sequence[ChannelSpec], limits: DecodeLimits) -> Decoder:
    from agent.monitoring.acquisition.senml import build_senml  # noqa: PLC0415 -- cbor2 again

    return build_senml(asset, channels, limits, cbor=channels[0].source.codec == "senml-cbor")


_BUILDERS: Final[Mapping[CodecName, Build]] = {
    "json": build_json,
    "cbor": _build_cbor,
    "senml-json": _build_senml,
    "senml-cbor": _build_senml,
    "binary": build_binary,
    "csv": build_csv,
}


def build_decoder(asset: str, channels: Sequence[ChannelSpec], limits: DecodeLimits) -> Decoder:
    """A function (payload, received ns) -> one block per channel that the payload holds.

    ``channels``, one at least, share one topic; the blocks come in their order. A payload is
    decoded once, whatever the number of channels. The function raises MalformedMessage and nothing
    else, and does not change what it is given; blocks may be read-only views on the payload.
    Raises ValueError for a source that no configuration lets through (a pointer that is none).
    """
    groups: dict[Hashable, list[ChannelSpec]] = {}
    for spec in channels:
        groups.setdefault(_format(spec.source), []).append(spec)
    decoders = [_BUILDERS[group[0].source.codec](asset, group, limits) for group in groups.values()]
    if len(decoders) == 1:
        return decoders[0]
    order = {spec.name: number for number, spec in enumerate(channels)}
    return _any_of(decoders, order)


def _format(source: Source) -> Hashable:
    """Sources with the same format are decoded together."""
    match source.codec:
        case "binary":
            return (source.codec, source.sample, source.little_endian, source.interleaved)
        case "csv":
            return (source.codec, source.separator)
        case _:
            return source.codec


def _any_of(decoders: Sequence[Decoder], order: Mapping[str, int]) -> Decoder:
    """For topics that carry payloads of several formats: each is tried."""

    def decode(payload: bytes, received: Nanos) -> list[Block]:
        blocks: list[Block] = []
        faults = []
        for decoder in decoders:
            try:
                blocks += decoder(payload, received)
            except MalformedMessage as fault:
                faults.append(str(fault))
        if not blocks:
            raise MalformedMessage("; ".join(faults))
        return sorted(blocks, key=lambda block: order[block.channel])

    return decode
