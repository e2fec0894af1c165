"""Files for replay: telemetry as CSV, vibration as .npz, and the labels of what was wrong when."""

from __future__ import annotations

import csv
import json
import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from simulators.bearing import RATE
from simulators.faults import SECOND
from simulators.pump import CHANNELS
from simulators.scenario import Scenario


def write_telemetry(scenario: Scenario, path: Path) -> None:
    """CSV with a ``time`` column (ISO 8601, UTC); a missing value is an empty cell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["time", *CHANNELS])
        for at, values in scenario.telemetry():
            moment = datetime.fromtimestamp(at / SECOND, UTC).isoformat()
            said = ("" if math.isnan(values[name]) else values[name] for name in CHANNELS)
            rows.writerow([moment, *said])
    _write_labels(scenario, path)


def write_vibration(scenario: Scenario, path: Path) -> None:
    """``time`` int64 ns, shape (records,); ``values`` float32, shape (records, samples); ``rate`` Hz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    times, records = zip(*scenario.vibration(), strict=True)
    np.savez(path, time=np.array(times, dtype=np.int64), values=np.array(records), rate=RATE)
    _write_labels(scenario, path)


def _write_labels(scenario: Scenario, path: Path) -> None:
    path.with_suffix(".labels.json").write_text(json.dumps(scenario.labels, indent=1) + "\n")
