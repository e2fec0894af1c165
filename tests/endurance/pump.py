"""A pump in trouble again and again, whoever hears of it, and the daemon between: the rig of the disk faults."""

from __future__ import annotations

import json
import random
import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tests.endurance.processes import Program, within
from tests.endurance.volume import Volume

CONFIGURATION: Final = """
[device]
id = "test-1"
site = "lab"
state_dir = "{state}"

[sensors]
url = "mqtt://127.0.0.1:{sensors}"

[journal]
budget_mb = 4
commit_interval = 0.2
snapshot_interval = 1

[assets.pump]
topic = "plant/pump/telemetry"
time = "/ts"
time_unit = "ms"
rate = 1.0
window = {{ seconds = 5, stride = 1 }}
learning = {{ enabled = false }}
persistence = {{ needed = 1, of = 1, clear_after = 1, hysteresis = 0.9 }}

[assets.pump.channels]
pressure = {{ value = "/pressure", unit = "bar" }}

# a limit: what is learned may go with the journal, and with it the alarms that are the measure here
[[assets.pump.limits]]
feature = "pressure.mean"
alarm = 5.5
"""
_FAULTY, _NORMAL = 15, 25
_PAUSE: Final = 0.01

Place = tuple[int, int]
"""(boot, seq)."""


class Stream(threading.Thread):
    """A pump whose pressure is too high for 15 s of every 40 s of its own time, a hundred times as fast."""

    def __init__(self, port: int) -> None:
        super().__init__(name="stream", daemon=True)
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._client.max_queued_messages_set(10_000)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._second = 1_700_000_000
        self._ending = threading.Event()

    def run(self) -> None:
        """Until told to end."""
        for number in range(10**9):
            if self._ending.wait(_PAUSE):
                return
            ripple = ((self._second * 7919) % 101) / 101 - 0.5
            fault = 2.0 if number % (_FAULTY + _NORMAL) < _FAULTY else 0.0
            body = {"ts": self._second * 1000, "pressure": round(4.0 + 0.05 * ripple + fault, 4)}
            self._client.publish("plant/pump/telemetry", json.dumps(body), qos=1)
            self._second += 1

    def end(self) -> None:
        """Stop and leave."""
        self._ending.set()
        self.join()
        self._client.disconnect()
        self._client.loop_stop()


class Ear:
    """Hears the local alarms: the machine's by place in the log and time of arrival, the device's by name."""

    def __init__(self, port: int) -> None:
        self.machine: dict[Place, float] = {}
        self.device: list[tuple[str, str]] = []
        self._lock = threading.Lock()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.subscribe("watchkeeper/v1/lab/test-1/alarm", 1)
        self._client.loop_start()

    def _on_message(self, _: Any, __: Any, message: mqtt.MQTTMessage) -> None:
        body = json.loads(message.payload)
        with self._lock:
            if body["asset"]:
                self.machine.setdefault((body["boot"], body["seq"]), time.monotonic())
            else:
                self.device.append((body["alarm"], body["transition"]))

    def between(self, begin: float, end: float) -> dict[Place, float]:
        """The machine's alarms that arrived then."""
        with self._lock:
            return {place: at for place, at in self.machine.items() if begin <= at <= end}

    def said(self, alarm: str, since: int) -> list[str]:
        """The turns of one of the device's alarms after the first ``since`` of all."""
        with self._lock:
            return [turn for name, turn in self.device[since:] if name == alarm]

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()


@dataclass
class Rig:
    """A daemon at work, its disk, and what was found wrong."""

    disk: Volume
    daemon: Program
    ear: Ear
    rng: random.Random
    wrong: list[str] = field(default_factory=list)

    @property
    def journal(self) -> Path:
        """The file."""
        return self.disk.path / "journal.db"

    @property
    def files(self) -> tuple[Path, Path]:
        """The file and its write-ahead log."""
        return self.journal, Path(f"{self.journal}-wal")

    def begin(self) -> None:
        """Start the daemon; returns when it hears the sensors."""
        connected = self.daemon.log().count("sensor broker connected")
        self.daemon.start()
        assert within(30, lambda: self.daemon.log().count("sensor broker connected") > connected), self.daemon.log()

    def stored(self) -> set[Place]:
        """The places of the machine's alarms in the journal."""
        try:
            with closing(sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True)) as connection:
                return set(connection.execute("SELECT boot, seq FROM log WHERE kind = 'alarm' AND asset = 'pump'"))
        except sqlite3.DatabaseError:
            return set()
