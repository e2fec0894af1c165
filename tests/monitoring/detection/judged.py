"""A machine's windows and their judge, for the tests of it."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from agent.monitoring.detection.bands import Bands
from agent.monitoring.detection.judge import CommissionedJudge, Judgement
from agent.monitoring.detection.process import ProcessBaseline
from agent.monitoring.detection.regime import RegimeName, Situation
from agent.monitoring.manipulation.extraction import FeatureVector
from agent.monitoring.types import SECOND
from tests.monitoring.detection.baselines import PROCESS, process_windows

ASKED: Final = 40
HOUR: Final = 3600


def judge_of(bands: Bands, windows: int = ASKED) -> CommissionedJudge:
    baseline = ProcessBaseline(PROCESS, [0, 1, 2], [3, 4, 5], bands=bands)
    return CommissionedJudge(baseline, windows, 6)


class Machine:
    """Windows of a machine, one every ``every`` seconds, and their judge."""

    def __init__(self, windows: int = ASKED, every: int = 12, *, speeds: bool = False) -> None:
        self.bands = Bands(["speed"] if speeds else [])
        self.judge = judge_of(self.bands, windows)
        self.every = every
        self.count = 0

    def window(self, row: NDArray[np.float64], *, judgeable: bool = True) -> FeatureVector:
        self.count += 1
        end = self.count * self.every * SECOND
        return FeatureVector(end - self.every * SECOND, end, row, judgeable)

    def feed(
        self, rows: NDArray[np.float64], speed: float | None = None, name: RegimeName = "running", *,
        standing: bool = False, judgeable: bool = True,
    ) -> list[Judgement]:
        situation = Situation(name)
        if speed is not None:
            situation = Situation(name, self.bands.locate(np.array([speed])), np.array([speed]))
        elif name == "running":
            situation = Situation(name, 0, np.zeros(0))
        return [
            self.judge.judge(self.window(row, judgeable=judgeable), situation, standing=standing) for row in rows
        ]

    def normal(self, windows: int, speed: float | None = None, seed: int | None = None) -> list[Judgement]:
        return self.feed(process_windows(windows, self.count if seed is None else seed), speed)


def commissioned(every: int = 12) -> Machine:
    machine = Machine(every=every)
    machine.normal(ASKED)
    assert machine.judge.learned
    return machine


def events(judgements: list[Judgement]) -> list[dict[str, Any]]:
    return [event for judgement in judgements for event in judgement.events]


def comparable(judgement: Judgement) -> tuple[Any, ...]:
    """All but when a snapshot is due."""
    learned = None if judgement.learned is None else judgement.learned.tolist()
    score = judgement.score.named() if judgement.score is not None else None
    return score, judgement.regime, judgement.events, learned, judgement.missing
