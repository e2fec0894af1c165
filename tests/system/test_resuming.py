"""With a snapshot in every commit, SIGKILL leaves no trace in what the daemon says: each record once, and the same."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import orjson

from agent.config import load
from agent.monitoring.acquisition.router import Router
from agent.monitoring.monitor import Monitor
from tests.broker import Broker
from tests.system.daemon import TELEMETRY, Daemon, Machine, eventually

ENVELOPE = {"device", "boot", "seq", "recorded", "monotonic", "synchronised"}
COMPARED = {"window", "alarm", "event"}
KILLS = 6
PIECE = 40


def _said(journal: Path) -> list[dict[str, Any]]:
    with sqlite3.connect(journal) as connection:
        bodies = [json.loads(row[0]) for row in connection.execute("SELECT payload FROM log ORDER BY id")]
    return [{key: value for key, value in body.items() if key not in ENVELOPE}
            for body in bodies if body["kind"] in COMPARED]


def _undisturbed(config: Path, payloads: list[bytes]) -> list[dict[str, Any]]:
    """What the chain says of the same messages, in one piece; in a process like the daemon's, as the last bit of
    linear algebra is another with another number of threads."""
    done = subprocess.run(
        [sys.executable, "-c", f"from {__name__} import main; main({str(config)!r})"], input=b"\n".join(payloads),
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"}, capture_output=True, check=True)
    return [body for line in done.stdout.splitlines() if (body := json.loads(line))["kind"] in COMPARED]


def main(config: str) -> None:
    """Print what the chain says of the messages on standard input."""
    settings = load(Path(config))
    (feed,) = Router(settings.asset_specs(), settings.decode_limits()).route("plant/pump/telemetry")
    monitor = Monitor(lambda _: None)
    records = monitor.add(feed.spec)
    for line in sys.stdin.buffer:
        records += monitor.observe_message(feed.decode(line, 1), 1, "plant/pump/telemetry")
    for record in records:
        sys.stdout.buffer.write(orjson.dumps({"kind": record.kind, **record.body}) + b"\n")


def test_sigkill_in_the_middle_of_a_stream_changes_nothing_in_the_log(tmp_path: Path) -> None:
    sensors = Broker(tmp_path / "sensors", persistence=True)
    sensors.start()
    daemon = Daemon(tmp_path, sensors.port, None, TELEMETRY + "\n[journal]\nsnapshot_interval = 0\n")
    daemon.start()
    machine = Machine(sensors.port)
    sent: list[bytes] = []

    def send(count: int) -> None:
        for _ in range(count):
            ripple = ((machine.second * 7919) % 101) / 101 - 0.5
            fault = -2.0 if len(sent) % 100 > 80 else 0.0
            sent.append(json.dumps({"ts": machine.second * 1000, "pressure": 4.0 + 0.05 * ripple + fault,
                                    "flow": 30.0 + 0.3 * ripple}).encode())
            machine.send(sent[-1])
            machine.second += 1

    try:
        for _ in range(KILLS):
            stream = threading.Thread(target=send, args=(PIECE,))
            stream.start()
            stream.join(0.06)  # the kill comes while messages are on every part of the way
            daemon.kill()
            stream.join()
            daemon.start()
        send(PIECE)
        truth = _undisturbed(daemon.config, sent)
        eventually(lambda: len(_said(daemon.state / "journal.db")) >= len(truth), what="all that was sent is recorded")
    finally:
        daemon.close()
        machine.close()
        sensors.stop()
    said = _said(daemon.state / "journal.db")
    assert {body["kind"] for body in truth} == COMPARED
    for ours, theirs in zip(said, truth, strict=False):
        assert ours == theirs
    assert len(said) == len(truth)
