"""The story: two pumps, half an hour of their life, and what happens to them and to the link when.

All times are plant time, in seconds since the machines were started. Nothing here is told to the
daemon: it hears sensor messages only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from simulators.faults import MachineFault
from simulators.publishing import Message, in_order, telemetry_messages, vibration_messages
from simulators.scenario import ORIGIN, Operation, Scenario

PUMP: Final = "pump-1"
"""Watched by its process telemetry."""
BEARING: Final = "pump-2"
"""Watched by the vibration of a bearing."""

SPEED: Final = 24.0
"""How many times as fast as real the story is played: half an hour in 75 s."""
END: Final = 1800.0
SECOND: Final = 1_000_000_000


class Span(NamedTuple):
    """From ``start`` until ``end``, in s."""

    start: float
    end: float

    def __contains__(self, time: object) -> bool:
        return isinstance(time, int | float) and self.start <= time < self.end


LEARNING: Final = Span(0.0, 312.0)
STOP: Final = Span(420.0, 600.0)
RACE_FAULT: Final = Span(780.0, END)
OUTAGE: Final = Span(1080.0, 1560.0)
SUCTION_FAULT: Final = Span(1200.0, 1380.0)

# Set points wander a little while the pumps are learned and afterwards, as valves do.
_OPERATIONS: Final = (
    Operation(0.0, 1.0),
    Operation(60.0, 1.0, 0.97),
    Operation(120.0, 1.0, 1.02),
    Operation(180.0, 1.0, 0.985),
    Operation(240.0, 1.0),
    Operation(330.0, 1.0, 0.975),
    Operation(380.0, 1.0, 1.015),
    Operation(STOP.start, 0.0),
    Operation(STOP.end, 1.0),
    Operation(900.0, 1.0, 0.98),
    Operation(1450.0, 1.0, 1.01),
)
_RECORD_EVERY: Final = 5.0


class Chapter(NamedTuple):
    """What is happening from ``start`` on, for whoever watches."""

    start: float
    title: str
    text: str


CHAPTERS: Final = (
    Chapter(0.0, "Learning what is normal",
            "Two pumps run. Nobody tells the daemon what normal is: it learns that from the first five "
            "minutes, valves moving as valves do."),
    Chapter(LEARNING.end, "Watching", "Each window gets a score, and each score a threshold of its machine."),
    Chapter(STOP.start, "Both pumps are stopped: no fault",
            "Speed, flow and pressure fall to nothing. A machine that stands still is not judged, so no "
            "alarm may be raised."),
    Chapter(STOP.end, "Started again", "The machines settle, then they are judged again."),
    Chapter(RACE_FAULT.start, f"A bearing of {BEARING} begins to fail",
            "A spall grows on the outer race. Each ball that passes rings the structure: octave bands "
            "rise long before the overall vibration does."),
    Chapter(OUTAGE.start, "The uplink is dead",
            "The modem stays connected and carries nothing. The daemon goes on watching; what it has to "
            "say waits in its journal."),
    Chapter(SUCTION_FAULT.start, f"The suction of {PUMP} is blocked, and nobody upstream knows",
            "The alarm is raised on the local broker at once, where operators are."),
    Chapter(SUCTION_FAULT.end, "The suction is free again", "The alarm clears; the link is still dead."),
    Chapter(OUTAGE.end, "The link is back",
            "Alarms first, then the history, marked as such; live windows go on meanwhile."),
)


def chapter_at(time: float) -> Chapter:
    """The newest chapter at a time."""
    return [chapter for chapter in CHAPTERS if chapter.start <= time or chapter is CHAPTERS[0]][-1]


def truth(asset: str, time: float) -> str:
    """What is really going on with a machine; empty when it simply runs."""
    if time in STOP:
        return "stopped"
    if asset == BEARING and time in RACE_FAULT:
        return "outer race failing"
    if asset == PUMP and time in SUCTION_FAULT:
        return "suction blocked"
    return ""


def messages() -> Iterator[Message]:
    """Everything that the sensors of both pumps say, in order of time."""
    pump = Scenario(
        seed=1, duration=END, operations=_OPERATIONS,
        faults=(MachineFault(kind="blocked-suction", start=SUCTION_FAULT.start, end=SUCTION_FAULT.end,
                             severity=0.7, growth=60.0),))
    bearing = Scenario(
        seed=2, duration=END, operations=_OPERATIONS, every=_RECORD_EVERY,
        faults=(MachineFault(kind="outer-race", start=RACE_FAULT.start, end=RACE_FAULT.end,
                             severity=1.0, growth=400.0),))
    return in_order(
        telemetry_messages(pump, f"plant/{PUMP}/telemetry"),
        telemetry_messages(bearing, f"plant/{BEARING}/telemetry"),
        vibration_messages(bearing, f"plant/{BEARING}/vibration", "json"),
    )


def plant_time(time: int) -> float:
    """The plant time of a moment given in ns since the epoch."""
    return (time - ORIGIN) / SECOND
