"""The later source prevails key by key, and each key remembers who gave it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config import load
from agent.errors import ConfigError
from tests.config.conftest import DEVICE, PUMP, Load, Refused


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "watchkeeper.toml").write_text(DEVICE + "[sensors]\nkeepalive = 10\nqos = 0\n" + PUMP)
    (tmp_path / "conf.d").mkdir()
    return tmp_path


def test_files_in_conf_d_are_laid_over_by_name_key_by_key(folder: Path) -> None:
    (folder / "conf.d" / "20-b.toml").write_text("[sensors]\nkeepalive = 30\n")
    (folder / "conf.d" / "10-a.toml").write_text("[sensors]\nkeepalive = 20\ninflight = 7\n")
    sensors = load(folder / "watchkeeper.toml", {}).sensors
    assert (sensors.keepalive, sensors.inflight, sensors.qos) == (30, 7, 0)


def test_a_list_replaces_the_earlier_list(folder: Path) -> None:
    limit = '[[assets.pump.limits]]\nfeature = "{}.mean"\nalarm = 1\n'
    (folder / "conf.d" / "a.toml").write_text(limit.format("pressure") + limit.format("temperature"))
    (folder / "conf.d" / "b.toml").write_text(limit.format("speed"))
    (asset,) = load(folder / "watchkeeper.toml", {}).asset_specs()
    assert [spec.feature for spec in asset.limits] == ["speed.mean"]


def test_an_asset_may_come_from_conf_d_alone(folder: Path) -> None:
    (folder / "conf.d" / "fan.toml").write_text(PUMP.replace("pump", "fan"))
    assert [spec.id for spec in load(folder / "watchkeeper.toml", {}).asset_specs()] == ["pump", "fan"]


def test_a_problem_names_the_file_that_gave_the_key(folder: Path) -> None:
    (folder / "conf.d" / "a.toml").write_text("[sensors]\nkeepalive = 1\n")
    (folder / "conf.d" / "b.toml").write_text("[sensors]\ninflight = 0\n[broken\n")
    (folder / "conf.d" / "c.toml").write_text("[sensors]\ninflight = 0\n")
    with pytest.raises(ConfigError) as refusal:
        load(folder / "watchkeeper.toml", {})
    named = {(Path(problem.file).name, problem.key.split(",")[0]) for problem in refusal.value.problems}
    assert named == {("a.toml", "sensors.keepalive"), ("b.toml", "line 3"), ("c.toml", "sensors.inflight")}


def test_the_environment_prevails_over_every_file(folder: Path) -> None:
    (folder / "conf.d" / "a.toml").write_text("[sensors]\nkeepalive = 20\n")
    settings = load(folder / "watchkeeper.toml", {
        "WATCHKEEPER_SENSORS__KEEPALIVE": "40",
        "watchkeeper_device__id": "gateway-2",
        "WATCHKEEPER_ASSETS__PUMP__FEATURES": '["mean", "max"]',
        "WATCHKEEPER_UPLINK": '{"url": "mqtts://upstream"}',
        "HOME": "/root",
    })
    assert settings.sensors.keepalive == 40
    assert settings.sensors.qos == 0
    assert settings.device.id == "gateway-2"
    assert settings.asset_specs()[0].features == ("mean", "max")
    assert settings.uplink is not None
    assert settings.uplink.port == 8883


def test_a_variable_reaches_an_asset_whose_name_has_hyphens(load_text: Load) -> None:
    text = DEVICE + PUMP.replace("assets.pump", "assets.Pump-1").replace('time = "/ts"', 'id = "pump-1"')
    settings = load_text(text, {"WATCHKEEPER_ASSETS__PUMP_1__CHANNELS__SPEED__UNIT": "1/min"})
    (asset,) = settings.asset_specs()
    assert [channel.unit for channel in asset.channels if channel.name == "speed"] == ["1/min"]


@pytest.mark.parametrize(
    ("name", "value", "key", "hint"),
    [
        ("WATCHKEEPER_SENSOR__URL", "mqtt://a", "sensor.url", "sensors"),
        ("WATCHKEEPER_SENSORS__URLL", "mqtt://a", "sensors.urll", '"url"'),
        ("WATCHKEEPER_SENSORS__QOS", "2", "sensors.qos", ""),
        ("WATCHKEEPER_ASSETS__PUMP__FEATURES", "mean", "assets.pump.features", "JSON"),
        ("WATCHKEEPER_SENSORS", "mqtt://a", "sensors", "JSON"),
    ],
)
def test_a_wrong_variable_is_said_as_the_environments(
    refused: Refused, name: str, value: str, key: str, hint: str
) -> None:
    (problem,) = refused(DEVICE + PUMP, {name: value})
    assert problem.file == "environment"
    assert key.startswith(problem.key)
    assert hint in problem.remedy
