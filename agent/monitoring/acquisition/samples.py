"""Decoded numbers made into the samples of a block: types checked, flattened, scaled, stamped."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from agent.errors import MalformedMessage
from agent.monitoring.spec import ChannelSpec, DecodeLimits
from agent.monitoring.types import SECOND, Block, FloatArray, Nanos

_NUMBERS: Final[frozenset[type]] = frozenset({int, float, type(None)})
_KINDS: Final[dict[type, str]] = {
    dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null",
    int: "number", float: "number", bytes: "byte string", np.ndarray: "typed array",
}  # fmt: skip


def kind(value: object) -> str:
    """What a decoded value is, in JSON's words."""
    return _KINDS.get(type(value), "something else")


@dataclass(frozen=True, slots=True)
class Outlet:
    """Where one channel's samples come out of a decoder.

    ``rate`` in Hz spaces the samples of one payload; ``scale`` and ``offset`` make the channel's
    unit of what the payload holds.
    """

    asset: str
    channel: str
    rate: float | None
    scale: float
    offset: float

    @classmethod
    def of(cls, asset: str, spec: ChannelSpec) -> Outlet:
        """The outlet of a channel of the asset."""
        source = spec.source
        return cls(asset, spec.name, source.rate or spec.rate, source.scale, source.offset)

    def scaled(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The values in the channel's unit; the same array where nothing is to be done."""
        if self.scale == 1.0 and not self.offset:
            return values
        # A product that overflows is infinite, and the quality gate says so: no warning is due.
        with np.errstate(over="ignore", invalid="ignore"):
            return values * self.scale + self.offset

    def block(self, values: FloatArray, time: Nanos | None, received: Nanos) -> Block:
        """A block of evenly spaced samples, the first of them taken at ``time``.

        Without a ``time`` the last one was taken at arrival.
        Raises MalformedMessage where several samples come and their spacing is not known.
        """
        count = len(values)
        if count == 1:
            return Block(self.asset, self.channel, received if time is None else time, values)
        if self.rate is None:
            raise MalformedMessage(
                f"channel {self.channel}: {count} samples in one payload and no spacing known: set rate"
            )
        if time is None:
            time = received - round((count - 1) * SECOND / self.rate)
        return Block(self.asset, self.channel, time, values, self.rate)

    def block_at(self, values: FloatArray, times: list[Nanos]) -> Block:
        """A block of samples that each have their time, in the order they were sent."""
        if len(times) == 1:
            return Block(self.asset, self.channel, times[0], values)
        return Block(self.asset, self.channel, times[0], values, None, np.array(times, dtype=np.int64))


def to_samples(found: object, where: str, limits: DecodeLimits) -> NDArray[np.float64]:
    """A number, or a (nested) array of numbers in row-major order, as samples of shape (n,).

    null is a sample that is missing: NaN. Raises MalformedMessage, beginning with ``where``.
    """
    if isinstance(found, list):
        numbers = _flatten(found, where, limits)
    elif isinstance(found, np.ndarray):
        if not 0 < found.size <= limits.max_samples:
            raise MalformedMessage(f"{where}: {found.size} samples, {limits.max_samples} are allowed")
        return found.astype(np.float64)
    elif type(found) in _NUMBERS:
        numbers = [found]
    else:
        raise MalformedMessage(f"{where}: expected a number, found {kind(found)}")
    # Both parsers give integers of 64 bits at most, so that none is too large for a float.
    return np.array(numbers, dtype=np.float64)


def check_size(payload: bytes, limits: DecodeLimits) -> None:
    """Raise MalformedMessage for a payload that is empty or has too many bytes."""
    if not payload:
        raise MalformedMessage("the payload is empty")
    if len(payload) > limits.max_bytes:
        raise MalformedMessage(f"the payload has {len(payload)} bytes, {limits.max_bytes} are allowed")


def _flatten(items: list[object], where: str, limits: DecodeLimits) -> list[object]:
    """The numbers of a nested list, level by level: deep nesting cannot exhaust the stack."""
    count = len(items)
    for _ in range(limits.max_depth):
        # Counted before a level is opened: shared references could multiply it without bound.
        if count > limits.max_samples:
            raise MalformedMessage(f"{where}: {count} samples, {limits.max_samples} are allowed")
        if not count:
            raise MalformedMessage(f"{where}: an array without samples")
        kinds = set(map(type, items))
        if kinds <= _NUMBERS:
            return items
        if kinds != {list}:
            odd = next(item for item in items if type(item) not in _NUMBERS)
            raise MalformedMessage(f"{where}: expected numbers, found {kind(odd)} among them")
        rows = cast("list[list[object]]", items)
        count = sum(map(len, rows))
        if count <= limits.max_samples:
            items = list(chain.from_iterable(rows))
    raise MalformedMessage(f"{where}: arrays nested deeper than {limits.max_depth}")
