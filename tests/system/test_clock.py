"""A device without a clock of its own: it starts in 1970 and steps to now while it works."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.shipped import FLOOR
from tests.broker import Broker
from tests.system.daemon import Daemon, Listener, Machine, eventually

CONFIG = """
[device]
id = "test-1"
site = "lab"
state_dir = "{state}"

[sensors]
url = "mqtt://127.0.0.1:{sensors}"

{uplink}

[summaries]
period = 10

[assets.pump]
topic = "plant/pump/telemetry"
rate = 10.0
window = {{ seconds = 1, stride = 0.5 }}
stale_after = 5
learning = {{ samples = 20 }}

[assets.pump.channels]
pressure = {{ value = "/pressure", unit = "bar" }}
flow = {{ value = "/flow", unit = "l/min" }}
"""


class Bench:
    """A pump that publishes ten times a second without a time of its own, and a daemon that starts in 1970."""

    def __init__(self, folder: Path, sensors: Broker) -> None:
        self.signal = folder / "time-server"
        self.daemon = Daemon(folder, sensors.port, None, CONFIG)
        self.machine = Machine(sensors.port)
        self.local = Listener(sensors.port)

    def start(self) -> None:
        self.daemon.start(f"from tests.system import clocks; clocks.plant({str(self.signal)!r})")

    def run(self, seconds: float, fault: float = 0.0) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            ripple = (time.monotonic_ns() // 1000 * 7919 % 101) / 101 - 0.5
            self.machine.send(json.dumps({"pressure": 4.0 + 0.05 * ripple + fault, "flow": 30.0 + ripple}).encode())
            time.sleep(0.1)

    def rows(self) -> list[tuple[int, int, str, int, dict[str, Any]]]:
        with sqlite3.connect(self.daemon.state / "journal.db") as journal:
            found = journal.execute("SELECT boot, seq, kind, time_ns, payload FROM log ORDER BY id")
            return [(*place, json.loads(payload)) for *place, payload in found]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    sensors = Broker(tmp_path / "sensors", persistence=True)
    sensors.start()
    made = Bench(tmp_path, sensors)
    yield made
    made.daemon.close()
    made.machine.close()
    made.local.close()
    sensors.stop()


def test_a_clock_that_comes_from_1970_costs_a_gap_and_no_false_alarm(bench: Bench) -> None:
    bench.start()
    bench.run(14.0)
    bench.signal.touch()
    bench.run(8.0)
    assert bench.local.of("alarm") == [], "nothing was wrong but the clock"
    bench.run(4.0, fault=-2.0)
    eventually(lambda: bench.local.of("alarm"), what="the alarm of the machine")
    assert bench.daemon.stop()[0] == 0

    rows = bench.rows()
    (clock,) = [body for *_, kind, _, body in rows if kind == "event" and body["event"] == "clock"]
    assert (clock["boot"], clock["synchronised"]) == (1, True)
    assert clock["from"].startswith("1970-01-01")
    before = [row for row in rows if row[1] < clock["before_seq"]]
    after = [row for row in rows if row[1] >= clock["before_seq"]]
    assert len(before) > 20
    assert len(after) > 20

    # the order of the log is that of (boot, seq), whatever the clocks said
    monotonic = [body["monotonic"] for *_, body in rows]
    assert monotonic == sorted(monotonic)
    # what a period of 1970 had gathered is summed up as soon as the clock is seen to be set
    told = [body for *_, kind, _, body in before if kind != "summary"]
    assert all(body["recorded"].startswith("1970-01-01") and not body["synchronised"] for body in told)
    assert all(not body["recorded"].startswith("1970") and body["synchronised"] for *_, body in after)

    # payloads stay as they were; the journal's own times have been put right, by the same for all
    assert [(seq, kind, time_ns, clock["before_seq"]) for _, seq, kind, time_ns, _ in rows if time_ns <= FLOOR] == []
    times = [time_ns for _, _, kind, time_ns, _ in rows if kind == "window"]
    assert times == sorted(times)
    assert times[-1] - times[0] < 40e9
    silent = [body for *_, body in rows if body.get("quality") in {"silent", "gap"}]
    assert silent == []
    judged = [body for *_, kind, _, body in after if kind == "window" and body["state"] == "normal"]
    assert len(judged) > 10, "it goes on judging by what it had learned"


def test_the_device_says_how_it_is_once_a_period(bench: Bench) -> None:
    bench.signal.touch()
    bench.start()
    bench.run(12.0)
    assert bench.daemon.stop()[0] == 0
    first = next(body for *_, kind, _, body in bench.rows() if kind == "health")
    assert 9.0 < first["uptime_s"] < 13.0
    assert 20e6 < first["rss_bytes"] < 100e6
    assert 0.0 < first["cpu_share"] < 1.0
    assert first["journal"]["rows"] > 0
    assert (first["sensors"]["connected"], first["synchronised"]) == (True, True)
    assert first["writer"]["commits"] > 0
