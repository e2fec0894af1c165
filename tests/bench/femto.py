"""FEMTO-ST bearings run to failure: ``python -m tests.bench.femto --data DIR [--json] [--output DIR]``.

Every record of both axes goes through the ``Monitor`` in the shipped settings, causally. Told is when
each bearing is first alarmed and how long before the end; for early alarms also how far the RMS had
risen by then (the only ground truth is the end). Files: ``*.npz`` with ``acc`` (records, samples, 2)
int16 and ``scale_g``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from agent.config import load
from agent.models import ModelShelf
from agent.monitoring.monitor import Monitor
from agent.monitoring.types import SECOND, Block, Record
from agent.replay import write_lines
from tests.bench.data_folder import parser

HERE = Path(__file__).parent
AXES = ("horizontal", "vertical")
EVERY = 10
"""s between records."""
RATE = 25_600.0
START = 1_300_000_000 * SECOND
HEALTHY = 100
"""Records that the RMS is compared with."""


def records(path: Path) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """(ns, samples in g of both axes, shape (samples, 2)) of each record."""
    with np.load(path) as loaded:
        raw, scale = loaded["acc"], float(loaded["scale_g"])
    for number, record in enumerate(raw):
        yield START + number * EVERY * SECOND, record.astype(np.float64) * scale


def watch(path: Path) -> Iterator[Record]:
    """What the monitor says of a bearing's life."""
    (spec,) = load(HERE / "femto.toml", {}).asset_specs()
    monitor = Monitor(ModelShelf().load)
    yield from monitor.add(spec)
    for at, record in records(path):
        for axis, name in enumerate(AXES):
            yield from monitor.observe(Block(spec.id, name, at, record[:, axis].copy(), RATE), at)


def judge(path: Path, output: Path | None) -> dict[str, Any]:
    """One bearing's row."""
    rms = np.array([np.sqrt((record**2).mean(axis=0)) for _, record in records(path)])
    count = len(rms)
    alarms: list[tuple[int, Record]] = []
    refused: list[str] = []

    def note(record: Record) -> None:
        body = record.body
        if record.kind == "alarm" and body["transition"] == "raised":
            alarms.append(((record.time - START) // (EVERY * SECOND), record))
        if record.kind == "event" and body["event"] == "refused":
            refused.extend(body.get("remarks", ()))

    if output is None:
        for record in watch(path):
            note(record)
    else:
        output.mkdir(parents=True, exist_ok=True)
        with (output / f"{path.stem}.jsonl").open("wb") as lines:
            write_lines(watch(path), lines, note)
    row: dict[str, Any] = {"bearing": path.stem, "records": count, "alarmed": bool(alarms), "episodes": len(alarms),
                           "refused": refused}
    if alarms:
        at, first = min(alarms, key=lambda alarm: alarm[0])
        usual = np.median(rms[:HEALTHY], axis=0)
        risen = 20 * np.log10(np.median(rms[max(0, at - 4) : at + 1], axis=0) / usual)
        row |= {
            "record": at,
            "life_percent": round(100 * at / (count - 1), 1),
            "lead_s": (count - 1 - at) * EVERY,
            "rms_risen_db": round(float(risen.max()), 1),
            "channel": first.body["channel"],
            "why": [change["text"] for change in first.body.get("changes", ())][:2],
        }
    return row


def main(arguments: list[str] | None = None) -> int:
    """Print a row a bearing."""
    options = parser(__doc__.splitlines()[0], "femto_pronostia").parse_args(arguments)
    files = sorted(options.data.glob("**/*.npz"))
    if not files:
        print(f"not run: no FEMTO file (*.npz) below {options.data}", file=sys.stderr)
        return 0
    rows = [judge(path, options.output) for path in files]
    if options.json:
        print(orjson.dumps({"bearings": rows}).decode())
        return 0
    print(f"{'bearing':<12} {'records':>7} {'alarm at':>8} {'% of life':>9} {'lead s':>7} {'RMS dB':>6}  why")
    for row in rows:
        if row["alarmed"]:
            print(f"{row['bearing']:<12} {row['records']:>7} {row['record']:>8} {row['life_percent']:>9} "
                  f"{row['lead_s']:>7} {row['rms_risen_db']:>6}  {row['channel']}: {'; '.join(row['why'])}")
        else:
            print(f"{row['bearing']:<12} {row['records']:>7} {'none':>8}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
