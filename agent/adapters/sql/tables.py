"""The collector's tables, for SQLite and PostgreSQL alike; what they mean is in ``agent/office/README.md``."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from agent.intake import Origin

LAYOUT: Final = 1
"""Of the tables. A database of a later layout is not touched."""


class Moment(sa.types.TypeDecorator[datetime]):
    """A time in UTC: timestamptz in PostgreSQL; in SQLite text as devices write it, which sorts as time does."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        """See SQLAlchemy."""
        kind: Any = postgresql.TIMESTAMP(timezone=True) if dialect.name == "postgresql" else sa.Text()
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> Any:
        """See SQLAlchemy."""
        if value is None or dialect.name == "postgresql":
            return value
        # what strftime writes of a year before 1000 has fewer digits, and would sort among later ones
        moment = value.astimezone(UTC)
        return f"{moment.year:04d}-{moment:%m-%dT%H:%M:%S.%fZ}"

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        """See SQLAlchemy."""
        if value is None:
            return None
        return value.astimezone(UTC) if isinstance(value, datetime) else datetime.fromisoformat(value)


Document = sa.Text().with_variant(postgresql.JSONB(), "postgresql")
"""JSON. What is bound is JSON text already: the engine's serialiser passes it on."""
_Number = sa.BigInteger
_Counter = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""A key that counts by itself: in SQLite only an INTEGER does."""

metadata = sa.MetaData()

about = sa.Table(
    "about", metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

records = sa.Table(
    "records", metadata,
    sa.Column("site", sa.Text, primary_key=True),
    sa.Column("device", sa.Text, primary_key=True),
    sa.Column("boot", _Number, primary_key=True, autoincrement=False),
    sa.Column("seq", _Number, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("asset", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("received", Moment, nullable=False),
    sa.Column("historical", sa.Boolean(create_constraint=False), nullable=False),
    sa.Column("channel", sa.Text),
    sa.Column("begins", Moment),
    sa.Column("ends", Moment),
    sa.Column("thinned", sa.Integer),
    sa.Column("payload", Document, nullable=False),
)
sa.Index("records_by_time", records.c.kind, records.c.at)

_IS_SUMMARY: Final = records.c.kind == sa.literal_column("'summary'")
_IS_THINNED: Final = sa.and_(_IS_SUMMARY, records.c.thinned > sa.literal_column("0"))
sa.Index(
    "summaries_by_point", records.c.site, records.c.device, records.c.asset, records.c.begins,
    sqlite_where=_IS_SUMMARY, postgresql_where=_IS_SUMMARY,
)
sa.Index(
    "summaries_thinned", records.c.site, records.c.device, records.c.asset, records.c.begins,
    sqlite_where=_IS_THINNED, postgresql_where=_IS_THINNED,
)

devices = sa.Table(
    "devices", metadata,
    sa.Column("site", sa.Text, primary_key=True),
    sa.Column("device", sa.Text, primary_key=True),
    sa.Column("state", sa.Text),
    sa.Column("state_since", Moment),
    sa.Column("last_seen", Moment),
    sa.Column("link", sa.Text),
)

streams = sa.Table(
    "streams", metadata,
    sa.Column("site", sa.Text, primary_key=True),
    sa.Column("device", sa.Text, primary_key=True),
    sa.Column("link", sa.Text, primary_key=True),
    sa.Column("stream", sa.Text, primary_key=True),
    sa.Column("number", _Number, nullable=False),
    sa.Column("boot", _Number, nullable=False),
    sa.Column("seq", _Number, nullable=False),
    sa.Column("moved", Moment, nullable=False),
)

arrivals = sa.Table(
    "arrivals", metadata,
    sa.Column("site", sa.Text, primary_key=True),
    sa.Column("device", sa.Text, primary_key=True),
    sa.Column("link", sa.Text, primary_key=True),
    sa.Column("stream", sa.Text, primary_key=True),
    sa.Column("number", _Number, primary_key=True, autoincrement=False),
    sa.Column("boot", _Number, nullable=False),
    sa.Column("seq", _Number, nullable=False),
)

clock_steps = sa.Table(
    "clock_steps", metadata,
    sa.Column("site", sa.Text, primary_key=True),
    sa.Column("device", sa.Text, primary_key=True),
    sa.Column("boot", _Number, primary_key=True, autoincrement=False),
    sa.Column("before_seq", _Number, primary_key=True, autoincrement=False),
    sa.Column("offset_us", _Number, nullable=False),
)

rejected = sa.Table(
    "rejected", metadata,
    sa.Column("id", _Counter, primary_key=True, autoincrement=True),
    sa.Column("received", Moment, nullable=False),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("bytes", _Number, nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
)


def of(table: sa.Table, origins: Collection[Origin]) -> sa.ColumnElement[bool]:
    """The rows of a table that are of these devices."""
    return sa.tuple_(table.c.site, table.c.device).in_([tuple(origin) for origin in sorted(origins)])
