"""The raw samples that raised an alarm, out of the journal into files that numpy, pandas and ``replay`` read."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from agent.errors import ConfigError, Problem
from agent.monitoring.evidence import Piece, pieces_of
from agent.monitoring.wording import iso

_UNFIT: Final = re.compile(r"[^A-Za-z0-9._-]+")


def describe(body: Mapping[str, Any]) -> str:
    """One line: which alarm, and what there is of each channel."""
    counts: dict[str, int] = {}
    for told in body["channels"]:
        counts[told["channel"]] = counts.get(told["channel"], 0) + told["count"]
    samples = ", ".join(f"{count} of {channel}" for channel, count in counts.items()) or "none"
    left_out = f"; {body['left_out']} older ones did not fit" if "left_out" in body else ""
    return f"{body['time']}  {body['asset']}/{body['alarm']}  samples: {samples}{left_out}"


def write(body: Mapping[str, Any], folder: Path) -> Path:
    """Write one record's samples into ``folder``, which is made where it is missing; the file.

    A waveform's records as .npz: ``values`` of shape (records, samples), ``time`` of their first samples in ns,
    ``rate`` in Hz; of every other channel ``<name>`` and ``<name>_time``. Everything else as .csv: the time, and
    a column for each channel. Raises ConfigError where it cannot be written.
    """
    pieces = pieces_of(body)
    own = [piece for piece in pieces if piece.channel == body["channel"]]
    waveform = bool(own) and all(piece.rate is not None and piece.values.size > 1 for piece in own)
    name = _UNFIT.sub("-", f"{body['asset']}-{body['alarm']}-{body['time']}".replace(":", ""))
    path = folder / f"{name}{'.npz' if waveform else '.csv'}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if waveform:
            np.savez_compressed(path, **_arrays(own, [one for one in pieces if one.channel != body["channel"]]))
        else:
            _write_csv(path, pieces)
    except OSError as fault:
        raise ConfigError((Problem(str(path), "output", "", f"cannot be written: {fault.strerror}",
                                   "Give a folder that can be written."),)) from None
    return path


def _arrays(own: Sequence[Piece], others: Sequence[Piece]) -> dict[str, Any]:
    # a record of which the beginning was left out has not the shape of the others
    whole = [piece for piece in own if piece.values.size == own[-1].values.size]
    arrays: dict[str, Any] = {
        "values": np.stack([piece.values for piece in whole]),
        "time": np.array([piece.times[0] for piece in whole], dtype=np.int64),
        "rate": own[-1].rate,
    }
    for channel in dict.fromkeys(piece.channel for piece in others):
        found = [piece for piece in others if piece.channel == channel]
        arrays[channel] = np.concatenate([piece.values for piece in found])
        arrays[f"{channel}_time"] = np.concatenate([piece.times for piece in found])
    return arrays


def _write_csv(path: Path, pieces: Sequence[Piece]) -> None:
    channels = list(dict.fromkeys(piece.channel for piece in pieces))
    rows: dict[int, dict[str, float]] = {}
    for piece in pieces:
        for time, value in zip(piece.times.tolist(), piece.values, strict=True):
            rows.setdefault(time, {})[piece.channel] = value
    with path.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["time", *channels])
        for time, row in sorted(rows.items()):
            # the shortest digits that give this float32 again
            lines.writerow([iso(time), *(str(row[name]) if name in row else "" for name in channels)])
