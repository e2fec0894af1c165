"""Block -> Window -> FeatureVector, for each kind of measuring point.

A grid point aligns several slow channels; a sample point counts one slow channel's samples; a
waveform point takes spectra of one fast channel. All three answer to ``Extraction``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from agent.monitoring.manipulation.features import telemetry
from agent.monitoring.manipulation.features.waveform import WaveformFeatures
from agent.monitoring.manipulation.grid import CellWindow, Grid
from agent.monitoring.manipulation.window import CountWindows, MessageWindows, times_of
from agent.monitoring.spec import AssetSpec, ChannelSpec, MachineSpec
from agent.monitoring.types import Block, FloatArray, Nanos, Quality

_ENOUGH = 0.5
_NOMINAL_SAMPLES = 1024


class FeatureVector(NamedTuple):
    """What a window is reduced to; ``values`` in the order of the point's names.

    ``judgeable``: enough of the window is filled. ``power``: the window's power spectrum where
    one was computed, shape (n // 2 + 1,), only valid until the next block.
    """

    start: Nanos
    end: Nanos
    values: NDArray[np.float64]
    judgeable: bool = True
    power: FloatArray | None = None


class Extraction(Protocol):
    """Windows and features of one measuring point; the open windows are what moves (see ``memory``)."""

    MOVING: ClassVar[tuple[str, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the feature vector's elements."""

    @property
    def frequencies(self) -> Mapping[str, float]:
        """Hz at which lines were found in the latest window, by feature."""

    def add(self, channel: int, block: Block, flags: Quality) -> list[FeatureVector]:
        """The feature vectors of the windows that the block completes."""

    def hear_speed(self, speed: float) -> None:
        """The shaft turns at ``speed`` Hz in the windows to come."""

    def begin_anew(self) -> None:
        """Forget the open windows: what comes next has nothing to do with what came before in time."""

    def resume(self) -> None:
        """What moves was taken back after a restart."""

    def to_json(self) -> dict[str, Any]:
        """What it has learned of the signal, where it learns."""

    def restore(self, document: Mapping[str, Any]) -> None:
        """Take back what ``to_json`` gave. Raises ValueError where it does not fit."""


class _Telemetry:
    """What slow samples have not: lines, and a use for the shaft's speed."""

    frequencies: Mapping[str, float] = MappingProxyType({})

    def hear_speed(self, speed: float) -> None:
        """See Extraction."""

    def resume(self) -> None:
        """See Extraction."""

    def to_json(self) -> dict[str, Any]:
        """See Extraction: nothing."""
        return {}

    def restore(self, document: Mapping[str, Any]) -> None:
        """See Extraction."""


class GridExtraction(_Telemetry):
    """Several channels of process telemetry on one grid; ``statistics`` as telemetry.wanted gives."""

    MOVING: ClassVar[tuple[str, ...]] = ("_cells", "_grid")

    def __init__(
        self,
        channels: Sequence[ChannelSpec],
        seconds: float,
        stride: float,
        lateness: float,
        statistics: Sequence[str] = telemetry.STATISTICS[:5],
    ) -> None:
        self.names = telemetry.names_of([channel.name for channel in channels], statistics)
        self._statistics = telemetry.GridStatistics(statistics)
        rates = [channel.rate for channel in channels]
        extremes = "min" in statistics or "max" in statistics
        self._grid = Grid(rates, seconds, stride, lateness, extremes=extremes, slopes="slope" in statistics)
        self.takes_rows = self._grid.one_each
        """Whether a sample of every channel usually completes a window."""
        self._cells = 0
        self._needed = max(1, round(seconds / stride))

    def begin_anew(self) -> None:
        """See Extraction."""
        self._grid.begin_anew()
        self._cells = 0

    def resume(self) -> None:
        """See Extraction."""
        self._grid.resume()

    def add(self, channel: int, block: Block, flags: Quality) -> list[FeatureVector]:  # noqa: ARG002
        """See Extraction. The first windows, not yet full, are held back."""
        windows = self._grid.add(channel, block)
        return self._vectors(windows) if windows else []

    def add_row(self, time: Nanos, values: list[float]) -> list[FeatureVector] | None:
        """As ``add`` one by one: a good sample of every channel, all of one time. None, and nothing is taken,
        where they do not complete a window of their own."""
        window = self._grid.add_row(time, values)
        return None if window is None else self._vectors([window])

    def _vectors(self, windows: list[CellWindow]) -> list[FeatureVector]:
        vectors = []
        for window in windows:
            self._cells += 1
            if self._cells >= self._needed:
                values = self._statistics.of(window)
                vectors.append(FeatureVector(window.start, window.end, values, window.filled >= _ENOUGH))
        return vectors


class SampleExtraction(_Telemetry):
    """One channel of slow samples, windows by count; ``statistics`` as telemetry.wanted gives."""

    MOVING: ClassVar[tuple[str, ...]] = ("_windows",)

    def __init__(
        self,
        channel: ChannelSpec,
        count: int,
        stride: int | None,
        statistics: Sequence[str] = telemetry.STATISTICS[:5],
    ) -> None:
        self.names = telemetry.names_of([channel.name], statistics)
        self._statistics = tuple(statistics)
        self._timed = "slope" in statistics
        self._windows = CountWindows(count, stride)

    def begin_anew(self) -> None:
        """See Extraction."""
        self._windows.reset()

    def add(self, channel: int, block: Block, flags: Quality) -> list[FeatureVector]:  # noqa: ARG002
        """See Extraction."""
        windows = self._windows.add(block)
        if not windows:
            return []
        vectors = []
        for window in windows:
            times = window.times
            if times is None and self._timed:
                times = times_of(block)
            values = telemetry.from_samples(window.values, self._statistics, times)
            vectors.append(FeatureVector(window.start, window.end, values))
        return vectors


class WaveformExtraction:
    """One channel of vibration, in ``unit``, of a ``machine``; a gap discards the open window, as a spectrum over
    it would lie."""

    MOVING: ClassVar[tuple[str, ...]] = ("_extractor", "_windows", "speed")

    def __init__(  # noqa: PLR0913 -- what a waveform is and what it is taken from
        self,
        features: Sequence[str],
        rate: float,
        count: int | None,
        stride: int | None,
        *,
        unit: str = "",
        machine: MachineSpec | None = None,
    ) -> None:
        self._features = tuple(features)
        self._rate = rate
        self._unit = unit
        self._machine = machine = machine or MachineSpec()
        self._windows = CountWindows(count, stride) if count else MessageWindows()
        self._extractor = self._extractor_of(count or _NOMINAL_SAMPLES)
        self._samples = count or _NOMINAL_SAMPLES
        self.names = self._extractor.names
        nominal = machine.speed / 60.0 if machine.speed is not None and machine.speed_channel is None else None
        self.speed: float | None = nominal
        """Of the shaft in Hz, for the windows to come; set by whoever hears the machine's speed channel. None
        where it is not known (yet); a machine without such a channel runs at its nominal speed."""

    @property
    def frequencies(self) -> Mapping[str, float]:
        """Hz at which the lines of bearings were found in the latest window, by feature."""
        return self._extractor.frequencies

    def hear_speed(self, speed: float) -> None:
        """See Extraction."""
        self.speed = speed

    def begin_anew(self) -> None:
        """See Extraction."""
        self._windows.reset()

    def resume(self) -> None:
        """See Extraction."""

    def to_json(self) -> dict[str, Any]:
        """See Extraction: for blocks of the length seen last."""
        return {"samples": self._samples, **self._extractor.to_json()}

    def restore(self, document: Mapping[str, Any]) -> None:
        """See Extraction."""
        if document:
            self._fit(int(document["samples"]))
            self._extractor.restore(document)

    def _fit(self, samples: int) -> None:
        """Features of blocks of this length from now on."""
        if samples != self._samples:
            self._samples = samples
            self._extractor = self._extractor_of(samples)

    def _extractor_of(self, samples: int) -> WaveformFeatures:
        return WaveformFeatures(self._features, samples, self._rate, unit=self._unit, machine=self._machine)

    def add(self, channel: int, block: Block, flags: Quality) -> list[FeatureVector]:  # noqa: ARG002
        """See Extraction."""
        doubtful = False
        if flags:
            if flags & Quality.GAP:
                self._windows.reset()
            doubtful = bool(flags & (Quality.NOT_A_NUMBER | Quality.OUT_OF_RANGE))
        vectors = []
        for window in self._windows.add(block):
            values = window.values
            self._fit(len(values))
            if doubtful:
                known: FloatArray = values[~np.isnan(values)]
                values = np.where(np.isnan(values), known.sum() / max(1, len(known)), values)
            vector = self._extractor.extract(values, self.speed)
            vectors.append(FeatureVector(window.start, window.end, vector, power=self._extractor.power))
        return vectors


def build(asset: AssetSpec, channels: Sequence[ChannelSpec], features: Sequence[str]) -> Extraction:
    """The extraction for these channels of the asset (one channel for waveforms).

    ``features``: of a waveform those to compute; of telemetry statistics that the caller reads
    beside those of ``telemetry.wanted``.
    """
    window = asset.window
    first = channels[0]
    if asset.profile == "waveform":
        rate = first.rate or first.source.rate
        if rate is None:
            reason = f"asset {asset.id}, channel {first.name}: a waveform needs its rate"
            raise ValueError(reason)
        stride = int(window.stride) if window.stride else None
        return WaveformExtraction(features, rate, window.count, stride, unit=first.unit, machine=asset.machine)
    statistics = telemetry.wanted(asset, features)
    if window.count:
        stride = int(window.stride) if window.stride else None
        return SampleExtraction(first, window.count, stride, statistics)
    seconds = window.seconds or 12.0
    return GridExtraction(channels, seconds, window.stride or seconds, asset.lateness, statistics)
