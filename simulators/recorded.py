"""Recorded telemetry as messages: one JSON object for each row of a CSV file."""

from __future__ import annotations

import csv
import gzip
import json
import math
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from simulators.publishing import Message

# no text, a number or time that is none; an archive that ends early, is none, is damaged
_UNREADABLE = (ValueError, EOFError, gzip.BadGzipFile, zlib.error)


class UnreadableError(Exception):
    """A file is not the recording that it was said to be; the text names the line."""


def recorded_messages(path: Path, separator: str, time_column: str | None, topic: str) -> Iterator[Message]:
    """``ts`` in ms since the epoch and each column under its own name; what is missing is null.

    ``time_column`` (None: the first) holds ISO 8601, in UTC where it names no zone. Rows in the
    file's order. Raises UnreadableError, and OSError where there is no such file.
    """
    with _open(path) as stream:
        rows = csv.DictReader(stream, delimiter=separator)
        try:
            names = rows.fieldnames or []
            when = time_column or next(iter(names), "")
            if when not in names:
                raise UnreadableError(f"{path}: no column {when!r}; there are {', '.join(names)}")
            for row in rows:
                at = _nanoseconds(row.pop(when))
                values = {name: _number(value) for name, value in row.items()}
                yield Message(at, topic, json.dumps({"ts": at // 1_000_000, **values}).encode())
        except (TypeError, csv.Error, *_UNREADABLE) as fault:
            raise UnreadableError(f"{path}, line {rows.line_num}: {fault}") from fault


def row_count(path: Path) -> int:
    """How many rows follow the header. Raises as ``recorded_messages`` does."""
    lines = 0
    with _open(path) as stream:
        try:
            for lines, _ in enumerate(stream, 1):  # noqa: B007 -- wanted after the loop
                pass
        except _UNREADABLE as fault:
            raise UnreadableError(f"{path}, after line {lines}: {fault}") from fault
    return max(0, lines - 1)


def _number(text: str | None) -> float | None:
    number = float(text) if text else math.nan
    return number if math.isfinite(number) else None  # JSON has no NaN


def _nanoseconds(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1e6) * 1000


def _open(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")
