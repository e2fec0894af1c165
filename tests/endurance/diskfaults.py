"""Disks that are full, read-only, broken, hanging or corrupt, under a daemon at work: it must not die, local alarms
must go on, the device must say so, and afterwards all is in the journal that waited in memory.

::

    sensor --QoS 1--> broker --> daemon --> alarms on the broker --compared with--.
                                    '--> journal on a small ext4 of its own ------'
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tests.broker import Broker
from tests.endurance import volume
from tests.endurance.processes import Program, within
from tests.endurance.volume import Volume

_CONFIGURATION: Final = """
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
_MEGABYTES: Final = 24
_LASTS: Final = 4.0
"""s of each fault: twice what the writer bears before it says so."""
_RECOVERS: Final = 30.0
_SILENCE: Final = 1.5
"""s between two alarms at most; normally they come every 0.3 s. (The broker keeps no file: one that saves with every
change, as Mosquitto can, pauses for longer itself.)"""
_FAULTY, _NORMAL = 15, 25
_PAUSE: Final = 0.01

Place = tuple[int, int]


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

    def stored(self) -> set[Place]:
        """The places of the machine's alarms in the journal."""
        try:
            with closing(sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True)) as connection:
                return set(connection.execute("SELECT boot, seq FROM log WHERE kind = 'alarm' AND asset = 'pump'"))
        except sqlite3.DatabaseError:
            return set()


# -- the faults: each does its worst for some seconds, and says whether the disk must have refused -------


def full(rig: Rig) -> None:
    """Other files take all the room: the journal lives on within its own, or refuses."""
    with rig.disk.full():
        time.sleep(_LASTS)


def frozen(rig: Rig) -> None:
    """The disk does not answer."""
    with rig.disk.frozen():
        time.sleep(_LASTS)


def failing(error: str) -> Callable[[Rig], None]:
    """Writes and syncs fail."""

    def fault(rig: Rig) -> None:
        with volume.failing(rig.daemon.pid, error, *rig.files):
            time.sleep(_LASTS)

    return fault


def slow(rig: Rig) -> None:
    """Each fsync takes 300 ms."""
    with volume.slow(rig.daemon.pid, 0.3, *rig.files):
        time.sleep(_LASTS)


def readonly_at_start(rig: Rig) -> None:
    """The file system is read-only when the daemon starts, and writable later."""
    rig.daemon.stop()
    rig.disk.mount(readonly=True)
    rig.daemon.start()
    time.sleep(_LASTS + 1.0)
    rig.disk.writable()


def full_at_start(rig: Rig) -> None:
    """There is no room for a journal when the daemon first starts."""
    rig.daemon.kill()
    for file in rig.disk.path.glob("journal.db*"):
        file.unlink()
    with rig.disk.full():
        rig.daemon.start()
        time.sleep(_LASTS + 1.0)


def at_rest(damage: Callable[[Path, random.Random], None]) -> Callable[[Rig], None]:
    """What is on the disk is damaged while no daemon runs."""

    def fault(rig: Rig) -> None:
        rig.daemon.kill()
        damage(rig.rng.choice([file for file in rig.files if file.exists()]), rig.rng)
        rig.daemon.start()

    return fault


def under_way(damage: Callable[[Path, random.Random], None]) -> Callable[[Rig], None]:
    """What is on the disk is damaged under the running daemon."""

    def fault(rig: Rig) -> None:
        damage(rig.rng.choice([file for file in rig.files if file.exists()]), rig.rng)
        time.sleep(_LASTS / 2)

    return fault


def deleted(rig: Rig) -> None:
    """Somebody tidies up."""
    for file in rig.disk.path.glob("journal.db*"):
        file.unlink()
    time.sleep(_LASTS / 2)


def _flip(path: Path, rng: random.Random) -> None:
    volume.flip(path, rng, rng.choice((1, 1, 8, 64)))


FAULTS: Final[dict[str, tuple[Callable[[Rig], None], bool]]] = {
    # name: (what is done, whether the disk refuses for certain: then the device says so and nothing is lost)
    "disk full": (full, False),
    "EIO": (failing("EIO"), True),
    "bits flipped at rest": (at_rest(_flip), False),
    "ENOSPC": (failing("ENOSPC"), True),
    "truncated at rest": (at_rest(volume.truncate), False),
    "EROFS": (failing("EROFS"), True),
    "bits flipped while running": (under_way(_flip), False),
    "no answer": (frozen, True),
    "garbage written while running": (under_way(volume.garble), False),
    "read-only at the start": (readonly_at_start, True),
    "deleted while running": (deleted, False),
    "fsync of 300 ms": (slow, False),
    "full at the first start": (full_at_start, True),
}
_DAMAGES: Final = {name for name in FAULTS if "rest" in name or "running" in name or "first" in name}


def inflict(rig: Rig, name: str) -> dict[str, Any]:
    """One fault: what was found, and ``rig.wrong`` where the law was broken."""
    fault, refuses = FAULTS[name]
    before = len(rig.wrong)
    said = len(rig.ear.device)
    began = time.monotonic()
    fault(rig)
    ended = time.monotonic()
    # new alarms are raised and are in the journal: the disk is in use again
    recovered = within(_RECOVERS, lambda: bool(rig.stored() & rig.ear.between(ended, time.monotonic()).keys()))
    back = time.monotonic()
    heard = rig.ear.between(began, back)
    silence = _longest_gap(sorted(heard.values()), began, back)
    restarted = "rest" in name or "start" in name
    if not recovered:
        rig.wrong.append(f"{name}: nothing new is in the journal {_RECOVERS:g} s after it")
    if silence > _SILENCE + (_LASTS if restarted else 0.0):
        rig.wrong.append(f"{name}: no local alarm for {silence:.1f} s")
    if rig.daemon.deaths:
        rig.wrong.append(f"{name}: the daemon died")
        rig.daemon.deaths = 0
    rig.daemon.look()
    if rig.daemon.deaths:
        rig.wrong.append(f"{name}: the daemon died")
        rig.daemon.deaths = 0
    within(5.0, lambda: rig.ear.said("journal", 0)[-1:] != ["raised"])
    if refuses:
        turns = rig.ear.said("journal", said)
        if turns[:1] != ["raised"] or turns[-1:] != ["cleared"]:
            rig.wrong.append(f"{name}: of its journal the device said {turns}")
    lost: set[Place] = set()
    if name not in _DAMAGES:
        within(5.0, lambda: heard.keys() <= rig.stored())
        lost = heard.keys() - rig.stored()
        if lost:
            rig.wrong.append(f"{name}: {len(lost)} announced alarms are not in the journal: {sorted(lost)[:3]}")
    return {
        "fault": name, "alarms": len(heard), "longest_silence_s": round(silence, 2),
        "recovered_s": round(back - ended, 2), "said": sorted({turn[0] for turn in rig.ear.device[said:]}),
        "lost": len(lost), "wrong": rig.wrong[before:],
    }


def _longest_gap(times: list[float], begin: float, end: float) -> float:
    marks = [begin, *times, end]
    return max(later - earlier for earlier, later in pairwise(marks))


def trial(folder: Path, faults: list[str], seed: int, told: Callable[[dict[str, Any]], None]) -> list[str]:
    """One fault after the other on the same daemon; what was wrong."""
    volume.require()
    sensors = Broker(folder / "sensors")
    with sensors, Volume(folder, _MEGABYTES) as disk:
        config = folder / "watchkeeper.toml"
        config.write_text(_CONFIGURATION.format(state=disk.path, sensors=sensors.port))
        daemon = Program(folder / "daemon.log", "run", "--config", str(config))
        ear = Ear(sensors.port)
        stream = Stream(sensors.port)
        rig = Rig(disk, daemon, ear, random.Random(seed))
        try:
            daemon.start()
            assert within(30, lambda: "sensor broker connected" in daemon.log()), daemon.log()
            stream.start()
            assert within(30, lambda: bool(rig.stored())), f"no alarm within 30 s: {daemon.log()[-2000:]}"
            for name in faults:
                told(inflict(rig, name))
        finally:
            daemon.stop()
            stream.end()
            ear.close()
    return rig.wrong


def main(arguments: list[str] | None = None) -> int:
    """The trial; 1 where the law was broken."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--faults", type=int, default=200, help="how many (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of damages (%(default)s)")
    parser.add_argument("--only", action="append", choices=list(FAULTS), help="this fault, again and again")
    parser.add_argument("--folder", type=Path, help="keep the daemon's log here")
    options = parser.parse_args(arguments)
    kinds = options.only or list(FAULTS)
    faults = [kinds[number % len(kinds)] for number in range(options.faults)]
    found: list[dict[str, Any]] = []

    def told(one: dict[str, Any]) -> None:
        found.append(one)
        print(json.dumps({"number": len(found), **one}), flush=True)

    with tempfile.TemporaryDirectory(prefix="watchkeeper-diskfaults-") as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        wrong = trial(folder, faults, options.seed, told)
    print(json.dumps({
        "faults": dict(Counter(one["fault"] for one in found)),
        "alarms": sum(one["alarms"] for one in found),
        "longest_silence_s": max(one["longest_silence_s"] for one in found),
        "recovered_s_at_most": max(one["recovered_s"] for one in found),
        "lost": sum(one["lost"] for one in found),
        "wrong": wrong,
    }))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
