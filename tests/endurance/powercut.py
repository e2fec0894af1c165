"""Power cuts at random moments under load: nothing is lost that was acknowledged or announced, and every start opens.

::

    sensor --QoS 1--> broker --QoS 1--> daemon --> alarms on the broker, records upstream --compared with--.
                                           '--> journal on a small ext4 whose power is cut ----------------'

The file system is shut down by ioctl without flushing its log: what had not been synced is gone, as after a power cut.
A message counts when the sensor was told that the broker has it: the broker keeps it until the daemon acknowledges
it, so that each one's window must be on record soon after the next start, whichever side of the cut it was on.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import random
import sqlite3
import struct
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import orjson

from agent.monitoring.wording import iso
from tests.broker import Broker
from tests.endurance import volume
from tests.endurance.processes import Program, Publisher, within
from tests.endurance.stream import CONFIGURATION, Message, messages
from tests.endurance.volume import Volume
from tests.system.daemon import Listener

_SHUTDOWN: Final = 0x8004587D
_WITHOUT_FLUSHING_THE_LOG: Final = 2
_MEGABYTES: Final = 96
_CAUGHT_UP_WITHIN: Final = 60.0
_ENDLESS: Final = 1_000_000


class Told(list[Message]):
    """Which messages the sensor was told to be safe; their payloads are not kept, but their event times."""

    def append(self, message: Message) -> None:
        """Forget the samples."""
        ts: int = orjson.loads(message.payload)["ts"]
        super().append(message._replace(payload=iso(ts * 1_000_000).encode()))


def main(arguments: list[str] | None = None) -> int:
    """The trial; 1 where anything was lost or a start met a corrupt journal."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cuts", type=int, default=200, help="how many (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of machines and moments (%(default)s)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="watchkeeper-powercut-") as folder:
        found = trial(Path(folder), options.cuts, options.seed)
    print(json.dumps(found))
    return int(not sound(found))


def sound(found: dict[str, Any]) -> bool:
    """Whether a trial found nothing wrong."""
    return not any(found[what] for what in ("windows_lost", "alarms_lost", "upstream_lost", "corrupt_starts", "deaths"))


def trial(folder: Path, cuts: int, seed: int = 1, *, longest: float = 2.0) -> dict[str, Any]:
    """Cut the power so many times, each within ``longest`` seconds of load; what was found, in figures."""
    volume.require()
    rng = random.Random(seed)
    sensors = Broker(folder / "sensors", persistence=True)
    upstream = Broker(folder / "upstream", persistence=True)
    begun = time.monotonic()
    total: dict[str, Any] = dict.fromkeys(("windows_lost", "alarms_lost", "upstream_lost", "corrupt_starts"), 0)
    with Volume(folder / "disk", _MEGABYTES) as disk, sensors, upstream:
        config = folder / "watchkeeper.toml"
        config.write_text(CONFIGURATION.format(
            state=disk.path / "state", sensors=sensors.port, uplink=upstream.port, delivery="puback"))
        journal = disk.path / "state" / "journal.db"
        daemon = Program(folder / "daemon.log", "run", "--config", str(config))
        local = Listener(sensors.port, "watchkeeper/+/+/+/alarm")
        above = Listener(upstream.port, "watchkeeper/#")
        publisher = Publisher(sensors.port, messages(_ENDLESS, seed=seed), pause=0.005)
        publisher.acknowledged = Told()
        _start(daemon)  # its first subscription makes the session that the broker keeps messages for
        try:
            publisher.start()
            for number in range(1, cuts + 1):
                time.sleep(rng.uniform(0.05, longest))
                _cut_power(disk.path)
                daemon.kill()
                acknowledged, heard = list(publisher.acknowledged), (len(local.heard), len(above.heard))
                disk.mount()
                at_start = _start(daemon)
                found = {
                    **_compared(journal, acknowledged, local.heard[: heard[0]], above.heard[: heard[1]]),
                    "corrupt_starts": len(list(journal.parent.glob("journal.db.damaged-*[0-9Z]"))),
                }
                said = {"cut": number, "messages": len(acknowledged), "start_s": at_start, **found}
                print(json.dumps(said), flush=True)
                for what, count in found.items():
                    total[what] = max(total[what], count) if what in total else count
                if publisher.failure is not None:
                    raise publisher.failure
            exit_code = daemon.stop()
        finally:
            publisher.end()
            daemon.stop()
            local.close()
            above.close()
            publisher.join(90)
    return {
        "cuts": cuts, "messages": len(publisher.acknowledged), "alarms": len(local.of("alarm")),
        "upstream": len(above.heard), **total, "deaths": daemon.deaths + int(exit_code != 0),
        "seconds": round(time.monotonic() - begun, 1),
    }


def _start(daemon: Program) -> float:
    """Seconds until it is connected."""
    began = time.monotonic()
    said = len(daemon.log())
    daemon.start()
    assert within(60, lambda: "sensor broker connected" in daemon.log()[said:]), daemon.log()[said:]
    return round(time.monotonic() - began, 2)


def _cut_power(mounted: Path) -> None:
    folder = os.open(mounted, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.ioctl(folder, _SHUTDOWN, struct.pack("I", _WITHOUT_FLUSHING_THE_LOG))
    finally:
        os.close(folder)


def _compared(
    journal: Path, acknowledged: list[Message], local: list[tuple[str, dict[str, Any]]],
    above: list[tuple[str, dict[str, Any]]],
) -> dict[str, int]:
    """What is not on record of all that was acknowledged or announced before the cut, once the daemon has caught up."""
    windows = {(message.topic.split("/")[1], message.payload.decode()) for message in acknowledged}
    # an alarm is announced before it is on the disk: what is announced is lost if the transition is not told again
    transitions = {_transition(body) for _, body in local if body.get("asset")}
    places = {(body["boot"], body["seq"]) for _, body in above if "seq" in body}

    def missing() -> dict[str, int]:
        with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True, timeout=10)) as connection:
            kept = set(connection.execute("SELECT asset, start FROM windows"))
            raised = {
                _transition(json.loads(payload))
                for (payload,) in connection.execute("SELECT payload FROM log WHERE kind = 'alarm'")}
            there = set(connection.execute("SELECT boot, seq FROM log"))
        return {"windows_lost": len(windows - kept), "alarms_lost": len(transitions - raised),
                "upstream_lost": len(places - there)}

    within(_CAUGHT_UP_WITHIN, lambda: not any(missing().values()))
    return missing()


def _transition(body: dict[str, Any]) -> tuple[Any, ...]:
    return body["asset"], body.get("alarm"), body["transition"], body["time"]


if __name__ == "__main__":
    sys.exit(main())
