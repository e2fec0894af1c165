"""A baseline as a file: it comes back as it was, and what does not fit is refused with the reason."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent import baseline, cli
from agent.adapters.sqlite.hold import held
from agent.adapters.sqlite.journal import SqliteJournal
from agent.adapters.sqlite.reading import read_snapshots
from agent.config import load
from agent.errors import CommandError, ConfigError
from agent.monitoring.monitor import Monitor
from agent.monitoring.types import SECOND, Block, Command
from agent.ports import Entry

START = 1_767_225_600 * SECOND
CONFIGURATION = """
[device]
id = "{device}"
site = "plant"
state_dir = "{device}"
[assets."pump-{{1}}"]
id = "pump-{{1}}"
topic = "plant/+/telemetry"
rate = 1.0
window = {{ seconds = 5, stride = 1 }}
learning = {{ samples = 40 }}
[assets."pump-{{1}}".channels]
pressure = {{ value = "/pressure", unit = "{unit}" }}
flow = {{ value = "/flow", unit = "l/min" }}
"""
Captured = pytest.CaptureFixture[str]


def configured(folder: Path, device: str, unit: str = "bar") -> Path:
    path = folder / f"{device}-{unit}.toml"
    path.write_text(CONFIGURATION.format(device=device, unit=unit))
    return path


def run(config: Path, asset: str, seconds: int, *, fault: float = 0.0, command: Command | None = None) -> None:
    """What a daemon would keep of so many seconds of running."""
    settings = load(config)
    monitor = Monitor(lambda _: None)
    journal = SqliteJournal(settings.journal.path)
    monitor.remember(journal.snapshots(), journal.last_times())
    (spec,) = settings.asset_specs()
    records = monitor.add(replace(spec, id=asset))
    random = np.random.default_rng(7)
    boot = journal.begin_boot(START)
    begin = START + boot * 3600 * SECOND
    for second in range(seconds):
        at = begin + second * SECOND
        for channel, level in (("pressure", 4.0 + fault), ("flow", 30.0)):
            value = np.array([level * (1 + 0.01 * random.standard_normal())])
            records += monitor.observe(Block(asset, channel, at, value), at)
    if command is not None:
        records += monitor.command(command, begin + seconds * SECOND)
    entries = [
        Entry(boot, seq, record.kind, asset, record.time, json.dumps(record.body).encode())
        for seq, record in enumerate(records, 1)
    ]
    journal.commit(entries, monitor.snapshots())
    journal.close()


def state(config: Path, asset: str) -> dict[str, Any]:
    return dict(read_snapshots(load(config).journal.path)[asset].state)


@pytest.fixture
def learned(tmp_path: Path) -> Path:
    """A device that has learned pump-1."""
    config = configured(tmp_path, "gateway-1")
    run(config, "pump-1", 90)
    return config


@pytest.fixture
def file(learned: Path, tmp_path: Path) -> Path:
    path = tmp_path / "pump-1.json"
    assert cli.main(["baseline", "export", "pump-1", "--output", str(path), "--config", str(learned)]) == 0
    return path


def test_a_baseline_says_whose_it_is_and_how_it_was_learned(learned: Path, file: Path, capsys: Captured) -> None:
    document = json.loads(file.read_text())
    assert (document["format"], document["version"]) == ("watchkeeper-baseline", 1)
    assert (document["device"], document["asset"]) == ("gateway-1", "pump-1")
    assert document["learned"].startswith("2026-01-01T")
    assert document["configuration"]["channels"]["pressure"]["unit"] == "bar"
    assert document["state"] == state(learned, "pump-1")
    capsys.readouterr()
    assert cli.main(["baseline", "show", "pump-1", "--config", str(learned)]) == 0
    assert f"configuration {document['fingerprint']}" in capsys.readouterr().out
    assert cli.main(["baseline", "show", "pump-1", "--json", "--config", str(learned)]) == 0
    assert json.loads(capsys.readouterr().out)["fingerprint"] == document["fingerprint"]


def test_another_device_takes_it_over_and_need_not_learn(file: Path, tmp_path: Path, capsys: Captured) -> None:
    other = configured(tmp_path, "gateway-2")
    given = ["baseline", "import", str(file), "--asset", "pump-2", "--actor", "eva", "--config", str(other)]
    assert cli.main(given) == 0
    assert "pump-2 now has the baseline of pump-1 on gateway-1" in capsys.readouterr().out
    before = baseline.read(other, load(other).journal.path, "pump-2")
    assert before.learned is None
    run(other, "pump-2", 30, fault=3.0)
    with closing(sqlite3.connect(load(other).journal.path)) as log:
        said = [json.loads(payload) for (payload,) in log.execute("SELECT payload FROM log WHERE kind <> 'window'")]
    assert [body["event"] for body in said if body.get("event") in {"learned", "relearn"}] == []
    assert "raised" in [body.get("transition") for body in said], "it is judged from the first window on"
    (note,) = [body for body in said if body.get("event") == "baseline-imported"]
    assert (note["actor"], note["from"], note["learned_on"]) == ("eva", "pump-1", "gateway-1")


def test_the_alarms_stay_those_of_the_machine_here(learned: Path, file: Path) -> None:
    run(learned, "pump-1", 30, fault=3.0, command=Command("shelve", "pump-1", "eva", seconds=3600.0))
    (shelved,) = {point["alarm"]["state"] for point in state(learned, "pump-1")["points"].values()}
    assert shelved == "shelved"
    assert cli.main(["baseline", "import", str(file), "--config", str(learned)]) == 0
    after = state(learned, "pump-1")
    assert {point["alarm"]["state"] for point in after["points"].values()} == {"shelved"}
    original = json.loads(file.read_text())["state"]["points"]
    assert {name: point["judge"] for name, point in after["points"].items()} == {
        name: point["judge"] for name, point in original.items()}


def test_a_running_daemon_is_not_written_under(learned: Path, file: Path, capsys: Captured) -> None:
    before = state(learned, "pump-1")
    with held(load(learned).journal.path):
        assert cli.main(["baseline", "import", str(file), "--config", str(learned)]) == 78
    assert "a running daemon holds this journal" in capsys.readouterr().err
    assert state(learned, "pump-1") == before


def test_numbers_in_another_unit_are_refused(file: Path, tmp_path: Path, capsys: Captured) -> None:
    pascals = configured(tmp_path, "gateway-3", unit="Pa")
    assert cli.main(["baseline", "import", str(file), "--config", str(pascals)]) == 1
    assert 'channels.pressure.unit was "bar", is "Pa"' in capsys.readouterr().err
    assert not load(pascals).journal.path.exists()


def test_a_machine_that_still_learns_has_no_baseline_yet(tmp_path: Path) -> None:
    config = configured(tmp_path, "gateway-4")
    run(config, "pump-1", 20, command=Command("shelve", "pump-1", "eva", seconds=60.0))
    journal = load(config).journal.path
    with pytest.raises(CommandError, match="still learning"):
        baseline.read(config, journal, "pump-1")
    with pytest.raises(CommandError, match="nothing is remembered of pump-9; the journal knows: pump-1"):
        baseline.read(config, journal, "pump-9")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": 2}, "is of version 2; this agent reads version 1"),
        ({"version": None}, "is of version None"),
        ({"format": "something"}, "is no baseline"),
        ({"state": 7}, "lacks its asset, configuration or state"),
        ({"configuration": {"profile": "process"}}, "has been changed"),
    ],
)
def test_a_file_that_is_not_as_it_was_written_is_refused(file: Path, change: dict[str, Any], reason: str) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(ConfigError, match=reason):
        baseline.parse(file)


@pytest.mark.parametrize("text", ["", "[]", "pump", "{"])
def test_any_other_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "file"
    with pytest.raises(ConfigError, match="cannot be read"):
        baseline.parse(path)
    path.write_text(text)
    with pytest.raises(ConfigError, match="is no"):
        baseline.parse(path)


def test_a_state_that_does_not_fit_the_chain_changes_nothing(learned: Path, file: Path) -> None:
    document = json.loads(file.read_text())
    document["state"]["points"] = {"vibration": {}}
    file.write_text(json.dumps(document))
    before = state(learned, "pump-1")
    with pytest.raises(CommandError, match="does not fit pump-1"):
        baseline.take(learned, file, None, "eva")
    assert state(learned, "pump-1") == before


def test_a_file_that_cannot_be_written_says_so(learned: Path, tmp_path: Path, capsys: Captured) -> None:
    nowhere = tmp_path / "no" / "file.json"
    assert cli.main(["baseline", "export", "pump-1", "--output", str(nowhere), "--config", str(learned)]) == 78
    assert "cannot be written" in capsys.readouterr().err
