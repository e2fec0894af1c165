"""Features of waveform blocks, one by one or by the family.

=================== =================================================== =========================
asked for           gives                                               unit
=================== =================================================== =========================
mean rms std peak   itself (see ``moments``)                            the channel's
crest kurtosis      itself                                              1
velocity            velocity_rms, 10-1000 Hz (see ``velocity``)         mm/s
bands               band_1 .. band_8, equal width                       unit^2 (mean square)
octaves             octave_100, octave_200 .. octave_6400               dB re 1 unit^2
third_octaves       third_100, third_125 .. up to half the rate         dB re 1 unit^2
levels              level_1 .. level_32                                 dB re 1 unit^2
log_mel             mel_1 .. mel_32 (see ``mel``)                       dB re 1 unit^2
orders              order_0.5x, order_1x, order_2x, order_3x            the channel's (peak)
envelope            envelope_rms                                        the channel's
                    envelope_kurtosis                                   1
                    envelope_band_low, envelope_band_high               Hz
bearing             <bearing>.bpfo, .bpfi, .bsf, .ftf of each           dB over the noise
                    (see ``bearing_lines``)
power               nothing, only ``power`` for a model                 unit^2 x samples^2
=================== =================================================== =========================

Octaves are seven from 100 to 12,800 Hz, named by their lower edge in Hz. Levels cut the same
span into 32 bands that are equally wide in log(1 + f / 1 kHz), as the mel scale is: of equal
ratio at the top, yet not narrower at the bottom than what one block can tell from its own
noise. What would reach above half the rate is left out. Orders and bearings need the shaft's speed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import nan
from types import MappingProxyType
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from agent.monitoring.manipulation.features import bearing_lines, envelope, mel, orders, third_octaves
from agent.monitoring.manipulation.features.bearing_lines import BearingLines
from agent.monitoring.manipulation.features.envelope import Envelope
from agent.monitoring.manipulation.features.mel import LogMel
from agent.monitoring.manipulation.features.moments import MOMENTS, Moments
from agent.monitoring.manipulation.features.orders import Orders
from agent.monitoring.manipulation.features.periodogram import (
    EQUAL_BANDS,
    EqualBands,
    LevelBands,
    Periodogram,
)
from agent.monitoring.manipulation.features.velocity import Velocity
from agent.monitoring.spec import MachineSpec
from agent.monitoring.types import FloatArray

LOWEST: Final = 100.0
HIGHEST: Final = 12_800.0
OCTAVES: Final = 7
LEVELS: Final = 32
CORNER: Final = 1000.0

FEATURES: Final = (
    *MOMENTS, "velocity", "bands", "octaves", "third_octaves", "levels", "log_mel", "orders", "envelope", "bearing",
    "power",
)  # fmt: skip
"""What can be asked for."""

_FAMILIES: Final[Mapping[str, Callable[[float, MachineSpec], Sequence[str]]]] = {
    "velocity": lambda _rate, _machine: ("velocity_rms",),
    "bands": lambda _rate, _machine: [f"band_{i + 1}" for i in range(EQUAL_BANDS)],
    "octaves": lambda rate, _machine: [f"octave_{edge:.0f}" for edge in _octave_edges(rate)[:-1]],
    "third_octaves": lambda rate, _machine: third_octaves.names(rate),
    "levels": lambda rate, _machine: [f"level_{i + 1}" for i in range(len(_level_edges(rate)) - 1)],
    "log_mel": lambda _rate, _machine: mel.names(),
    "orders": lambda _rate, _machine: orders.NAMES,
    "envelope": lambda _rate, _machine: envelope.NAMES,
    "bearing": lambda _rate, machine: bearing_lines.names_of(machine.bearings),
    "power": lambda _rate, _machine: (),
}
# The squares and fourth powers of anything below are finite.
_LARGEST_SQUARE = 1e150
_OF_VALUES: Final = frozenset((*MOMENTS, "log_mel"))
"""Features that need no spectrum of the whole block."""
_UNKNOWN: Final = MachineSpec()
_NOWHERE: Final[Mapping[str, float]] = MappingProxyType({})


def names_of(features: Sequence[str], rate: float, machine: MachineSpec | None = None) -> tuple[str, ...]:
    """What these features are called one by one, at ``rate`` Hz, of a ``machine`` with its bearings.

    Raises ValueError for a feature that does not exist.
    """
    families = (_names(feature, rate, machine or _UNKNOWN) for feature in dict.fromkeys(features))
    return tuple(name for family in families for name in family)


def _names(feature: str, rate: float, machine: MachineSpec) -> Sequence[str]:
    if feature in MOMENTS:
        return (feature,)
    family = _FAMILIES.get(feature)
    if family is None:
        reason = f"unknown feature {feature!r}; there are {', '.join(FEATURES)}"
        raise ValueError(reason)
    return family(rate, machine)


class WaveformFeatures:
    """Features of blocks of ``samples`` samples at ``rate`` Hz in ``unit``; made once, used for every block.

    ``envelope`` and ``bearing`` remember the latest blocks, the others nothing. Raises ValueError for a feature
    that does not exist, or without a sample or a rate.
    """

    MOVING: ClassVar[tuple[str, ...]] = ("_lines",)

    def __init__(
        self,
        features: Sequence[str],
        samples: int,
        rate: float,
        *,
        unit: str = "",
        machine: MachineSpec | None = None,
    ) -> None:
        if samples < 1 or not rate > 0.0:
            reason = f"a waveform needs samples and a rate, not {samples} at {rate} Hz"
            raise ValueError(reason)
        machine = machine or _UNKNOWN
        self.names = names_of(features, rate, machine)
        """The names of the elements of the vector that ``extract`` gives."""
        self.power: NDArray[np.float64] | None = None
        """|rfft|^2 of the last block (rectangular window), shape (samples // 2 + 1,), where
        ``bands`` or ``power`` is asked for; valid until the next block."""
        self.frequencies: Mapping[str, float] = _NOWHERE
        """Hz at which the lines of bearings were found in the last block, by feature."""
        self._values = np.empty(samples)
        self._places: dict[str, slice] = {}
        done = 0
        for feature in dict.fromkeys(features):
            count = len(_names(feature, rate, machine))
            self._places[feature] = slice(done, done + count)
            done += count
        moments = [name for name in self._places if name in MOMENTS]
        self._moments = Moments(moments, samples) if moments else None
        self._moment_places = [self._places[name].start for name in moments]
        self._mel = LogMel(samples, rate) if "log_mel" in features else None
        self._periodogram = Periodogram(samples) if not set(features) <= _OF_VALUES else None
        self._wants_power = "bands" in features or "power" in features
        self._bands = EqualBands(samples) if "bands" in features else None
        self._velocity = Velocity(samples, rate, unit) if "velocity" in features else None
        self._orders = Orders(samples, rate) if "orders" in features else None
        bearings = machine.bearings if "bearing" in features else ()
        self._envelope = Envelope(samples, rate) if "envelope" in features or bearings else None
        self._lines = BearingLines(bearings, samples, rate) if bearings else None
        self._levels, self._level_places = self._plan_levels(samples, rate)

    def _plan_levels(self, samples: int, rate: float) -> tuple[LevelBands | None, list[tuple[slice, slice]]]:
        """The bands of all families that are levels of the same spectrum, and where each family goes."""
        edges = {"octaves": _octave_edges, "third_octaves": third_octaves.edges, "levels": _level_edges}
        rows: list[NDArray[np.float64]] = []
        places: list[tuple[slice, slice]] = []
        done = 0
        for feature, edges_of in edges.items():
            place = self._places.get(feature, slice(0, 0))
            count = place.stop - place.start
            if count:
                rows.append(edges_of(rate))
                places.append((place, slice(done, done + count)))
                done += count
        return (LevelBands(rows, samples, rate) if rows else None), places

    def extract(self, values: FloatArray, speed: float | None = None) -> NDArray[np.float64]:
        """The features of a block, shape (samples,) -> (len(names),); ``speed`` of the shaft in Hz where known.

        All are NaN where a sample is not finite or the squares overflow. Never raises.
        """
        out = np.empty(len(self.names))
        block = self._values
        block[:] = values
        self.frequencies = _NOWHERE
        square = float(block.dot(block))
        if not square < _LARGEST_SQUARE:
            out.fill(nan)
            if self._wants_power and self._periodogram is not None:
                self.power = self._periodogram.power
                self.power.fill(nan)
            return out
        if self._moments is not None:
            for place, moment in zip(self._moment_places, self._moments.of(block, square), strict=True):
                out[place] = moment
        if self._mel is not None:
            out[self._places["log_mel"]] = self._mel.of(block)
        if self._periodogram is not None:
            self._periodogram.transform(block)
            if self._orders is not None:
                out[self._places["orders"]] = self._orders.of(self._periodogram.spectrum, speed)
            if self._envelope is not None:
                self._take_envelope(self._envelope, self._periodogram, speed, out)
            self._take_power(self._periodogram, out)
        return out

    def to_json(self) -> dict[str, Any]:
        """What ``envelope`` and ``bearing`` remember."""
        return {"envelope": self._envelope.to_json()} if self._envelope is not None else {}

    def restore(self, document: Mapping[str, Any]) -> None:
        """The inverse of ``to_json``. Raises ValueError where it does not fit."""
        if self._envelope is not None and "envelope" in document:
            self._envelope.restore(document["envelope"])

    def _take_power(self, periodogram: Periodogram, out: NDArray[np.float64]) -> None:
        """What is of the power alone; last, as the periodogram works in place."""
        if self._wants_power:
            self.power = periodogram.rectangular()
            if self._bands is not None:
                out[self._places["bands"]] = self._bands.of(self.power)
        if self._velocity is None and self._levels is None:
            return
        power = periodogram.hann()
        if self._velocity is not None:
            out[self._places["velocity"]] = self._velocity.of(power)
        if self._levels is not None:
            levels = self._levels.of(periodogram.hann_cumulative())
            for place, taken in self._level_places:
                out[place] = levels[taken]

    def _take_envelope(
        self, found: Envelope, periodogram: Periodogram, speed: float | None, out: NDArray[np.float64]
    ) -> None:
        impulsive = found.take(periodogram.spectrum)
        if "envelope" in self._places:
            out[self._places["envelope"]] = found.features()
        if self._lines is None:
            return
        spectrum = found.spectrum() if impulsive else None
        if spectrum is None:
            out[self._places["bearing"]] = nan
        else:
            out[self._places["bearing"]] = self._lines.of(spectrum, speed)
            self.frequencies = self._lines.frequencies


def _octave_edges(rate: float) -> NDArray[np.float64]:
    return _up_to_half(LOWEST * 2.0 ** np.arange(OCTAVES + 1), rate)


def _level_edges(rate: float) -> NDArray[np.float64]:
    low, high = np.log1p(LOWEST / CORNER), np.log1p(HIGHEST / CORNER)
    return _up_to_half(CORNER * np.expm1(low + (high - low) / LEVELS * np.arange(LEVELS + 1)), rate)


def _up_to_half(edges: NDArray[np.float64], rate: float) -> NDArray[np.float64]:
    """The edges that are not above half the rate (but for rounding)."""
    return edges[edges <= 0.5 * rate * (1.0 + 1e-9)]
