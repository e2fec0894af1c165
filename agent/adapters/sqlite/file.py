"""The journal's file while it is in use: opened, looked after, begun anew where it is damaged.

::

    connection --> open, as it is there --------------------------> in use
                     '-- damaged: set aside, a new file, salvage ----^  |
    every second: is it still this file?  condemned by a reader? <------'
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from agent.adapters.sqlite import quarantine
from agent.adapters.sqlite.apart import lay_out_apart
from agent.adapters.sqlite.carving import Remains
from agent.adapters.sqlite.connection import beside, identity, open_for_writing, primary_code, translated
from agent.adapters.sqlite.room import Room
from agent.adapters.sqlite.version import VERSION, version_of
from agent.adapters.sqlite.wal import survey
from agent.errors import JournalCorrupt, JournalFull
from agent.monitoring.types import Nanos

_LOOK_EVERY: Final = 1.0
_SALVAGE_WITHIN: Final = 10.0


class JournalFile:
    """The file at ``path`` and the one connection that writes it.

    Attributes
    ----------
    set_aside
        Where a damaged file went; None in the normal case.
    salvaged
        How many rows of it were saved.
    boot
        The number and the time, ns, of this start: a file that is begun anew must know of it.
    """

    def __init__(self, path: Path, room: Room) -> None:
        self.path = path
        self.room = room
        self.set_aside: str | None = None
        self.salvaged = 0
        self.boot: tuple[int, Nanos] = (0, 0)
        self._opened: sqlite3.Connection | None = None
        self._identity = identity(path)
        self._look_at = 0.0
        # descriptors of a file and its log that have no name any more; what they hold is still to be saved
        self._nameless: tuple[int, ...] = ()

    @property
    def connection(self) -> sqlite3.Connection:
        """Open; opened again where the disk refused in the middle of something. Raises JournalFull where it
        cannot be opened now, ConfigError where a newer version wrote it."""
        return self._opened or self._begin()

    def heal(self, fault: sqlite3.DatabaseError) -> None:
        """Begin anew if it is damage that SQLite has met. Raises what else the fault means."""
        error = translated(fault, self.path)
        if not isinstance(error, JournalCorrupt):
            raise error from fault
        with self._refusals():
            self._begin_anew()

    def look_after(self) -> bool:
        """Not more often than every second: whether the file is still the one that was opened and nobody has
        found damage in it, else it is begun anew. Whether this was such a look."""
        now = time.monotonic()
        if self._opened is None or now < self._look_at:
            return False
        self._look_at = now + _LOOK_EVERY
        found = identity(self.path)
        if found[0] != self._identity[0]:
            self._lose_name()
        elif found[1] != self._identity[1]:
            with contextlib.suppress(sqlite3.Error):  # into the file what the nameless log holds
                self._opened.execute("PRAGMA wal_checkpoint").fetchall()
            with self._refusals():
                self._begin_anew()
        elif quarantine.condemned(self.path):
            with self._refusals():
                self._begin_anew()
        return True

    def close(self) -> None:
        """Checkpoint and close. Raises JournalFull, JournalCorrupt; it is closed all the same."""
        connection, self._opened = self._opened, None
        if connection is None:
            return
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.DatabaseError as fault:
            error = translated(fault, self.path)
            if isinstance(error, JournalCorrupt):
                quarantine.condemn(self.path)
            raise error from fault
        finally:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    # -- opening -----------------------------------------------------------------------

    def _begin(self) -> sqlite3.Connection:
        with self._refusals():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            aside = quarantine.unsaved(self.path)
            if aside is not None:
                connection = self._save(aside)
            elif quarantine.condemned(self.path) or survey(beside(self.path, "-wal")).damaged:
                connection = self._begin_anew()
            else:
                try:
                    connection = self._adopt(self._open())
                except JournalCorrupt:
                    connection = self._begin_anew()
            if self._nameless:
                self._save_nameless(connection)
        return connection

    @contextlib.contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except OSError as fault:
            raise JournalFull(f"the journal {self.path} cannot be used now: {fault}") from fault

    def _adopt(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        self._opened = connection
        self._identity = identity(self.path)
        self._look_at = time.monotonic() + _LOOK_EVERY
        return connection

    def _open(self) -> sqlite3.Connection:
        with contextlib.ExitStack() as half_open:
            try:
                connection = open_for_writing(self.path)
                half_open.callback(connection.close)
                self.room.set_bounds(connection)
                if version_of(connection, self.path) < VERSION:
                    from agent.adapters.sqlite.schema import migrate  # noqa: PLC0415 -- 5 MB, seldom needed

                    migrate(connection)
                self._probe(connection)
            except sqlite3.DatabaseError as fault:
                raise translated(fault, self.path) from fault
            half_open.pop_all()
        return connection

    def _probe(self, connection: sqlite3.Connection) -> None:
        """Touch every table; tables that are not there are damage too."""
        try:
            for table in ("log", "snapshots", "boots", "counters"):
                connection.execute(f"SELECT * FROM {table} ORDER BY rowid DESC LIMIT 1").fetchone()  # noqa: S608
        except sqlite3.OperationalError as fault:
            if primary_code(fault) == sqlite3.SQLITE_ERROR:
                raise JournalCorrupt(f"{self.path} lacks a table: {fault}", str(self.path)) from fault
            raise

    # -- damage ------------------------------------------------------------------------

    def _begin_anew(self) -> sqlite3.Connection:
        """Set the file aside, and go on with a new one that has what can be read of it."""
        # renamed before it is closed: SQLite leaves a file that has moved as it is, and else would bring
        # a log that may be garbage into it
        aside = quarantine.set_aside(self.path)
        self._drop()
        return self._save(aside)

    def _save(self, aside: Path) -> sqlite3.Connection:
        self.set_aside = str(aside)
        lay_out_apart(self.path)  # not in this process: it would keep the memory that this takes
        connection = self._open()
        with quarantine.remains_at(aside) as remains:
            self.salvaged = self._salvage(remains, connection)
        quarantine.absolve(self.path)
        return self._adopt(connection)

    def _salvage(self, remains: Remains, connection: sqlite3.Connection) -> int:
        saved = quarantine.salvage(remains, connection, most_pages=self.room.pages // 2, seconds=_SALVAGE_WITHIN)
        quarantine.keep_boots(connection, *self.boot)
        return saved

    def _lose_name(self) -> None:
        """Somebody has deleted the file, or put another one in its place."""
        self._nameless = quarantine.kept_open(self._identity)
        self.set_aside = f"{self.path}, which was deleted or replaced"
        self._drop()
        self._begin()

    def _save_nameless(self, connection: sqlite3.Connection) -> None:
        file, log = (number if number >= 0 else None for number in self._nameless)
        frames = 0 if log is None else survey(Path(f"/proc/self/fd/{log}")).frames
        self.salvaged = self._salvage(Remains(file, log, frames), connection)
        for number in self._nameless:
            if number >= 0:
                os.close(number)
        self._nameless = ()

    def _drop(self) -> None:
        connection, self._opened = self._opened, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()
