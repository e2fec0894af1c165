"""Secrets are read when they are needed, and show up nowhere."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.config import load
from agent.errors import ConfigError
from tests.config.conftest import DEVICE, PUMP, Load, Refused

CANARY = "canary-7f3a"


def _no_credentials(_name: str) -> str | None:
    return None


def test_a_password_comes_from_its_file_without_the_line_end(load_text: Load, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{CANARY}\n")
    settings = load_text(DEVICE + '[sensors]\nusername = "u"\npassword_file = "secret"\n' + PUMP)
    assert settings.sensors.password(_no_credentials) == CANARY
    (tmp_path / "secret").write_text("rotated")
    assert settings.sensors.password(_no_credentials) == "rotated"


def test_a_password_comes_from_a_systemd_credential(load_text: Load) -> None:
    settings = load_text(DEVICE + '[sensors]\nusername = "u"\npassword_credential = "mqtt"\n' + PUMP)
    assert settings.sensors.password(lambda name: CANARY if name == "mqtt" else None) == CANARY


def test_a_broker_without_a_password_has_none(load_text: Load) -> None:
    assert load_text().sensors.password(_no_credentials) is None


def test_a_credential_that_was_not_given_is_said_with_the_line_for_the_unit(load_text: Load) -> None:
    settings = load_text(DEVICE + '[sensors]\nusername = "u"\npassword_credential = "mqtt"\n' + PUMP)
    with pytest.raises(ConfigError, match="LoadCredential=mqtt:"):
        settings.sensors.password(_no_credentials)


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"\xff" + CANARY.encode())])
def test_a_password_file_that_cannot_be_read_is_said_without_its_text(
    load_text: Load, tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    (tmp_path / "secret").write_text(CANARY)
    settings = load_text(DEVICE + '[sensors]\nusername = "u"\npassword_file = "secret"\n' + PUMP)
    spoil(tmp_path / "secret")
    with pytest.raises(ConfigError, match="cannot be read") as refusal:
        settings.sensors.password(_no_credentials)
    assert CANARY not in str(refusal.value)


def test_settings_show_and_pickle_no_secret(load_text: Load, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(CANARY)
    settings = load_text(DEVICE + '[sensors]\nusername = "u"\npassword_file = "secret"\n' + PUMP)
    assert settings.sensors.password(_no_credentials) == CANARY
    assert CANARY not in repr(settings)
    assert CANARY.encode() not in pickle.dumps(settings)


@pytest.mark.parametrize(
    "line",
    [
        f'password = "{CANARY}"',
        f'passwd = "{CANARY}"',
        f'api_token = "{CANARY}"',
        f'url = "mqtt://user:{CANARY}@host"',
        f'url = ["mqtts://user:{CANARY}@host"]',
        f'tls = "mqtts://user:{CANARY}@host"',
        f'password = {{ text = "{CANARY}" }}',
    ],
)
def test_a_secret_in_the_configuration_is_refused_and_not_repeated(refused: Refused, line: str) -> None:
    problems = refused(DEVICE + f"[sensors]\n{line}\n" + PUMP)
    assert problems
    assert CANARY not in "".join(map(str, problems))


def test_a_secret_is_told_where_it_belongs(refused: Refused) -> None:
    (problem,) = refused(DEVICE + f'[sensors]\npassword = "{CANARY}"\n' + PUMP)
    assert problem.value == "***"
    assert "password_file or password_credential" in problem.remedy


def test_a_secret_in_a_variable_is_not_repeated(refused: Refused) -> None:
    problems = refused(DEVICE + PUMP, {
        "WATCHKEEPER_SENSORS__PASSWORD": CANARY,
        "WATCHKEEPER_UPLINK__URL": f"mqtt://u:{CANARY}@h",
        "WATCHKEEPER_PASSWORD": CANARY,
    })
    assert len(problems) == 3
    assert CANARY not in "".join(map(str, problems))


def test_a_secret_on_a_line_that_is_not_toml_is_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "watchkeeper.toml"
    path.write_text(f"[sensors]\npassword = {CANARY}\n")
    with pytest.raises(ConfigError) as refusal:
        load(path, {})
    assert CANARY not in str(refusal.value)
