"""A month of simulated machines through the shipped settings: ``python -m tests.bench.simulated [--days 30]
[--machines 20] [--only NUMBER ...] [--spacing 10] [--json] [--output DIR]``.

Machines that were used nowhere else, with load changes, stops, warm days, fouling and disturbances, go
through the ``Monitor``, causally. Counted are alarms of the machine where no machine was faulty, against
the stated budget; whether every fault of moderate severity (0.4 to 0.7) was alarmed, and after how long;
whether faults of sensors were called that. Each false alarm is told with what led to it.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson

from agent.monitoring.types import Record
from simulators.faults import MACHINE_FAULTS, SENSOR_FAULTS
from tests.bench.simulated_life import lives, specs, watch
from tests.bench.simulated_verdict import Verdict, poisson_interval, verdict


def run(
    machines: int, days: float, spacing: float, output: Path | None = None, only: Collection[int] = ()
) -> list[Verdict]:
    """The verdict on each machine, or on ``only`` those of these numbers (from 0); with ``output`` its alarms
    and events as JSON lines there."""
    found = []
    for number, life in enumerate(lives(machines, days)):
        if only and number not in only:
            continue
        with ExitStack() as stack:
            note: Callable[[Record], None] = _ignored
            if output is not None:
                output.mkdir(parents=True, exist_ok=True)
                note = _writer(stack.enter_context((output / f"machine-{number:02d}.jsonl").open("wb")).write)
            begun = time.perf_counter()
            found.append(verdict(number, life, watch(life, spacing), note))
            print(f"machine {number}: {len(found[-1].false_alarms)} false alarms, "
                  f"{time.perf_counter() - begun:.1f} s", file=sys.stderr)
    return found


def _ignored(_: Record) -> None:
    pass


def _writer(write: Callable[[bytes], object]) -> Callable[[Record], None]:
    def note(record: Record) -> None:
        write(orjson.dumps({"record": record.kind, "at": record.time, **record.body}) + b"\n")

    return note


def figures(verdicts: Iterable[Verdict], budget: float) -> dict[str, Any]:
    """What the trial comes to. ``budget``: false alarms accepted per asset and month."""
    verdicts = list(verdicts)
    false = [row for one in verdicts for row in one.false_alarms]
    faults = [row for one in verdicts for row in one.faults]
    sensors = [row for one in verdicts for row in one.sensors]
    months = sum(one.months for one in verdicts)
    low, high = poisson_interval(len(false))
    decidable = [row for row in sensors if not row["undecidable"]]
    return {
        "machines": len(verdicts),
        "false_alarms": len(false),
        "of_them_while_a_sensor_was_wrong": sum(bool(row["sensor_wrong"]) for row in false),
        "months": round(months, 2),
        "per_month": round(len(false) / months, 3),
        "per_month_95": [round(low / months, 3), round(high / months, 3)],
        "budget_per_month": budget,
        "within_budget": low / months <= budget,
        "faults": len(faults),
        "faults_alarmed": sum(row["alarmed"] for row in faults),
        "delay_h_median": _median(row["delay_h"] for row in faults if row["alarmed"]),
        "by_fault": {kind: _share(faults, kind, "alarmed") for kind in MACHINE_FAULTS},
        "sensor_faults": len(decidable),
        "sensor_faults_called": round(100 * _ratio(row["called"] for row in decidable), 1),
        "by_sensor_fault": {kind: _share(decidable, kind, "called") for kind in SENSOR_FAULTS},
        "sensor_faults_with_machine_alarms": sum(bool(row["machine_alarms"]) for row in decidable),
        "alarms_while_nobody_can_tell": sum(len(one.answers) for one in verdicts),
        "undecidable": len(sensors) - len(decidable),
        "undecidable_alarmed": sum(row["called"] or bool(row["machine_alarms"])
                                   for row in sensors if row["undecidable"]),
        "false_sensor_alarms": sum(len(one.false_sensor_alarms) for one in verdicts),
    }


def _median(values: Iterable[float]) -> float | None:
    known = list(values)
    return round(statistics.median(known), 3) if known else None


def _ratio(values: Iterable[bool]) -> float:
    known = list(values)
    return sum(known) / max(1, len(known))


def _share(rows: Iterable[dict[str, Any]], kind: str, what: str) -> str:
    known = [bool(row[what]) for row in rows if row["kind"] == kind]
    return f"{sum(known)}/{len(known)}"


def main(arguments: list[str] | None = None) -> int:
    """Print what was counted, and each thing that went wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=float, default=30.0, help="of each machine's life (%(default)s)")
    parser.add_argument("--machines", type=int, default=20, help="how many (%(default)s)")
    parser.add_argument("--only", type=int, nargs="+", default=(), metavar="NUMBER", help="of them, from 0")
    parser.add_argument("--spacing", type=float, default=10.0, help="s between rows of telemetry (%(default)s)")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--output", type=Path, help="folder for alarms and events as JSON lines, a file each")
    options = parser.parse_args(arguments)
    if any(not 0 <= number < options.machines for number in options.only):
        parser.error(f"--only takes numbers from 0 to {options.machines - 1}")
    verdicts = run(options.machines, options.days, options.spacing, options.output, options.only)
    (budget,) = {spec.false_alarms_per_month for spec in specs(options.spacing).values()}
    counted = figures(verdicts, budget)
    rows = {name: [row for one in verdicts for row in getattr(one, name)]
            for name in ("false_alarms", "faults", "sensors", "false_sensor_alarms")}
    if options.json:
        print(orjson.dumps(counted | {"rows": rows}).decode())
        return 0
    for title, wrong in (
        ("False alarms of the machine", rows["false_alarms"]),
        ("False alarms of a sensor", rows["false_sensor_alarms"]),
        ("Faults without an alarm", [row for row in rows["faults"] if not row["alarmed"]]),
        ("Sensor faults not called that", [row for row in rows["sensors"] if not row["called"]]),
        ("Sensor faults with alarms of the machine", [row for row in rows["sensors"] if row["machine_alarms"]]),
    ):
        print(f"\n{title}: {len(wrong)}")
        for row in wrong:
            print("  " + ", ".join(f"{name} {value}" for name, value in row.items() if value not in (None, [], {})))
    print()
    for name, value in counted.items():
        print(f"{name.replace('_', ' '):<36} {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
