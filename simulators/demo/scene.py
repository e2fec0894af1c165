"""What there is to see at a moment: the latest word on each machine, the alarms, the link."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from simulators.demo.daemon import Footprint
from simulators.demo.hearing import Heard
from simulators.demo.story import BEARING, END, PUMP, Chapter, truth

COLUMNS: Final = 60
"""Of a strip that shows the whole story, half a minute each."""


class AlarmLine(NamedTuple):
    """A transition of an alarm, and when each side heard of it (s of plant time; None: not yet)."""

    asset: str
    transition: str
    time: float
    why: str
    local: float | None
    upstream: float | None


@dataclass(slots=True)
class MachineLine:
    """The newest word on a machine. ``strip``: per column the largest score as a multiple of the
    threshold as upstream knows it; None where nothing is judged or nothing was heard yet."""

    asset: str
    time: float = -1.0
    state: str = "unknown"
    regime: str = ""
    score: float | None = None
    threshold: float | None = None
    from_journal: bool = False
    strip: list[float | None] = field(default_factory=lambda: [None] * COLUMNS)

    def truth(self, now: float) -> str:
        """What is really going on."""
        return truth(self.asset, now)


@dataclass(slots=True)
class Scene:
    """All that a view shows; made anew for no frame, only brought up to date."""

    speed: float
    now: float = 0.0
    chapter: Chapter | None = None
    link_up: bool = True
    device: str = "unknown"
    heard: int = 0
    history: int = 0
    waiting: int | None = None
    footprint: Footprint | None = None
    machines: dict[str, MachineLine] = field(
        default_factory=lambda: {asset: MachineLine(asset) for asset in (PUMP, BEARING)})
    _local: dict[tuple[int, int], Heard] = field(default_factory=dict)
    _upstream: dict[tuple[int, int], Heard] = field(default_factory=dict)
    _places: set[tuple[int, int]] = field(default_factory=set)

    def hear_upstream(self, heard: Heard) -> None:
        """Take in what the listener upstream heard."""
        if heard.kind == "state":
            self.device = str(heard.body["state"])
            return
        if heard.place in self._places:
            return
        self._places.add(heard.place)
        self.heard += 1
        self.history += bool(heard.body.get("historical"))
        if heard.kind == "alarm":
            self._upstream[heard.place] = heard
        elif heard.kind == "window" and heard.asset in self.machines:
            machine = self.machines[heard.asset]
            self._draw(machine, heard)
            if heard.time > machine.time:
                self._take(machine, heard.time, heard.body, from_journal=False)

    def hear_local(self, heard: Heard) -> None:
        """Take in what the operator's listener heard."""
        if heard.kind == "alarm":
            self._local.setdefault(heard.place, heard)

    def read_journal(self, status: dict[str, Any]) -> None:
        """Take in what ``watchkeeper status`` said: the only word while the link is dead."""
        self.waiting = sum(status["pending"].values())
        for line in status["windows"]:
            machine = self.machines.get(line["asset"])
            time = Heard(0.0, "window", line).time
            if machine is not None and time > machine.time:
                self._take(machine, time, line, from_journal=True)

    def alarms(self) -> list[AlarmLine]:
        """The transitions heard so far on either side, oldest first."""
        sides: dict[tuple[int, int], list[Heard | None]] = defaultdict(lambda: [None, None])
        for side, known in enumerate((self._local, self._upstream)):
            for place, heard in known.items():
                sides[place][side] = heard
        lines = []
        for local, upstream in sides.values():
            alarm = local or upstream
            if alarm is not None:
                lines.append(AlarmLine(
                    alarm.asset, str(alarm.body.get("transition")), alarm.time, why(alarm),
                    local.at if local else None, upstream.at if upstream else None))
        return sorted(lines, key=lambda line: line.time)

    @staticmethod
    def _draw(machine: MachineLine, window: Heard) -> None:
        score, threshold = window.body.get("score"), window.body.get("threshold")
        if score is not None and threshold:
            column = min(COLUMNS - 1, max(0, int(window.time / END * COLUMNS)))
            machine.strip[column] = max(score / threshold, machine.strip[column] or 0.0)

    @staticmethod
    def _take(machine: MachineLine, time: float, body: dict[str, Any], *, from_journal: bool) -> None:
        machine.time, machine.from_journal = time, from_journal
        machine.state, machine.regime = str(body.get("state")), str(body.get("regime"))
        machine.score, machine.threshold = body.get("score"), body.get("threshold")


def why(alarm: Heard) -> str:
    """What contributed most to an alarm, in a few words."""
    score, threshold = alarm.body.get("score"), alarm.body.get("threshold")
    parts = [] if score is None or not threshold else [f"score {score:.2g} of {threshold:.3g}"]
    if alarm.body.get("transition") != "cleared":
        names = [str(name) for name, _ in alarm.body.get("contributors", [])[:2]]
        parts += [" and ".join(_spelled(name) for name in names)] if names else []
    return ", ".join(parts)


def _spelled(name: str) -> str:
    band = name.removeprefix("octave_")
    if band != name:
        return f"octave from {band} Hz"
    return "the int8 model" if name == "model" else name
