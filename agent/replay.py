"""Recorded files through the same ``Monitor``: no broker, no threads, the same records bit for bit.

This is how settings and models are judged before a device gets them.
"""

from __future__ import annotations

import csv
import gzip
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from agent.config import load
from agent.config.settings import Replay, Settings
from agent.errors import EXIT_OK, ConfigError, MalformedMessage, Problem
from agent.models import ModelShelf
from agent.monitoring.acquisition.times import time_reader
from agent.monitoring.monitor import Monitor
from agent.monitoring.spec import AssetSpec, ChannelSpec
from agent.monitoring.types import SECOND, Block, FloatArray, Nanos, Record

NPY_SUFFIXES: Final = (".npz", ".npy")
_KINDS_SHOWN: Final = ("window",)


class InputError(ConfigError):
    """The recorded file does not fit the configuration."""

    def __init__(self, path: Path, what: str, remedy: str, key: str = "input") -> None:
        super().__init__((Problem(str(path), key, "", what, remedy),))


def replay(config_path: Path, path: Path, output: Path, speed: float | None = None) -> int:
    """The command: the file's windows as JSON lines in ``output``, alarms and a summary on stderr."""
    from tqdm import tqdm  # noqa: PLC0415 -- whoever replays in a program needs no bar

    settings = load(config_path)
    alarms: list[Record] = []
    try:
        lines = output.open("wb")
    except OSError as fault:
        raise InputError(output, f"cannot be written: {fault.strerror}", "Give a file in a folder that exists.",
                         "output") from None
    with lines, tqdm(unit=" records", disable=None, leave=False) as bar:
        def seen(record: Record) -> None:
            bar.update()
            if record.kind == "alarm":
                alarms.append(record)

        windows = write_lines(replay_file(settings, path, speed), lines, seen)
    for alarm in alarms:
        print(_alarm_line(alarm.body), file=sys.stderr)  # noqa: T201 -- a command
        for sentence in alarm.body.get("advice", ())[1:]:
            print(f"    {sentence}", file=sys.stderr)  # noqa: T201
    print(f"{windows} windows in {output}, {len(alarms)} alarm transitions.", file=sys.stderr)  # noqa: T201
    return EXIT_OK


def _alarm_line(body: Mapping[str, Any]) -> str:
    reasons = ", ".join(f"{name} {amount:+.1f}" for name, amount in body.get("contributors", ()))
    if "limit" in body:
        reasons = f"{body['feature']} {body['value']:.4g} beyond {body['limit']:.4g}"
    return f"{body['time'][:19]}Z  {body['asset']}  {body['transition']:<9}  {body['severity']:<6}  {reasons}"


def replay_file(settings: Settings, path: Path, speed: float | None = None) -> Iterator[Record]:
    """Every record that the file leads to, in order.

    ``speed``: 1.0 waits as long between samples as when they were recorded; None does not wait.
    Raises ConfigError where the file does not fit, ModelError where a model does not.
    """
    asset = _asset(settings, path)
    monitor = Monitor(ModelShelf().load)
    yield from monitor.add(asset)
    pace = _Pace(speed)
    for blocks in read_rows(settings.replay, asset, path):
        at = blocks[0].time
        pace.wait(at)
        yield from monitor.observe_message(blocks, at, str(path))
    yield from monitor.owed()


def read_rows(mapping: Replay, asset: AssetSpec, path: Path) -> Iterator[list[Block]]:
    """The blocks of each line of a CSV file (gzip allowed), or of each record in an .npz or .npy file."""
    if path.suffix in NPY_SUFFIXES:
        return _read_arrays(mapping, asset, path)
    return _read_csv(mapping, asset, path)


def write_lines(records: Iterable[Record], output: BinaryIO, seen: Callable[[Record], None]) -> int:
    """One JSON line a window; ``seen`` is shown every record. The number of lines."""
    lines = 0
    for record in records:
        seen(record)
        if record.kind in _KINDS_SHOWN:
            output.write(orjson.dumps(record.body, option=orjson.OPT_APPEND_NEWLINE))
            lines += 1
    return lines


class _Pace:
    """Waits so that event time passes ``speed`` times as fast as real time."""

    def __init__(self, speed: float | None) -> None:
        self._speed = speed
        self._start: tuple[float, Nanos] | None = None

    def wait(self, event: Nanos) -> None:
        if not self._speed:
            return
        if self._start is None:
            self._start = (time.monotonic(), event)
        begun, first = self._start
        left = (event - first) / SECOND / self._speed - (time.monotonic() - begun)
        if left > 0:
            time.sleep(left)


def _asset(settings: Settings, path: Path) -> AssetSpec:
    specs = {spec.id: spec for spec in settings.asset_specs()}
    wanted = settings.replay.asset
    if wanted is not None and wanted in specs:
        return specs[wanted]
    arrays = path.suffix in NPY_SUFFIXES
    fitting = [spec for spec in specs.values() if (spec.profile == "waveform") == arrays]
    if wanted is None and len(fitting) == 1:
        return fitting[0]
    known = ", ".join(specs) or "none"
    raise InputError(path, "it is not clear which asset was recorded",
                     f"Set replay.asset to one of: {known}.")


@contextmanager
def _open_text(path: Path) -> Iterator[IO[str]]:
    try:
        with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as stream:
            yield stream
    except (OSError, UnicodeDecodeError, EOFError) as fault:
        reason = (isinstance(fault, OSError) and fault.strerror) or fault
        raise InputError(path, f"cannot be read: {reason}", "Give a CSV file, .csv.gz, .npz or .npy.") from None


def _read_csv(mapping: Replay, asset: AssetSpec, path: Path) -> Iterator[list[Block]]:
    with _open_text(path) as stream:
        rows = csv.reader(stream, delimiter=mapping.separator)
        header = next(rows, [])
        when, columns = _columns(mapping, asset, path, header)
        for number, row in enumerate(rows, 2):
            if not row:
                continue
            try:
                at = _time(row[when], mapping)
                values = [(channel, float(row[column] or "nan")) for channel, column in columns]
            except (IndexError, ValueError, MalformedMessage) as fault:
                raise InputError(path, f"line {number}: {fault}",
                                 "Mend the line, or the separator and columns in [replay].") from None
            yield [
                Block(asset.id, channel.name, at, np.array([value * channel.source.scale + channel.source.offset]))
                for channel, value in values
            ]


def _columns(
    mapping: Replay, asset: AssetSpec, path: Path, header: list[str]
) -> tuple[int, list[tuple[ChannelSpec, int]]]:
    """The time's column, and each channel with its column."""
    wanted = mapping.time_column or (header[0] if header else "time")
    names = {channel.name: mapping.columns.get(channel.name, channel.name) for channel in asset.channels}
    missing = [name for name in (wanted, *names.values()) if name not in header]
    if missing:
        raise InputError(
            path,
            f"no column {', '.join(map(repr, missing))}; the header has {', '.join(header) or 'nothing'}",
            "Set separator, time_column and columns in [replay].",
        )
    return header.index(wanted), [(c, header.index(names[c.name])) for c in asset.channels]


def _time(text: str, mapping: Replay) -> Nanos:
    read = time_reader(mapping.time_unit)
    if mapping.time_unit == "iso8601":
        return read(text, "the time")
    number = float(text)
    return read(int(number) if number.is_integer() else number, "the time")


def _read_arrays(mapping: Replay, asset: AssetSpec, path: Path) -> Iterator[list[Block]]:
    channel = _channel(mapping, asset, path)
    rate = mapping.rate or channel.rate or channel.source.rate
    times = None
    try:
        loaded = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as fault:
        raise InputError(path, f"cannot be read: {fault}", "Give arrays written by numpy.") from None
    if isinstance(loaded, np.ndarray):
        values = loaded
    else:
        with loaded:
            if "values" not in loaded:
                raise InputError(path, f"holds no array 'values', only {', '.join(loaded.files)}",
                                 "Name the records 'values', and their times (ns) 'time'.")
            values = loaded["values"]
            times = loaded.get("time")
            if mapping.rate is None and "rate" in loaded:
                rate = float(loaded["rate"])
    if rate is None:
        raise InputError(path, "the rate of the samples is unknown", "Set rate in [replay] or of the channel.")
    if values.ndim == 1:
        values = values[None, :]
    if values.ndim != 2 or (times is not None and len(times) != len(values)):  # noqa: PLR2004
        raise InputError(path, f"has shape {values.shape}", "Give records of shape (records, samples).")
    start = time_reader("iso8601")(mapping.start, "replay.start") if mapping.start else 0
    spacing = round(values.shape[1] * SECOND / rate)
    for number, record in enumerate(values):
        at = int(times[number]) if times is not None else start + number * spacing
        yield [Block(asset.id, channel.name, at, _floats(record, channel), rate)]


def _floats(record: NDArray[Any], channel: ChannelSpec) -> FloatArray:
    values = record if record.dtype == np.float32 else record.astype(np.float64)
    if channel.source.scale != 1.0 or channel.source.offset != 0.0:
        values = values * channel.source.scale + channel.source.offset
    return values


def _channel(mapping: Replay, asset: AssetSpec, path: Path) -> ChannelSpec:
    judged = [c for c in asset.channels if c.role == "condition"]
    for channel in asset.channels:
        if channel.name == mapping.channel or (mapping.channel is None and judged == [channel]):
            return channel
    known = ", ".join(c.name for c in asset.channels)
    raise InputError(path, "it is not clear which channel was recorded", f"Set replay.channel to one of: {known}.")
