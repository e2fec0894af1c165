"""``python -m simulators``: files, streams and networks from the command line."""

from __future__ import annotations

import csv
import json
import signal
import socket
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from simulators.__main__ import main
from tests.broker import Broker, free_port
from tests.simulators.subscriber import Subscriber

FAULTS = ["--fault", "outer-race@60-90:0.9~10", "--sensor-fault", "flow:dropout@20-30", "--duration", "120"]


def written(folder: Path, *arguments: str) -> dict[str, bytes]:
    assert main(["write", "--output", str(folder), *arguments]) == 0
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_seed_writes_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    first = written(tmp_path / "a", "--seed", "5", *FAULTS)
    assert first == written(tmp_path / "b", "--seed", "5", *FAULTS)
    other = written(tmp_path / "c", "--seed", "6", *FAULTS)
    for name in ("telemetry.csv", "vibration.npz"):
        assert first[name] != other[name]


def test_telemetry_is_written_with_iso_times_and_empty_cells(tmp_path: Path) -> None:
    written(tmp_path, "--machine", "pump", *FAULTS)
    with (tmp_path / "telemetry.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 120
    moments = [datetime.fromisoformat(row["time"]) for row in rows]
    assert (moments[-1] - moments[0]).total_seconds() == 119
    assert [second for second, row in enumerate(rows) if row["flow"] == ""] == list(range(20, 30))


def test_vibration_is_written_as_records_with_their_times_and_rate(tmp_path: Path) -> None:
    written(tmp_path, "--machine", "bearing", *FAULTS)
    with np.load(tmp_path / "vibration.npz") as recording:
        assert recording["values"].shape == (12, 2560)
        assert recording["values"].dtype == np.float32
        assert recording["time"].dtype == np.int64
        assert set(np.diff(recording["time"])) == {10_000_000_000}
        assert recording["rate"] == 25_600


def test_labels_are_written_beside_what_they_label(tmp_path: Path) -> None:
    written(tmp_path, *FAULTS)
    for name in ("telemetry", "vibration"):
        labels = json.loads((tmp_path / f"{name}.labels.json").read_text())
        assert [(label["concerns"], label["kind"], (label["end"] - label["start"]) / 1e9) for label in labels] == [
            ("machine", "outer-race", 30.0), ("sensor", "dropout", 10.0)]


def test_many_machines_are_many_files_and_every_third_fails_in_its_second_half(tmp_path: Path) -> None:
    names = written(tmp_path, "--machine", "bearing", "--machines", "3", "--duration", "100", "--working-days")
    assert {name for name in names if name.endswith(".npz")} == {
        f"m{seed:03}-vibration.npz" for seed in (1, 2, 3)}
    labels = [json.loads(names[f"m{seed:03}-vibration.labels.json"]) for seed in (1, 2, 3)]
    assert labels[:2] == [[], []]
    assert [(label["end"] - label["start"]) / 1e9 for label in labels[2]] == [50.0]


def test_publish_says_what_both_machines_say(broker: Broker) -> None:
    with Subscriber(broker.port) as subscriber:
        assert main(["publish", "--broker", f"mqtt://127.0.0.1:{broker.port}", "--duration", "30",
                     "--speed", "0", "--name", "p7"]) == 0
        subscriber.wait_for(33)
    topics = [topic for topic, _ in subscriber.heard]
    assert topics.count("plant/p7/telemetry") == 30
    assert topics.count("plant/p7/vibration") == 3
    now = json.loads(subscriber.heard[0][1])["ts"] / 1000
    assert abs(now - time.time()) < 60


def test_a_broker_that_is_away_is_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    port = free_port()
    assert main(["publish", "--broker", f"mqtt://127.0.0.1:{port}", "--duration", "1"]) == 1
    assert f"127.0.0.1:{port}" in capsys.readouterr().err


def test_a_file_that_is_away_is_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "--file", str(tmp_path / "none.csv"), "--topic", "t"]) == 1
    assert "none.csv" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["publish", "write", "replay", "proxy", "demo", None])
def test_each_command_explains_itself(command: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([*([command] if command else []), "--help"])
    assert end.value.code == 0
    said = capsys.readouterr().out
    assert said.startswith(f"usage: python -m simulators {command or ''}".rstrip())
    assert "%(" not in said


@pytest.mark.parametrize("arguments", [
    ["write", "--output", "x", "--fault", "rust@1"],
    ["write", "--output", "x", "--machines", "0"],
    ["write", "--output", "x", "--duration", "-1"],
    ["write", "--output", "x", "--seed", "-1"],
    ["publish", "--every", "0"],
    ["publish", "--name", "pump/#"],
    ["replay", "--file", "x", "--topic", "#"],
    ["replay", "--file", "x", "--topic", "t", "--separator", "ab"],
    ["proxy", "--listen", "99999", "--to", "2"],
    ["publish", "--speed", "-2"],
    ["publish", "--broker", "http://x"],
    ["proxy", "--listen", "1", "--to", "2", "--at", "5:explode"],
    [],
])
def test_what_cannot_be_done_is_refused_before_anything_begins(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as refusal:
        main(arguments)
    assert refusal.value.code == 2
    assert list(tmp_path.iterdir()) == []


def test_the_proxy_keeps_its_schedule_until_it_is_interrupted(broker: Broker) -> None:
    port = free_port()
    proxy = subprocess.Popen(
        [sys.executable, "-m", "simulators", "proxy", "--listen", str(port), "--to", f"127.0.0.1:{broker.port}",
         "--at", "0.6:restore", "--at", "0:cut"],
        stderr=subprocess.PIPE, text=True)
    try:
        assert proxy.stderr is not None
        assert f"127.0.0.1:{port} -> " in proxy.stderr.readline()
        assert "0.0 s  cut" in proxy.stderr.readline()
        with pytest.raises(ConnectionResetError), socket.create_connection(("127.0.0.1", port), 5) as sock:
            sock.recv(1)
        assert "0.6 s  restore" in proxy.stderr.readline()
        with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
            sock.sendall(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00")  # CONNECT with an empty client id
            assert sock.recv(4) == b"\x20\x02\x00\x00"
        proxy.send_signal(signal.SIGINT)
        assert proxy.wait(10) == 130
    finally:
        proxy.kill()
        proxy.communicate()


def test_the_machines_that_fail_fail_in_every_way_that_bearings_do(tmp_path: Path) -> None:
    names = written(tmp_path, "--machine", "bearing", "--machines", "9", "--duration", "20")
    labels = [json.loads(names[f"m{seed:03}-vibration.labels.json"]) for seed in (3, 6, 9)]
    assert [label["kind"] for (label,) in labels] == ["outer-race", "inner-race", "ball"]
