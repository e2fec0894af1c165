"""Severity zones of vibration on non-rotating parts, after ISO 20816: A like new ... D damaging.

The boundaries are data, each with where it is from. They are numbers for a kind of machine, not for
this one: what was learned on the machine notices a fault long before it changes zone. Verdicts are
given only where they mean something: RMS velocity in mm/s over the whole band that the zones are for.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Final, Literal, NamedTuple, TypeAlias

from agent.monitoring.spec import ZonesSpec

Letter: TypeAlias = Literal["A", "B", "C", "D"]

MEANING: Final[Mapping[Letter, str]] = {
    "A": "as newly commissioned machines are",
    "B": "fit for long-term running without restriction",
    "C": "not fit for long-term running: run for a limited time until it can be remedied",
    "D": "severe enough to cause damage",
}
"""ISO 20816-1:2016, 6.2.3, in short."""

_PART_3: Final = (
    "ISO 10816-3:2009, annex A, as reproduced in handbooks of vibration instruments; its successor"
    " ISO 20816-3:2022 is told to keep the numbers. Check the text that binds you"
)
_PART_1: Final = (
    "ISO 10816-1:1995, annex B (informative; replaced by ISO 20816-1:2016), as reproduced in handbooks of"
    " vibration instruments. Check the text that binds you"
)


def _zones(name: str, boundaries: tuple[float, float, float], whom: str, source: str) -> ZonesSpec:
    return ZonesSpec(name=name, boundaries=boundaries, provenance=f"{whom}. {source}")


SHIPPED: Final[Mapping[str, ZonesSpec]] = {
    zones.name: zones
    for zones in (
        _zones("group-1-rigid", (2.3, 4.5, 7.1), "300 kW to 50 MW on a rigid foundation", _PART_3),
        _zones("group-1-flexible", (3.5, 7.1, 11.0), "300 kW to 50 MW on a flexible foundation", _PART_3),
        _zones("group-2-rigid", (1.4, 2.8, 4.5), "15 to 300 kW on a rigid foundation", _PART_3),
        _zones("group-2-flexible", (2.3, 4.5, 7.1), "15 to 300 kW on a flexible foundation", _PART_3),
        _zones("class-1", (0.71, 1.8, 4.5), "class I: parts of machines, motors up to 15 kW", _PART_1),
        _zones("class-2", (1.12, 2.8, 7.1), "class II: 15 to 75 kW, or to 300 kW on special foundations", _PART_1),
        _zones("class-3", (1.8, 4.5, 11.2), "class III: large machines on heavy, rigid foundations", _PART_1),
        _zones("class-4", (2.8, 7.1, 18.0), "class IV: large machines on soft foundations", _PART_1),
    )
}
"""The zones that a configuration can name."""


class Zone(NamedTuple):
    """The verdict on a velocity in mm/s RMS: its ``letter``, and the ``zones`` it was judged by."""

    letter: Letter
    velocity: float
    zones: ZonesSpec

    def text(self) -> str:
        """In a sentence's place: "zone C of group-2-rigid (3.10 mm/s; C is 2.8 to 4.5 mm/s): ..."."""
        low, middle, high = (f"{boundary:g}" for boundary in self.zones.boundaries)
        limits = {"A": f"up to {low}", "B": f"{low} to {middle}", "C": f"{middle} to {high}", "D": f"above {high}"}
        return (
            f"zone {self.letter} of {self.zones.name} ({self.velocity:.2f} mm/s rms; {self.letter} is"
            f" {limits[self.letter]} mm/s): {MEANING[self.letter]}"
        )


def verdict(
    velocity_rms: float, zones: ZonesSpec | None, unit: str, bandwidth: tuple[float, float] | None
) -> Zone | None:
    """The zone of an RMS velocity; a value on a boundary belongs to the better zone.

    ``bandwidth``: the Hz over which it was measured, None where nobody knows. None where there are no
    zones, or it is not in mm/s, or the bandwidth does not cover the zones' band.
    """
    if zones is None or unit.replace(" ", "").lower() != "mm/s" or bandwidth is None:
        return None
    if not (isfinite(velocity_rms) and bandwidth[0] <= zones.band[0] and bandwidth[1] >= zones.band[1]):
        return None
    letters: tuple[Letter, ...] = ("A", "B", "C", "D")
    return Zone(letters[sum(velocity_rms > boundary for boundary in zones.boundaries)], velocity_rms, zones)
