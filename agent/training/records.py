"""Waveform files -> levels over each machine's own median, exactly as a device computes them.

A file is one machine: an ``.npz`` with ``time``, shape (records,), int64 ns; ``values``, shape
(records, samples), float32; ``rate`` in Hz. Beside it ``<name>.labels.json`` may say when it was
faulty: ``[{"start": ns, "end": ns, "concerns": "machine", ...}]``. Machines that never were are
learned from; the others are only judged. Records of a machine at rest are left out, as a device
leaves them out that knows when its machine runs.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.errors import ConfigError, Problem
from agent.monitoring.manipulation.features.waveform import LEVELS, WaveformFeatures

# A machine at rest leaves the sensor's own noise, far below this (dB re the median record's rms).
_AT_REST = -20.0


class Machine(NamedTuple):
    """``levels``, shape (records, 32), and ``octaves``, shape (records, 7), in dB over the medians of
    the machine's first records; ``faulty``, shape (records,)."""

    name: str
    levels: NDArray[np.float32]
    octaves: NDArray[np.float64]
    faulty: NDArray[np.bool_]


class Split(NamedTuple):
    """Machines to learn from, to watch the learning with, and with faults, to judge."""

    training: list[Machine]
    validation: list[Machine]
    faulty: list[Machine]


def read_machines(folder: Path, baseline: int) -> list[Machine]:
    """All machines of a folder, by name. Raises ConfigError."""
    files = sorted(folder.glob("**/*.npz"))
    if not files:
        raise _refused(folder, "no .npz file in it", "Write some with `python -m simulators write`")
    return [read_machine(file, baseline) for file in files]


def split(machines: list[Machine], every: int, folder: Path) -> Split:
    """Every n-th machine without a fault is for validation. Raises ConfigError where a part is empty."""
    normal = [machine for machine in machines if not machine.faulty.any()]
    parts = Split(
        training=[machine for i, machine in enumerate(normal) if (i + 1) % every],
        validation=normal[every - 1 :: every],
        faulty=[machine for machine in machines if machine.faulty.any()],
    )
    for name, part in parts._asdict().items():
        if not part:
            raise _refused(folder, f"no machine for {name}", "Give more machines, with and without faults")
    return parts


def read_machine(file: Path, baseline: int) -> Machine:
    """One machine. Raises ConfigError where the file is not as described above."""
    try:
        with np.load(file) as arrays:
            time, values, rate = arrays["time"], arrays["values"], float(arrays["rate"])
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as reason:
        raise _refused(file, f"not a file of waveforms ({reason})", "Write it again") from reason
    if values.ndim != 2 or len(values) != len(time):  # noqa: PLR2004
        what = f"{values.shape} values and {len(time)} times"
        raise _refused(file, what, "Give (records, samples) values and a time for each record")
    extractor = WaveformFeatures(("levels", "octaves", "rms"), values.shape[1], rate)
    if len([name for name in extractor.names if name.startswith("level_")]) != LEVELS:
        raise _refused(file, f"a rate of {rate:g} Hz", "Levels reach to 12,800 Hz: give 25,600 Hz or more")
    features = np.array([extractor.extract(record) for record in values])
    faulty = _faulty(file.with_suffix(".labels.json"), time)
    running = _running(features[:, -1])
    features, faulty = features[running, :-1], faulty[running]
    if len(features) <= baseline:
        what = f"{len(features)} records of the running machine, where {baseline} are the baseline"
        raise _refused(file, what, "Give more records")
    if faulty[:baseline].any():
        raise _refused(file, f"faulty within its first {baseline} records", "Let the fault begin later")
    features -= np.median(features[:baseline], axis=0)
    return Machine(file.stem, features[:, :LEVELS].astype(np.float32), features[:, LEVELS:], faulty)


def _running(rms: NDArray[np.float64]) -> NDArray[np.bool_]:
    at_rest: float = np.median(rms) * 10.0 ** (_AT_REST / 20.0)
    return rms > at_rest


def _faulty(file: Path, time: NDArray[np.int64]) -> NDArray[np.bool_]:
    faulty = np.zeros(len(time), dtype=np.bool_)
    if not file.exists():
        return faulty
    for label in json.loads(file.read_text(encoding="utf-8")):
        if label.get("concerns", "machine") == "machine":  # a sensor's fault is another matter
            faulty |= (time >= label["start"]) & (time < label["end"])
    return faulty


def _refused(file: Path, what: str, remedy: str) -> ConfigError:
    return ConfigError((Problem(str(file), "data", "", what, remedy),))
