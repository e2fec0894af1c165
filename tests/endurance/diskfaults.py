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
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from tests.broker import Broker
from tests.endurance import volume
from tests.endurance.processes import Program, within
from tests.endurance.pump import CONFIGURATION, Ear, Place, Rig, Stream
from tests.endurance.volume import Volume

_MEGABYTES: Final = 24
_LASTS: Final = 4.0
"""s of each fault: twice what the writer bears before it says so."""
_RECOVERS: Final = 30.0
_SILENCE: Final = 1.5
"""s between two alarms at most; normally they come every 0.3 s. (The broker keeps no file: one that saves with every
change, as Mosquitto can, pauses for longer itself.)"""

_STARTS: Final = 10.0
"""s that a start takes at most, on a machine with other things to do."""


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
    rig.begin()
    time.sleep(_LASTS)
    rig.disk.writable()


def full_at_start(rig: Rig) -> None:
    """There is no room for a journal when the daemon first starts."""
    rig.daemon.kill()
    for file in rig.disk.path.glob("journal.db*"):
        file.unlink()
    with rig.disk.full():
        rig.begin()
        time.sleep(_LASTS)


def at_rest(damage: Callable[[Path, random.Random], None]) -> Callable[[Rig], None]:
    """What is on the disk is damaged while no daemon runs."""

    def fault(rig: Rig) -> None:
        rig.daemon.kill()
        damage(rig.rng.choice([file for file in rig.files if file.exists()]), rig.rng)
        rig.begin()

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
    if silence > _SILENCE + (_STARTS if restarted else 0.0):
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
        config.write_text(CONFIGURATION.format(state=disk.path, sensors=sensors.port))
        daemon = Program(folder / "daemon.log", "run", "--config", str(config))
        ear = Ear(sensors.port)
        stream = Stream(sensors.port)
        rig = Rig(disk, daemon, ear, random.Random(seed))
        try:
            rig.begin()
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
