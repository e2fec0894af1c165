"""A recorded CSV file arrives row by row, as it was recorded."""

from __future__ import annotations

import gzip
import json
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from simulators.__main__ import main
from simulators.recorded import UnreadableError, recorded_messages, row_count
from tests.broker import Broker
from tests.simulators.subscriber import Subscriber

ROWS = """\
datetime;Pressure (bar);Volume Flow RateRMS
2020-03-09 10:14:33;0.054711;77.0664
2020-03-09 10:14:34.250;;76.0
2020-03-09T10:14:36+01:00;nan;75.5
"""


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "recording.csv"
    path.write_text(ROWS)
    return path


def test_rows_become_objects_with_the_columns_own_names(recording: Path) -> None:
    documents = [json.loads(message.payload) for message in recorded_messages(recording, ";", "datetime", "t")]
    assert documents == [
        # 2020-03-09T10:14:33Z: a time without a zone is UTC
        {"ts": 1_583_748_873_000, "Pressure (bar)": 0.054711, "Volume Flow RateRMS": 77.0664},
        {"ts": 1_583_748_874_250, "Pressure (bar)": None, "Volume Flow RateRMS": 76.0},
        {"ts": 1_583_745_276_000, "Pressure (bar)": None, "Volume Flow RateRMS": 75.5},
    ]


def test_the_time_column_is_the_first_unless_it_is_named(tmp_path: Path) -> None:
    path = tmp_path / "late.csv"
    path.write_text("value,when\n1.5,2026-01-01\n")
    assert [json.loads(message.payload) for message in recorded_messages(path, ",", "when", "t")] == [
        {"ts": 1_767_225_600_000, "value": 1.5}]
    with pytest.raises(UnreadableError, match="line 2"):
        list(recorded_messages(path, ",", None, "t"))


def test_a_compressed_file_is_the_same(recording: Path, tmp_path: Path) -> None:
    packed = tmp_path / "recording.csv.gz"
    packed.write_bytes(gzip.compress(recording.read_bytes()))
    assert list(recorded_messages(packed, ";", None, "t")) == list(recorded_messages(recording, ";", None, "t"))
    assert row_count(packed) == row_count(recording) == 3


@pytest.mark.parametrize("damage", [
    lambda packed: packed[:-20],
    lambda packed: packed[:40] + bytes(20) + packed[60:],
    lambda packed: b"no archive" + packed,
])
def test_a_damaged_archive_is_exit_code_2_before_anything_is_sent(
    damage: Callable[[bytes], bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "odd.csv.gz"
    path.write_bytes(damage(gzip.compress(ROWS.encode() * 100)))
    assert main(["replay", "--file", str(path), "--topic", "t", "--broker", "127.0.0.1:1"]) == 2
    assert f"{path}, after line" in capsys.readouterr().err


@pytest.mark.parametrize(("content", "said"), [
    ("time;a\n2020-01-01;1\n2020-01-02;x\n", "line 3"),
    ("time;a\n2020-01-01;1;2\n", "line 2"),
    ("time;a\nyesterday;1\n", "line 2"),
    ("a;b\n1;2\n", "no column 'time'"),
    ("", "no column 'time'"),
])
def test_what_is_no_recording_is_said_with_its_line(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "odd.csv"
    path.write_text(content)
    with pytest.raises(UnreadableError, match=said):
        list(recorded_messages(path, ";", "time", "t"))


def test_a_broken_archive_is_said(tmp_path: Path) -> None:
    path = tmp_path / "half.csv.gz"
    path.write_bytes(gzip.compress(ROWS.encode() * 100)[:-20])
    with pytest.raises(UnreadableError):
        list(recorded_messages(path, ";", None, "t"))


def test_replay_delivers_every_row_in_order_through_a_real_broker(
    broker: Broker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "long.csv"
    path.write_text("time,a,b\n" + "".join(
        f"2026-01-01T{row // 3600:02}:{row // 60 % 60:02}:{row % 60:02},{row},{row / 7}\n" for row in range(3000)))
    with Subscriber(broker.port) as subscriber:
        assert main(["replay", "--file", str(path), "--topic", "plant/old/telemetry", "--speed", "0",
                     "--broker", f"mqtt://127.0.0.1:{broker.port}"]) == 0
        subscriber.wait_for(3000)
    documents = [json.loads(payload) for _, payload in subscriber.heard]
    assert documents == [
        {"ts": 1_767_225_600_000 + 1000 * row, "a": float(row), "b": row / 7} for row in range(3000)]
    assert {topic for topic, _ in subscriber.heard} == {"plant/old/telemetry"}
    assert "3000 rows published" in capsys.readouterr().err


def test_replay_loses_no_row_when_the_broker_is_killed_on_the_way(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("time,row\n" + "".join(
        f"2026-01-01T00:{row // 60:02}:{row % 60:02},{row}\n" for row in range(3000)))
    # without a limit in flight the broker sends what it takes at once: nothing waits in the memory that dies
    with (
        Broker(tmp_path / "broker", persistence=True, extra="max_inflight_messages 0") as broker,
        Subscriber(broker.port, session="upstream") as subscriber,
    ):
        codes: list[int] = []
        replay = ["replay", "--file", str(path), "--topic", "t", "--speed", "2000",
                  "--broker", f"mqtt://127.0.0.1:{broker.port}"]
        replaying = threading.Thread(target=lambda: codes.append(main(replay)))
        replaying.start()
        subscriber.wait_for(1000)
        assert broker._process is not None
        broker._process.send_signal(signal.SIGSTOP)  # what it is sent from now on dies with it
        time.sleep(0.2)
        broker.restart()
        assert replaying.is_alive()
        replaying.join(20)
        subscriber.wait_for(3000)
    assert codes == [0]
    rows = [json.loads(payload)["row"] for _, payload in subscriber.heard]
    assert set(rows) == set(range(3000))
    assert len(rows) < 3200  # only what was on its way comes twice


def test_a_wrong_row_ends_a_replay_after_the_rows_before_it(
    broker: Broker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "odd.csv"
    path.write_text("time,a\n2026-01-01,1\n2026-01-02,2\n2026-01-03,three\n")
    with Subscriber(broker.port) as subscriber:
        assert main(["replay", "--file", str(path), "--topic", "t", "--speed", "0",
                     "--broker", f"mqtt://127.0.0.1:{broker.port}"]) == 2
        subscriber.wait_for(2)
    assert "line 4" in capsys.readouterr().err
