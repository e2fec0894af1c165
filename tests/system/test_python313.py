"""The suite's core on Python 3.13, where ai-edge-litert and NumPy 2 stand for their elders.

The virtual environment stays in .venv-3.13, so that only the first run pays for it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
VENV = ROOT / ".venv-3.13"
CORE = ("tests/monitoring", "tests/adapters/test_tflite.py")
TOOLS = ("hypothesis", "pytest", "scipy")
"""Of the extra ``dev``, what the core's tests import."""
MISSING = "no Python 3.13 found (on PATH, in ~/.pyenv/versions): ai-edge-litert and NumPy 2 were not tried"


def _candidates(environ: Mapping[str, str]) -> Iterator[Path]:
    if found := shutil.which("python3.13", path=environ.get("PATH", "")):
        yield Path(found)
    versions = Path(environ.get("HOME", "/nonexistent")) / ".pyenv" / "versions"
    yield from sorted(versions.glob("3.13*/bin/python3.13"), reverse=True)


def find_python(environ: Mapping[str, str]) -> Path | None:
    """A Python 3.13 that runs (pyenv's shims may not) and can make virtual environments."""
    for candidate in _candidates(environ):
        done = subprocess.run(
            [candidate, "-c", "import ensurepip, sys; sys.exit(sys.version_info[:2] != (3, 13))"],
            capture_output=True, check=False)
        if done.returncode == 0:
            return candidate
    return None


def _requirements() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    tools = [line for line in project["optional-dependencies"]["dev"]
             if re.split(r"[^\w-]", line, maxsplit=1)[0] in TOOLS]
    return [*project["dependencies"], *tools]


def _environment(python: Path) -> Path:
    """The interpreter of a virtual environment with what the project asks for today."""
    requirements = _requirements()
    asked = hashlib.sha256(json.dumps([str(python), *requirements]).encode()).hexdigest()
    stamp = VENV / "installed-for"
    inside = VENV / "bin" / "python"
    if not stamp.is_file() or stamp.read_text() != asked:
        subprocess.run([python, "-m", "venv", "--clear", VENV], check=True)
        pip = [str(inside), "-m", "pip", "--disable-pip-version-check", "--quiet"]
        subprocess.run([*pip, "install", *requirements], check=True)
        stamp.write_text(asked)
    return inside


def test_the_suite_s_core_holds_on_python_3_13(notice: Callable[[str], None]) -> None:
    python = find_python(os.environ)
    if python is None:
        notice(MISSING)
        return
    inside = _environment(python)
    versions = subprocess.run(
        [inside, "-c", "import ai_edge_litert, numpy; print(numpy.__version__)"],
        capture_output=True, text=True, check=True)
    assert int(versions.stdout.split(".")[0]) >= 2
    core = subprocess.run(
        [inside, "-m", "pytest", "-q", "-p", "no:cacheprovider", *CORE],
        cwd=ROOT, capture_output=True, text=True, check=False)
    assert core.returncode == 0, core.stdout[-4000:] + core.stderr[-1000:]
    assert re.search(r"[1-9]\d* passed", core.stdout)
    assert "skipped" not in core.stdout


def test_where_python_3_13_is_missing_the_run_says_so(tmp_path: Path) -> None:
    bare = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
    assert find_python(bare) is None
    this = f"{Path(__file__).relative_to(ROOT)}::{test_the_suite_s_core_holds_on_python_3_13.__name__}"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", this],
        cwd=ROOT, env=bare, capture_output=True, text=True, check=False)
    assert MISSING in done.stdout
