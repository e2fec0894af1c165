"""Trends of simulated turbofans, run to failure: ``python -m tests.bench.cmapss --data DIR [--json] [--output DIR]``.

NASA's C-MAPSS FD001: every engine wears from its first flight cycle to its last. Each is an asset whose
sensors, a row a cycle (taken as an hour), go through the ``Monitor``, causally, all with the same settings.
Told is when each is alarmed, when a falling trend is first called, and how often the interval of the
remaining time contained the truth: the time to the *alarm limit*, as ``tests.bench.coverage`` has it, since
that is what an agent can know; where the simulation ends an engine's life is known to the simulation only.
Files: ``*FD001*.csv(.gz)`` with columns ``unit``, ``cycle``, ``s1`` ... ``s21``.
"""

from __future__ import annotations

import csv
import gzip
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
import orjson

from agent.config import load
from agent.models import ModelShelf
from agent.monitoring.monitor import Monitor
from agent.monitoring.prognosis.trend import LIMIT, Trend
from agent.monitoring.types import SECOND, Block, Nanos, Record
from agent.replay import write_lines
from tests.bench.coverage import Tally, truth
from tests.bench.data_folder import parser

HERE = Path(__file__).parent
START: Final = 1_300_000_000 * SECOND
CYCLE: Final[Nanos] = 3600 * SECOND


def read(path: Path) -> dict[str, list[dict[str, float]]]:
    """The cycles of each unit, in order; of each the sensors."""
    units: dict[str, list[dict[str, float]]] = {}
    with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as stream:
        for row in csv.DictReader(stream):
            unit = row.pop("unit")
            units.setdefault(unit, []).append({name: float(value) for name, value in row.items()})
    return units


def watch(cycles: list[dict[str, float]]) -> Iterator[Record]:
    """What the monitor says of an engine's life."""
    (spec,) = load(HERE / "cmapss.toml", {}).asset_specs()
    names = [channel.name for channel in spec.channels]
    monitor = Monitor(ModelShelf().load)
    yield from monitor.add(spec)
    for number, row in enumerate(cycles):
        at = START + number * CYCLE
        for name in names:
            yield from monitor.observe(Block(spec.id, name, at, np.array([row[name]])), at)


@dataclass(slots=True)
class Life:
    """What was said of an engine; in cycles from its first."""

    health: list[tuple[Nanos, float]] = field(default_factory=list)
    alarmed: list[int] = field(default_factory=list)
    learned: list[int] = field(default_factory=list)
    refused: int = 0

    def note(self, record: Record) -> None:
        """Take in a record."""
        body = record.body
        cycle = round((record.time - START) / CYCLE)
        if record.kind == "window" and body["health"] is not None:
            self.health.append((record.time, body["health"]))
        elif record.kind == "alarm" and body["transition"] == "raised" and body["concerns"] == "machine":
            self.alarmed.append(cycle)
        elif record.kind == "event" and body["event"] == "learned":
            self.learned.append(cycle)
        elif record.kind == "event" and body["event"] == "refused":
            self.refused += 1


def judge(unit: str, cycles: list[dict[str, float]], output: Path | None) -> tuple[dict[str, Any], Tally]:
    """One engine's row, and the intervals of its remaining time; asked every cycle."""
    said = Life()
    if output is None:
        for record in watch(cycles):
            said.note(record)
    else:
        output.mkdir(parents=True, exist_ok=True)
        with (output / f"{unit}.jsonl").open("wb") as lines:
            write_lines(watch(cycles), lines, said.note)
    end = truth(said.health)
    reached = None if end is None else said.health[end][0]
    tally = Tally(runs=int(end is not None))
    falling: list[int] = []
    trend = Trend()
    for time, health in said.health:
        trend.add(time, health)
        prognosis = trend.estimate()
        if prognosis.significant and prognosis.trend is not None and prognosis.trend[1] < 0.0:
            falling.append(round((time - START) / CYCLE))
        if reached is not None and time < reached and health > LIMIT:
            tally.judge(prognosis.remaining, (reached - time) / SECOND)
    life = len(cycles)
    row: dict[str, Any] = {"unit": unit, "life": life, "refused": said.refused,
                           "learned": said.learned[0] if said.learned else None, "alarmed": bool(said.alarmed)}
    if said.alarmed:
        row |= {"alarm_cycle": said.alarmed[0], "alarm_percent": round(100 * said.alarmed[0] / life, 1)}
    row["trend"] = bool(falling)
    if falling:
        row |= {"trend_cycle": falling[0], "trend_percent": round(100 * falling[0] / life, 1),
                "trend_in_first_third": falling[0] < life / 3}
    row |= {"limit_cycle": None if reached is None else round((reached - START) / CYCLE),
            "moments": tally.moments, "trends_before_limit": tally.trends, "within": tally.within}
    return row, tally


def main(arguments: list[str] | None = None) -> int:
    """Print a row an engine."""
    options = parser(__doc__.splitlines()[0], "cmapss_fd001").parse_args(arguments)
    files = sorted(path for path in options.data.glob("**/*FD001*.csv*") if path.name.endswith((".csv", ".csv.gz")))
    if not files:
        print(f"not run: no C-MAPSS FD001 file (*FD001*.csv) below {options.data}", file=sys.stderr)
        return 0
    rows, together = [], Tally()
    for path in files:
        for unit, cycles in read(path).items():
            row, tally = judge(unit, cycles, options.output)
            rows.append(row)
            together.add(tally)
    alarms = [row["alarm_percent"] for row in rows if row["alarmed"]]
    summary = {
        "units": len(rows),
        "alarmed": len(alarms),
        "alarm_percent_median": median(alarms) if alarms else None,
        "trend_before_end": sum(row["trend"] for row in rows),
        "trend_in_first_third": sum(row.get("trend_in_first_third", False) for row in rows),
        "to_alarm_limit": together.row("alarm limit"),
    }
    if options.json:
        print(orjson.dumps({"window": summary, "units": rows}).decode())
        return 0
    print(f"{'unit':>4} {'life':>5} {'learned':>7} {'alarm at':>8} {'% of life':>9} {'trend at':>8} {'limit at':>8} "
          f"{'asked':>5} {'trends':>6} {'within':>6}")
    for row in rows:
        shown = ["-" if row.get(key) is None else row[key] for key in
                 ("learned", "alarm_cycle", "alarm_percent", "trend_cycle", "limit_cycle")]
        print(f"{row['unit']:>4} {row['life']:>5} {shown[0]:>7} {shown[1]:>8} {shown[2]:>9} {shown[3]:>8} "
              f"{shown[4]:>8} {row['moments']:>5} {row['trends_before_limit']:>6} {row['within']:>6}")
    for key, value in summary.items():
        print(f"{key}: {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
