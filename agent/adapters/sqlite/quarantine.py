"""A damaged journal is set aside for whoever wants to look into it, and what can be read is kept.

::

    damage met --> condemn() a marker beside the file      a reader, which may not write, does only this
    the writer --> set_aside() renamed, the marker names it
               --> a new file, salvage() into it, absolve() the marker is gone

A power cut at any of these moments leaves a marker that says how far it has come.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias, get_args

from agent.adapters.sqlite.carving import Leaf, Remains, Value
from agent.adapters.sqlite.connection import Identity, beside, checksum, place
from agent.adapters.sqlite.wal import survey
from agent.monitoring.types import RecordKind

_SIDE_FILES: Final = ("", "-wal", "-shm")
_ROWS_A_COMMIT: Final = 2000
_LOG_COLUMNS: Final = 7
_SNAPSHOT_COLUMNS: Final = 4
_KINDS: Final[dict[bytes, str]] = {kind.encode(): kind for kind in get_args(RecordKind)}
_WINDOW: Final = b"window"
_KEEP_ENTRY: Final = (
    "INSERT INTO log (id, kind, asset, time_ns, payload, crc, settled) VALUES (?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (id) DO UPDATE SET settled = 1 WHERE excluded.settled > settled"
)
_KEEP_SNAPSHOT: Final = (
    "INSERT INTO snapshots (asset, state, crc, updated_ns) VALUES (?, ?, ?, ?) ON CONFLICT (asset) DO UPDATE"
    " SET state = excluded.state, crc = excluded.crc, updated_ns = excluded.updated_ns"
    " WHERE excluded.updated_ns > updated_ns"
)
_KEEP_BOOT: Final = "INSERT OR IGNORE INTO boots (boot, started_ns) VALUES (?, ?)"

_Values: TypeAlias = tuple[Any, ...]
_Batch: TypeAlias = dict[str, list[_Values]]


def condemn(path: Path) -> None:
    """Have the writer set the file aside as soon as it looks."""
    with contextlib.suppress(OSError):  # a disk that takes no marker will show its damage again
        _marker(path).touch()


def condemned(path: Path) -> bool:
    """Whether damage was found, and its remains are not saved yet."""
    return _marker(path).exists()


def unsaved(path: Path) -> Path | None:
    """The file that was set aside before what can be read of it was saved; None where there is none."""
    try:
        name = _marker(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    if not name.startswith(f"{path.name}.damaged-") or "/" in name or not path.with_name(name).exists():
        return None
    aside = path.with_name(name)
    if not path.exists():
        _rename(path, aside)  # a power cut came between them
    return aside


def set_aside(path: Path) -> Path:
    """Rename the file and what belongs to it; its new name. Only the newest such set is kept:
    each may be as large as the journal's budget. Raises OSError."""
    for older in path.parent.glob(f"{path.name}.damaged-*"):
        older.unlink(missing_ok=True)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    with contextlib.suppress(OSError):
        _marker(path).write_text(aside.name, encoding="utf-8")
    _rename(path, aside)
    return aside


def _rename(path: Path, aside: Path) -> None:
    """The file itself first: once it has gone, what is found at ``path`` is its successor."""
    for suffix in _SIDE_FILES:
        with contextlib.suppress(FileNotFoundError):
            beside(path, suffix).rename(beside(aside, suffix))


def absolve(path: Path) -> None:
    """What could be saved is: remove the marker."""
    with contextlib.suppress(OSError):
        _marker(path).unlink(missing_ok=True)


@contextmanager
def remains_at(path: Path) -> Iterator[Remains]:
    """What is left of the file at ``path`` and its write-ahead log."""
    with contextlib.ExitStack() as files:
        log = beside(path, "-wal")
        try:
            frames = survey(log).frames
        except OSError:
            frames = 0
        yield Remains(_opened(path, files), _opened(log, files), frames)


def kept_open(identity: Identity) -> tuple[int, ...]:
    """Descriptors of their own of the files that this process has open as the journal and its log, wherever their
    names have gone; -1 for one that is not open. Linux tells them; elsewhere there are none."""
    found = [-1, -1]
    with contextlib.suppress(OSError):
        for link in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):
                status = link.stat()
                for index, inode in enumerate(identity):
                    if found[index] < 0 and (status.st_dev, status.st_ino) == inode:
                        found[index] = os.dup(int(link.name))
    return tuple(found)


def _opened(path: Path, files: contextlib.ExitStack) -> int | None:
    try:
        number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    files.callback(os.close, number)
    return number


def salvage(remains: Remains, connection: sqlite3.Connection, *, most_pages: int, seconds: float) -> int:
    """Bring all rows whose checksums hold into the new journal, the newest first, windows after all else.

    Ends at ``most_pages`` of the new file, after ``seconds``, or when the disk takes no more. How many
    rows were saved.
    """
    deadline = time.monotonic() + seconds
    begun = connection.total_changes
    leaves = remains.leaves()
    windows: list[Leaf] = []
    for only_windows, pages in ((False, leaves), (True, windows)):
        batch: _Batch = {_KEEP_ENTRY: [], _KEEP_SNAPSHOT: []}
        for leaf in pages:
            for identifier, columns in remains.rows(leaf):
                if len(columns) == _LOG_COLUMNS and (columns[1] == _WINDOW) is not only_windows:
                    if not only_windows and (not windows or windows[-1] != leaf):
                        windows.append(leaf)
                elif (sound := _sound(identifier, columns)) is not None:
                    statement, values = sound
                    batch[statement].append(values)
            if sum(map(len, batch.values())) >= _ROWS_A_COMMIT:
                _keep(batch, connection)
                used: int = connection.execute("PRAGMA page_count").fetchone()[0]
                if used >= most_pages or time.monotonic() >= deadline:
                    return connection.total_changes - begun
        _keep(batch, connection)
    return connection.total_changes - begun


def _keep(batch: _Batch, connection: sqlite3.Connection) -> None:
    """One transaction. Nothing of it where the disk takes no more: the journal goes on without."""
    with contextlib.suppress(sqlite3.OperationalError):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement, rows in batch.items():
                connection.executemany(statement, rows)
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
    for rows in batch.values():
        rows.clear()


def _sound(identifier: int, columns: list[Value]) -> tuple[str, _Values] | None:
    """The statement that keeps a row; None where its checksum fails, or it is no row of ours."""
    if len(columns) == _LOG_COLUMNS:
        _, kind, asset, time_ns, payload, crc, settled = columns
        if (
            isinstance(payload, bytes) and isinstance(kind, bytes) and isinstance(asset, bytes)
            and isinstance(time_ns, int) and checksum(payload, identifier) == crc
        ):
            return _KEEP_ENTRY, (identifier, _KINDS.get(kind) or _kind_told(payload),
                                 asset.decode(errors="replace"), time_ns, payload.decode(), crc, int(settled == 1))
    elif len(columns) == _SNAPSHOT_COLUMNS:
        asset, state, crc, updated = columns
        if (isinstance(state, bytes) and isinstance(asset, bytes) and isinstance(updated, int)
                and checksum(state, 0) == crc):
            return _KEEP_SNAPSHOT, (asset.decode(errors="replace"), state.decode(), crc, updated)
    return None


def _kind_told(payload: bytes) -> str:
    """The kind as the payload itself says it."""
    told = payload.partition(b'"kind":"')[2].partition(b'"')[0]
    return _KINDS.get(told, "event")


def keep_boots(connection: sqlite3.Connection, boot: int, started: int) -> None:
    """That this boot began, and that those on record did; when they did is not known any more."""
    newest = connection.execute("SELECT max(id) FROM log").fetchone()[0]
    for number, time_ns in ((boot, started), (place(newest or 0)[0], 0)):
        if number:
            connection.execute(_KEEP_BOOT, (number, time_ns))


def _marker(path: Path) -> Path:
    return beside(path, ".condemned")
