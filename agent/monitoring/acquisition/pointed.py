"""Channels that pointers find in a decoded document; JSON and CBOR share this."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from agent.errors import MalformedMessage
from agent.monitoring.acquisition.pointers import MISSING, compile_pointer, resolve
from agent.monitoring.acquisition.samples import Outlet, check_size, to_samples
from agent.monitoring.acquisition.times import EARLIEST, FACTORS, LATEST, TimeReader, time_reader
from agent.monitoring.spec import ChannelSpec, DecodeLimits, TimeUnit
from agent.monitoring.types import Block, Nanos

Parse: TypeAlias = Callable[[bytes], Any]
"""A payload's document. Raises MalformedMessage or ValueError."""
Decoder: TypeAlias = Callable[[bytes, Nanos], list[Block]]


@dataclass(frozen=True, slots=True)
class _Clock:
    """Where the document holds a time. ``tokens`` None: nowhere, arrival counts."""

    tokens: tuple[str, ...] | None
    unit: TimeUnit
    where: str
    read: TimeReader = field(compare=False)

    @classmethod
    def of(cls, spec: ChannelSpec) -> _Clock:
        pointer, unit = spec.source.time, spec.source.time_unit
        tokens = None if pointer is None else compile_pointer(pointer)
        return cls(tokens, unit, f'time at "{pointer}"', time_reader(unit))

    def time_in(self, document: object) -> Nanos | None:
        if self.tokens is None:
            return None
        found = resolve(document, self.tokens)
        if found is MISSING:
            raise MalformedMessage(f"{self.where}: nothing there")
        return self.read(found, self.where)


@dataclass(frozen=True, slots=True)
class _Channel:
    tokens: tuple[str, ...]
    where: str
    outlet: Outlet
    clock: _Clock


def build_pointed(asset: str, channels: Sequence[ChannelSpec], limits: DecodeLimits, parse: Parse) -> Decoder:
    """A decoder of documents that hold all of the channels, or some of them.

    Raises ValueError where a pointer is none.
    """
    readers = tuple(
        _Channel(
            compile_pointer(spec.source.value),
            f'value at "{spec.source.value}"',
            Outlet.of(asset, spec),
            _Clock.of(spec),
        )
        for spec in channels
    )
    thorough = _thorough(readers, limits, parse)
    clock = readers[0].clock
    flat = all(len(reader.tokens) == 1 and reader.clock == clock for reader in readers)
    if flat and (clock.tokens is None or len(clock.tokens) == 1):
        return _quick(readers, clock, limits, parse, thorough)
    return thorough


def _thorough(readers: tuple[_Channel, ...], limits: DecodeLimits, parse: Parse) -> Decoder:
    """What decodes everything, and says what is wrong with the rest."""

    def decode(payload: bytes, received: Nanos) -> list[Block]:
        check_size(payload, limits)
        try:
            document = parse(payload)
        except ValueError as fault:
            raise MalformedMessage(f"cannot be decoded: {fault}") from None
        blocks = []
        for reader in readers:
            found = resolve(document, reader.tokens)
            if found is MISSING:
                continue
            values = reader.outlet.scaled(to_samples(found, reader.where, limits))
            blocks.append(reader.outlet.block(values, reader.clock.time_in(document), received))
        if not blocks:
            raise MalformedMessage(f"{readers[0].where}: nothing there, nor any other channel")
        return blocks

    return decode


def _quick(
    readers: tuple[_Channel, ...], clock: _Clock, limits: DecodeLimits, parse: Parse, thorough: Decoder
) -> Decoder:
    """For the common message, an object of plain numbers; all others go to ``thorough``.

    This runs once a message on the busiest path there is, hence the locals, the exact type checks
    and the tuple made past the slower constructor of its class.
    """
    asset = readers[0].outlet.asset
    rows = tuple(
        (reader.outlet.channel, reader.tokens[0], reader.outlet.scale, reader.outlet.offset)
        for reader in readers
    )
    time_key = clock.tokens[0] if clock.tokens is not None else None
    factor = FACTORS.get(clock.unit, 0)
    max_bytes, earliest, latest = limits.max_bytes, EARLIEST, LATEST
    empty, new = np.empty, tuple.__new__

    def decode(payload: bytes, received: Nanos) -> list[Block]:
        if len(payload) > max_bytes:
            return thorough(payload, received)
        try:
            document = parse(payload)
            if time_key is None:
                time = received
            else:
                stamp = document[time_key]
                time = stamp * factor if type(stamp) is int else 0
                if not earliest <= time < latest:
                    time = clock.read(stamp, clock.where)
            blocks = []
            for channel, key, scale, offset in rows:
                value = document[key]
                if type(value) is not float and type(value) is not int:
                    return thorough(payload, received)
                values = empty(1)
                values[0] = value * scale + offset
                blocks.append(new(Block, (asset, channel, time, values, None, None)))
        except (LookupError, TypeError, ValueError):
            return thorough(payload, received)
        return blocks

    return decode
