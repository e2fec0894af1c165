"""IMS bearings run to failure, by their features: ``python -m tests.bench.ims --data DIR [--json] [--output DIR]``.

Each bearing (on some test rigs each of its axes) is an asset whose indicators, a row every ten minutes,
go through the ``Monitor`` in the shipped settings, causally. Told is the row at which it is first
alarmed. Beside it stands the plain rule: RMS above mean + 5 standard deviations of rows 50 to 249 for
five rows. Files: ``*features*.csv(.gz)``, first column the time, then ``B1_rms`` ... or ``B1_a_rms`` ...
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from agent.config import load
from agent.models import ModelShelf
from agent.monitoring.monitor import Monitor
from agent.monitoring.types import SECOND, Block, Nanos, Record
from agent.replay import write_lines
from tests.bench.data_folder import open_text, parser

HERE = Path(__file__).parent
COLUMNS = {"rms": "rms", "peak": "max", "kurtosis": "kurtosis"}
REFERENCE = slice(50, 250)


def read(path: Path) -> tuple[list[Nanos], dict[str, dict[str, NDArray[np.float64]]]]:
    """(times of the rows in ns, bearing -> channel -> values)."""
    with open_text(path) as stream:
        header, *rows = [row for row in csv.reader(stream) if row]
    times = [round(datetime.fromisoformat(row[0].strip()).replace(tzinfo=UTC).timestamp()) * SECOND for row in rows]
    table = np.array([[float(value or "nan") for value in row[1:]] for row in rows])
    # where the feature stands in a name differs: B1_rms, B1_a_rms, B1_rms_a
    place = {tuple(name.split("_")): position for position, name in enumerate(header[1:])}
    found = {}
    for parts in sorted(place):
        if "rms" in parts:
            at = parts.index("rms")
            bearing = "_".join(part for part in parts if part != "rms")
            found[bearing] = {
                channel: table[:, place[*parts[:at], column, *parts[at + 1 :]]] for channel, column in COLUMNS.items()
            }
    return times, found


def watch(times: list[Nanos], channels: dict[str, NDArray[np.float64]]) -> Iterator[Record]:
    """What the monitor says of a bearing's life."""
    (spec,) = load(HERE / "ims.toml", {}).asset_specs()
    monitor = Monitor(ModelShelf().load)
    yield from monitor.add(spec)
    for row, at in enumerate(times):
        for name, values in channels.items():
            yield from monitor.observe(Block(spec.id, name, at, values[row : row + 1]), at)


def plain_rule(rms: NDArray[np.float64]) -> int | None:
    """The row at which RMS is above mean + 5 sigma for the first of five rows."""
    over = rms > rms[REFERENCE].mean() + 5.0 * rms[REFERENCE].std()
    runs = np.convolve(over, np.ones(5), "valid") >= 5 if len(over) >= 5 else np.zeros(0)
    return int(runs.argmax()) if runs.any() else None


def judge(
    name: str, times: list[Nanos], channels: dict[str, NDArray[np.float64]], output: Path | None
) -> dict[str, Any]:
    """One bearing's row."""
    alarms: list[Record] = []
    learned: list[Nanos] = []

    def note(record: Record) -> None:
        if record.kind == "alarm" and record.body["transition"] == "raised" and record.body["concerns"] == "machine":
            alarms.append(record)
        if record.kind == "event" and record.body["event"] == "learned":
            learned.append(record.time)

    if output is None:
        for record in watch(times, channels):
            note(record)
    else:
        output.mkdir(parents=True, exist_ok=True)
        with (output / f"{name}.jsonl").open("wb") as lines:
            write_lines(watch(times, channels), lines, note)

    def row_of(time: Nanos) -> int:
        # a record's time is its window's end: the row is the last one before
        return int(np.searchsorted(times, time, side="left")) - 1

    row: dict[str, Any] = {"bearing": name, "rows": len(times), "alarmed": bool(alarms), "episodes": len(alarms),
                           "learned_by_row": row_of(learned[0]) if learned else None,
                           "plain_rule_row": plain_rule(channels["rms"])}
    if alarms:
        first = alarms[0]
        at = row_of(first.time)
        row |= {
            "row": at,
            "life_percent": round(100 * at / (len(times) - 1), 1),
            "lead_h": round((times[-1] - times[at]) / SECOND / 3600, 1),
            "rows_of_alarms": [row_of(alarm.time) for alarm in alarms],
            "why": [change["text"] for change in first.body.get("changes", ())][:2],
        }
    return row


def main(arguments: list[str] | None = None) -> int:
    """Print a row a bearing."""
    options = parser(__doc__.splitlines()[0], "ims_bearing_features").parse_args(arguments)
    files = sorted(path for path in options.data.glob("**/*features*.csv*") if path.name.endswith((".csv", ".csv.gz")))
    if not files:
        print(f"not run: no IMS features (*features*.csv) below {options.data}", file=sys.stderr)
        return 0
    rows = []
    for path in files:
        times, bearings = read(path)
        run = path.name.split(".")[0].removesuffix("_timefeatures")
        rows += [judge(f"{run}/{name}".replace("/", "-"), times, channels, options.output)
                 for name, channels in bearings.items()]
    if options.json:
        print(orjson.dumps({"bearings": rows}).decode())
        return 0
    print(f"{'bearing':<14} {'rows':>5} {'alarm at':>8} {'% of life':>9} {'lead h':>7} {'5 sigma':>8}  why")
    for row in rows:
        plain = "-" if row["plain_rule_row"] is None else row["plain_rule_row"]
        if row["alarmed"]:
            print(f"{row['bearing']:<14} {row['rows']:>5} {row['row']:>8} {row['life_percent']:>9} {row['lead_h']:>7} "
                  f"{plain:>8}  {'; '.join(row['why'])}")
        else:
            print(f"{row['bearing']:<14} {row['rows']:>5} {'none':>8} {'':>9} {'':>7} {plain:>8}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
