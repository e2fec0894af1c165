"""How the process and its computer are, read from /proc and /sys: a few small files, no library.

What a computer does not tell is None: a virtual machine has no thermometer, only a Raspberry Pi says
whether its supply is too weak.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from agent.ports import SystemVitals

_THERMAL: Final = "sys/class/thermal"
_FIRMWARE: Final = "sys/devices/platform/soc"
_MILLI: Final = 1000.0
_RSS, _THREADS = 21, 17
"""Places in /proc/self/stat behind the name of the program (proc(5): fields 24 and 20)."""
_UTIME, _STIME = 11, 12

THROTTLING: Final = {
    0: "under-voltage", 1: "frequency capped", 2: "throttled", 3: "soft temperature limit",
    16: "under-voltage has occurred", 17: "frequency capping has occurred", 18: "throttling has occurred",
    19: "soft temperature limit has occurred",
}
"""Bits of the firmware's word (Raspberry Pi documentation, ``vcgencmd get_throttled``)."""


class VitalSigns:
    """Reads them; ``disk``: a path on the file system whose free space is told. ``root``: where /proc and
    /sys are."""

    def __init__(self, disk: Path, root: Path = Path("/")) -> None:
        self._disk = disk
        self._root = root
        self._page = os.sysconf("SC_PAGE_SIZE")
        self._tick = os.sysconf("SC_CLK_TCK")

    def read(self) -> SystemVitals:
        """As they are now. Never raises: what cannot be read is None."""
        stat = self._stat()
        return SystemVitals(
            cpu_seconds=None if stat is None else (int(stat[_UTIME]) + int(stat[_STIME])) / self._tick,
            rss_bytes=None if stat is None else int(stat[_RSS]) * self._page,
            threads=None if stat is None else int(stat[_THREADS]),
            open_files=self._open_files(),
            temperature=self._temperature(),
            throttled=self._throttled(),
            disk_free_bytes=self._disk_free(),
        )

    def _stat(self) -> list[str] | None:
        text = self._text(self._root / "proc/self/stat")
        # the program's name may hold blanks and brackets: fields are counted from behind it
        fields = text.rpartition(")")[2].split() if text else []
        return fields if len(fields) > _RSS else None

    def _open_files(self) -> int | None:
        try:
            return len(os.listdir(self._root / "proc/self/fd"))  # noqa: PTH208 -- no objects for what is only counted
        except OSError:
            return None

    def _temperature(self) -> float | None:
        """Of the hottest zone, °C."""
        found = [self._text(zone) for zone in (self._root / _THERMAL).glob("thermal_zone*/temp")]
        degrees = [int(text) / _MILLI for text in found if text and text.lstrip("-").isdigit()]
        return max(degrees, default=None)

    def _throttled(self) -> tuple[str, ...] | None:
        for path in (self._root / _FIRMWARE).glob("*/get_throttled"):
            text = self._text(path)
            try:
                word = int(text or "", 16)
            except ValueError:
                continue
            return tuple(name for bit, name in THROTTLING.items() if word >> bit & 1)
        return None

    def _disk_free(self) -> int | None:
        try:
            status = os.statvfs(self._disk)
        except OSError:
            return None
        return status.f_bavail * status.f_frsize

    @staticmethod
    def _text(path: Path) -> str | None:
        try:
            return path.read_text(encoding="ascii", errors="replace").strip()
        except OSError:
            return None
