"""The story on a terminal: live where there is one, plain lines with times where there is none."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Final, Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from simulators.demo.findings import Finding, minutes
from simulators.demo.scene import COLUMNS, AlarmLine, MachineLine, Scene
from simulators.demo.story import END

_FRAMES: Final = 4
"""A second: calm, and cheap beside the daemon on a small machine."""
_STATUS_EVERY: Final = 5.0
_ALARM_ROWS: Final = 4
_LEVELS: Final = "▁▂▃▄▅▆▇█"
_STEPS: Final = (0.25, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0)
"""Multiples of the threshold at which the next level begins: the upper half is beyond it."""


class View(Protocol):
    """Shows a scene as it changes; a context manager."""

    def show(self, scene: Scene) -> None:
        """The scene as it is now."""

    def say(self, text: str) -> None:
        """One line that stays."""

    def conclude(self, findings: list[Finding], figures: list[str]) -> None:
        """What was shown, once it is over."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def view() -> View:
    """The one that suits standard output."""
    return LiveView() if sys.stdout.isatty() else PlainView()


class PlainView:
    """Lines with the time since the beginning, for logs."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._chapter = ""
        self._link_up = True
        self._alarms: set[tuple[str, str, float, str]] = set()
        self._next_status = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.stdout.flush()

    def show(self, scene: Scene) -> None:
        if scene.chapter is not None and scene.chapter.title != self._chapter:
            self._chapter = scene.chapter.title
            self.say(f"[{minutes(scene.now)}] {scene.chapter.title}. {scene.chapter.text}")
        for alarm in scene.alarms():
            self._tell(alarm)
        if (now := time.monotonic()) >= self._next_status:
            self._next_status = now + _STATUS_EVERY
            self.say(f"[{minutes(scene.now)}]   " + "; ".join(
                [_in_words(machine) for machine in scene.machines.values()]
                + [f"{scene.heard} records upstream", _link(scene)]))

    def say(self, text: str) -> None:
        print(f"{time.monotonic() - self._begun:6.1f} s  {text}", flush=True)

    def conclude(self, findings: list[Finding], figures: list[str]) -> None:
        print()
        for finding in findings:
            print(f"{'  yes' if finding.held else '   NO'}  {finding.claim}\n       {finding.figure}")
        for figure in figures:
            print(f"       {figure}")
        print(flush=True)

    def _tell(self, alarm: AlarmLine) -> None:
        for where, at in (("local broker", alarm.local), ("broker upstream", alarm.upstream)):
            key = (alarm.asset, alarm.transition, alarm.time, where)
            if at is not None and key not in self._alarms:
                self._alarms.add(key)
                late = max(0.0, at - alarm.time)
                self.say(f"[{minutes(at)}] ALARM {alarm.transition} on {alarm.asset}, heard on the {where} "
                         f"{late:.0f} s of plant time after it happened ({alarm.why})")


class LiveView:
    """The whole scene, drawn anew in place."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._live = Live(console=self._console, auto_refresh=False)
        self._next_frame = 0.0

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, fault, trace)

    def show(self, scene: Scene) -> None:
        if (now := time.monotonic()) >= self._next_frame:
            self._next_frame = now + 1 / _FRAMES
            self._live.update(picture(scene), refresh=True)

    def say(self, text: str) -> None:
        self._console.print(text, markup=False)

    def conclude(self, findings: list[Finding], figures: list[str]) -> None:
        self._live.stop()
        table = Table(box=None, padding=(0, 1), show_header=False)
        for finding in findings:
            mark = Text("✓", "bold green") if finding.held else Text("✗", "bold red")
            table.add_row(mark, Text.assemble(finding.claim, "\n", (finding.figure, "dim")))
        for figure in figures:
            table.add_row("", Text(figure, "dim"))
        self._console.print(Panel(table, title="What was shown", border_style="dim"))


def picture(scene: Scene) -> Group:
    """A scene as rich draws it; always as many lines, so that nothing jumps."""
    chapter = scene.chapter
    told = Text.assemble((chapter.title + "\n", "bold"), chapter.text) if chapter else Text("Starting\n")
    clock = Table.grid(expand=True)
    clock.add_column(ratio=1)
    clock.add_column(justify="right")
    clock.add_row(
        ProgressBar(total=END, completed=min(scene.now, END), complete_style="cyan"),
        f"  plant time {minutes(min(scene.now, END))} of {minutes(END)}, {scene.speed:g} times real")
    return Group(
        clock,
        Panel(told, height=5, border_style="cyan", title="What is happening", title_align="left"),
        Panel(_machines(scene), border_style="dim", title_align="left",
              title="Machines: the truth, and the score as upstream knows it"),
        Panel(_alarms(scene), height=_ALARM_ROWS + 3, border_style="dim", title="Alarms", title_align="left"),
        Panel(_link_row(scene), border_style="dim" if scene.link_up else "yellow", title="Link and journal",
              title_align="left"),
    )


def _machines(scene: Scene) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(width=8)
    table.add_column(width=COLUMNS)
    table.add_column()
    for machine in scene.machines.values():
        score = "" if machine.score is None or machine.threshold is None else (
            f"{machine.score:.2f} of {machine.threshold:.3g}")
        source = " (journal)" if machine.from_journal else ""
        colour = {"alarm": "bold red", "normal": "green"}.get(machine.state, "dim")
        truth = machine.truth(scene.now)
        table.add_row(Text(machine.asset, "bold"), _truth_strip(machine, scene.now),
                      Text(truth or "in order", "yellow" if truth else "dim"))
        table.add_row("", _strip(machine),
                      Text.assemble((_condition(machine), colour), "  ", score, (source, "dim")))
    return table


def _truth_strip(machine: MachineLine, now: float) -> Text:
    strip = Text()
    for column in range(COLUMNS):
        begin = (column + 0.5) * END / COLUMNS
        truth = machine.truth(begin) if begin <= now else ""
        strip.append("━" if truth else " ", "blue" if truth == "stopped" else "yellow")
    return strip


def _strip(machine: MachineLine) -> Text:
    strip = Text()
    for ratio in machine.strip:
        if ratio is None:
            strip.append("·", "dim")
        else:
            strip.append(_LEVELS[sum(ratio >= step for step in _STEPS)], "red" if ratio > 1.0 else "green")
    return strip


def _alarms(scene: Scene) -> Table:
    table = Table.grid(padding=(0, 2))
    for _ in range(6):
        table.add_column(no_wrap=True, overflow="ellipsis")
    titles = ("at", "machine", "", "told locally", "told upstream", "")
    table.add_row(*(Text(title, "dim") for title in titles))
    for alarm in scene.alarms()[-_ALARM_ROWS:]:
        upstream = Text("waits for the link", "yellow")
        if alarm.upstream is not None:
            late = alarm.upstream - alarm.time
            upstream = Text("at once" if late < 5 * scene.speed else f"{minutes(late)} later", "green")
        table.add_row(
            minutes(alarm.time), alarm.asset,
            Text(alarm.transition, "green" if alarm.transition == "cleared" else "bold red"),
            Text("at once" if alarm.local is not None else "", "green"), upstream, Text(alarm.why, "dim"))
    return table


def _link_row(scene: Scene) -> Text:
    parts = [("link up" if scene.link_up else "link dead", "green" if scene.link_up else "bold yellow"),
             (f"   device {scene.device}   {scene.heard} records upstream", ""),
             (f", {scene.history} as history" if scene.history else "", "magenta"),
             ("" if scene.waiting is None else f"   {scene.waiting} waiting",
              "" if scene.link_up else "yellow")]
    if scene.footprint is not None:
        parts.append((f"   daemon {scene.footprint.peak_mb:.0f} MB", "dim"))
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")


def _link(scene: Scene) -> str:
    if scene.link_up:
        return "link up"
    return "link dead" if scene.waiting is None else f"link dead, {scene.waiting} records wait in the journal"


def _condition(machine: MachineLine) -> str:
    return machine.state if machine.regime in {"running", ""} else machine.regime


def _in_words(machine: MachineLine) -> str:
    if machine.score is None or machine.threshold is None:
        return f"{machine.asset} {_condition(machine)}"
    return f"{machine.asset} {_condition(machine)} {machine.score:.2f} of {machine.threshold:.3g}"
