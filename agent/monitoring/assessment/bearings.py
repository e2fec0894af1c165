"""Rolling bearings: fault frequencies from geometry, and a small table of bearings with its sources.

The kinematics are eqs. 1-4 of R. B. Randall and J. Antoni, "Rolling element bearing diagnostics - a
tutorial", Mechanical Systems and Signal Processing 25 (2011) 485-520: pure rolling, a fixed outer race.
Real elements slip, so that a fault shows within one or two percent of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import cos, radians
from typing import Final

from agent.monitoring.spec import BearingSpec


@dataclass(frozen=True, slots=True)
class Geometry:
    """``elements`` balls or rollers of diameter ``ball`` on a ``pitch`` circle (the same unit of length,
    whichever), ``angle``: the contact angle in degrees.

    Raises ValueError for what cannot be built.
    """

    elements: int
    ball: float
    pitch: float
    angle: float = 0.0

    def __post_init__(self) -> None:
        if self.elements < 3:  # noqa: PLR2004 -- two do not carry a shaft
            raise ValueError(f"a bearing has at least 3 rolling elements, not {self.elements}")
        if not 0.0 < self.ball < self.pitch:
            raise ValueError(f"a ball ({self.ball:g}) is smaller than the pitch circle ({self.pitch:g})")
        if not 0.0 <= self.angle < 90.0:  # noqa: PLR2004 -- degrees
            raise ValueError(f"a contact angle is 0 to 90 degrees, not {self.angle:g}")

    def orders(self, name: str) -> BearingSpec:
        """The fault frequencies as multiples of the shaft's speed."""
        ratio = self.ball / self.pitch * cos(radians(self.angle))
        return BearingSpec(
            name=name,
            bpfo=self.elements / 2 * (1 - ratio),
            bpfi=self.elements / 2 * (1 + ratio),
            bsf=self.pitch / (2 * self.ball) * (1 - ratio**2),
            ftf=(1 - ratio) / 2,
        )


@dataclass(frozen=True, slots=True)
class Listed:
    """A bearing of the table: its geometry, and where that was published."""

    geometry: Geometry
    source: str


_CWRU: Final = "Case Western Reserve University, Bearing Data Center, bearing information"

TABLE: Final[Mapping[str, Listed]] = {
    "6203": Listed(Geometry(8, 0.2656, 1.122), f"SKF 6203-2RS JEM; inches; {_CWRU}"),
    "6205": Listed(Geometry(9, 0.3126, 1.537), f"SKF 6205-2RS JEM; inches; {_CWRU}"),
    "UER204": Listed(
        Geometry(8, 7.92, 34.55),
        "LDK UER204; mm; Wang, Lei, Li and Li, XJTU-SY bearing datasets, IEEE Trans. Reliability 69 (2020) 401-412",
    ),
    "ZA-2115": Listed(
        Geometry(16, 0.331, 2.815, 15.17),
        "Rexnord ZA-2115, double row; inches; Qiu, Lee, Lin and Yu, J. Sound and Vibration 289 (2006) 1066-1090,"
        " and the readme of the IMS bearing data",
    ),
    "NICE": Listed(
        Geometry(8, 0.235, 1.245), "NICE; inches; Bechhoefer, MFPT bearing fault data sets, 2013"
    ),
    "PRONOSTIA": Listed(
        Geometry(13, 3.5, 25.6),
        "bearing of the PRONOSTIA test rig; mm; Nectoux et al., IEEE Conf. Prognostics and Health Management, 2012",
    ),
}
"""Known bearings by name. Makers of one designation differ inside: a ball more or a smaller pitch moves
the frequencies by some percent, so that the geometry of the bearing at hand is better where it is known."""

_SUFFIXES: Final = ("-2RS", "-2RS JEM", "-RS", "-2Z", "-ZZ", "-2RSH", "-Z", "/C3", "-2RS/C3", "-2Z/C3")


def bearing(name: str) -> BearingSpec:
    """A bearing of the table by its name; case, blanks and the suffixes of seals and clearance do not count.

    Raises KeyError where there is none of this name.
    """
    return TABLE[_plain(name)].geometry.orders(name)


def known(name: str) -> bool:
    """Whether the table has it."""
    return _plain(name) in TABLE


def _plain(name: str) -> str:
    upper = " ".join(name.upper().split())
    for prefix in ("SKF ", "LDK ", "REXNORD "):
        upper = upper.removeprefix(prefix)
    for suffix in sorted(_SUFFIXES, key=len, reverse=True):
        if upper.endswith(suffix):
            return upper.removesuffix(suffix)
    return upper
