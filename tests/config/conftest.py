"""A configuration that is right, as text, for tests to add to and to spoil."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from agent.config import Settings, load
from agent.errors import ConfigError, Problem

DEVICE = """
[device]
id = "gateway-1"
site = "plant"
"""

PUMP = """
[assets.pump]
topic = "plant/pump/telemetry"
time = "/ts"
time_unit = "ms"
rate = 1.0
[assets.pump.channels]
pressure = { value = "/pressure", unit = "bar", valid = [0, 16] }
temperature = { value = "/temperature", unit = "degC" }
speed = { value = "/speed", unit = "rpm" }
"""

Load = Callable[..., Settings]
Refused = Callable[..., tuple[Problem, ...]]


@pytest.fixture
def load_text(tmp_path: Path) -> Load:
    """Load this text as the configuration file."""

    def load_it(text: str = DEVICE + PUMP, environ: Mapping[str, str] | None = None) -> Settings:
        path = tmp_path / "watchkeeper.toml"
        path.write_text(text)
        return load(path, environ or {})

    return load_it


@pytest.fixture
def refused(load_text: Load) -> Refused:
    """The problems that this text is refused for."""

    def problems_of(text: str, environ: Mapping[str, str] | None = None) -> tuple[Problem, ...]:
        with pytest.raises(ConfigError) as refusal:
            load_text(text, environ)
        return refusal.value.problems

    return problems_of
