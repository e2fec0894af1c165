"""SIGKILL at random moments of the daemon, both brokers and the collector; then every alarm transition and every
summary must stand exactly once in the collector's table, equal to the offline replay.

::

    sensor --QoS 1--> broker --> daemon --> broker --> collector --> SQLite
                        x          x          x           x            '--- compared with the replay
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from tests.broker import Broker
from tests.endurance.processes import Program, Publisher, within
from tests.endurance.stream import CONFIGURATION, messages, truth_of

COMPARED: Final = ("alarm", "summary")
_ENVELOPE: Final = frozenset({
    "device", "boot", "seq", "recorded", "monotonic", "synchronised", "kind", "historical", "stream", "link",
    "number",
})
_SAVED_AFTER: Final = 0.2
_ENDLESS: Final = 1_000_000


def main(arguments: list[str] | None = None) -> int:
    """The trial; 1 where anything is missing, doubled or different."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=200, help="how many (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of machines and moments (%(default)s)")
    parser.add_argument("--folder", type=Path, help="keep brokers, journal, table and logs here")
    options = parser.parse_args(arguments)
    if options.folder is not None:
        options.folder.mkdir(parents=True, exist_ok=True)
        found = trial(options.folder, options.kills, options.seed)
    else:
        with tempfile.TemporaryDirectory(prefix="watchkeeper-kill-") as folder:
            found = trial(Path(folder), options.kills, options.seed)
    print(json.dumps(found))
    return int(bool(found["missing"] or found["doubled"] or found["extra"] or found["deaths"]))


def trial(folder: Path, kills: int, seed: int = 1, *, least_records: int = 180) -> dict[str, Any]:
    """Kill so many times, drain, compare. What was found, in figures."""
    rng = random.Random(seed)
    sensors = Broker(folder / "sensors", persistence=True)
    upstream = Broker(folder / "upstream", persistence=True)
    config = folder / "watchkeeper.toml"
    config.write_text(CONFIGURATION.format(
        state=folder / "state", sensors=sensors.port, uplink=upstream.port, delivery="receipt"))
    (folder / "state").mkdir(exist_ok=True)
    table = folder / "collected.db"
    daemon = Program(folder / "daemon.log", "run", "--config", str(config))
    collector = Program(folder / "collector.log", "collect", "--broker", f"mqtt://127.0.0.1:{upstream.port}",
                        "--to", f"sqlite:///{table}")
    victims: dict[str, Broker | Program] = {
        "daemon": daemon, "sensor broker": sensors, "uplink broker": upstream, "collector": collector}
    killed: Counter[str] = Counter()
    begun = time.monotonic()
    with sensors, upstream:
        daemon.start()
        collector.start()
        # the first subscription makes the session that the broker keeps messages for
        assert within(30, lambda: "sensor broker connected" in daemon.log()), daemon.log()
        publisher = Publisher(sensors.port, messages(_ENDLESS, seed=seed), pause=0.01)
        publisher.start()
        try:
            for number in range(kills):
                time.sleep(rng.uniform(0.1, 2.0))
                name = list(victims)[number % len(victims)]
                if name == "sensor broker":
                    with publisher.paused(_SAVED_AFTER):
                        victims[name].restart()
                else:
                    victims[name].restart()
                killed[name] += 1
                print(json.dumps({"kill": number + 1, "of": name, "records": len(publisher.acknowledged)}), flush=True)
                for program in (daemon, collector):
                    program.look()
            within(600, lambda: len(publisher.acknowledged) >= 2 * least_records or publisher.failure)
            publisher.end()
            publisher.join(90)
            if publisher.failure is not None:
                raise publisher.failure
            truth = truth_of(config, seed, len(publisher.acknowledged))
            expected = {kind: truth[kind] for kind in COMPARED}
            wanted = sum(len(bodies) for bodies in expected.values())
            drained = within(180, lambda: sum(len(collected(table, kind)) for kind in COMPARED) >= wanted)
            time.sleep(1.0)
        finally:
            publisher.end()
            daemon.stop()
            collector.stop()
    compared = {kind: compare(expected[kind], collected(table, kind)) for kind in COMPARED}
    return {
        "kills": dict(killed),
        "messages": len(publisher.acknowledged),
        "alarms": len(expected["alarm"]),
        "summaries": len(expected["summary"]),
        **{what: sum(found[what] for found in compared.values()) for what in ("missing", "doubled", "extra")},
        "deaths": daemon.deaths + collector.deaths,
        "drained": drained,
        "seconds": round(time.monotonic() - begun, 1),
    }


def collected(table: Path, kind: str) -> list[dict[str, Any]]:
    """The bodies of the collector's records of a kind, without what only says where and when they were written."""
    if not table.exists():
        return []
    try:
        with closing(sqlite3.connect(f"file:{table}?mode=ro", uri=True)) as connection:
            rows = connection.execute(
                "SELECT payload FROM records WHERE kind = ? AND asset <> '' ORDER BY boot, seq", (kind,)).fetchall()
    except sqlite3.OperationalError:  # not laid out yet
        return []
    return [
        {key: value for key, value in json.loads(payload).items() if key not in _ENVELOPE} for (payload,) in rows
    ]


def compare(expected: list[dict[str, Any]], found: list[dict[str, Any]]) -> dict[str, int]:
    """How many are missing, doubled, and how many nobody expected."""
    wanted = Counter(json.dumps(body, sort_keys=True) for body in expected)
    there = Counter(json.dumps(body, sort_keys=True) for body in found)
    doubled = sum(there[body] - wanted[body] for body in there if body in wanted and there[body] > wanted[body])
    return {
        "missing": (wanted - there).total(),
        "doubled": doubled,
        "extra": sum(count for body, count in there.items() if body not in wanted),
    }


if __name__ == "__main__":
    sys.exit(main())
