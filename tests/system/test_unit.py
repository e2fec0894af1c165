"""The units in systemd's own judgement: they are valid, and they leave an intruder little."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agent.arguments import parser

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "systemd" / "watchkeeper.service"
UNITS = sorted((ROOT / "systemd").glob("*.service"))
EXPOSURE = 1.5
"""The most that a unit may be exposed, of 10."""

each_unit = pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)


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


def test_there_is_one_unit_for_the_daemon_and_one_for_the_collector() -> None:
    assert [unit.stem for unit in UNITS] == ["watchkeeper-collect", "watchkeeper"]


@each_unit
def test_systemd_accepts_the_unit(unit: Path, tmp_path: Path) -> None:
    assert _verdict(unit.read_text(), tmp_path) == []


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


@each_unit
def test_the_service_is_hardened(unit: Path) -> None:
    code, exposure = _exposure(unit)
    assert (code, exposure <= EXPOSURE) == (0, True)


def test_a_hole_in_the_hardening_is_noticed(tmp_path: Path) -> None:
    holed = tmp_path / UNIT.name
    sound = UNIT.read_text()
    holed.write_text(sound.replace("DynamicUser=yes\n", "").replace("CapabilityBoundingSet=\n", ""))
    code, exposure = _exposure(holed)
    assert code != 0
    assert exposure > EXPOSURE


def _setting(key: str, unit: Path = UNIT) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", unit.read_text(), re.MULTILINE)


@each_unit
def test_errors_that_a_restart_cannot_mend_end_the_service(unit: Path) -> None:
    assert _setting("Restart", unit) == ["always"]
    assert _setting("RestartPreventExitStatus", unit) == ["2 78"]


@each_unit
def test_the_service_is_tried_again_for_ever(unit: Path) -> None:
    assert _setting("StartLimitIntervalSec", unit) == ["0"]


def test_the_collector_waits_for_broker_and_database_by_itself() -> None:
    unit = (ROOT / "systemd" / "watchkeeper-collect.service").read_text()
    assert not re.search(r"^(Requires|BindsTo|Requisite)=", unit, re.MULTILINE)


def test_the_collectors_command_line_is_one_that_it_takes() -> None:
    unit = ROOT / "systemd" / "watchkeeper-collect.service"
    said = dict(line.split("=", 1) for line in _setting("Environment", unit))
    (command,) = _setting("ExecStart", unit)
    words = [said.get(word.strip("${}"), word) for word in command.split()[1:]]
    taken = parser().parse_args([word for word in words if word])
    assert (taken.command, taken.broker, taken.to) == ("collect", said["BROKER"], said["DATABASE"])


def test_a_wrong_clock_does_not_hold_the_watch_up() -> None:
    assert not re.search(r"^[^#\n]*time-sync", UNIT.read_text(), re.MULTILINE)
