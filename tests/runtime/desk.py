"""A writer on a real journal, and what it says, for tests of the writer."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from agent.adapters.sqlite.journal import SqliteJournal
from agent.runtime.writer import Writer
from tests.adapters.sqlite.entries import ALARMS, SUMMARIES, T0


class Desk:
    """A writer on a real journal, and what it says."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.journal = SqliteJournal(path)
        self.boot = self.journal.begin_boot(T0)
        self.marks: list[int] = []
        self.writer = Writer(self.journal, self.marks.append)

    def begin(self, **options: float) -> Writer:
        self.writer = Writer(self.journal, self.marks.append, **options)  # type: ignore[arg-type]
        self.writer.start()
        return self.writer

    def on_disk(self) -> list[int]:
        """Sequence numbers as another connection sees them."""
        reader = self.journal.reader()
        found = [e.seq for e in reader.pending(100_000, (*SUMMARIES, *ALARMS))]
        reader.close()
        return found

    def stall(self) -> sqlite3.Connection:
        """The journal takes nothing while this connection holds its lock."""
        self.journal._connection.execute("PRAGMA busy_timeout = 50")
        other = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        return other


def eventually(condition: Callable[[], bool], within: float = 5.0) -> bool:
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True
