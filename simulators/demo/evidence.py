"""What a run of the story left behind, and what can be read off it. Nothing here knows the plan's
outcome: every figure is counted from records that were heard."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

from simulators.demo.daemon import Footprint
from simulators.demo.hearing import Heard
from simulators.demo.story import Span

_OF_A_DEVICE = frozenset({"window", "summary", "event", "alarm", "quality", "evidence", "health"})


class Window(NamedTuple):
    """One judged window of a machine: its end, and where its score stood."""

    time: float
    score: float | None
    threshold: float | None
    regime: str
    state: str
    features: Mapping[str, float]


class AlarmSpan(NamedTuple):
    """An alarm from its raising until it cleared; ``end`` None while it stands."""

    asset: str
    start: float
    end: float | None


@dataclass(frozen=True)
class Evidence:
    """Times in s of plant time, durations named ``wall`` in real s.

    ``upstream`` and ``local``: what the two listeners heard, copies included, in order of arrival.
    ``outage``: when the link was really dead; None where it never was. ``journal``: how many records
    of each kind the journal holds at the end; ``waiting``: (time, records not yet upstream).
    ``sent``: topic -> event time -> time at which it was published.
    """

    speed: float
    upstream: tuple[Heard, ...] = ()
    local: tuple[Heard, ...] = ()
    outage: Span | None = None
    journal: Mapping[str, int] = field(default_factory=dict)
    waiting: tuple[tuple[float, int], ...] = ()
    sent: Mapping[str, Mapping[float, float]] = field(default_factory=dict)
    exit_code: int | None = None
    stop_wall: float = 0.0
    total_wall: float = 0.0
    footprint: Footprint | None = None

    @cached_property
    def records(self) -> tuple[Heard, ...]:
        """The records heard upstream, each once: as a receiver keeps them."""
        return tuple(_once(self.upstream))

    @cached_property
    def alarms(self) -> tuple[Heard, ...]:
        """The transitions of alarms heard upstream, by when they happened."""
        return _alarms(self.records)

    @cached_property
    def local_alarms(self) -> tuple[Heard, ...]:
        """The same on the local broker."""
        return _alarms(_once(self.local))

    @property
    def copies(self) -> int:
        """Records that came a second time, and that a receiver drops by (boot, seq)."""
        return sum(heard.kind in _OF_A_DEVICE for heard in self.upstream) - len(self.records)

    @property
    def missing(self) -> int:
        """Records that the journal holds or that have a number below the highest, and that were
        never heard upstream."""
        highest: dict[int, int] = {}
        for heard in self.records:
            boot, seq = heard.place
            highest[boot] = max(seq, highest.get(boot, 0))
        return max(sum(highest.values()), sum(self.journal.values())) - len(self.records)

    @cached_property
    def drained(self) -> tuple[Heard, ...]:
        """What is marked as history, in order of arrival, since the link was back."""
        end = self.outage.end if self.outage else 0.0
        return tuple(heard for heard in self.records if heard.body.get("historical") and heard.at >= end)

    @property
    def drain_wall(self) -> float:
        """Real s from the first to the last of them."""
        return (self.drained[-1].at - self.drained[0].at) / self.speed if self.drained else 0.0

    def windows(self, asset: str) -> list[Window]:
        """The windows of a machine as heard upstream, in order of time."""
        found = [
            Window(
                heard.time, heard.body.get("score"), heard.body.get("threshold"),
                heard.body.get("regime", ""), heard.body.get("state", ""), heard.body.get("features", {}))
            for heard in self.records if heard.kind == "window" and heard.asset == asset
        ]
        return sorted(found, key=lambda window: window.time)

    def alarm_spans(self, asset: str) -> list[AlarmSpan]:
        """The alarms of a machine as heard upstream."""
        spans: list[AlarmSpan] = []
        for heard in self.alarms:
            if heard.asset != asset:
                continue
            if heard.body.get("transition") == "raised":
                spans.append(AlarmSpan(asset, heard.time, None))
            elif heard.body.get("transition") == "cleared" and spans:
                spans[-1] = spans[-1]._replace(end=heard.time)
        return spans

    def latency_wall(self, alarm: Heard) -> float | None:
        """Real s from the publication of the window's last sample to the alarm on the local broker."""
        sent = self.sent.get(str(alarm.body.get("source")), {})
        causes = [at for time, at in sent.items() if time < alarm.time]
        return (alarm.at - max(causes)) / self.speed if causes else None

    def order_after_outage(self) -> list[Heard]:
        """The records that came once the link was back, in order of arrival."""
        return [heard for heard in self.records if self.outage and heard.at >= self.outage.end]


def _alarms(heard: Iterable[Heard]) -> tuple[Heard, ...]:
    return tuple(sorted((one for one in heard if one.kind == "alarm"), key=lambda one: one.time))


def _once(heard: tuple[Heard, ...]) -> Iterator[Heard]:
    seen: set[tuple[int, int]] = set()
    for one in heard:
        if one.kind in _OF_A_DEVICE and one.place not in seen:
            seen.add(one.place)
            yield one


def longest_silence(heard: list[Heard], within: Span) -> float:
    """The longest time in s without any record, within a span of plant time."""
    times = [within.start, *(one.at for one in heard if one.at in within), within.end]
    return max(after - before for before, after in pairwise(times))


def as_json(heard: Heard) -> dict[str, Any]:
    """One line of ``heard.jsonl``."""
    return {"at": round(heard.at, 3), "kind": heard.kind, "body": heard.body}
