"""A stream of whole-message windows with faults in it, and what the offline replay says of it.

Each message is one record of vibration, and so one window: what is acknowledged can be compared
with what is on record, message by message. Event times are the simulation's own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import orjson

from agent.config import load
from agent.config.settings import Settings
from agent.models import ModelShelf
from agent.monitoring.acquisition.router import Router
from agent.monitoring.monitor import Monitor
from agent.monitoring.types import Record
from simulators.bearing import BearingMachine

LEARNED: Final = 100
"""Records that commissioning asks for."""
_BEGIN_MS: Final = 1_767_225_600_000  # 2026-01-01T00:00:00Z
_EVERY_MS: Final = 600_000
_CYCLE: Final = 48
_FAULTY: Final = range(20, 34)
_SEVERITY: Final = 0.5

CONFIGURATION: Final = """
[device]
id = "test-1"
site = "lab"
state_dir = "{state}"

[sensors]
url = "mqtt://127.0.0.1:{sensors}"

[uplink]
url = "mqtt://127.0.0.1:{uplink}"
keepalive = 5
delivery = "{delivery}"

[journal]
snapshot_interval = 0

[summaries]
period = 3600

[assets.bearing]
id = "{{1}}"
profile = "waveform"
topic = "plant/+/vibration"
time = "/ts"
time_unit = "ms"
rate = 25600
stale_after = 1e9
evidence = false

[assets.bearing.channels]
vibration = {{ value = "/v", unit = "g" }}
"""


class Message(NamedTuple):
    """What a sensor publishes, and the number of its record."""

    topic: str
    payload: bytes
    number: int


def messages(records: int, machines: int = 2, seed: int = 1) -> Iterator[Message]:
    """``records`` of each of the machines in turn; after commissioning each has an outer-race fault now and then."""
    rng = np.random.default_rng(seed)
    built = [BearingMachine.from_seed(seed * 100 + number) for number in range(machines)]
    for number in range(records):
        faulty = number >= LEARNED and (number - LEARNED) % _CYCLE in _FAULTY
        for index, machine in enumerate(built):
            values = machine.record(rng, {"outer-race": _SEVERITY} if faulty else {})
            document = {"ts": _BEGIN_MS + number * _EVERY_MS, "v": np.round(values.astype(float), 4).tolist()}
            yield Message(f"plant/bearing-{index}/vibration", orjson.dumps(document), number)


def truth_of(config: Path, seed: int, count: int) -> dict[str, list[dict[str, Any]]]:
    """The bodies of all records of the first ``count`` messages, by kind. In a process of its own whose linear
    algebra has one thread, as the daemon's has: with more the last bit of a sum is another."""
    output = subprocess.run(
        [sys.executable, "-m", "tests.endurance.stream", str(config), str(seed), str(count)],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"}, check=True, stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2])
    found: dict[str, list[dict[str, Any]]] = orjson.loads(output.stdout)
    return found


class Truth:
    """The same payloads through router and monitor, without any broker, thread or disk."""

    def __init__(self, settings: Settings) -> None:
        self._router = Router(settings.asset_specs(), settings.decode_limits())
        self._monitor = Monitor(ModelShelf().load)
        self.records: list[Record] = []

    def hear(self, message: Message) -> None:
        """What the daemon would do with it."""
        now = (_BEGIN_MS + message.number * _EVERY_MS) * 1_000_000
        for feed in self._router.route(message.topic):
            for block in feed.decode(message.payload, now):
                if feed.asset_id not in self._monitor.assets:
                    self.records += self._monitor.add(replace(feed.spec, id=feed.asset_id))
                self.records += self._monitor.observe(block, now, message.topic)

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The bodies of the records of a kind, as they are after JSON."""
        return [orjson.loads(orjson.dumps(record.body)) for record in self.records if record.kind == kind]


def _main(config: str, seed: str, count: str) -> None:
    truth = Truth(load(Path(config), {}))
    for message in islice(messages(10**9, seed=int(seed)), int(count)):
        truth.hear(message)
    found = {kind: truth.of(kind) for kind in dict.fromkeys(record.kind for record in truth.records)}
    sys.stdout.buffer.write(orjson.dumps(found))


if __name__ == "__main__":
    _main(*sys.argv[1:])
