"""CSV payloads: each line one row of samples, columns counted from 0, no quoting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from typing import Final

import numpy as np

from agent.errors import MalformedMessage
from agent.monitoring.acquisition.pointed import Decoder
from agent.monitoring.acquisition.samples import Outlet, check_size
from agent.monitoring.acquisition.times import TimeReader, time_reader
from agent.monitoring.spec import ChannelSpec, DecodeLimits, Source
from agent.monitoring.types import Block, Nanos

_MAX_DIGITS: Final = 30
"""More than any time has; Python refuses to read numbers of thousands of digits."""


@dataclass(frozen=True, slots=True)
class _Column:
    number: int
    outlet: Outlet
    time: int | None
    iso8601: bool
    read_time: TimeReader

    @classmethod
    def of(cls, asset: str, spec: ChannelSpec) -> _Column:
        source: Source = spec.source
        return cls(
            column_number(source.value),
            Outlet.of(asset, spec),
            None if source.time is None else column_number(source.time),
            source.time_unit == "iso8601",
            time_reader(source.time_unit),
        )


def column_number(text: str) -> int:
    """A column's number from 0. Raises ValueError where the text is none."""
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"a column is a number counted from 0: {text!r}")
    return int(text)


def build_csv(asset: str, channels: Sequence[ChannelSpec], limits: DecodeLimits) -> Decoder:
    """A decoder of channels that share one separator. An empty field is a missing sample: NaN.

    Raises ValueError where a column is no number.
    """
    columns = tuple(_Column.of(asset, spec) for spec in channels)
    separator = channels[0].source.separator.encode()

    def decode(payload: bytes, received: Nanos) -> list[Block]:
        check_size(payload, limits)
        lines = payload.splitlines()
        if len(lines) > limits.max_samples:
            raise MalformedMessage(f"{len(lines)} lines, {limits.max_samples} are allowed")
        rows = [(number, line.split(separator)) for number, line in enumerate(lines, 1) if line.strip()]
        if not rows:
            raise MalformedMessage("no line holds a sample")
        return [_block(column, rows, received) for column in columns]

    return decode


def _block(column: _Column, rows: list[tuple[int, list[bytes]]], received: Nanos) -> Block:
    values = np.array([_number(_field(row, column.number, line), column.number, line) for line, row in rows])
    values = column.outlet.scaled(values)
    if column.time is None:
        return column.outlet.block(values, None, received)
    times = [_time(column, _field(row, column.time, line), line) for line, row in rows]
    return column.outlet.block_at(values, times)


def _field(row: list[bytes], column: int, line: int) -> bytes:
    if column >= len(row):
        raise MalformedMessage(f"line {line}: no column {column}, it has {len(row)}")
    return row[column]


def _number(field: bytes, column: int, line: int) -> float:
    try:
        number = float(field)
    except ValueError:
        if not field.strip():
            return nan
    else:
        # Python's own 1_000 is a number to nobody else.
        if b"_" not in field:
            return number
    raise MalformedMessage(f"line {line}, column {column}: expected a number")


def _time(column: _Column, field: bytes, line: int) -> Nanos:
    where = f"line {line}, column {column.time}"
    if column.iso8601:
        return column.read_time(field.decode("ascii", "replace").strip().strip('"'), where)
    # A whole number stays exact to the nanosecond, which a float would not.
    if field.strip().isdigit() and len(field) <= _MAX_DIGITS:
        return column.read_time(int(field), where)
    return column.read_time(_number(field, column.time or 0, line), where)
