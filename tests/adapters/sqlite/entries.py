"""Entries as the worker makes them, for the journal's tests."""

from __future__ import annotations

from typing import Any, Final

import orjson

from agent.monitoring.types import SECOND, RecordKind
from agent.monitoring.wording import iso
from agent.ports import Entry

SUMMARIES: Final[tuple[RecordKind, ...]] = ("window",)
ALARMS: Final[tuple[RecordKind, ...]] = ("alarm",)
EVENTS: Final[tuple[RecordKind, ...]] = ("event",)

T0: Final = 1_700_000_000 * SECOND


def entry(
    boot: int, seq: int, kind: RecordKind = "window", asset: str = "pump", **body: Any
) -> Entry:
    """One entry whose time follows its ``seq``."""
    time = T0 + seq * SECOND
    document = {"device": "d", "boot": boot, "seq": seq, "kind": kind, "asset": asset,
                "start": iso(time - SECOND), "end": iso(time), **body}
    return Entry(boot, seq, kind, asset, time, orjson.dumps(document))


def summaries(boot: int, first: int, count: int) -> list[Entry]:
    """``count`` summaries from ``seq`` ``first`` on."""
    return [entry(boot, first + i) for i in range(count)]


def alarm(boot: int, seq: int, transition: str = "raised", asset: str = "pump", **body: Any) -> Entry:
    """One transition of an alarm."""
    return entry(boot, seq, "alarm", asset, transition=transition, severity="alarm",
                 time=iso(T0 + seq * SECOND), since=iso(T0), **body)
