"""Which layout of the journal's file this program writes, and the refusal of a newer one."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from agent.errors import ConfigError, Problem

VERSION: Final = 2
"""``PRAGMA user_version`` of the files written; 0 is a file without tables."""


def version_of(connection: sqlite3.Connection, path: Path) -> int:
    """The file's version. Raises ConfigError where it is newer than this program knows."""
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if found > VERSION:
        raise ConfigError((
            Problem(str(path), "journal.path", "",
                    f"was written by a newer watchkeeper (layout {found}, this one knows {VERSION})",
                    "Install the newer version again, or move the file away to begin a new journal."),
        ))
    return found
