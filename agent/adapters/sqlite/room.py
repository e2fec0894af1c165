"""How large the journal may be: its budget, or its share of the disk where that is less.

SQLite is told a largest number of pages, and answers a commit beyond it with "full" before anything is
written: then something goes (``eviction``). A file that is larger than it may be, because others fill the
disk or the budget was lowered, is made smaller little by little.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final

from agent.adapters.sqlite.connection import PAGE_BYTES, beside

LEAST: Final = 4 * 1024 * 1024
"""Bytes that the journal takes however full the disk is."""

_LOG_RESERVE: Final = 8 * 1024 * 1024
_FEWEST_PAGES: Final = 16
_PAGES_A_STEP: Final = 256


class Room:
    """The bounds of the journal at ``path``: ``budget`` bytes for the file and its write-ahead log together,
    and no more than ``share`` of what is free, its own bytes counted as free."""

    def __init__(self, path: Path, budget: int, share: float) -> None:
        self._path = path
        self._budget = budget
        self._share = share
        self.pages = 0
        """How many the file may have."""

    def set_bounds(self, connection: sqlite3.Connection) -> None:
        """Look at the disk, and tell SQLite. Raises as sqlite3 does."""
        allowed = min(self._budget, max(LEAST, int(self._share * self._obtainable())))
        reserve = min(_LOG_RESERVE, allowed // 4)
        self.pages = max(_FEWEST_PAGES, (allowed - reserve) // PAGE_BYTES)
        connection.execute(f"PRAGMA max_page_count = {self.pages}")
        # half of the reserve until a checkpoint is due, the other half for a commit that comes before it
        connection.execute(f"PRAGMA wal_autocheckpoint = {max(_FEWEST_PAGES, reserve // 2 // PAGE_BYTES)}")
        connection.execute(f"PRAGMA journal_size_limit = {reserve // 2}")

    def exceeded(self, connection: sqlite3.Connection) -> bool:
        """Give back a step's pages where the file is too large; whether rows must go before more can be.

        A file that was laid out by version 1 keeps its size: there it is the pages in use that count.
        """
        pages, free = _pages(connection)
        if pages <= self.pages:
            return False
        if free and connection.execute("PRAGMA auto_vacuum").fetchone()[0]:
            connection.execute(f"PRAGMA incremental_vacuum({min(_PAGES_A_STEP, pages - self.pages)})").fetchall()
            self.set_bounds(connection)
            pages, free = _pages(connection)
        return pages - free > self.pages

    def _obtainable(self) -> int:
        own = 0
        for path in (self._path, beside(self._path, "-wal")):
            try:
                own += path.stat().st_size
            except OSError:
                continue
        try:
            disk = os.statvfs(self._path.parent)
        except OSError:
            return own
        return own + disk.f_bavail * disk.f_frsize


def room_within(connection: sqlite3.Connection, size: int) -> bool:
    """Whether the file has free pages of its own for ``size`` bytes and some more: that it is full is the disk's
    word then, and taking rows away would not help."""
    _, free = _pages(connection)
    return free * PAGE_BYTES > 4 * size + 64 * PAGE_BYTES


def _pages(connection: sqlite3.Connection) -> tuple[int, int]:
    """How many pages the file has, and how many of them hold nothing."""
    pages: int = connection.execute("PRAGMA page_count").fetchone()[0]
    free: int = connection.execute("PRAGMA freelist_count").fetchone()[0]
    return pages, free
