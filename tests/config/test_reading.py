"""Every problem is said at once: which file, which key, what stands there, what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config import DEFAULT_PATH, load
from agent.errors import ConfigError
from tests.config.conftest import DEVICE, PUMP, Load, Refused

SINGLE_KEYS = {
    "an unknown key close to a known one": (
        DEVICE + "[sensors]\nkeepalife = 30\n" + PUMP,
        "sensors.keepalife",
        "30",
        "not known",
        '"keepalive"',
    ),
    "an unknown key like no other": (
        DEVICE + 'colour = "red"\n' + PUMP,
        "device.colour",
        '"red"',
        "not known",
        "id, site, prefix",
    ),
    "an unknown table": (DEVICE + PUMP + "[asets]\n", "asets", "", "not known", '"assets"'),
    "a missing key": ('[device]\nid = "a"\n' + PUMP, "device.site", "", "missing", "Where it stands"),
    "a missing table": (PUMP, "device", "", "missing", "id and site"),
    "text for a number": (
        DEVICE + '[sensors]\nkeepalive = "soon"\n' + PUMP,
        "sensors.keepalive",
        '"soon"',
        "whole number",
        "Seconds of silence",
    ),
    "a fraction for a whole number": (
        DEVICE + "[sensors]\nkeepalive = 30.5\n" + PUMP,
        "sensors.keepalive",
        "30.5",
        "whole number",
        "Seconds",
    ),
    "a number for text": (DEVICE + "prefix = 3\n" + PUMP, "device.prefix", "3", "text in quotes", "topic"),
    "a number that is too small": (
        DEVICE + "[journal]\nbudget_mb = 0\n" + PUMP,
        "journal.budget_mb",
        "0",
        "at least 4",
        "Size in MB",
    ),
    "a number that is too large": (
        DEVICE + "[journal]\ncommit_interval = 61\n" + PUMP,
        "journal.commit_interval",
        "61",
        "at most 60",
        "Seconds",
    ),
    "an infinite number": (
        DEVICE + "[inbox]\npatience = inf\n" + PUMP,
        "inbox.patience",
        "inf",
        "finite",
        "Seconds",
    ),
    "a word out of a list": (
        DEVICE + '[log]\nlevel = "loud"\n' + PUMP,
        "log.level",
        '"loud"',
        '"debug", "info"',
        "least important",
    ),
    "a name with a blank": (
        DEVICE.replace("gateway-1", "Gateway 1") + PUMP,
        "device.id",
        '"Gateway 1"',
        "pattern",
        "lower-case",
    ),
    "a table that is none": (DEVICE + "[assets]\nfan = 3\n" + PUMP, "assets.fan", "3", "table", "Correct"),
    "a foreign scheme": (
        DEVICE + '[sensors]\nurl = "http://a"\n' + PUMP,
        "sensors.url",
        '"http://a"',
        "mqtt://",
        "broker",
    ),
    "a port that is none": (
        DEVICE + '[sensors]\nurl = "mqtt://a:99999"\n' + PUMP,
        "sensors.url",
        '"mqtt://a:99999"',
        "65535",
        "broker",
    ),
    "a URL without a host": (
        DEVICE + '[sensors]\nurl = "mqtt://:1883"\n' + PUMP,
        "sensors.url",
        '"mqtt://:1883"',
        "no host",
        "broker",
    ),
    "an empty list of channels": (
        DEVICE + "[assets.fan]\nchannels = {}\n",
        "assets.fan.channels",
        "",
        "empty",
        "measured quantities",
    ),
    "an element of a list": (
        DEVICE + PUMP + '[[assets.pump.limits]]\nfeature = "pressure.mean"\nalarm = "high"\n',
        "assets.pump.limits[0].alarm",
        '"high"',
        "a number",
        "Level of the alarm",
    ),
}


@pytest.mark.parametrize("case", SINGLE_KEYS.values(), ids=SINGLE_KEYS)
def test_a_wrong_key_is_said_with_file_key_value_and_remedy(
    refused: Refused, tmp_path: Path, case: tuple[str, str, str, str, str]
) -> None:
    text, key, value, message, remedy = case
    (problem,) = refused(text)
    assert problem.file == str(tmp_path / "watchkeeper.toml")
    assert problem.key == key
    assert problem.value == value
    assert message in problem.message
    assert remedy in problem.remedy


def test_all_problems_are_said_at_once_those_between_keys_included(refused: Refused) -> None:
    problems = refused(
        DEVICE.replace("plant", "Plant 7")
        + '[sensors]\nkeepalive = "no"\n[uplink]\n'
        + PUMP
        + '[[assets.pump.limits]]\nfeature = "flow.mean"\nalarm = 1\n',
        {"WATCHKEEPER_INBOX__MAX_MESSAGES": "many"},
    )
    assert {problem.key for problem in problems} == {
        "device.site",
        "sensors.keepalive",
        "uplink.url",
        "inbox.max_messages",
        "assets.pump.limits[0].feature",
    }


def test_a_wrong_key_causes_no_problems_that_only_follow_from_it(refused: Refused) -> None:
    (problem,) = refused(
        DEVICE
        + PUMP.replace("[assets.pump]", '[assets.pump]\nprofile = "wave"')
        + '[assets.pump.window]\nstride = 2\n[assets.pump.model]\npath = "none"\n'
    )
    assert problem.key == "assets.pump.profile"


def test_an_asset_that_cannot_be_read_does_not_make_replay_wrong(refused: Refused) -> None:
    (problem,) = refused(
        DEVICE + PUMP.replace('{ value = "/speed", unit = "rpm" }', "5") + '[replay]\nasset = "pump"\n'
    )
    assert problem.key == "assets.pump.channels.speed"


def test_a_syntax_error_is_said_with_its_line(refused: Refused) -> None:
    (problem,) = refused('[device]\nid = "a"\nsite = plant\n')
    assert problem.key.startswith("line 3")
    assert "not TOML" in problem.message
    assert "quotes" in problem.remedy


def test_a_missing_file_is_said_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(tmp_path / "none.toml", {})
    (problem,) = refusal.value.problems
    assert problem.file == str(tmp_path / "none.toml")
    assert "no such file" in problem.message
    assert "--config" in problem.remedy


def test_a_folder_in_the_place_of_the_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path, {})


def test_text_that_is_not_utf8_is_said(tmp_path: Path) -> None:
    path = tmp_path / "latin.toml"
    path.write_bytes(b'[device]\nsite = "caf\xe9"\n')
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(path, {})


def test_without_a_path_the_default_place_is_read() -> None:
    if DEFAULT_PATH.exists():
        assert load(None, {}).device.id
        return
    with pytest.raises(ConfigError, match=str(DEFAULT_PATH)):
        load(None, {})


def test_a_configuration_that_is_right_gives_settings_that_do_not_change(load_text: Load) -> None:
    settings = load_text()
    assert settings.device.topic == "watchkeeper/v1/plant/gateway-1"
    with pytest.raises(AttributeError):
        settings.device.id = "other"  # type: ignore[misc]
