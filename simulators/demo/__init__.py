"""The whole story in two minutes: machines learned, faults noticed, a link cut, nothing lost.

Everything real: two MQTT brokers, the daemon as a process of its own, a network that fails between
them. Read ``story`` for what happens, ``findings`` for what is claimed of it.

    story      what happens when, in plant time
    plant      brokers, link, pumps; the daemon in ``daemon``, the listeners in ``hearing``
    playing    the story, played
    evidence   what was heard; ``findings`` holds the claims against it
    terminal   the ``scene``, live; ``report`` the page that stays, its ``drawings`` made of ``plots``
"""

from __future__ import annotations

from pathlib import Path

from simulators.demo.evidence import Evidence
from simulators.demo.findings import judge
from simulators.demo.playing import play
from simulators.demo.report import write
from simulators.demo.story import SPEED
from simulators.demo.terminal import view

__all__ = ["SPEED", "run"]


def run(report: Path, speed: float = SPEED) -> int:
    """Play the story and write ``index.html`` and what it rests on into the folder ``report``.

    0 where all of it really happened, else 1. Raises OSError where a part does not start.
    """
    report.mkdir(parents=True, exist_ok=True)
    with view() as shown:
        evidence = play(report, speed, shown)
        findings = judge(evidence)
        measured = figures(evidence)
        page = write(report, evidence, findings, measured)
        shown.conclude(findings, measured)
    failed = sum(not finding.held for finding in findings)
    print(f"{failed} of {len(findings)} claims did not hold." if failed else "All of it happened.",
          f"Report: {page.resolve()}")
    return 1 if failed else 0


def figures(evidence: Evidence) -> list[str]:
    """What else was measured."""
    lines = [f"The demo took {evidence.total_wall:.0f} s."]
    if evidence.footprint is not None:
        windows = sum(heard.kind == "window" for heard in evidence.records)
        lines.append(
            f"The daemon needed {evidence.footprint.peak_mb:.0f} MB at most, and for its start and {windows} "
            f"windows {evidence.footprint.processor:.1f} s of processor time.")
    return lines
