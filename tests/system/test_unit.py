"""The unit in systemd's own judgement: it is valid, and it leaves an intruder little."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "systemd" / "watchkeeper.service"
EXPOSURE = 1.5
"""The most that the unit may be exposed, of 10."""


def _verdict(unit: str, folder: Path, program: str = sys.executable) -> list[str]:
    """What `systemd-analyze verify` finds wrong; nothing for a good unit.

    It wants ExecStart's program to exist, so that an executable stands in for the installed one.
    An unknown key it only warns of, with exit code 0: its words count, not the code alone.
    """
    path = folder / UNIT.name
    path.write_text(unit.replace("ExecStart=/opt/watchkeeper/bin/watchkeeper ", f"ExecStart={program} "))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(path)], capture_output=True, text=True, check=False)
    complaints = [line for line in (done.stdout + done.stderr).splitlines() if UNIT.stem in line]
    if done.returncode != 0 and not complaints:
        complaints = [f"exit code {done.returncode}: {done.stderr}"]
    return complaints


def test_systemd_is_here_to_judge() -> None:
    assert shutil.which("systemd-analyze"), "install the package systemd (make test does)"


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    assert _verdict(UNIT.read_text(), tmp_path) == []


@pytest.mark.parametrize(
    ("sound", "broken", "complaint"),
    [
        ("WatchdogSec=30", "WatchDogSec=30", "Unknown key"),
        ("Type=notify", "Type=notfy", "service type"),
        ("[Service]", "[Srvice]", "Unknown section"),
        ("SystemCallFilter=@system-service", "SystemCallFilter=@sistem-service", "@sistem-service"),
        ("ExecStart=", "#ExecStart=", "no ExecStart="),
        ("TimeoutStopSec=10", "TimeoutStopSec=ten", "parse time value"),
    ],
)
def test_systemd_refuses_a_broken_unit(sound: str, broken: str, complaint: str, tmp_path: Path) -> None:
    text = UNIT.read_text()
    assert sound in text
    assert any(complaint in line for line in _verdict(text.replace(sound, broken), tmp_path))


def test_a_program_that_is_not_there_is_noticed(tmp_path: Path) -> None:
    complaints = _verdict(UNIT.read_text(), tmp_path, program=str(tmp_path / "absent"))
    assert any("not executable" in line for line in complaints)


def _exposure(unit: Path) -> tuple[int, float]:
    """Exit code under the threshold, and the exposure from 0 (none) to 10."""
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE * 10:.0f}", str(unit)],
        capture_output=True, text=True, check=False)
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    return done.returncode, float(found[1])


def test_the_service_is_hardened() -> None:
    code, exposure = _exposure(UNIT)
    assert (code, exposure <= EXPOSURE) == (0, True)


def test_a_hole_in_the_hardening_is_noticed(tmp_path: Path) -> None:
    holed = tmp_path / UNIT.name
    sound = UNIT.read_text()
    holed.write_text(sound.replace("DynamicUser=yes\n", "").replace("CapabilityBoundingSet=\n", ""))
    code, exposure = _exposure(holed)
    assert code != 0
    assert exposure > EXPOSURE


def _setting(key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", UNIT.read_text(), re.MULTILINE)


def test_errors_that_a_restart_cannot_mend_end_the_service() -> None:
    assert _setting("Restart") == ["always"]
    assert _setting("RestartPreventExitStatus") == ["2 78"]


def test_the_service_is_tried_again_for_ever() -> None:
    assert _setting("StartLimitIntervalSec") == ["0"]


def test_a_wrong_clock_does_not_hold_the_watch_up() -> None:
    assert not re.search(r"^[^#\n]*time-sync", UNIT.read_text(), re.MULTILINE)
