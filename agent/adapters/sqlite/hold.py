"""Who holds the journal: one daemon, or one command that writes it while no daemon does."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from agent.errors import ConfigError, Problem

_PAUSE: Final = 0.05
_NOT_NOW: Final = frozenset({errno.ENOSPC, errno.EROFS, errno.EIO, errno.EDQUOT})


@contextmanager
def held(path: Path, patience: float = 0.0) -> Iterator[None]:
    """Hold the journal ``path``: for the life of the process at most, however it ends.

    The lock is the kernel's, on a file beside the journal, not on the journal itself: closing
    that would drop SQLite's own locks (https://www.sqlite.org/howtocorrupt.html, 2.2). On a disk that
    takes no new file now, its folder is held instead.

    Raises ConfigError where another process holds it for ``patience`` seconds, or where there is
    no file to be made.
    """
    beside = path.with_name(path.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        number = _descriptor(beside)
    except OSError as fault:
        raise ConfigError((
            Problem(str(beside), "journal.path", "", f"cannot be made: {fault.strerror}",
                    "Give a folder that the daemon's user can write."),
        )) from None
    try:
        if os.geteuid() == 0:
            # a command of root must leave nothing behind that the daemon cannot open
            with contextlib.suppress(OSError):
                owner = path.parent.stat()
                os.fchown(number, owner.st_uid, owner.st_gid)
        _lock(number, path, patience)
        yield
    finally:
        os.close(number)


def _descriptor(beside: Path) -> int:
    try:
        return os.open(beside, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as fault:
        if fault.errno not in _NOT_NOW:
            raise
    return os.open(beside.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _lock(number: int, path: Path, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise ConfigError((
                    Problem(str(path), "journal.path", "", "a running daemon holds this journal",
                            "Stop it first (systemctl stop watchkeeper)."),
                )) from None
            time.sleep(_PAUSE)
        else:
            return
