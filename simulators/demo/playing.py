"""The story, played: the chapters, the outage, the end; what was heard meanwhile is the evidence."""

from __future__ import annotations

import json
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final, NamedTuple, Self

from simulators.demo.evidence import Evidence, as_json
from simulators.demo.plant import Plant
from simulators.demo.scene import Scene
from simulators.demo.story import OUTAGE, Span, chapter_at
from simulators.demo.terminal import View

_FRAME: Final = 0.05
_ASK_EVERY: Final = 2.0
_COMMITTED_WITHIN: Final = 1.5
"""s that the last records may wait for a group commit."""
_DRAINED_WITHIN: Final = 15.0
_FAREWELL: Final = 0.5


def play(report: Path, speed: float, view: View) -> Evidence:
    """All of it, from the start of the brokers to the end of the daemon.

    The folder ``report`` keeps what the evidence rests on: the configuration, the daemon's log and
    every message heard. Raises OSError where a part does not start or ends too soon.
    """
    begun = time.monotonic()
    with _ended_in_order(), tempfile.TemporaryDirectory(prefix="watchkeeper-demo-") as name:
        folder = Path(name)
        try:
            with Plant(folder, speed) as plant:
                evidence = _play(plant, view, begun)
        finally:
            for kept in ("watchkeeper.toml", "daemon.log"):
                if (folder / kept).exists():
                    shutil.copyfile(folder / kept, report / kept)
    with (report / "heard.jsonl").open("w") as lines:
        for side, messages in (("upstream", evidence.upstream), ("local", evidence.local)):
            for heard in messages:
                lines.write(json.dumps({"side": side, **as_json(heard)}) + "\n")
    return evidence


def _play(plant: Plant, view: View, begun: float) -> Evidence:
    journal = _Journal(plant)
    watching = _Watching(plant, journal, view)
    dead: float | None = None
    outage: Span | None = None
    with journal:
        while not plant.finished():
            plant.check()
            now = plant.pumps.now()
            if dead is None and now >= OUTAGE.start:
                plant.proxy.blackhole()
                dead = plant.pumps.now()
            elif dead is not None and outage is None and now >= OUTAGE.end:
                outage = Span(dead, plant.pumps.now())
                plant.proxy.restore()
            watching.frame(link_up=dead is None or outage is not None)
        ended = time.monotonic()
        committed, deadline = ended + _COMMITTED_WITHIN, ended + _DRAINED_WITHIN
        while not journal.empty_after(committed) and time.monotonic() < deadline:
            plant.check()
            watching.frame(link_up=True)
        footprint = plant.daemon.footprint()
    exit_code, stop_wall = plant.daemon.stop()
    time.sleep(_FAREWELL)
    watching.frame(link_up=True)
    status = plant.daemon.status()
    return Evidence(
        speed=plant.speed,
        upstream=tuple(plant.upstream.heard()),
        local=tuple(plant.local.heard()),
        outage=outage,
        journal=status["counts"] if status else {},
        waiting=tuple(journal.waited),
        sent=plant.pumps.sent,
        exit_code=exit_code,
        stop_wall=stop_wall,
        total_wall=time.monotonic() - begun,
        footprint=footprint,
    )


class _Asked(NamedTuple):
    """An answer of ``watchkeeper status``, and when it was asked (monotonic s)."""

    at: float
    status: dict[str, Any]


class _Journal(threading.Thread):
    """Asks ``watchkeeper status`` now and then: what waits there is not heard anywhere else."""

    def __init__(self, plant: Plant) -> None:
        super().__init__(name="journal", daemon=True)
        self._plant = plant
        self._leaving = threading.Event()
        self.newest: _Asked | None = None
        self.waited: list[tuple[float, int]] = []

    def run(self) -> None:
        """Until the context is left."""
        while not self._leaving.wait(_ASK_EVERY):
            asked = time.monotonic()
            if (status := self._plant.daemon.status()) is not None:
                self.waited.append((self._plant.pumps.now(), sum(status["pending"].values())))
                self.newest = _Asked(asked, status)

    def empty_after(self, moment: float) -> bool:
        """Whether it was asked after that moment and nothing waited."""
        return self.newest is not None and self.newest.at > moment and not sum(
            self.newest.status["pending"].values())

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._leaving.set()
        self.join(10.0)


class _Watching:
    """Brings the scene up to date and shows it, a frame at a time."""

    def __init__(self, plant: Plant, journal: _Journal, view: View) -> None:
        self._plant = plant
        self._journal = journal
        self._view = view
        self._scene = Scene(plant.speed)
        self._upstream = self._local = 0
        self._asked: _Asked | None = None

    def frame(self, *, link_up: bool) -> None:
        """One frame, and the pause until the next."""
        scene, plant = self._scene, self._plant
        scene.now, scene.link_up = plant.pumps.now(), link_up
        scene.chapter = chapter_at(scene.now)
        arrived = plant.upstream.since(self._upstream)
        self._upstream += len(arrived)
        for heard in arrived:
            scene.hear_upstream(heard)
        arrived = plant.local.since(self._local)
        self._local += len(arrived)
        for heard in arrived:
            scene.hear_local(heard)
        if self._journal.newest is not self._asked and self._journal.newest is not None:
            self._asked = self._journal.newest
            scene.read_journal(self._asked.status)
            if plant.daemon.running():
                scene.footprint = plant.daemon.footprint()
        self._view.show(scene)
        time.sleep(_FRAME)


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """End by SIGTERM or SIGHUP as by Ctrl-C: no broker and no daemon may be left behind."""

    def leave(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
