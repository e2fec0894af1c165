"""What this process has written to block devices, as the kernel counts it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_IO: Final = Path("/proc/self/io")
_FIELD: Final = b"write_bytes:"


def bytes_written(path: Path = _IO) -> int | None:
    """Bytes since the process began; None where the kernel does not say.

    ``write_bytes`` of proc(5): pages that this process made dirty and that go to a disk. What lies on a tmpfs
    does not count, nor does what the file system writes for its own journal.
    """
    try:
        text = path.read_bytes()
    except OSError:
        return None
    begin = text.find(b"\n" + _FIELD)
    if begin < 0:
        return None
    return int(text[begin + 1 + len(_FIELD):].split(maxsplit=1)[0])
