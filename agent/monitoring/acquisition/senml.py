"""SenML payloads (RFC 8428), JSON and CBOR: base fields and relative times resolved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from orjson import loads

from agent.errors import MalformedMessage
from agent.monitoring.acquisition.cbor_documents import CborReader
from agent.monitoring.acquisition.pointed import Decoder, Parse
from agent.monitoring.acquisition.samples import Outlet, check_size, kind
from agent.monitoring.acquisition.times import EARLIEST, LATEST, seconds_to_nanos
from agent.monitoring.spec import ChannelSpec, DecodeLimits
from agent.monitoring.types import SECOND, Block, Nanos

_RELATIVE: Final = 2**28
"""Resolved times (s) below it count from now; from it on, from the epoch (section 4.5.3)."""
_VERSION: Final = 10
"""The version of SenML that RFC 8428 defines (section 4.4)."""
_LABELS: Final[Mapping[int, str]] = {
    -1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs",
    0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 5: "s", 6: "t", 7: "ut", 8: "vd",
}  # fmt: skip
"""CBOR's integer labels (section 6, table 4)."""


class _Sample(NamedTuple):
    """A resolved record; ``time`` in seconds, from the epoch or from now."""

    time: float
    value: float


def build_senml(asset: str, channels: Sequence[ChannelSpec], limits: DecodeLimits, *, cbor: bool) -> Decoder:
    """A decoder of SenML packs; a channel is the record of its resolved name.

    Records of other names are passed over. Several records of one name are one block with times.
    """
    parse: Parse = CborReader(limits, keys="any") if cbor else loads
    outlets = [(spec.source.value, Outlet.of(asset, spec)) for spec in channels]
    wanted = frozenset(name for name, _ in outlets)

    def decode(payload: bytes, received: Nanos) -> list[Block]:
        check_size(payload, limits)
        try:
            pack = parse(payload)
        except ValueError as fault:
            raise MalformedMessage(f"cannot be decoded: {fault}") from None
        found = _resolve(pack, wanted, limits)
        blocks = [_block(outlet, found[name], received) for name, outlet in outlets if name in found]
        if not blocks:
            raise MalformedMessage(f'no record of the name "{outlets[0][0]}", nor of any other channel')
        return blocks

    return decode


def _block(outlet: Outlet, samples: list[_Sample], received: Nanos) -> Block:
    times = [_absolute(sample.time, received, outlet.channel) for sample in samples]
    values = np.array([sample.value for sample in samples], dtype=np.float64)
    return outlet.block_at(outlet.scaled(values), times)


def _absolute(seconds: float, received: Nanos, channel: str) -> Nanos:
    # The comparison ends for infinity and NaN what rounding would raise on.
    if -_RELATIVE < seconds < LATEST / SECOND:
        time = seconds_to_nanos(seconds) + (received if seconds < _RELATIVE else 0)
        if EARLIEST <= time < LATEST or seconds < _RELATIVE:
            return time
    raise MalformedMessage(f"channel {channel}: the time is not within 2000 to 2200")


def _resolve(pack: object, wanted: frozenset[str], limits: DecodeLimits) -> dict[str, list[_Sample]]:
    """The samples of each wanted name, base fields applied, in the order of the pack."""
    if not isinstance(pack, list):
        raise MalformedMessage(f"a SenML pack is an array, found {kind(pack)}")
    if len(pack) > limits.max_samples:
        raise MalformedMessage(f"{len(pack)} records, {limits.max_samples} are allowed")
    base: dict[str, Any] = {"bn": "", "bt": 0, "bv": 0}
    found: dict[str, list[_Sample]] = {}
    for number, entry in enumerate(pack):
        where = f"record {number}"
        if not isinstance(entry, dict):
            raise MalformedMessage(f"{where}: expected an object, found {kind(entry)}")
        record = {_LABELS.get(key, key) if type(key) is int else key: field for key, field in entry.items()}
        _check_known(record, where)
        _rebase(base, record, where)
        name = record.get("n", "")
        if type(name) is not str:
            raise MalformedMessage(f"{where}: n: expected a string, found {kind(name)}")
        name = base["bn"] + name
        if name in wanted and (value := _value(record, base["bv"], where)) is not None:
            time = _number(record, "t", where) + base["bt"]
            found.setdefault(name, []).append(_Sample(time, value))
    return found


def _check_known(record: Mapping[object, object], where: str) -> None:
    for key in record:
        # Section 4.4: who does not know such a field must not go on.
        if isinstance(key, str) and key.endswith("_"):
            raise MalformedMessage(f"{where}: a field ending in _ that must be understood and is not")


def _rebase(base: dict[str, Any], record: Mapping[object, Any], where: str) -> None:
    """Base fields hold for this record and all after it, until given again."""
    if "bn" in record:
        if type(record["bn"]) is not str:
            raise MalformedMessage(f"{where}: bn: expected a string, found {kind(record['bn'])}")
        base["bn"] = record["bn"]
    for label in ("bt", "bv"):
        if label in record:
            base[label] = _number(record, label, where)
    if _number(record, "bver", where) > _VERSION:
        raise MalformedMessage(f"{where}: bver: a SenML newer than version {_VERSION}")


def _value(record: Mapping[object, Any], base: float, where: str) -> float | None:
    """The record's value; None where it holds only base fields or a sum."""
    if "v" in record:
        return _number(record, "v", where) + base
    if "vb" in record:
        if type(record["vb"]) is not bool:
            raise MalformedMessage(f"{where}: vb: expected a boolean, found {kind(record['vb'])}")
        return float(record["vb"])
    for label in ("vs", "vd"):
        if label in record:
            raise MalformedMessage(f"{where}: expected a number, found {label}")
    return None


def _number(record: Mapping[object, Any], label: str, where: str) -> float:
    """A field that is a number; 0 where it is left out."""
    number = record.get(label, 0)
    if type(number) is not float and type(number) is not int:
        raise MalformedMessage(f"{where}: {label}: expected a number, found {kind(number)}")
    return number
