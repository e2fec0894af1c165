"""The collector's store on SQLAlchemy Core: what ``agent.intake`` asks of one, for SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from agent.adapters.sql import progress
from agent.adapters.sql.database import engine_of, lay_out, translated
from agent.adapters.sql.tables import clock_steps, devices, of, records, rejected
from agent.intake import Arrival, ClockStep, Heard, Origin, Period, Place, Rejection, Stream, Stretch
from agent.shipped import FLOOR

_FLOOR: Final = datetime.fromtimestamp(FLOOR / 1e9, UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_MOST_REJECTED: Final = 10_000
"""Rejections that are kept; the oldest go first."""
_SHOWN: Final = 4_096
"""Characters of a rejected payload that are kept."""


class SqlStore:
    """Fulfils ``agent.intake.Store``; one connection, made anew when it was lost.

    ``url``: ``sqlite:///file`` or ``postgresql://...``. Raises ConfigError where that is neither, or the
    database is of a later layout; Unavailable where it is away.
    """

    def __init__(self, url: str) -> None:
        self._engine = engine_of(url)
        try:
            lay_out(self._engine)
        except BaseException:
            self._engine.dispose()
            raise
        self.name = self._engine.url.render_as_string()

    @contextmanager
    def transaction(self) -> Iterator[SqlTransaction]:
        """See the Protocol."""
        with translated(), self._engine.begin() as connection:
            yield SqlTransaction(connection)

    def close(self) -> None:
        """Leave the database."""
        self._engine.dispose()


class SqlTransaction:
    """Fulfils ``agent.intake.Transaction``."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._insert: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert

    def hold(self, heard: Mapping[Origin, Heard]) -> None:
        """Every collector takes the devices' rows in the same order; whoever is first goes first."""
        if not heard:
            return
        fresh = self._insert(devices)
        told = fresh.excluded
        self._connection.execute(
            fresh.on_conflict_do_update(
                index_elements=[devices.c.site, devices.c.device],
                set_={
                    "last_seen": sa.func.coalesce(told.last_seen, devices.c.last_seen),
                    "link": sa.func.coalesce(told.link, devices.c.link),
                    "state_since": sa.case(
                        (sa.func.coalesce(told.state, devices.c.state) == devices.c.state, devices.c.state_since),
                        else_=told.state_since),
                    "state": sa.func.coalesce(told.state, devices.c.state),
                },
            ),
            [
                {"site": origin.site, "device": origin.device, "last_seen": news.seen, "link": news.link,
                 "state": news.state, "state_since": news.state_since}
                for origin, news in sorted(heard.items())
            ],
        )

    def remember(self, steps: Iterable[ClockStep]) -> None:
        """See the Protocol."""
        for step in steps:
            place = {"site": step.origin.site, "device": step.origin.device, "boot": step.boot,
                     "before_seq": step.before_seq}
            self._connection.execute(
                self._insert(clock_steps).on_conflict_do_nothing(),
                {**place, "offset_us": step.offset // _MICROSECOND},
            )
            self._repair(step)

    def _repair(self, step: ClockStep) -> None:
        wrong = self._connection.execute(
            sa.select(records.c.seq, records.c.at, records.c.begins, records.c.ends).where(
                records.c.site == step.origin.site, records.c.device == step.origin.device,
                records.c.boot == step.boot, records.c.seq < step.before_seq, records.c.at < _FLOOR)
        ).all()
        if not wrong:
            return
        place = (records.c.site == step.origin.site, records.c.device == step.origin.device,
                 records.c.boot == step.boot, records.c.seq == sa.bindparam("of"))
        self._connection.execute(
            sa.update(records).where(*place).values(
                at=sa.bindparam("right"), begins=sa.bindparam("from"), ends=sa.bindparam("to")),
            [
                {"of": row.seq, "right": row.at + step.offset,
                 "from": row.begins and row.begins + step.offset, "to": row.ends and row.ends + step.offset}
                for row in wrong
            ],
        )

    def steps(self, origins: Collection[Origin]) -> list[ClockStep]:
        """See the Protocol."""
        found = self._connection.execute(sa.select(clock_steps).where(of(clock_steps, origins)))
        return [
            ClockStep(Origin(row.site, row.device), row.boot, row.before_seq, row.offset_us * _MICROSECOND)
            for row in found
        ]

    def thinned(self, summaries: Sequence[Arrival]) -> list[tuple[Origin, str, Period]]:
        """See the Protocol."""
        found = self._connection.execute(
            sa.select(
                records.c.site, records.c.device, records.c.asset, records.c.channel, records.c.begins,
                records.c.ends, records.c.thinned,
            ).where(
                records.c.kind == sa.literal_column("'summary'"), records.c.thinned > sa.literal_column("0"),
                of(records, {summary.origin for summary in summaries}),
                records.c.begins <= max(_period(summary).begins for summary in summaries),
                records.c.ends >= min(_period(summary).ends for summary in summaries),
            ))
        return [
            (Origin(row.site, row.device), row.asset, Period(row.channel, row.begins, row.ends, row.thinned))
            for row in found
        ]

    def add(self, arrivals: Sequence[Arrival]) -> list[Arrival]:
        """See the Protocol."""
        if not arrivals:
            return []
        done = self._connection.execute(
            self._insert(records).on_conflict_do_nothing(), [_row(arrival) for arrival in arrivals],
            # without it psycopg's count of many rows is lost, and every batch looks as if some were doubled
            execution_options={"preserve_rowcount": True})
        if done.rowcount == len(arrivals):
            return []
        stored = self._stored(arrivals)
        return [arrival for arrival in arrivals if not _is_kept(arrival, stored.get((arrival.origin, arrival.place)))]

    def _stored(self, arrivals: Sequence[Arrival]) -> dict[tuple[Origin, Place], Any]:
        """What stands in the places of these."""
        key = (records.c.site, records.c.device, records.c.boot, records.c.seq)
        found = self._connection.execute(sa.select(*key, records.c.payload).where(
            sa.tuple_(*key).in_([(*arrival.origin, *arrival.place) for arrival in arrivals])))
        return {
            (Origin(row.site, row.device), (row.boot, row.seq)):
                orjson.loads(row.payload) if isinstance(row.payload, str) else row.payload
            for row in found
        }

    def replace(self, summary: Arrival) -> None:
        """See the Protocol."""
        period = _period(summary)
        self._connection.execute(sa.delete(records).where(
            records.c.kind == sa.literal_column("'summary'"),
            records.c.site == summary.origin.site, records.c.device == summary.origin.device,
            records.c.asset == summary.asset, records.c.channel.is_not_distinct_from(period.channel),
            records.c.begins >= period.begins, records.c.ends <= period.ends))
        self._connection.execute(self._insert(records).on_conflict_do_nothing(), _row(summary))

    def reject(self, rejections: Sequence[Rejection]) -> None:
        """See the Protocol."""
        self._connection.execute(sa.insert(rejected), [
            {"received": rejection.received, "topic": _readable(rejection.topic.encode()), "reason": rejection.reason,
             "bytes": len(rejection.payload), "payload": _readable(rejection.payload)}
            for rejection in rejections
        ])

    def stretches(self, wanted: Collection[Stream]) -> dict[Stream, Stretch]:
        """See the Protocol."""
        return progress.load(self._connection, wanted)

    def advance(self, before: Mapping[Stream, Stretch], after: Mapping[Stream, Stretch]) -> None:
        """See the Protocol."""
        progress.save(self._connection, self._insert, before, after)

    def tidy(self, before: datetime) -> None:
        """See the Protocol."""
        progress.forget(self._connection, before)
        newest = self._connection.scalar(sa.select(sa.func.max(rejected.c.id)))
        if newest is not None:
            self._connection.execute(sa.delete(rejected).where(rejected.c.id <= newest - _MOST_REJECTED))


def _period(summary: Arrival) -> Period:
    assert summary.period is not None  # noqa: S101 -- the caller's promise: a summary
    return summary.period


def _is_kept(arrival: Arrival, stored: Any) -> bool:
    """Whether what stands in the record's place is the record, or a merged summary, which keeps the place of its
    newest part. Where nothing stands somebody has deleted it just now, as old."""
    return stored is None or "thinned" in stored or bool(stored == orjson.loads(arrival.payload))


def _row(arrival: Arrival) -> dict[str, Any]:
    period = arrival.period
    return {
        "site": arrival.origin.site, "device": arrival.origin.device, "boot": arrival.boot, "seq": arrival.seq,
        "kind": arrival.kind, "asset": arrival.asset, "at": arrival.at, "received": arrival.received,
        "historical": arrival.historical, "payload": arrival.payload,
        "channel": period and period.channel, "begins": period and period.begins, "ends": period and period.ends,
        "thinned": period and period.thinned,
    }


def _readable(payload: bytes) -> str:
    return payload[:_SHOWN].decode("utf-8", "backslashreplace").replace("\0", "\ufffd")
