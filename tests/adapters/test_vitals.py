"""Vital signs: of this very process, and of computers that tell more or less than this one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.adapters.vitals import VitalSigns


def test_of_this_process_they_are_true(tmp_path: Path) -> None:
    signs = VitalSigns(tmp_path)
    before = signs.read()
    assert before.rss_bytes is not None
    assert before.cpu_seconds is not None
    assert 5e6 < before.rss_bytes < 5e9
    assert abs(before.cpu_seconds - sum(os.times()[:2])) < 1.0
    assert (before.threads or 0) >= 1
    kept = [(tmp_path / str(number)).open("w") for number in range(5)]
    ballast = bytearray(os.urandom(30_000_000))
    after = signs.read()
    assert (after.open_files or 0) - (before.open_files or 0) == 5
    assert (after.rss_bytes or 0) - before.rss_bytes > 20e6
    assert len(ballast) == 30_000_000
    for stream in kept:
        stream.close()
    status = os.statvfs(tmp_path)
    assert abs((after.disk_free_bytes or 0) - status.f_bavail * status.f_frsize) < 1e9


def _computer(root: Path, temperatures: list[str], throttled: str | None) -> VitalSigns:
    (root / "proc/self/fd").mkdir(parents=True)
    (root / "proc/self/stat").write_text(
        "7 (a (b) c) S 1 7 7 0 -1 4194560 900 0 0 0 250 50 0 0 20 0 6 0 100 99999 1024 1 1 1 0 0 0\n")
    for number, text in enumerate(temperatures):
        zone = root / f"sys/class/thermal/thermal_zone{number}"
        zone.mkdir(parents=True)
        (zone / "temp").write_text(text)
    if throttled is not None:
        firmware = root / "sys/devices/platform/soc/soc:firmware"
        firmware.mkdir(parents=True)
        (firmware / "get_throttled").write_text(throttled)
    return VitalSigns(root, root)


@pytest.mark.parametrize(("word", "told"), [
    ("0\n", ()),
    ("50005\n", ("under-voltage", "throttled", "under-voltage has occurred", "throttling has occurred")),
    ("nonsense", None),
    (None, None),
])
def test_a_raspberry_pi_says_how_its_supply_and_heat_are(
    tmp_path: Path, word: str | None, told: tuple[str, ...] | None
) -> None:
    found = _computer(tmp_path, ["48312\n", "61000\n", "\n"], word).read()
    assert (found.temperature, found.throttled) == (61.0, told)
    assert (found.threads, found.rss_bytes) == (6, 1024 * os.sysconf("SC_PAGE_SIZE"))
    assert found.cpu_seconds == 300 / os.sysconf("SC_CLK_TCK")


def test_what_cannot_be_read_is_not_told(tmp_path: Path) -> None:
    assert VitalSigns(tmp_path / "gone", tmp_path / "nothing").read() == (None,) * 7
