"""A healthy machine for each kind of baseline, and the same machine with one channel moved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.monitoring.detection.bands import Bands
from agent.monitoring.detection.indicator import IndicatorBaseline
from agent.monitoring.detection.process import ProcessBaseline
from agent.monitoring.detection.regime import Situation
from agent.monitoring.detection.score import Baseline, Score, Span
from agent.monitoring.detection.spectrum import SpectrumBaseline
from agent.monitoring.spec import ChannelSpec

HERE: Final = Situation("running", 0, np.zeros(0))
OCTAVES: Final = tuple(f"octave_{100 * 2**i}" for i in range(7))
PROCESS: Final = ("pressure", "flow", "current")
LEVELS: Final = np.array([4.0, 30.0, 12.0])
SPREADS: Final = np.array([0.02, 0.3, 0.1])


class Kind(NamedTuple):
    """One kind of baseline.

    ``make`` it for a budget of false alarms a month; ``normal``: so many windows of the machine,
    shape (windows, features); ``unit``: how much one channel varies, by its position in a window;
    ``worse``: so many units are a plain fault. ``independent``: how many windows say one new thing.
    """

    name: str
    make: Callable[[float], Baseline]
    normal: Callable[[int, int], NDArray[np.float64]]
    unit: NDArray[np.float64]
    worse: float
    seconds: float
    independent: float


def process_windows(windows: int, seed: int) -> NDArray[np.float64]:
    """Means and spreads of three channels, in windows of 12 s."""
    rng = np.random.default_rng(seed)
    means = LEVELS + SPREADS * rng.normal(size=(windows, 3))
    return np.hstack([means, 3.0 * SPREADS * np.sqrt(rng.chisquare(11, size=(windows, 3)) / 11)])


def octave_records(windows: int, seed: int) -> NDArray[np.float64]:
    """Octave levels in dB: the spread of a level over n lines is 4.34 / sqrt(n) dB and some more."""
    return -40.0 + 1.2 * np.random.default_rng(seed).normal(size=(windows, len(OCTAVES)))


def readings(windows: int, seed: int) -> NDArray[np.float64]:
    """Vibration in g, a temperature, and an efficiency."""
    noise = np.random.default_rng(seed).normal(size=(windows, 3))
    return np.column_stack([0.08 * np.exp(0.1 * noise[:, 0]), 55.0 + 0.5 * noise[:, 1], 0.82 + 0.01 * noise[:, 2]])


INDICATORS: Final = (
    ChannelSpec(name="rms", topic="t", unit="g"),
    ChannelSpec(name="bearing", topic="t", unit="degC"),
    ChannelSpec(name="efficiency", topic="t", worse="below"),
)


def process(budget: float = 1.0, overlap: float = 1.0) -> ProcessBaseline:
    return ProcessBaseline(
        PROCESS, [0, 1, 2], [3, 4, 5], bands=Bands([]), overlap=overlap, false_alarms_per_month=budget)


def spectrum(budget: float = 1.0) -> SpectrumBaseline:
    return SpectrumBaseline(OCTAVES, range(len(OCTAVES)), [], None, budget)


def indicator(budget: float = 1.0) -> IndicatorBaseline:
    return IndicatorBaseline(INDICATORS, [0, 1, 2], budget)


KINDS: Final = (
    Kind("process", process, process_windows, SPREADS, 12.0, 12.0, 1.0),
    Kind("spectrum", spectrum, octave_records, np.full(len(OCTAVES), 1.2), 12.0, 10.0, 5.0),
    Kind("indicator", indicator, readings, np.array([0.008, 0.5, -0.01]), 4.0, 600.0, 19.0),
)


def learned(
    kind: Kind, budget: float = 1.0, windows: int = 400, seed: int = 0, without: tuple[str, ...] = ()
) -> Baseline:
    """The baseline of a machine, commissioned."""
    baseline = kind.make(budget)
    baseline.learn(Span(kind.normal(windows, seed), np.zeros((windows, 0)), kind.seconds), 0, without)
    return baseline


def scores(baseline: Baseline, windows: NDArray[np.float64]) -> list[Score]:
    """What it says of one window after another."""
    return [baseline.score(row, HERE).named() for row in windows]
