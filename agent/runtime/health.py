"""The device's own health: its vital signs and what its parts have counted, gathered once a period.

``Vitals`` is the one structure of it; the record upstream and whatever else shows them are made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from agent.monitoring.types import Nanos, Record
from agent.monitoring.wording import iso
from agent.ports import Clock, JournalDepth, SystemVitals

Counts: TypeAlias = Mapping[str, float | str | None]
"""What a part has to say of itself, by names of its own."""

_FIRST: Final = 60.0
"""s after the start: whoever has just installed it wants to see something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """How the device is at ``time`` (ns).

    ``uptime`` of the daemon in s; ``cpu_share``: of one core, since the last time; ``journal`` None where it
    cannot be read now; ``parts``: the counters of worker, writer, courier ... by their names.
    """

    time: Nanos
    uptime: float
    cpu_share: float | None
    synchronised: bool
    system: SystemVitals
    journal: JournalDepth | None
    parts: Mapping[str, Counts]

    def record(self) -> Record:
        """As it goes into the log and upstream."""
        system, journal = self.system, self.journal
        oldest = journal.oldest_undelivered if journal is not None else None
        body: dict[str, Any] = {
            "asset": "",
            "time": iso(self.time),
            "uptime_s": round(self.uptime, 1),
            "cpu_share": None if self.cpu_share is None else round(self.cpu_share, 4),
            "rss_bytes": system.rss_bytes,
            "threads": system.threads,
            "open_files": system.open_files,
            "temperature_c": system.temperature,
            "throttled": None if system.throttled is None else list(system.throttled),
            "disk_free_bytes": system.disk_free_bytes,
            "synchronised": self.synchronised,
            "journal": None if journal is None else {
                "bytes": journal.bytes, "rows": journal.rows, "undelivered": journal.undelivered,
                "oldest_undelivered": None if oldest is None else iso(oldest),
            },
            **{name: dict(counts) for name, counts in self.parts.items()},
        }
        return Record("health", "", self.time, body)


class CheckUp:
    """Gathers the vitals; used by one thread, that may wait for files.

    Parameters
    ----------
    system, journal
        Read the vital signs and how full the journal is.
    parts
        Of each part of the daemon, by its name, what gives its counters.
    period
        s from one check-up to the next; the first comes within a minute.
    """

    def __init__(
        self,
        clock: Clock,
        system: Callable[[], SystemVitals],
        journal: Callable[[], JournalDepth | None],
        parts: Mapping[str, Callable[[], Counts]],
        period: float,
    ) -> None:
        self._clock = clock
        self._system = system
        self._journal = journal
        self._parts = dict(parts)
        self._period = period
        self._begun = self._looked = clock.monotonic()
        self._cpu = system().cpu_seconds
        self._next = self._begun + min(_FIRST, period)

    def due(self) -> bool:
        """Whether the next check-up's time has come; counts it as done."""
        monotonic = self._clock.monotonic()
        if monotonic < self._next:
            return False
        missed = (monotonic - self._next) // self._period
        self._next += (missed + 1) * self._period
        return True

    def vitals(self) -> Vitals:
        """How the device is now."""
        monotonic = self._clock.monotonic()
        system = self._system()
        share = None
        if system.cpu_seconds is not None and self._cpu is not None and monotonic > self._looked:
            share = max(0.0, system.cpu_seconds - self._cpu) / (monotonic - self._looked)
        self._cpu, self._looked = system.cpu_seconds, monotonic
        return Vitals(
            time=self._clock.now(), uptime=monotonic - self._begun, cpu_share=share,
            synchronised=self._clock.synchronised(), system=system, journal=self._journal(),
            parts={name: counts() for name, counts in self._parts.items()})
