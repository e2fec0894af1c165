"""The stages of one row of process telemetry, eight channels at 1 Hz, in the learned state."""

from __future__ import annotations

import numpy as np

from agent.models import ModelShelf
from agent.monitoring.manipulation.extraction import FeatureVector
from agent.monitoring.manipulation.features.telemetry import STATISTICS, GridStatistics
from agent.monitoring.manipulation.grid import CellWindow, Grid
from agent.monitoring.manipulation.quality import QualityGate
from agent.monitoring.monitor import Monitor
from agent.monitoring.point import MeasuringPoint
from agent.monitoring.spec import AssetSpec, ChannelSpec, LearningSpec, WindowSpec
from agent.monitoring.types import SECOND, Block
from tests.bench.stage import Stage

_T0 = 1_700_000_000 * SECOND
_NAMES = [f"c{i}" for i in range(8)]
_CHANNELS = tuple(ChannelSpec(name=name, topic="t", rate=1.0) for name in _NAMES)
_SPEC = AssetSpec(
    id="a", profile="process", window=WindowSpec(seconds=12, stride=1), channels=_CHANNELS,
    learning=LearningSpec(samples=60))  # fmt: skip
WHOLE = "telemetry, 8 channels: gate, grid, features, score, record"


class Rows:
    """Rows of all channels, a second apart."""

    def __init__(self) -> None:
        self._values = [np.array([v]) for v in np.random.default_rng(3).normal(5, 1, 4096)]
        self._second = 0

    def next(self, _: int = 0) -> list[Block]:
        """The next one."""
        self._second += 1
        at, first = _T0 + self._second * SECOND, self._second * 8
        return [Block("a", name, at, self._values[(first + i) & 4095]) for i, name in enumerate(_NAMES)]


def telemetry_stages() -> list[Stage]:
    """A row as a whole, and its parts."""
    rows = Rows()
    monitor = Monitor(ModelShelf().load)
    monitor.add(_SPEC)

    def observe(_: int) -> None:
        row = rows.next()
        monitor.observe_message(row, row[0].time)

    for i in range(240):
        observe(i)
    point = next(iter(monitor.assets["a"].points))[0]
    assert point.learned
    block = np.random.default_rng(2).normal(size=1024)
    return [
        Stage(WHOLE, "row", observe, "np.fft.rfft of 1024", lambda _: np.fft.rfft(block), made=rows.next),
        *_manipulation(),
        *_detection(point),
    ]


def _manipulation() -> list[Stage]:
    rows = Rows()
    gates = [QualityGate(channel) for channel in _CHANNELS]
    grid = Grid([1.0] * 8, 12, 1, 5)
    statistics = GridStatistics(STATISTICS[:4])
    windows = [_fed(grid, rows) for _ in range(20)]
    cells = np.random.default_rng(4).normal(5, 1, (12, 8))
    sums = np.zeros((12, 24))
    row = np.zeros(8)

    def check(_: int) -> None:
        for gate, block in zip(gates, rows.next(), strict=True):
            gate.passes(block.time, block.values.item())

    return [
        Stage("telemetry: gate", "row", check, "8 values, abs and compare",
              lambda _: np.abs(row) < 1.0, rows.next, WHOLE),
        Stage("telemetry: grid", "row", lambda _: _fed(grid, rows), "sum of 12 x 24",
              lambda _: np.add.reduce(sums, axis=0), rows.next, WHOLE),
        Stage("telemetry: features", "row", lambda _: statistics.of(windows[-1]), "mean and std of 12 x 8",
              lambda _: (cells.mean(axis=0), cells.std(axis=0)), None, WHOLE),
    ]  # fmt: skip


def _fed(grid: Grid, rows: Rows) -> CellWindow:
    row = rows.next()
    window = grid.add_row(row[0].time, [block.values.item() for block in row])
    assert window is not None
    return window


def _detection(point: MeasuringPoint) -> list[Stage]:
    """Score by the learned baseline, and what becomes of the score."""
    judge, running = point._judge_of, point._regime.at(_T0, _T0)
    assert judge is not None
    latest = point._recent[-1]
    second = [1000]
    deviation = np.zeros(8)

    def vector(_: int = 0) -> FeatureVector:
        second[0] += 1
        end = _T0 + second[0] * SECOND
        return FeatureVector(end - 12 * SECOND, end, latest)

    def score(_: int) -> None:
        judge.judge(vector(), running, standing=False)

    names = [f"f{i}" for i in range(16)]
    return [
        Stage("telemetry: score", "row", score, "norm of 8 deviations",
              lambda _: float(deviation.dot(deviation)) ** 0.5, vector, WHOLE),
        Stage("telemetry: regime, state, health and record", "row", lambda _: point._judge(vector(), "", []),
              "dict of 16 features", lambda _: dict(zip(names, latest[:16].tolist(), strict=True)), score, WHOLE),
    ]  # fmt: skip
