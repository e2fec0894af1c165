"""A stage of the path beside its bare cost: measured in turns, and its share of the whole."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

Call = Callable[[int], object]
"""Called with the number of the repetition."""


@dataclass(frozen=True)
class Stage:
    """A stage beside its bare cost. ``made``: what ``ours`` does beside the stage, to be taken off.
    ``part_of`` names the stage that it is a part of."""

    name: str
    per: str
    ours: Call
    bare_name: str
    bare: Call
    made: Call | None = None
    part_of: str = ""


class Row(NamedTuple):
    """What was measured of a stage: microseconds, of the round that was disturbed least (as timeit's
    documentation advises); ``ratio`` is the median of the rounds' own, for the machine's speed drifts."""

    stage: str
    per: str
    us: float
    bare: str
    bare_us: float
    ratio: float


def microseconds(call: Call, seconds: float) -> float:
    """Microseconds a call."""
    count, begun = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - begun) < seconds:
        for _ in range(50):
            call(count)
            count += 1
    return elapsed / count * 1e6


def measure(stages: Sequence[Stage], rounds: int = 9, seconds: float = 0.06) -> list[Row]:
    """Each stage and its bare cost in turns, the collector of cycles at rest as in the daemon's worker."""
    gc.collect()
    gc.freeze()
    gc.disable()
    rows = []
    for stage in stages:
        ours, bare = [], []
        for _ in range(rounds):
            made = microseconds(stage.made, seconds) if stage.made is not None else 0.0
            ours.append(microseconds(stage.ours, seconds) - made)
            bare.append(microseconds(stage.bare, seconds))
            gc.collect()
        ratio = statistics.median(one / other for one, other in zip(ours, bare, strict=True))
        rows.append(Row(
            stage.name, stage.per, round(min(ours), 2), stage.bare_name, round(min(bare), 2), round(ratio, 2)))
    gc.enable()
    gc.unfreeze()
    return rows


def shares(stages: Sequence[Stage], rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Of each stage that has parts: percent of its time by part, the rest as ``hand-over``."""
    found: dict[str, dict[str, float]] = {}
    cost = {row.stage: row.us for row in rows}
    for whole in dict.fromkeys(stage.part_of for stage in stages if stage.part_of):
        parts = {stage.name: cost[stage.name] for stage in stages if stage.part_of == whole}
        parts["hand-over"] = max(0.0, cost[whole] - sum(parts.values()))
        total = sum(parts.values())
        found[whole] = {name: round(100 * part / total, 1) for name, part in parts.items()}
    return found
