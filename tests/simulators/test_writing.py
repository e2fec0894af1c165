"""What the simulators write is what the agent reads: recordings, gaps and labels."""

from __future__ import annotations

import csv
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from agent.cli import main as watchkeeper
from agent.training.records import read_machine
from simulators.faults import SECOND, MachineFault, SensorFault
from simulators.scenario import ORIGIN, Scenario
from simulators.writing import write_telemetry, write_vibration

EXAMPLE = (Path(__file__).parents[2] / "systemd" / "watchkeeper.example.toml").read_text()


def replayed(folder: Path, recording: Path, configuration: str) -> list[dict[str, Any]]:
    """What ``watchkeeper replay`` says of a recording, window by window."""
    told, output = folder / "watchkeeper.toml", folder / "out.jsonl"
    told.write_text(configuration)
    code = watchkeeper(["replay", "--config", str(told), "--input", str(recording), "--output", str(output)])
    assert code == 0
    return [json.loads(line) for line in output.read_text().splitlines()]


def alarmed(windows: list[dict[str, Any]]) -> list[float]:
    """When windows with an alarm end, in s from the beginning."""
    return [datetime.fromisoformat(window["end"]).timestamp() - ORIGIN // SECOND
            for window in windows if window["alarm"]]


def test_an_agent_replays_telemetry_with_cells_missing(tmp_path: Path) -> None:
    silent = SensorFault(channel="flow", kind="dropout", start=50, end=60)
    leak = MachineFault(kind="seal-leak", start=520, end=600, severity=1.0)
    write_telemetry(Scenario(duration=600, sensor_faults=(silent,), faults=(leak,)), tmp_path / "telemetry.csv")
    windows = replayed(tmp_path, tmp_path / "telemetry.csv", EXAMPLE)
    assert {window["asset"] for window in windows} == {"pump-1"}
    assert 520 <= min(alarmed(windows)) < 530


def test_an_agent_replays_vibration_record_by_record(tmp_path: Path) -> None:
    fault = MachineFault(kind="outer-race", start=1200, end=1500, severity=0.8)
    write_vibration(Scenario(duration=1500, faults=(fault,)), tmp_path / "vibration.npz")
    # the same file about the other machine in it
    configuration = EXAMPLE.replace('asset = "pump-1" ', 'asset = "pump-1-bearing" ')
    windows = replayed(tmp_path, tmp_path / "vibration.npz", configuration)
    assert len(windows) == 150
    assert 1200 <= min(alarmed(windows)) < 1260  # several records in a row must agree


def test_training_reads_the_labels_beside_each_machine(tmp_path: Path) -> None:
    fault = MachineFault(kind="ball", start=200, end=250)
    broken_sensor = SensorFault(channel="flow", kind="stuck", start=0, end=300)
    path = tmp_path / "m001-vibration.npz"
    write_vibration(Scenario(duration=300, faults=(fault,), sensor_faults=(broken_sensor,)), path)
    assert (tmp_path / "m001-vibration.labels.json").exists()
    machine = read_machine(path, baseline=5)
    assert machine.name == "m001-vibration"
    # a sensor's fault is none of the machine's; the label's end is the first record without it
    assert np.flatnonzero(machine.faulty).tolist() == [20, 21, 22, 23, 24]


def test_labels_are_a_list_of_what_was_wrong_in_nanoseconds(tmp_path: Path) -> None:
    for_ever = MachineFault(kind="ball", start=10, end=float("inf"), severity=0.4, growth=5)
    stuck = SensorFault(channel="flow", kind="stuck", start=2, end=3.5, size=10.0)
    write_telemetry(Scenario(duration=30, faults=(for_ever,), sensor_faults=(stuck,)), tmp_path / "t.csv")
    assert json.loads((tmp_path / "t.labels.json").read_text()) == [
        {"concerns": "machine", "kind": "ball", "severity": 0.4, "growth": 5,
         "start": ORIGIN + 10 * SECOND, "end": ORIGIN + 30 * SECOND},
        {"concerns": "sensor", "kind": "stuck", "channel": "flow", "size": 10.0,
         "start": ORIGIN + 2 * SECOND, "end": ORIGIN + 7 * SECOND // 2},
    ]


def test_a_silent_sensor_is_an_empty_cell_and_only_that(tmp_path: Path) -> None:
    silent = SensorFault(channel="current", kind="dropout", start=3, end=5)
    write_telemetry(Scenario(duration=10, sensor_faults=(silent,)), tmp_path / "deep" / "t.csv")
    with (tmp_path / "deep" / "t.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    empty = [(second, name) for second, row in enumerate(rows) for name, cell in row.items() if cell == ""]
    assert empty == [(3, "current"), (4, "current")]


def test_a_recording_shorter_than_the_time_between_records_has_one(tmp_path: Path) -> None:
    write_vibration(Scenario(duration=5, every=10), tmp_path / "v.npz")
    with np.load(tmp_path / "v.npz") as recording:
        assert recording["values"].shape == (1, 2560)
        assert recording["time"].tolist() == [ORIGIN]
