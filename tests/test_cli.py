"""The commands: what they print, where, and with which exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from agent import __version__, cli
from agent.adapters.sqlite.journal import SqliteJournal
from agent.errors import ModelError
from agent.ports import Entry

EXAMPLE = Path(__file__).parents[1] / "systemd" / "watchkeeper.example.toml"
RIGHT = """
[device]
id = "gateway-1"
site = "plant"
state_dir = "."
[assets.pump]
topic = "plant/pump/telemetry"
[assets.pump.channels.pressure]
value = "/pressure"
"""

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def log_as_before() -> Iterator[None]:
    """A command may set the log up on a stream that ends with its test."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "watchkeeper.toml"
    path.write_text(RIGHT)
    return path


def _alarm(seq: int, transition: str) -> Entry:
    body = {"asset": "pump", "channel": None, "transition": transition, "severity": "alarm", "score": 3.0,
            "time": f"2026-01-01T00:00:0{seq}Z", "since": "2026-01-01T00:00:01Z"}
    return Entry(1, seq, "alarm", "pump", seq * 1_000_000_000, json.dumps(body).encode())


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A journal with three alarms, where the configuration has it."""
    path = tmp_path / "journal.db"
    written = SqliteJournal(path)
    written.begin_boot(0)
    written.commit([_alarm(1, "raised"), _alarm(2, "cleared"), _alarm(3, "raised")])
    written.close()
    return path


def test_version_is_said_without_importing_what_commands_need() -> None:
    script = ("import sys\nfrom agent.cli import main\ntry: main(['--version'])\nfinally: "
              "print(*sorted(sys.modules.keys() & {'numpy', 'pydantic', 'structlog', 'paho'}))")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n") == [f"watchkeeper {__version__}", "", ""]


@pytest.mark.parametrize(
    "words",
    [[], ["watch"], ["check", "--colour"], ["replay", "--input", "a.csv"], ["alarms", "--limit", "0"],
     ["replay", "--input", "a", "--output", "b", "--speed", "0"],
     ["replay", "--input", "a", "--output", "b", "--speed", "fast"],
     ["ack"], ["shelve", "pump"], ["shelve", "pump", "--for", "long"], ["service", "pump"],
     ["service", "pump", "--in", "--out"], ["baseline"], ["baseline", "export", "pump"]],
)
def test_a_command_line_that_is_wrong_leaves_with_2(words: list[str], capsys: Captured) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(words)
    assert left.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_check_says_what_is_watched(capsys: Captured) -> None:
    assert cli.main(["check", "--config", str(EXAMPLE)]) == 0
    out = capsys.readouterr().out
    assert "plant/pump-1/telemetry: pressure, flow, current, temperature, vibration, speed" in out
    assert "pump-1-bearing (waveform)" in out


def test_check_says_every_problem_on_standard_error(config: Path, capsys: Captured) -> None:
    config.write_text(RIGHT + "[sensors]\nqos = 3\n[jurnal]\n")
    assert cli.main(["check", "--config", str(config)]) == 78
    said = capsys.readouterr()
    assert said.out == ""
    assert f"{config}: sensors.qos = 3" in said.err
    assert 'Did you mean "journal"?' in said.err
    assert said.err.endswith("2 problems.\n")


def test_check_gives_scripts_every_problem(config: Path, capsys: Captured) -> None:
    config.write_text(RIGHT + "[sensors]\nqos = 3\n")
    assert cli.main(["check", "--json", "--config", str(config)]) == 78
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert answer["valid"] is False
    (problem,) = answer["problems"]
    assert problem["key"] == "sensors.qos"
    assert set(problem) == {"file", "key", "value", "message", "remedy"}


def test_check_gives_scripts_the_assets_and_their_topics(config: Path, capsys: Captured) -> None:
    assert cli.main(["check", "--json", "--config", str(config)]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["valid"] is True
    assert answer["assets"] == [
        {"id": "pump", "profile": "process", "topics": {"plant/pump/telemetry": ["pressure"]}},
    ]


def test_schema_is_a_json_schema_with_every_table(capsys: Captured) -> None:
    assert cli.main(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert {"device", "sensors", "uplink", "journal", "assets"} <= set(schema["properties"])


def test_run_refuses_a_wrong_configuration_with_78(config: Path, capsys: Captured) -> None:
    config.write_text(RIGHT + "[sensors]\nqos = 3\n")
    assert cli.main(["run", "--config", str(config)]) == 78
    assert "sensors.qos = 3" in capsys.readouterr().err


def test_alarms_are_shown_newest_first_from_the_configured_journal(
    config: Path, journal: Path, capsys: Captured
) -> None:
    assert journal.exists()
    assert cli.main(["alarms", "--config", str(config), "--limit", "2"]) == 0
    newest, older = capsys.readouterr().out.splitlines()
    assert newest.startswith("2026-01-01T00:00:03Z  pump  raised")
    assert older.startswith("2026-01-01T00:00:02Z  pump  cleared")


def test_alarms_are_given_to_scripts_as_a_list(journal: Path, capsys: Captured) -> None:
    assert cli.main(["alarms", "--journal", str(journal), "--json"]) == 0
    assert [line["seq"] for line in json.loads(capsys.readouterr().out)] == [3, 2, 1]


def test_status_says_what_stands_and_what_waits(journal: Path, capsys: Captured) -> None:
    assert cli.main(["status", "--journal", str(journal)]) == 0
    out = capsys.readouterr().out
    assert "3 alarm" in out
    assert cli.main(["status", "--journal", str(journal), "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert status["counts"] == {"alarm": 3}
    assert [line["transition"] for line in status["standing"]] == ["raised"]


def test_without_a_journal_status_says_so_with_78(config: Path, capsys: Captured) -> None:
    assert cli.main(["status", "--config", str(config)]) == 78
    assert "no journal" in capsys.readouterr().err


def test_a_model_that_cannot_be_used_leaves_with_78(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    def refuse(*_: object) -> int:
        raise ModelError("bundle: the hash differs")

    monkeypatch.setattr("agent.config.load", refuse)
    assert cli.main(["check", "--config", str(config)]) == 78
    assert "the hash differs" in capsys.readouterr().err


def test_a_bug_is_logged_and_leaves_with_70(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    def fail(*_: object) -> int:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("agent.config.load", fail)
    assert cli.main(["check", "--config", str(config)]) == 70
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_reader_that_leaves_early_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as gone:
        done = subprocess.run([sys.executable, "-m", "agent", "schema"], stdout=gone, stderr=subprocess.PIPE,
                              text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
