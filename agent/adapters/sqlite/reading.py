"""What the journal says, for people and scripts, while a daemon writes or not: ``status``, ``alarms``, ``evidence``."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from agent.adapters.sqlite.connection import checksum, open_for_reading, place, translated
from agent.adapters.sqlite.reader import LOOK_BACK, snapshots_of
from agent.adapters.sqlite.version import VERSION, version_of
from agent.errors import ConfigError, Problem
from agent.monitoring.types import SECOND, Nanos


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowLine:
    """The last window of a measuring point; ``channel`` None where it has several."""

    asset: str
    channel: str | None
    start: str | None
    end: str | None
    score: float | None
    probability: float | None
    threshold: float | None
    regime: str | None
    state: str | None
    alarm: bool
    features: Mapping[str, float]
    health: float | None = None
    missing: int = 0

    def __str__(self) -> str:
        score = "" if self.score is None else f"  score {self.score:.3g} of {self.threshold or 0:.3g}"
        health = "" if self.health is None else f"  health {self.health:.0f}"
        learning = f"  {self.missing} more windows to learn" if self.missing else ""
        where = _point(self.asset, self.channel)
        return f"{where}  {self.state}, {self.regime}{health}{score}{learning}  until {self.end}"


_COLUMNS = "SELECT id, asset, settled, CAST(payload AS BLOB), crc FROM log"
_UNTOLD = "OR (kind = 'event' AND json_valid(payload) AND json_extract(payload, '$.event') = 'alarm')"
"""Transitions that nobody was told of (a shelved alarm clears) are recorded as events."""
_SHOWN = 2
"""Changes that an alarm's line tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmLine:
    """One transition of an alarm; ``body`` is the whole record, ``delivered`` whether upstream has it."""

    asset: str
    channel: str | None
    transition: str
    severity: str | None
    time: str | None
    since: str | None
    boot: int
    seq: int
    delivered: bool
    body: Mapping[str, Any]

    def __str__(self) -> str:
        feature = f"  {self.body['feature']} = {self.body['value']:.6g}" if "feature" in self.body else ""
        score = "" if self.body.get("score") is None else f"  score {self.body['score']:.3g}"
        changes = "".join(f"; {change['text']}" for change in self.body.get("changes", ())[:_SHOWN])
        owed = "" if self.delivered else "  (not yet upstream)"
        return (f"{self.time}  {_point(self.asset, self.alarm)}  {self.transition} {self.severity}"
                f"{self._life()}{feature}{score}{changes}{owed}")

    @property
    def alarm(self) -> str | None:
        """Which of the asset's alarms; in records of version 0.1 the channel."""
        name: str | None = self.body.get("alarm", self.channel)
        return name

    @property
    def over(self) -> bool:
        """Whether nothing is left of it: neither standing, nor to be acknowledged, nor set aside."""
        if "state" not in self.body:
            return self.transition == "cleared"
        return bool(self.body["state"] == "normal")

    def _life(self) -> str:
        """The state that it is in, and who put it there."""
        state = self.body.get("state", self.transition)
        shown = f", {state}" if state != self.transition else ""
        end = f" until {self.body['until']}" if self.body.get("until") else ""
        actor = f" by {self.body['actor']}" if self.body.get("actor") else ""
        reason = f" ({self.body['reason']})" if self.body.get("reason") else ""
        return f"{shown}{end}{actor}{reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalStatus:
    """What the journal says of the device.

    ``counts`` and ``pending`` are by kind; ``boots`` is the number of the last start, begun at
    ``started`` (ns); ``size`` in bytes with the write-ahead log; ``counters`` what was evicted or
    lost; ``standing`` the alarms that are not over, newest first.
    """

    path: str
    size: int
    boots: int
    started: Nanos
    counts: Mapping[str, int]
    pending: Mapping[str, int]
    counters: Mapping[str, int]
    windows: tuple[WindowLine, ...]
    standing: tuple[AlarmLine, ...]

    def __str__(self) -> str:
        started = datetime.fromtimestamp(self.started // SECOND, UTC).isoformat(sep=" ")
        return "\n".join((
            f"journal   {self.path}, {self.size / 1e6:.1f} MB",
            f"started   {started}, for the {self.boots}. time",
            f"entries   {_counted(self.counts)}",
            f"upstream  {_counted(self.pending)} waiting",
            *(f"counted   {name}: {value}" for name, value in self.counters.items()),
            *(f"window    {window}" for window in self.windows),
            *(f"alarm     {alarm}" for alarm in self.standing),
        ))


def _point(asset: str, channel: str | None) -> str:
    return f"{asset}/{channel}" if channel else asset


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "none"


def read_status(path: Path | str) -> JournalStatus:
    """As the file stands now, whether or not a daemon writes it.

    Raises ConfigError where there is no journal of this version, JournalCorrupt, JournalFull.
    """
    with _opened(Path(path)) as connection:
        boots, started = connection.execute(
            "SELECT coalesce(max(boot), 0), coalesce(max(started_ns), 0) FROM boots").fetchone()
        counts: dict[str, int] = {}
        pending: dict[str, int] = {}
        for kind, settled, count in connection.execute(
            "SELECT kind, settled, count(*) FROM log GROUP BY kind, settled"
        ):
            counts[kind] = counts.get(kind, 0) + count
            if not settled:
                pending[kind] = count
        return JournalStatus(
            path=str(path),
            size=sum(_size(Path(f"{path}{suffix}")) for suffix in ("", "-wal")),
            boots=boots,
            started=started,
            counts=counts,
            pending=pending,
            counters=dict(connection.execute("SELECT name, value FROM counters ORDER BY name")),
            windows=_last_windows(connection),
            standing=_standing(connection),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSnapshot:
    """What the journal remembers of an asset, since ``updated`` (ns); ``learned`` the time (ISO 8601) of
    its newest event that something was learned, None where that is no longer in the journal."""

    asset: str
    state: Mapping[str, Any]
    updated: Nanos
    learned: str | None


def read_snapshots(path: Path | str) -> Mapping[str, KeptSnapshot]:
    """The newest snapshot of each asset whose checksum holds. Raises as ``read_status`` does."""
    with _opened(Path(path)) as connection:
        learned: dict[str, str] = {}
        for _, asset, _, body in _sound(connection.execute(
            f"{_COLUMNS} WHERE kind = 'event' ORDER BY id DESC LIMIT ?", (LOOK_BACK,)
        )):
            if asset not in learned and body.get("event") == "learned":
                learned[asset] = body["time"]
        updated = dict(connection.execute("SELECT asset, updated_ns FROM snapshots"))
        return {
            asset: KeptSnapshot(asset=asset, state=state, updated=updated[asset], learned=learned.get(asset))
            for asset, state in snapshots_of(connection).items()
        }


def read_alarms(path: Path | str, limit: int = 50) -> tuple[AlarmLine, ...]:
    """The newest transitions of alarms, newest first. Raises as ``read_status`` does."""
    with _opened(Path(path)) as connection:
        return tuple(_alarms(connection, limit))


def read_evidence(path: Path | str, asset: str | None = None, limit: int = 50) -> tuple[Mapping[str, Any], ...]:
    """The newest records of evidence, newest first; of one ``asset``, or (None) of all. Raises as
    ``read_status`` does."""
    with _opened(Path(path)) as connection:
        return tuple(body for _, _, _, body in _sound(connection.execute(
            f"{_COLUMNS} WHERE kind = 'evidence' AND asset = coalesce(?, asset) ORDER BY id DESC LIMIT ?",
            (asset, limit))))


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.exists():
        raise _no_journal(path, "there is no journal")
    try:
        connection = open_for_reading(path)
    except sqlite3.DatabaseError as fault:
        raise translated(fault, path) from fault
    try:
        if version_of(connection, path) < VERSION:
            raise _no_journal(path, "this is no journal of this version yet")
        connection.execute("BEGIN")  # one moment for all queries
        yield connection
    except sqlite3.DatabaseError as fault:
        raise translated(fault, path) from fault
    finally:
        connection.close()


def _no_journal(path: Path, what: str) -> ConfigError:
    return ConfigError((
        Problem(str(path), "journal.path", "", what, "Start the daemon once, or name another file."),
    ))


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _sound(rows: Iterable[tuple[int, str, int, bytes, int]]) -> Iterator[tuple[int, str, int, dict[str, Any]]]:
    """Id, asset, settled and body of the rows whose checksums hold."""
    for identifier, asset, settled, payload, crc in rows:
        if checksum(payload, identifier) == crc:
            yield identifier, asset, settled, orjson.loads(payload)


def _last_windows(connection: sqlite3.Connection) -> tuple[WindowLine, ...]:
    last: dict[tuple[str, str], WindowLine] = {}
    for _, asset, _, body in _sound(connection.execute(
        f"{_COLUMNS} WHERE kind = 'window' ORDER BY id DESC LIMIT ?", (LOOK_BACK,)
    )):
        channel = body.get("channel")
        place_of = asset, channel or ""
        if place_of not in last:
            last[place_of] = WindowLine(
                asset=asset,
                channel=channel,
                start=body.get("start"),
                end=body.get("end"),
                score=body.get("score"),
                probability=body.get("probability"),
                threshold=body.get("threshold"),
                regime=body.get("regime"),
                state=body.get("state"),
                alarm=bool(body.get("alarm")),
                features=body.get("features") or {},
                health=body.get("health"),
                missing=(body.get("learning") or {}).get("missing", 0),
            )
    return tuple(last[point] for point in sorted(last))


def _standing(connection: sqlite3.Connection) -> tuple[AlarmLine, ...]:
    newest: dict[tuple[str, str | None], AlarmLine] = {}
    for line in _alarms(connection, LOOK_BACK, _UNTOLD):
        newest.setdefault((line.asset, line.alarm), line)
    return tuple(line for line in newest.values() if not line.over)


def _alarms(connection: sqlite3.Connection, limit: int, besides: str = "") -> Iterator[AlarmLine]:
    for identifier, asset, settled, body in _sound(connection.execute(
        f"{_COLUMNS} WHERE kind = 'alarm' {besides} ORDER BY id DESC LIMIT ?", (limit,)
    )):
        boot, seq = place(identifier)
        yield AlarmLine(
            asset=asset,
            channel=body.get("channel"),
            transition=body.get("transition", ""),
            severity=body.get("severity"),
            time=body.get("time"),
            since=body.get("since"),
            boot=boot,
            seq=seq,
            delivered=bool(settled),
            body=body,
        )
