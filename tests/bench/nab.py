"""NAB through the shipped settings: ``python -m tests.bench.nab --data DIR [--json] [--output DIR]``.

The Numenta Anomaly Benchmark (Lavin and Ahmad, ICMLA 2015), standard profile: see ``nab_scoring``.
One global threshold, which follows from the shipped false-alarm budget. A detection is the row at
which an alarm was raised; without the refractory, every row whose score is over the threshold. The
labels are read here, after the monitor has spoken, and nowhere else.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from agent.config import load
from agent.monitoring.types import SECOND, Nanos, Record
from agent.replay import replay_file, write_lines
from tests.bench.data_folder import first_line, open_text, parser
from tests.bench.nab_scoring import FileScore, Window, normalised, score

HERE = Path(__file__).parent
WINDOWS = "combined_windows.json"


class Verdict(NamedTuple):
    """What was said of one file: rows with an alarm raised, rows over the threshold, the threshold."""

    raised: tuple[int, ...]
    over: tuple[int, ...]
    threshold: float | None


def times(path: Path) -> list[Nanos]:
    """The time of each row."""
    with open_text(path) as stream:
        return [_nanos(row["timestamp"]) for row in csv.DictReader(stream)]


def _nanos(stamp: str) -> Nanos:
    return round(datetime.fromisoformat(stamp).replace(tzinfo=UTC).timestamp()) * SECOND


def verdict(records: Iterable[Record], rows: Sequence[Nanos]) -> Verdict:
    """Alarms and scores at the rows that they are about; of rows with one time, at the first."""
    row_of = {time: row for row, time in reversed(list(enumerate(rows)))}
    raised, over, threshold = [], [], None
    for record in records:
        if record.kind == "alarm" and record.body["transition"] == "raised":
            raised.append(row_of[record.time])
        elif record.kind == "window" and record.body["score"] is not None:
            threshold = record.body["threshold"]
            if record.body["score"] > threshold:
                over.append(row_of[record.time])
    return Verdict(tuple(raised), tuple(over), threshold)


def windows_of(labelled: Sequence[Sequence[str]], rows: Sequence[Nanos]) -> list[Window]:
    """The labelled spans of a file as rows."""
    return [Window(rows.index(_nanos(first[:19])), rows.index(_nanos(last[:19]))) for first, last in labelled]


def judge(path: Path, output: Path | None) -> Verdict:
    """Run one file and write its JSON lines."""
    settings = load(HERE / "nab.toml", {})
    records: list[Record] = []
    with (output or Path(os.devnull)).open("wb") as lines:
        write_lines(replay_file(settings, path), lines, records.append)
    return verdict(records, times(path))


def main(arguments: list[str] | None = None) -> int:
    """Print the figures."""
    options = parser(__doc__.splitlines()[0], "nab").parse_args(arguments)
    found = files(options.data)
    if not found:
        print(f"not run: no files of NAB below {options.data} ({WINDOWS}, <category>/<name>.csv)", file=sys.stderr)
        return 0
    episodes: list[FileScore] = []
    each_row: list[FileScore] = []
    thresholds: list[float] = []
    for name, (path, labelled) in found.items():
        output = None
        if options.output is not None:
            output = options.output / (name.replace("/", "-").removesuffix(".csv") + ".jsonl")
            output.parent.mkdir(parents=True, exist_ok=True)
        said = judge(path, output)
        rows = times(path)
        windows = windows_of(labelled, rows)
        episodes.append(score(said.raised, windows, len(rows)))
        each_row.append(score(said.over, windows, len(rows)))
        thresholds += [] if said.threshold is None else [said.threshold]
        if not options.json:
            one = episodes[-1]
            print(f"{name:<56} {one.score:6.2f}  {one.found} of {one.windows} windows, {one.false} false")
    figures = {
        "normalised": _rounded(normalised(episodes)),
        "normalised_without_refractory": _rounded(normalised(each_row)),
        "files": len(found),
        "windows": sum(one.windows for one in episodes),
        "threshold": round(max(thresholds), 4) if thresholds else None,
    }
    if options.json:
        print(json.dumps(figures))
        return 0
    total = sum(one.score for one in episodes)
    print(f"{len(found)} files, {figures['windows']} windows: raw {total:.2f}, normalised {figures['normalised']}, "
          f"each row over {figures['threshold']} a detection {figures['normalised_without_refractory']}")
    return 0


def files(folder: Path) -> dict[str, tuple[Path, Sequence[Sequence[str]]]]:
    """Path and labelled spans of every file, by its name in the labels (``category/name.csv``)."""
    labels: Mapping[str, Sequence[Sequence[str]]] = {}
    for found in sorted(folder.glob(f"**/{WINDOWS}")):
        labels = {**labels, **json.loads(found.read_text())}
    named = {}
    for path in sorted(folder.glob("**/*.csv*")):
        name = f"{path.parent.name}/{path.name.removesuffix('.gz')}"
        if name.endswith(".csv") and (name in labels or first_line(path) == "timestamp,value"):
            named[name] = path, labels.get(name, ())
    return named


def _rounded(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 2)


if __name__ == "__main__":
    sys.exit(main())
