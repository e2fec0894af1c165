"""Evidence of a run as it should be, small enough to be read: a record every few seconds."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

from simulators.demo.daemon import Footprint
from simulators.demo.evidence import Evidence
from simulators.demo.hearing import Heard
from simulators.demo.story import BEARING, END, LEARNING, OUTAGE, PUMP, RACE_FAULT, STOP, SUCTION_FAULT, Span

SPEED = 24.0
BACK = OUTAGE.end + 5.0
_RAISED_BEARING = RACE_FAULT.start + 90.0
_RAISED_PUMP = SUCTION_FAULT.start + 9.0
_CLEARED_PUMP = SUCTION_FAULT.end + 12.0


def moment(time: float) -> str:
    """Plant time as a record says it."""
    seconds = int(time)
    return f"2026-01-01T{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.000000Z"


def alarm(asset: str, transition: str, time: float) -> dict[str, Any]:
    """The body of an alarm's record."""
    return {"kind": "alarm", "asset": asset, "transition": transition, "time": moment(time), "score": 2.0,
            "threshold": 1.82, "contributors": [["flow", 3.0]], "source": f"plant/{asset}/telemetry"}


def _window(asset: str, time: float) -> dict[str, Any]:
    judged = time >= LEARNING.end and time not in STOP
    faulty = _RAISED_PUMP <= time < _CLEARED_PUMP if asset == PUMP else time >= _RAISED_BEARING
    return {"kind": "window", "asset": asset, "start": moment(time - 12), "end": moment(time),
            "score": (20.0 if faulty else 0.7) if judged else None, "threshold": 1.82 if judged else None,
            "regime": "stopped" if time in STOP else "running", "state": "alarm" if faulty else "normal",
            "features": {"flow.mean": 0.0 if time in STOP else 120.0}}


def _story() -> list[dict[str, Any]]:
    said = [_window(asset, float(time)) for time in range(2, int(END), 3) for asset in (PUMP, BEARING)]
    said += [{"kind": "event", "asset": asset, "event": "learned", "time": moment(300), "windows": 300}
             for asset in (PUMP, BEARING)]
    said += [alarm(BEARING, "raised", _RAISED_BEARING), alarm(PUMP, "raised", _RAISED_PUMP),
             alarm(PUMP, "cleared", _CLEARED_PUMP)]
    return sorted(said, key=lambda body: Heard(0.0, "", body).time)


def evidence() -> Evidence:
    """All claims hold of it."""
    numbers = count(1)
    records = [{"device": "gateway-1", "boot": 1, "seq": next(numbers), **body} for body in _story()]
    upstream: list[Heard] = []
    for body in records:
        happened = Heard(0.0, "", body).time
        late = happened in OUTAGE
        upstream.append(Heard(BACK if late else happened + 0.5, body["kind"], {**body, "historical": late}))
    order = {"alarm": 0, "event": 1, "window": 2}
    upstream.sort(key=lambda heard: (heard.at, order[heard.kind]))
    local = [Heard(Heard(0.0, "", body).time + 0.2, "alarm", body)
             for body in records if body["kind"] == "alarm"]
    kinds = [body["kind"] for body in records]
    return Evidence(
        speed=SPEED,
        upstream=tuple(upstream),
        local=tuple(local),
        outage=Span(OUTAGE.start + 0.5, OUTAGE.end + 0.5),
        journal={kind: kinds.count(kind) for kind in set(kinds)},
        waiting=((OUTAGE.start, 0), (OUTAGE.end, 320), (BACK + 10, 0)),
        sent={f"plant/{PUMP}/telemetry": {_RAISED_PUMP - 1.0: _RAISED_PUMP - 1.0}},
        exit_code=0,
        stop_wall=0.1,
        total_wall=80.0,
        footprint=Footprint(59.0, 2.8),
    )


def without(one: Evidence, place: int) -> Evidence:
    """The evidence, had the record with this number never come."""
    return replace(one, upstream=tuple(heard for heard in one.upstream if heard.place[1] != place))


def also(one: Evidence, heard: Heard) -> Evidence:
    """The evidence with one thing more heard upstream."""
    return replace(one, upstream=(*one.upstream, heard))
