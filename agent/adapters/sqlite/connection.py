"""Connections to the journal's file, the place of an entry in it, and what SQLite's errors mean."""

from __future__ import annotations

import os
import sqlite3
import zlib
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from agent.errors import AgentError, JournalCorrupt, JournalFull

SEQ_BITS: Final = 40
"""A row's id is ``boot << 40 | seq``: the order of the log is the order of the table, and no
second index is needed to find an entry. 2^40 entries a boot last 34 years at 1,000 a second."""

PAGE_BYTES: Final = 4096
"""Of the file's pages: SQLite's own default, written down because ``carving`` must know it of a file
whose header is gone."""

_SEQ_MASK: Final = (1 << SEQ_BITS) - 1
_BUSY_TIMEOUT: Final = 5.0

_LAYING_OUT: Final = (
    f"page_size = {PAGE_BYTES}",
    "auto_vacuum = INCREMENTAL",  # so that it can shrink again
)
_PRAGMAS: Final = (
    "journal_mode = WAL",
    # NORMAL lost acknowledged rows in more than half of the power cuts that were tried
    "synchronous = FULL",
    "temp_store = MEMORY",
    "cache_size = -1024",
)

_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_NOT_NOW: Final = frozenset({
    sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED,
})
_FOLDER_CLOSED: Final = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})


class Inode(NamedTuple):
    """Which file a path leads to; zeros where there is none."""

    device: int
    number: int


Identity: TypeAlias = tuple[Inode, Inode]
"""Which files the journal and its write-ahead log are."""


def row_id(boot: int, seq: int) -> int:
    """Where an entry stands in the log."""
    return boot << SEQ_BITS | seq


def place(identifier: int) -> tuple[int, int]:
    """(boot, seq) of a row."""
    return identifier >> SEQ_BITS, identifier & _SEQ_MASK


def checksum(payload: bytes, identifier: int) -> int:
    """CRC-32 of a payload, begun with its row's id: a payload in another's row is found out too."""
    return zlib.crc32(payload, identifier & 0xFFFFFFFF)


def beside(path: Path, ending: str) -> Path:
    """The file beside the journal with this ending."""
    return path.with_name(path.name + ending)


def identity(path: Path) -> Identity:
    """Which files stand there now. Nothing is opened: closing a file of SQLite's would drop its locks."""
    return _inode(path), _inode(beside(path, "-wal"))


def _inode(path: Path) -> Inode:
    try:
        found = os.stat(path)  # noqa: PTH116 -- asked with every look into the journal; a Path's own costs more
    except OSError:
        return Inode(0, 0)
    return Inode(found.st_dev, found.st_ino)


def open_for_writing(path: Path) -> sqlite3.Connection:
    """The connection that writes. Used by one thread at a time, not always the same one.

    Transactions are begun and ended by hand; a statement alone is a transaction of its own.
    """
    connection = sqlite3.connect(
        path, timeout=_BUSY_TIMEOUT, isolation_level=None, check_same_thread=False, cached_statements=16)
    connection.text_factory = _text
    try:
        empty = connection.execute("PRAGMA page_count").fetchone() == (0,)
        for pragma in (*_LAYING_OUT, *_PRAGMAS) if empty else _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """A connection that cannot write, and so never checkpoints: that is for the writer alone.

    Where the folder is not writable and no writer has left its ``-wal`` and ``-shm``, SQLite
    cannot open a WAL file for reading; nobody writes it then, and it is read as it is.
    """
    connection = _open_read_only(path, "mode=ro")
    try:
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as fault:
        connection.close()
        if primary_code(fault) not in _FOLDER_CLOSED or beside(path, "-wal").exists():
            raise
        connection = _open_read_only(path, "immutable=1")
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection


def _open_read_only(path: Path, how: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{how}", uri=True, timeout=_BUSY_TIMEOUT, isolation_level=None,
        check_same_thread=False)
    connection.text_factory = _text
    return connection


def _text(raw: bytes) -> str:
    """Text that a flipped bit has made invalid must not raise: its row is found out by the checksum."""
    return raw.decode(errors="replace")


def primary_code(fault: sqlite3.Error) -> int:
    """SQLite's primary result code; 0 where the error is the sqlite3 module's own."""
    code: int = getattr(fault, "sqlite_errorcode", 0)
    return code & 0xFF


def translated(fault: sqlite3.DatabaseError, path: Path) -> AgentError | sqlite3.DatabaseError:
    """What the rest of the agent is told: JournalCorrupt, JournalFull, or that it is a bug.

    JournalFull stands for all that may pass by itself: no space, a file system gone read-only,
    an I/O error, somebody else's lock.
    """
    code = primary_code(fault)
    if code in _DAMAGED:
        return JournalCorrupt(f"the journal {path} is damaged: {fault}", str(path))
    if code in _NOT_NOW:
        return JournalFull(f"the journal {path} cannot be used now: {fault}")
    return fault
