"""How full the journal is, asked beside its writer."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from agent.adapters.sqlite.connection import open_for_reading
from agent.ports import JournalDepth


def depth_of(path: Path) -> JournalDepth | None:
    """As the file stands now; None where it cannot be read.

    Counting goes over one index, some 20 ms in a full journal: nothing to ask often.
    """
    try:
        with closing(open_for_reading(path)) as connection:
            rows, undelivered, oldest = connection.execute(
                "SELECT count(*), coalesce(sum(settled = 0), 0), min(CASE WHEN settled = 0 THEN id END) FROM log"
            ).fetchone()
            time = None
            if oldest is not None:
                time = connection.execute("SELECT time_ns FROM log WHERE id = ?", (oldest,)).fetchone()[0]
        size = sum(path.with_name(path.name + end).stat().st_size for end in ("", "-wal"))
    except (sqlite3.DatabaseError, OSError):
        return None
    return JournalDepth(bytes=size, rows=rows, undelivered=undelivered, oldest_undelivered=time)
