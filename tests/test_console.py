"""Commands typed at a terminal: what is sent, what is said, and the exit code that scripts go by."""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from agent import cli, console
from agent.arguments import duration
from tests.broker import Broker, free_port

TOPIC = "watchkeeper/v1/plant/gateway-1/cmd"
CONFIGURATION = """
[device]
id = "gateway-1"
site = "plant"
state_dir = "."
[sensors]
url = "mqtt://127.0.0.1:{port}"
protocol = "{protocol}"
{more}
[assets.pump]
topic = "plant/pump/telemetry"
[assets.pump.channels.pressure]
value = "/pressure"
"""
ACKNOWLEDGED = {"asset": "pump", "alarm": "process", "transition": "acknowledged", "state": "acknowledged"}
Captured = pytest.CaptureFixture[str]


class Device:
    """Whoever answers commands at a broker: ``answer`` makes the answer from the request."""

    def __init__(self, port: int, answer: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self._answer = answer
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._on_message
        self._client.username_pw_set("device", "right")
        self._client.connect("127.0.0.1", port)
        self._client.subscribe(f"{TOPIC}/+", 1)
        self._client.loop_start()

    def _on_message(self, client: mqtt.Client, _: Any, message: mqtt.MQTTMessage) -> None:
        request = json.loads(message.payload)
        self.heard.append((message.topic.removeprefix(f"{TOPIC}/"), request))
        # answers to others pass by, too
        for answer in (b"no JSON", b"[]", b'{"id": "another\'s", "ok": false}'):
            client.publish(f"{message.topic}/reply", answer)
        if (own := self._answer(request)) is not None:
            client.publish(f"{message.topic}/reply", json.dumps({"id": request["id"], **own}), qos=1)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def config(tmp_path: Path, broker: Broker) -> Path:
    return configured(tmp_path, broker.port)


@pytest.fixture
def device(broker: Broker) -> Iterator[Device]:
    made = Device(broker.port, lambda _: {"ok": True, "records": [ACKNOWLEDGED]})
    yield made
    made.close()


@pytest.fixture
def eva(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "eva")


def configured(folder: Path, port: int, protocol: str = "5", more: str = "") -> Path:
    path = folder / "watchkeeper.toml"
    path.write_text(CONFIGURATION.format(port=port, protocol=protocol, more=more))
    return path


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_what_was_typed_is_sent_and_what_was_done_is_said(
    tmp_path: Path, broker: Broker, device: Device, capsys: Captured, protocol: str
) -> None:
    path = configured(tmp_path, broker.port, protocol)
    typed = ["ack", "pump", "--alarm", "process", "--actor", "eva", "--reason", "seen", "--config", str(path)]
    assert cli.main(typed) == 0
    ((name, request),) = device.heard
    assert name == "ack"
    assert {**request, "id": ""} == {"id": "", "asset": "pump", "alarm": "process", "actor": "eva", "reason": "seen"}
    assert capsys.readouterr().out == "pump: alarm process acknowledged; now acknowledged.\n"


@pytest.mark.parametrize(
    ("typed", "name", "told"),
    [
        (["shelve", "pump", "--for", "2h"], "shelve", {"seconds": 7200.0}),
        (["unshelve", "pump"], "unshelve", {}),
        (["service", "pump", "--out"], "out-of-service", {}),
        (["service", "pump", "--in"], "in-service", {}),
        (["recommission", "pump"], "recommission", {}),
        (["revert", "pump"], "revert", {}),
    ],
)
@pytest.mark.usefixtures("eva")
def test_each_command_has_a_topic_and_who_asks_is_the_login_name(
    config: Path, device: Device, typed: list[str], name: str, told: dict[str, Any]
) -> None:
    assert cli.main([*typed, "--config", str(config)]) == 0
    ((topic, request),) = device.heard
    del request["id"]
    assert (topic, request) == (name, {"asset": "pump", "actor": "eva", **told})


def test_a_refusal_leaves_with_1_and_the_reason_on_standard_error(
    config: Path, broker: Broker, capsys: Captured
) -> None:
    device = Device(broker.port, lambda _: {"ok": False, "error": "ack: no asset 'fan' is watched; there are: pump"})
    assert cli.main(["ack", "fan", "--config", str(config)]) == 1
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "watchkeeper: refused: ack: no asset 'fan' is watched; there are: pump\n")
    assert cli.main(["ack", "fan", "--json", "--config", str(config)]) == 1
    assert json.loads(capsys.readouterr().out)["error"].startswith("ack: no asset")
    device.close()


def test_nobody_there_leaves_with_69_and_says_whom_it_asked(
    config: Path, broker: Broker, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.main(["ack", "pump", "--config", str(config)]) == 69
    said = capsys.readouterr().err
    assert "nobody listens" in said
    assert f"127.0.0.1:{broker.port}" in said
    silent = Device(broker.port, lambda _: None)
    monkeypatch.setattr(console, "PATIENCE", 0.5)
    assert cli.main(["ack", "pump", "--config", str(config)]) == 69
    assert "no answer within 0.5 s" in capsys.readouterr().err
    silent.close()


def test_without_a_broker_it_leaves_with_69(tmp_path: Path, capsys: Captured) -> None:
    port = free_port()
    assert cli.main(["ack", "pump", "--config", str(configured(tmp_path, port))]) == 69
    assert f"the broker at 127.0.0.1:{port} cannot be reached" in capsys.readouterr().err


def test_the_daemon_s_credentials_are_used_and_wrong_ones_are_a_refusal(tmp_path: Path, capsys: Captured) -> None:
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-c", "-b", str(passwords), "device", "right"], check=True)
    password = tmp_path / "password"
    with Broker(tmp_path / "guarded", extra=f"password_file {passwords}\nallow_anonymous false") as broker:
        path = configured(tmp_path, broker.port, more='username = "device"\npassword_file = "password"')
        password.write_text("right\n")
        device = Device(broker.port, lambda _: {"ok": True, "records": [ACKNOWLEDGED]})
        assert cli.main(["ack", "pump", "--config", str(path)]) == 0
        password.write_text("wrong\n")
        assert cli.main(["ack", "pump", "--config", str(path)]) == 1
        assert "refuses the connection" in capsys.readouterr().err
        device.close()


def test_a_device_that_takes_no_commands_is_said_to_take_none(tmp_path: Path, capsys: Captured) -> None:
    path = configured(tmp_path, free_port())
    path.write_text(path.read_text() + "[commands]\nenabled = false\n")
    assert cli.main(["ack", "pump", "--config", str(path)]) == 78
    assert "commands.enabled" in capsys.readouterr().err


def test_what_was_done_is_said_in_sentences() -> None:
    shelved = {"asset": "pump", "alarm": "vibration", "transition": "shelved", "state": "shelved",
               "until": "2026-01-01T02:00:00Z"}
    anew = {"asset": "pump", "channel": "vibration", "event": "recommission"}
    records = [shelved, anew, {**shelved, "alarm": "silent vibration"}, {**shelved, "alarm": "seal", "until": "noon"}]
    assert console.sentences({"ok": True, "records": records, "durable": False}) == [
        "pump: 2 alarms (vibration, silent vibration) shelved until 2026-01-01T02:00:00Z; now shelved.",
        "pump, vibration, begins to learn anew what is normal.",
        "pump: alarm seal shelved until noon; now shelved.",
        "It is done, but not on the disk yet: look at the daemon's log.",
    ]


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("2h", 7200), ("3d", 259_200), ("0.5h", 1800)])
def test_durations_are_written_as_people_say_them(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "2", "h", "2 h", "-2h", "0s", "2w", "1h30m", "infs"])
def test_other_durations_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="90s, 15m, 2h or 3d"):
        duration(text)
