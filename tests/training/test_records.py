"""Waveform files become the very levels that a device computes, and wrong files are named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.errors import ConfigError
from agent.monitoring.manipulation.features.waveform import WaveformFeatures
from agent.training.records import read_machine, read_machines, split

RATE = 25_600.0
BASELINE = 10


def waveforms(records: int = 30, samples: int = 512) -> NDArray[np.float32]:
    return np.random.default_rng(7).normal(size=(records, samples)).astype(np.float32)


def write_machine(file: Path, values: NDArray[np.float32], rate: float = RATE, faulty_from: int = 0) -> Path:
    time = np.arange(len(values), dtype=np.int64) * 10_000_000_000
    np.savez(file, time=time, values=values, rate=rate)
    if faulty_from:
        labels = [{"start": int(time[faulty_from]), "end": int(time[-1]) + 1, "severity": 0.5}]
        file.with_suffix(".labels.json").write_text(json.dumps(labels), encoding="utf-8")
    return file


def test_levels_are_those_of_the_device_over_the_medians_of_the_first_records(tmp_path: Path) -> None:
    values = waveforms()
    machine = read_machine(write_machine(tmp_path / "pump.npz", values), BASELINE)
    extractor = WaveformFeatures(("levels",), values.shape[1], RATE)
    levels = np.array([extractor.extract(record) for record in values])
    levels -= np.median(levels[:BASELINE], axis=0)
    assert machine.name == "pump"
    assert machine.levels == pytest.approx(levels, abs=1e-4)
    assert np.median(machine.octaves[:BASELINE], axis=0) == pytest.approx(np.zeros(7), abs=1e-9)


def test_a_gain_changes_no_level_since_all_are_relative(tmp_path: Path) -> None:
    values = waveforms()
    quiet = read_machine(write_machine(tmp_path / "quiet.npz", values), BASELINE)
    loud = read_machine(write_machine(tmp_path / "loud.npz", values * np.float32(1000)), BASELINE)
    assert loud.levels == pytest.approx(quiet.levels, abs=1e-3)


def test_labels_say_which_records_are_faulty(tmp_path: Path) -> None:
    machine = read_machine(write_machine(tmp_path / "pump.npz", waveforms(), faulty_from=20), BASELINE)
    assert machine.faulty.tolist() == [False] * 20 + [True] * 10


def test_a_sensors_fault_is_no_fault_of_the_machine(tmp_path: Path) -> None:
    file = write_machine(tmp_path / "pump.npz", waveforms(), faulty_from=20)
    labels = file.with_suffix(".labels.json")
    labels.write_text(labels.read_text(encoding="utf-8").replace('"severity"', '"concerns": "sensor", "x"'))
    assert not read_machine(file, BASELINE).faulty.any()


def test_a_machine_at_rest_is_left_out(tmp_path: Path) -> None:
    values = waveforms()
    kept = read_machine(write_machine(tmp_path / "kept.npz", np.delete(values, [3, 25], axis=0)), BASELINE)
    values[[3, 25]] *= np.float32(0.01)
    stopped = read_machine(write_machine(tmp_path / "stopped.npz", values, faulty_from=29), BASELINE)
    assert stopped.levels.tolist() == kept.levels.tolist()
    assert stopped.faulty.tolist() == [False] * 27 + [True]


def test_machines_with_a_fault_are_never_learned_from(tmp_path: Path) -> None:
    for number in range(8):
        write_machine(tmp_path / f"m{number}.npz", waveforms(), faulty_from=20 if number % 2 else 0)
    parts = split(read_machines(tmp_path, BASELINE), every=2, folder=tmp_path)
    assert [machine.name for machine in parts.training] == ["m0", "m4"]
    assert [machine.name for machine in parts.validation] == ["m2", "m6"]
    assert [machine.name for machine in parts.faulty] == ["m1", "m3", "m5", "m7"]


def test_a_split_without_faults_cannot_be_judged(tmp_path: Path) -> None:
    for number in range(4):
        write_machine(tmp_path / f"m{number}.npz", waveforms())
    with pytest.raises(ConfigError, match="no machine for faulty"):
        split(read_machines(tmp_path, BASELINE), every=2, folder=tmp_path)


@pytest.mark.parametrize(
    ("values", "rate", "faulty_from", "said"),
    [
        (waveforms(records=BASELINE), RATE, 0, "where 10 are the baseline"),
        (waveforms()[0], RATE, 0, r"\(512,\) values and 512 times"),
        (waveforms(), 12_800.0, 0, "a rate of 12800 Hz. Levels reach to 12,800 Hz"),
        (waveforms(), RATE, 5, "faulty within its first 10 records"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_reason(
    tmp_path: Path, values: NDArray[np.float32], rate: float, faulty_from: int, said: str
) -> None:
    file = write_machine(tmp_path / "pump.npz", values, rate, faulty_from)
    with pytest.raises(ConfigError, match=rf"pump\.npz.*{said}"):
        read_machine(file, BASELINE)


def test_a_folder_without_files_and_a_file_without_arrays_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no \.npz file in it"):
        read_machines(tmp_path, BASELINE)
    (tmp_path / "text.npz").write_text("not an archive", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"text\.npz.*not a file of waveforms"):
        read_machines(tmp_path, BASELINE)
