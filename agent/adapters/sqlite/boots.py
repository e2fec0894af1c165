"""The number of the last start, kept beside the journal as well as in it.

(device, boot, seq) must stay unique for ever, even when the journal itself is beyond reading.
"""

from __future__ import annotations

import os
from pathlib import Path


def last_boot_beside(path: Path) -> int:
    """The number kept beside the journal ``path``; 0 where there is none."""
    try:
        return int(_boot_file(path).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


def keep_boot_beside(path: Path, boot: int) -> None:
    """Write it durably. Raises OSError."""
    target = _boot_file(path)
    fresh = target.with_name(target.name + ".new")
    with fresh.open("w", encoding="ascii") as stream:
        stream.write(f"{boot}\n")
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(target)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _boot_file(path: Path) -> Path:
    return path.with_name(path.name + ".boot")
