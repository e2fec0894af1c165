"""A damaged journal is set aside for whoever wants to look into it, and what can be read is kept.

Damage found while the daemon runs is not repaired under its feet: the file is condemned (a marker
beside it), the daemon ends as after any bug, and the next start sets the file aside.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeAlias

from agent.adapters.sqlite.connection import checksum

_SIDE_FILES: Final = ("", "-wal", "-shm")
_KEPT_ROWS: Final = 10_000

_Row: TypeAlias = tuple[Any, ...]


def condemn(path: Path) -> None:
    """Have the next start set the file aside."""
    with contextlib.suppress(OSError):  # a disk that takes no marker will show its damage again
        _marker(path).touch()


def condemned(path: Path) -> bool:
    """Whether damage was found when the file was last in use."""
    return _marker(path).exists()


def set_aside(path: Path) -> Path:
    """Rename the file and what belongs to it; its new name. Only the newest such set is kept:
    each may be as large as the journal's budget."""
    for older in path.parent.glob(f"{path.name}.damaged-*"):
        older.unlink(missing_ok=True)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    for suffix in _SIDE_FILES:
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    _marker(path).unlink(missing_ok=True)
    return aside


def salvage(aside: Path, connection: sqlite3.Connection) -> int:
    """Copy snapshots, boots, and all entries but summaries whose checksums hold into the new journal.

    Nothing here is certain, so each table is read from its beginning and from its end until the
    damage is met. How many rows were saved.
    """
    saved = 0
    for select, insert, sound in _TABLES:
        for direction in ("ASC", "DESC"):
            rows = _read_until_damage(aside, f"{select} ORDER BY rowid {direction}", sound)
            connection.execute("BEGIN IMMEDIATE")
            saved += max(0, connection.executemany(insert, rows).rowcount)
            connection.execute("COMMIT")
    return saved


def _read_until_damage(aside: Path, query: str, sound: Callable[[_Row], bool]) -> list[_Row]:
    # no WHERE: sqlite3 looks one row ahead, and damage met on the way to the next match would
    # cost the match before it
    rows: list[_Row] = []
    with contextlib.suppress(sqlite3.DatabaseError), contextlib.closing(sqlite3.connect(aside)) as damaged:
        for row in damaged.execute(query):
            if sound(row):
                rows.append(row)
                if len(rows) >= _KEPT_ROWS:
                    break
    return rows


def _always(_: _Row) -> bool:
    return True


def _sound_snapshot(row: _Row) -> bool:
    _, state, crc, _ = row
    return isinstance(state, str) and checksum(state.encode(), 0) == crc


def _sound_entry(row: _Row) -> bool:
    identifier, kind, _, _, payload, crc, _ = row
    return kind != "window" and isinstance(payload, str) and checksum(payload.encode(), identifier) == crc


def _marker(path: Path) -> Path:
    return path.with_name(path.name + ".condemned")


_TABLES: Final = (
    (
        "SELECT boot, started_ns FROM boots NOT INDEXED",
        "INSERT OR IGNORE INTO boots (boot, started_ns) VALUES (?, ?)",
        _always,
    ),
    (
        "SELECT asset, state, crc, updated_ns FROM snapshots NOT INDEXED",
        "INSERT OR IGNORE INTO snapshots (asset, state, crc, updated_ns) VALUES (?, ?, ?, ?)",
        _sound_snapshot,
    ),
    (
        "SELECT id, kind, asset, time_ns, payload, crc, settled FROM log NOT INDEXED",
        "INSERT OR IGNORE INTO log (id, kind, asset, time_ns, payload, crc, settled) VALUES (?,?,?,?,?,?,?)",
        _sound_entry,
    ),
)
