"""The page that stays: one HTML file that needs nothing else, with plots of what was heard."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Final

from simulators.demo import drawings
from simulators.demo.evidence import Evidence
from simulators.demo.findings import Finding, minutes
from simulators.demo.hearing import Heard
from simulators.demo.scene import why
from simulators.demo.story import CHAPTERS, Chapter

_PAGE: Final = Path(__file__).with_name("page.html")
PAGE_NAME: Final = "index.html"


def write(folder: Path, evidence: Evidence, findings: Sequence[Finding], figures: Sequence[str] = ()) -> Path:
    """Write the page into the folder; its path."""
    path = folder / PAGE_NAME
    path.write_text(page(evidence, findings, figures), encoding="utf-8")
    return path


def page(evidence: Evidence, findings: Sequence[Finding], figures: Sequence[str] = ()) -> str:
    """The page as HTML."""
    failed = [finding for finding in findings if not finding.held]
    verdict = ("Everything below really happened in this run." if not failed else
               f"{len(failed)} of {len(findings)} claims did not hold in this run.")
    return Template(_PAGE.read_text(encoding="utf-8")).substitute(
        verdict=escape(verdict),
        verdict_class="failed" if failed else "held",
        findings="".join(_finding(finding) for finding in findings),
        figures=escape(" ".join(figures)),
        pump_plot=drawings.pump_scores(evidence),
        flow_plot=drawings.pump_flow(evidence),
        bearing_plot=drawings.bearing_scores(evidence),
        arrival_plot=drawings.arrivals(evidence),
        waiting_plot=drawings.waiting(evidence),
        alarms="".join(_alarm(evidence, alarm) for alarm in evidence.alarms) or _row(["none was heard"]),
        chapters="".join(_chapter(chapter) for chapter in CHAPTERS),
        records=len(evidence.records),
        history=len(evidence.drained),
        speed=f"{evidence.speed:g}",
    )


def _finding(finding: Finding) -> str:
    mark, kind = ("&#10003;", "held") if finding.held else ("&#10007;", "failed")
    return (f'<li class="{kind}"><span class="mark">{mark}</span><div><b>{escape(finding.claim)}</b>'
            f"<br>{escape(finding.figure)}</div></li>")


def _chapter(chapter: Chapter) -> str:
    return f"<li><b>{minutes(chapter.start)}</b> {escape(chapter.title)}. {escape(chapter.text)}</li>"


def _alarm(evidence: Evidence, alarm: Heard) -> str:
    local = next((heard for heard in evidence.local_alarms if heard.place == alarm.place), None)
    latency = evidence.latency_wall(local) if local else None
    late = alarm.at - alarm.time
    return _row([
        minutes(alarm.time), alarm.asset, str(alarm.body.get("transition")), why(alarm),
        "not heard" if local is None else "at once" if latency is None else f"after {latency * 1e3:.0f} ms",
        f"{minutes(late)} later, as history" if alarm.body.get("historical") else "at once"])


def _row(cells: Iterable[str]) -> str:
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
