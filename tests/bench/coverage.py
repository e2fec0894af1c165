"""How often the truth is in the interval of the remaining time:
``python -m tests.bench.coverage --data DIR [--json]``.

A health index runs through ``Trend`` window by window. At moments spread evenly from its first windows to
the truth it is asked for the remaining time; where a trend is called, the 80 % interval should contain the
truth in 70 to 90 % of the moments. The truth: when the smoothed index (centred median of 31 windows) first
comes to the alarm limit and stays there for 30 windows. Runs that never come there have none, and count for
false trends only if they are healthy by design.

Simulated: laws of decay, bearings and pumps (see ``degradation``). Recorded: both axes of the FEMTO-ST
bearings, the files of ``tests.bench.femto``. The constants of ``prognosis.remaining`` were set on simulated
degradations (other seeds); that decay gains pace was seen on FEMTO, too, before it was put in.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import inf, isfinite
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
import orjson

from agent.monitoring.prognosis.trend import LIMIT, Trend
from agent.monitoring.types import SECOND, Nanos
from tests.bench import femto
from tests.bench.data_folder import parser
from tests.bench.degradation import LAWS, Course, bearing, law, pump

MOMENTS: Final = 20
_FIRST: Final = 32
"""Windows before the first moment: fewer tell no trend."""
_SMOOTHED: Final = 31
_STAYS: Final = 30
RUNS: Final[dict[str, int]] = {"law": 40, "bearing": 18, "pump": 4}


@dataclass(slots=True)
class Tally:
    """What came of asking; each a count of moments but for ``runs`` and ``ratios``."""

    runs: int = 0
    moments: int = 0
    trends: int = 0
    within: int = 0
    sooner: int = 0
    later: int = 0
    ratios: list[float] = field(default_factory=list)
    """The interval's end over its beginning."""

    def row(self, name: str) -> dict[str, Any]:
        """The figures, in percent of the moments with a trend."""
        share = 100.0 / max(self.trends, 1)
        return {
            "set": name, "runs": self.runs, "moments": self.moments, "no_trend": self.moments - self.trends,
            "trends": self.trends,
            "coverage": round(share * self.within, 1) if self.trends else None,
            "sooner": round(share * self.sooner, 1) if self.trends else None,
            "later": round(share * self.later, 1) if self.trends else None,
            "interval_ratio": round(median(self.ratios), 1) if self.ratios else None,
        }

    def judge(self, interval: tuple[float, float, float] | None, true: float) -> None:
        """Count a moment: what was said of the remaining time, and what it was, s."""
        self.moments += 1
        if interval is None:
            return
        low, _, high = interval
        self.trends += 1
        self.within += low <= true <= high
        self.sooner += true < low
        self.later += true > high
        self.ratios.append(high / low if isfinite(high) else inf)

    def add(self, other: Tally) -> None:
        """Pool another."""
        for name in ("runs", "moments", "trends", "within", "sooner", "later"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.ratios += other.ratios


def truth(course: Course) -> int | None:
    """The window at which the smoothed index comes to the limit and stays."""
    if len(course) < _SMOOTHED:
        return None
    half = _SMOOTHED // 2
    padded = np.pad([health for _, health in course], half, mode="edge")
    below = np.median(np.lib.stride_tricks.sliding_window_view(padded, _SMOOTHED), axis=1) <= LIMIT
    for window in np.flatnonzero(below).tolist():
        if below[window : window + _STAYS].all():
            return int(window)
    return None


def ask(course: Course, until: int) -> Iterable[tuple[Nanos, Trend]]:
    """The trend as it stands at each moment before window ``until``, and the time."""
    moments = set(np.linspace(_FIRST, max(until - 1, _FIRST), MOMENTS).astype(int).tolist())
    trend = Trend()
    for window, (time, health) in enumerate(course[:until]):
        trend.add(time, health)
        if window in moments and health > LIMIT:
            yield time, trend


def follow(course: Course) -> Tally:
    """Ask all along a run that ends at its truth."""
    tally = Tally()
    end = truth(course)
    if end is None:
        return tally
    tally.runs = 1
    for time, trend in ask(course, end):
        tally.judge(trend.estimate().remaining, (course[end][0] - time) / SECOND)
    return tally


def false_trends(courses: Iterable[Course]) -> dict[str, Any]:
    """How often a fall is called in runs without one."""
    moments = falls = runs = 0
    for course in courses:
        runs += 1
        for _, trend in ask(course, len(course)):
            moments += 1
            falls += trend.estimate().remaining is not None
    return {"runs": runs, "moments": moments, "percent": round(100 * falls / max(moments, 1), 2)}


def pooled(courses: Iterable[Course]) -> Tally:
    """All runs of a set."""
    tally = Tally()
    for course in courses:
        tally.add(follow(course))
    return tally


def femto_courses(path: Path) -> Iterable[Course]:
    """The health of both axes of a bearing."""
    by_axis: dict[str, Course] = {}
    for record in femto.watch(path):
        if record.kind == "window" and record.body["health"] is not None:
            by_axis.setdefault(record.body["channel"], []).append((record.time, record.body["health"]))
    return by_axis.values()


def simulated() -> dict[str, Tally]:
    """Every simulated set that has an end."""
    sets: dict[str, Callable[[], Iterable[Course]]] = {
        name: lambda name=name: (law(name, seed) for seed in range(RUNS["law"]))  # type: ignore[misc]
        for name in LAWS if name != "healthy"
    }
    sets["bearings"] = lambda: (bearing(seed) for seed in range(RUNS["bearing"]))
    sets["pumps"] = lambda: (pump(seed) for seed in range(RUNS["pump"]))
    return {name: pooled(courses()) for name, courses in sets.items()}


def main(arguments: list[str] | None = None) -> int:
    """Print a row a set."""
    options = parser(__doc__.splitlines()[0], "femto_pronostia").parse_args(arguments)
    tallies = simulated()
    together = Tally()
    for tally in tallies.values():
        together.add(tally)
    tallies["simulated, together"] = together
    files = sorted(options.data.glob("**/*.npz"))
    if files:
        recorded = Tally()
        for path in files:
            tallies[path.stem] = pooled(femto_courses(path))
            recorded.add(tallies[path.stem])
        tallies["FEMTO, together"] = recorded
    else:
        print(f"not run: no FEMTO file (*.npz) below {options.data}", file=sys.stderr)
    rows = [tally.row(name) for name, tally in tallies.items()]
    healthy = false_trends(law("healthy", seed) for seed in range(RUNS["law"]))
    if options.json:
        print(orjson.dumps({"sets": rows, "healthy": healthy}).decode())
        return 0
    print(f"{'set':<20} {'runs':>4} {'moments':>7} {'no trend':>8} {'within %':>8} {'sooner %':>8} {'later %':>7} "
          f"{'to/from':>7}")
    for row in rows:
        shown = ["-" if row[key] is None else row[key] for key in ("coverage", "sooner", "later", "interval_ratio")]
        print(f"{row['set']:<20} {row['runs']:>4} {row['moments']:>7} {row['no_trend']:>8} "
              f"{shown[0]:>8} {shown[1]:>8} {shown[2]:>7} {shown[3]:>7}")
    print(f"falling although healthy: {healthy['percent']} % of {healthy['moments']} moments in {healthy['runs']} runs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
