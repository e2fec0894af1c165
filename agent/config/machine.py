"""``[assets.<name>.machine]``: what is known of a machine, checked and turned into what the chain is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from agent.config.asset_tables import AssetTable, BearingTable, MachineTable, ZonesTable
from agent.config.finding import Finding
from agent.config.sources import Key
from agent.monitoring.assessment import bearings
from agent.monitoring.assessment.quantity import kind_of
from agent.monitoring.assessment.zones import SHIPPED
from agent.monitoring.spec import BearingSpec, MachineSpec, ZonesSpec

_GEOMETRY: Final = ("elements", "ball", "pitch")
_ORDERS: Final = ("bpfo", "bpfi", "bsf", "ftf")
_WHOLE: Final = 0.1
"""How far bpfo + bpfi may be from a whole number: makers round."""


def machine_spec(table: MachineTable) -> MachineSpec:
    """What the chain is told. What ``machine_findings`` finds fault with is left out."""
    described = (_bearing(bearing) for bearing in table.bearings)
    return MachineSpec(
        speed=table.speed,
        speed_channel=table.speed_channel,
        bearings=tuple(bearing for bearing in described if bearing is not None),
        zones=_zones(table.zones),
    )


def machine_findings(at: Key, asset: AssetTable) -> Iterator[Finding]:
    """Everything in the table that does not fit together."""
    machine = asset.machine
    yield from _speed(at, asset)
    names = [bearing.name for bearing in machine.bearings]
    for position, bearing in enumerate(machine.bearings):
        key: Key = (*at, "bearings", position)
        yield from _bearing_findings(key, bearing)
        if bearing.name in names[:position]:
            yield Finding((*key, "name"), "another bearing has this name",
                          "Say where each is and describe it by elements, ball and pitch.")
    yield from _zones_findings((*at, "zones"), machine.zones)


def _speed(at: Key, asset: AssetTable) -> Iterator[Finding]:
    machine = asset.machine
    if machine.bearings and machine.speed is None and machine.speed_channel is None:
        yield Finding((*at, "speed"), "the frequencies of bearings follow from the shaft's speed",
                      "Add speed, in rpm, or speed_channel.")
    if machine.speed_channel is None:
        return
    channel = asset.channels.get(machine.speed_channel)
    if channel is None:
        yield Finding((*at, "speed_channel"), "the asset has no channel of this name",
                      f"It has: {', '.join(asset.channels)}.")
    elif kind_of("", channel.unit) != "speed":
        yield Finding((*at, "speed_channel"), "the unit of this channel is none of speed",
                      'Give the channel unit = "rpm" or "Hz", with a scale where it counts otherwise.')


def _bearing_findings(at: Key, table: BearingTable) -> Iterator[Finding]:
    geometry, orders = _given(table, _GEOMETRY), _given(table, _ORDERS)
    if geometry and orders:
        yield Finding(at, "the bearing is described both by its geometry and by its frequencies", "Keep one of them.")
    elif not geometry and not orders:
        if not bearings.known(table.name):
            yield Finding((*at, "name"), "no bearing of this name is known",
                          f"Known: {', '.join(bearings.TABLE)}; or give elements, ball and pitch.")
    elif missing := [key for key in (_GEOMETRY if geometry else _ORDERS) if key not in (geometry or orders)]:
        yield Finding((*at, missing[0]), f"{', '.join(geometry or orders)} alone do not describe a bearing",
                      f"Add {', '.join(missing)}.")
    elif geometry:
        try:
            _geometry(table)
        except ValueError as fault:
            yield Finding((*at, "ball"), str(fault), "Give both diameters in one unit.")
    else:
        yield from _orders_findings(at, table)


def _orders_findings(at: Key, table: BearingTable) -> Iterator[Finding]:
    bpfo, bpfi = table.bpfo or 0.0, table.bpfi or 0.0
    if bpfo >= bpfi:
        yield Finding((*at, "bpfo"), "the outer race is passed less often than the inner", "Exchange bpfo and bpfi.")
    elif abs(bpfo + bpfi - round(bpfo + bpfi)) > _WHOLE:
        yield Finding((*at, "bpfo"), f"bpfo + bpfi is the number of rolling elements, not {bpfo + bpfi:g}",
                      "Give multiples of the shaft's speed, not Hz.")


def _zones_findings(at: Key, zones: str | ZonesTable | None) -> Iterator[Finding]:
    if isinstance(zones, str):
        if zones not in SHIPPED:
            yield Finding(at, "no zones of this name are known",
                          f"Known: {', '.join(SHIPPED)}; or give a table with boundaries.")
    elif zones is not None:
        low, middle, high = zones.boundaries
        if not 0.0 < low < middle < high:
            yield Finding((*at, "boundaries"), "the boundaries do not ascend", "Write where B, C and D begin, in mm/s.")
        if not 0.0 <= zones.band[0] < zones.band[1]:
            yield Finding((*at, "band"), "the lowest is not below the highest", "Write [lowest, highest] in Hz.")


def _given(table: BearingTable, keys: tuple[str, ...]) -> list[str]:
    return [key for key in keys if getattr(table, key) is not None]


def _geometry(table: BearingTable) -> bearings.Geometry:
    return bearings.Geometry(table.elements or 0, table.ball or 0.0, table.pitch or 0.0, table.angle or 0.0)


def _bearing(table: BearingTable) -> BearingSpec | None:
    if any(_bearing_findings((), table)):
        return None
    if _given(table, _GEOMETRY):
        return _geometry(table).orders(table.name)
    if table.bpfo and table.bpfi and table.bsf and table.ftf:
        return BearingSpec(name=table.name, bpfo=table.bpfo, bpfi=table.bpfi, bsf=table.bsf, ftf=table.ftf)
    return bearings.bearing(table.name)


def _zones(zones: str | ZonesTable | None) -> ZonesSpec | None:
    if isinstance(zones, ZonesTable):
        return ZonesSpec(**zones.model_dump())
    return SHIPPED.get(zones) if zones else None
