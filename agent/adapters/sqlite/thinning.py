"""Before old summaries that nobody has received are dropped, those of an hour become one.

What is merged: undelivered summaries of one (asset, channel) whose periods end in the same hour, where that
is more than a day before the newest summary. The one that is left has the place (boot, seq) of its newest
part and says so: ``"thinned": 12`` parts. Counts are added up, means weighted, extremes kept; ``p95``
is the largest of the parts, so an upper bound.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from agent.adapters.sqlite.connection import checksum
from agent.monitoring.types import SECOND

HOUR: Final = 3600 * SECOND
DAY: Final = 24 * HOUR

_ROWS_AT_ONCE: Final = 2000
_LOOKS: Final = 20
_NEWEST: Final = "SELECT max(time_ns) FROM (SELECT time_ns FROM log WHERE kind = 'summary' ORDER BY id DESC LIMIT 100)"
_OLDEST: Final = (
    "SELECT id, asset, time_ns, CAST(payload AS BLOB), crc FROM log"
    " WHERE kind = 'summary' AND settled = 0 AND id > ? ORDER BY id LIMIT ?"
)
_GONE: Final = "DELETE FROM log WHERE id IN (SELECT value FROM json_each(?))"
_MERGED: Final = "UPDATE log SET payload = ?, crc = ? WHERE id = ?"

_Body = dict[str, Any]


class Thinning:
    """Remembers how far it has come in this run: what is thin already is not looked at again."""

    def __init__(self) -> None:
        self._done = 0

    def thin(self, connection: sqlite3.Connection) -> int:
        """Merge the oldest that can be merged, in the caller's transaction; how many rows that took away."""
        newest: int | None = connection.execute(_NEWEST).fetchone()[0]
        if newest is None:
            return 0
        for _ in range(_LOOKS):
            rows = connection.execute(_OLDEST, (self._done, _ROWS_AT_ONCE)).fetchall()
            old = [row for row in rows if row[2] <= newest - DAY]
            if len(old) < len(rows) or not rows:
                # the hour in which the newest day begins is not over yet
                hour = (newest - DAY) // HOUR
                old = [row for row in old if _hour(row[2]) < hour]
            elif len({_hour(row[2]) for row in old}) > 1:
                last = _hour(old[-1][2])  # it may go on in the next rows
                old = old[: next(index for index, row in enumerate(old) if _hour(row[2]) == last)] or old
            if not old:
                return 0
            gone = _merge(connection, old)
            self._done = old[-1][0]
            if gone:
                return gone
        return 0


def _hour(time_ns: int) -> int:
    """The hour in which a period ends; the full hour itself ends the one before."""
    return (time_ns - 1) // HOUR


def _merge(connection: sqlite3.Connection, rows: Sequence[tuple[int, str, int, bytes, int]]) -> int:
    groups: dict[tuple[str, str | None, int], list[tuple[int, _Body]]] = {}
    for identifier, asset, time_ns, payload, crc in rows:
        if checksum(payload, identifier) == crc:
            body = orjson.loads(payload)
            groups.setdefault((asset, body.get("channel"), _hour(time_ns)), []).append((identifier, body))
    gone: list[int] = []
    thin: list[tuple[str, int, int]] = []
    for parts in groups.values():
        if len(parts) > 1:
            identifier = parts[-1][0]
            with contextlib.suppress(KeyError, TypeError, ZeroDivisionError):  # another version's: it stays as it is
                payload = orjson.dumps(merged([body for _, body in parts]))
                thin.append((payload.decode(), checksum(payload, identifier), identifier))
                gone += [part[0] for part in parts[:-1]]
    # first what goes: the journal is full, and a row that grows may need a page
    connection.execute(_GONE, (orjson.dumps(gone).decode(),))
    connection.executemany(_MERGED, thin)
    return len(gone)


def merged(parts: Sequence[Mapping[str, Any]]) -> _Body:
    """One summary that says what these say, oldest first; whatever else they hold is the newest's.

    Merging is associative but for rounding: what is thinned already may be merged again.
    """
    weights = [part["windows"] for part in parts]
    scores = [part["score"] for part in parts if part.get("score")]
    healths = [(part["health"], weight) for part, weight in zip(parts, weights, strict=True) if part.get("health")]
    body = dict(parts[-1])
    body["start"] = min(part["start"] for part in parts)
    body["end"] = max(part["end"] for part in parts)
    body["windows"] = sum(weights)
    body["alarm_windows"] = sum(part["alarm_windows"] for part in parts)
    body["score"] = None if not scores else {
        "count": sum(score["count"] for score in scores),
        "min": min(score["min"] for score in scores),
        "mean": _mean([(score["mean"], score["count"]) for score in scores]),
        "p95": max(score["p95"] for score in scores),
        "max": max(score["max"] for score in scores),
    }
    body["health"] = None if not healths else {
        "min": min(health["min"] for health, _ in healths),
        "mean": _mean([(health["mean"], weight) for health, weight in healths]),
        "last": healths[-1][0]["last"],
    }
    body["features"] = _merged_features(parts, weights)
    body["states"] = _added(part.get("states") for part in parts)
    if quality := _added(part.get("quality") for part in parts):
        body["quality"] = quality
    body["thinned"] = sum(part.get("thinned", 1) for part in parts)
    return body


def _merged_features(parts: Sequence[Mapping[str, Any]], weights: Sequence[int]) -> _Body:
    told: dict[str, list[tuple[Mapping[str, float], int]]] = {}
    for part, weight in zip(parts, weights, strict=True):
        for name, statistics in (part.get("features") or {}).items():
            told.setdefault(name, []).append((statistics, weight))
    return {
        name: {
            "min": min(statistics["min"] for statistics, _ in found),
            "mean": _mean([(statistics["mean"], weight) for statistics, weight in found]),
            "max": max(statistics["max"] for statistics, _ in found),
        }
        for name, found in told.items()
    }


def _mean(weighted: Sequence[tuple[float, int]]) -> float:
    return sum(value * weight for value, weight in weighted) / sum(weight for _, weight in weighted)


def _added(counts: Any) -> dict[str, int]:
    total: dict[str, int] = {}
    for part in counts:
        for name, count in (part or {}).items():
            total[name] = total.get(name, 0) + count
    return total
