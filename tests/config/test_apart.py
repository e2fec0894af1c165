"""A child reads the configuration, so that the daemon never holds the validation library."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agent.config import load
from agent.config.apart import load_apart
from agent.errors import ConfigError
from tests.config.conftest import DEVICE, PUMP

PROBE = """
import sys
from pathlib import Path
from agent.config.apart import load_apart
print(load_apart(Path(sys.argv[1]), {}).device.id)
print(*sorted(sys.modules.keys() & {"pydantic", "numpy", "rich", "asyncio"}))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "watchkeeper.toml"
    file.write_text(DEVICE + PUMP)
    return file


def test_settings_read_apart_are_the_same(path: Path) -> None:
    environ = {"WATCHKEEPER_SENSORS__KEEPALIVE": "33"}
    assert load_apart(path, environ) == load(path, environ)


def test_problems_found_apart_are_the_same(path: Path) -> None:
    path.write_text(DEVICE + PUMP + "[sensors]\nqos = 5\n[jurnal]\n")
    with pytest.raises(ConfigError) as here:
        load(path, {})
    with pytest.raises(ConfigError) as apart:
        load_apart(path, {})
    assert apart.value.problems == here.value.problems


def test_the_process_that_asks_imports_neither_validation_nor_arithmetic(path: Path) -> None:
    asked = subprocess.run([sys.executable, "-c", PROBE, path], capture_output=True, text=True, check=True)
    assert asked.stdout.split() == ["gateway-1"]
