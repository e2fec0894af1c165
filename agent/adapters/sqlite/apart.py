"""Laying out a new journal, or an older one anew, in a process of its own.

That takes sqlite-utils, which would stay in the daemon's memory (5 MB) for what is done once in
the life of a file.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from agent.adapters.sqlite.connection import open_for_writing
from agent.adapters.sqlite.version import VERSION, version_of
from agent.errors import ConfigError


def lay_out_apart(path: Path) -> None:
    """Leave the file so that opening it finds nothing to migrate. Raises nothing: whatever is in
    the way, opening it finds it too, and says so."""
    if _is_current(path):
        return
    with contextlib.suppress(OSError):
        subprocess.run(  # noqa: S603 -- this interpreter, this module
            [sys.executable, "-P", "-m", __name__, str(path)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stderr=subprocess.DEVNULL,
            check=False,
        )


def _is_current(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.Error:
        return True
    return version >= VERSION


def _lay_out(path: Path) -> None:
    """A damaged file is left as it is: who opens it sets it aside, and tells of it."""
    from agent.adapters.sqlite.schema import migrate  # noqa: PLC0415 -- sqlite-utils, seldom needed

    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(sqlite3.DatabaseError, ConfigError), closing(open_for_writing(path)) as connection:
        if version_of(connection, path) < VERSION:
            migrate(connection)


if __name__ == "__main__":
    _lay_out(Path(sys.argv[1]))
