"""SKAB through the shipped settings: ``python -m tests.bench.skab --data DIR [--json] [--output DIR]``.

Protocol of the benchmark's leaderboard (Katser & Kozitsin 2020): per file the first 400 rows are
learned and the rest is judged, one decision a row, causal; true and false positives and negatives
are pooled over all files. The labels are read here, after the monitor has spoken, and nowhere else.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agent.config import load
from agent.replay import replay_file, write_lines
from tests.bench.data_folder import first_line, open_text, parser

HERE = Path(__file__).parent
LEARNED_ROWS = 400


@dataclass(slots=True)
class Counts:
    """The pooled confusion of rows."""

    tp: int = 0
    fp: int = 0
    tn: int = 0
    fn: int = 0

    def add(self, *, said: bool, true: bool) -> None:
        """Count one row."""
        if true:
            self.tp, self.fn = self.tp + said, self.fn + (not said)
        else:
            self.fp, self.tn = self.fp + said, self.tn + (not said)

    def figures(self) -> dict[str, float]:
        """F1, false-alarm rate and missed-alarm rate, in percent."""
        return {
            "f1": round(100 * self.tp / max(self.tp + (self.fp + self.fn) / 2, 1), 2),
            "far": round(100 * self.fp / max(self.fp + self.tn, 1), 2),
            "mar": round(100 * self.fn / max(self.fn + self.tp, 1), 2),
        }


def labels(path: Path) -> list[tuple[int, bool]]:
    """(second, anomalous) of each row."""
    with open_text(path) as stream:
        rows = csv.DictReader(stream, delimiter=";")
        return [
            (round(datetime.fromisoformat(row["datetime"]).replace(tzinfo=UTC).timestamp()),
             float(row["anomaly"]) > 0)
            for row in rows
        ]


def judge(path: Path, output: Path | None) -> Counts:
    """Run one file, write its JSON lines, and count its judged rows."""
    settings = load(HERE / "skab.toml", {})
    alarms: dict[int, bool] = {}
    target = output or Path(os.devnull)
    with target.open("wb") as lines:
        def note(record):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            if record.kind == "window":
                alarms[round(record.time / 1e9)] = record.body["alarm"]
        write_lines(replay_file(settings, path), lines, note)
    counts, standing = Counts(), False
    for number, (second, true) in enumerate(labels(path)):
        standing = alarms.get(second + 1, standing)  # a cell of one second ends at the next second
        if number >= LEARNED_ROWS:
            counts.add(said=standing, true=true)
    return counts


def main(arguments: list[str] | None = None) -> int:
    """Print the figures."""
    options = parser(__doc__.splitlines()[0], "skab").parse_args(arguments)
    files = sorted(
        path for path in options.data.glob("**/*.csv*")
        if path.name.endswith((".csv", ".csv.gz")) and "changepoint" in first_line(path)
    )
    if not files:
        print(f"not run: no labelled SKAB file below {options.data}", file=sys.stderr)
        return 0
    total = Counts()
    rows = []
    for path in files:
        name = str(path.relative_to(options.data)).removesuffix(".gz").removesuffix(".csv")
        output = None
        if options.output is not None:
            output = options.output / (name.replace("/", "-") + ".jsonl")
            output.parent.mkdir(parents=True, exist_ok=True)
        counts = judge(path, output)
        rows.append((name, counts.figures()))
        for field in ("tp", "fp", "tn", "fn"):
            setattr(total, field, getattr(total, field) + getattr(counts, field))
    figures = total.figures()
    if options.json:
        print(json.dumps({**figures, "files": len(files)}))
        return 0
    for name, row in rows:
        print(f"{name:<16} F1 {row['f1']:6.2f}  FAR {row['far']:6.2f} %  MAR {row['mar']:6.2f} %")
    print(f"{len(files)} files pooled: F1 {figures['f1']:.2f}  FAR {figures['far']:.2f} %  MAR {figures['mar']:.2f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main())
