"""The house as a newcomer finds it: nothing on the top floor that was not agreed on."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

import agent

ROOT = Path(__file__).parents[1]

TOP_LEVEL = {
    ".ci", ".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "agent",
    "firmware-models", "pyproject.toml", "simulators", "systemd", "tests",
}
LONGEST = 330
"""Lines: about 300, and a tenth of leeway; a longer file is asking to become two."""


def _tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True)
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).exists()]


def _sources() -> list[Path]:
    return [path for path in _tracked() if path.suffix == ".py"]


def test_the_top_level_holds_what_was_agreed_on() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in _tracked()} <= TOP_LEVEL


def test_every_source_says_its_purpose_in_its_first_line() -> None:
    silent = [str(path) for path in _sources()
              if (text := path.read_text()) and not re.match(r'(#!.*\n)?r?"""\S', text)]
    assert silent == []


def test_no_source_is_too_long() -> None:
    long = {str(path.relative_to(ROOT)): lines for path in _sources()
            if (lines := path.read_text().count("\n")) > LONGEST}
    assert long == {}


def test_every_folder_of_tests_is_a_package() -> None:
    folders = {path.parent for path in _sources() if path.is_relative_to(ROOT / "tests")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


def test_the_changelog_tells_of_this_version_or_what_leads_to_it() -> None:
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] in {"Unreleased", agent.__version__}


def test_every_ignored_rule_says_why() -> None:
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    rules = [line for line in lines if re.match(r'\s+"[A-Z]+[0-9]+",', line)]
    assert rules
    assert [line for line in rules if "#" not in line] == []


@pytest.mark.parametrize("target", ["demo", "test", "check", "bench", "trial", "models", "fuzz", "clean"])
def test_make_lists_its_targets(target: str) -> None:
    listed = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"make {target} " in listed.stdout


def test_the_build_machine_runs_what_a_maintainer_runs() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o100
    assert "set -euo pipefail" in script.read_text()
    assert "make test" in script.read_text()


def test_the_command_is_the_one_that_the_package_declares() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"watchkeeper": "agent.cli:main"}
    assert project["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text()
