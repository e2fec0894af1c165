"""The wheel, as a device gets it: built, installed in a fresh virtual environment, and used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import agent

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "systemd" / "watchkeeper.example.toml"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the source distribution, so that nothing can be missing from that either."""
    folder = tmp_path_factory.mktemp("dist")
    built = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of a virtual environment that holds the wheel and what it asks for."""
    folder = tmp_path_factory.mktemp("device") / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    programs = folder / "bin"
    subprocess.run(
        [programs / "python", "-m", "pip", "--disable-pip-version-check", "--quiet", "install", str(wheel)],
        check=True)
    return programs


def _run(installed: Path, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run an installed program away from the checkout, which it must not see."""
    environ = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "WATCHKEEPER_"))}
    return subprocess.run(
        [installed / command[0], *command[1:]],
        cwd=folder, env=environ, capture_output=True, text=True, check=False)


def test_the_wheel_holds_the_agent_and_its_models_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"agent", f"watchkeeper-{agent.__version__}.dist-info"}
    assert "agent/py.typed" in names
    assert "agent/firmware_models/bearing-bands/model.tflite" in names


def test_what_is_installed_fits_together(installed: Path, tmp_path: Path) -> None:
    checked = _run(installed, tmp_path, "python", "-m", "pip", "check")
    assert checked.returncode == 0, checked.stdout


def test_the_command_says_its_version(installed: Path, tmp_path: Path) -> None:
    said = _run(installed, tmp_path, "watchkeeper", "--version")
    assert (said.returncode, said.stdout) == (0, f"watchkeeper {agent.__version__}\n")


def test_the_example_configuration_is_valid(installed: Path, tmp_path: Path) -> None:
    checked = _run(installed, tmp_path, "watchkeeper", "check", "--config", str(EXAMPLE))
    assert checked.returncode == 0, checked.stderr
    assert "is valid" in checked.stdout


def test_the_shipped_models_are_found_and_hold_what_their_cards_promise(
        installed: Path, tmp_path: Path) -> None:
    program = (
        "from agent.adapters.tflite import load_bundle\n"
        "from agent.shipped import MODELS\n"
        "for folder in sorted(MODELS.iterdir()): print(load_bundle(folder).card.name)\n")
    found = _run(installed, tmp_path, "python", "-c", program)
    assert found.returncode == 0, found.stderr
    assert "bearing-bands" in found.stdout.split()


def test_a_simulated_pump_replays_through_the_installed_agent(installed: Path, tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "simulators", "write", "--machine", "pump", "--seed", "7", "--duration", "600",
         "--output", str(tmp_path)], cwd=ROOT, check=True)
    recorded = tmp_path / "telemetry.csv"
    output = tmp_path / "out.jsonl"
    replayed = _run(
        installed, tmp_path, "watchkeeper", "replay", "--config", str(EXAMPLE), "--input", str(recorded),
        "--output", str(output))
    assert replayed.returncode == 0, replayed.stderr
    windows = [json.loads(line) for line in output.read_text().splitlines()]
    assert len(windows) > 100
    assert {"asset", "start", "end", "score", "threshold", "regime", "state", "alarm"} <= windows[-1].keys()
    assert {window["asset"] for window in windows} == {"pump-1"}
