"""Opening the collector's database by its URL, laying it out, and whose fault it is when it does not do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import orjson
import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, SQLAlchemyError

from agent.adapters.sql.tables import LAYOUT, about, metadata
from agent.adapters.sql.views import statements
from agent.errors import AgentError, ConfigError, Problem, Rejected, Unavailable

_DRIVERS: Final = {
    "sqlite": "sqlite+pysqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg",
}
_POSTGRES: Final[dict[str, Any]] = {
    "application_name": "watchkeeper-collect",
    "connect_timeout": 5,
    # a server that is silent is given up, and the batch tried again over another connection
    "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 20_000,
    "options": "-c statement_timeout=60000 -c lock_timeout=20000 -c idle_in_transaction_session_timeout=60000",
}
_BUSY: Final = 10.0
"""s that SQLite waits for another collector's transaction."""
_LAYING_OUT: Final = 0x57A7C4
"""PostgreSQL's advisory lock of those who lay the tables out: two that start at once take turns."""


def engine_of(url: str) -> sa.Engine:
    """An engine for ``sqlite:///file`` or ``postgresql://...``; connects nowhere yet. Raises ConfigError."""
    try:
        parsed = sa.make_url(url)
    except ArgumentError:
        raise _unusable(url, "is no URL of a database") from None
    driver = _DRIVERS.get(parsed.drivername)
    if driver is None:
        raise _unusable(parsed.render_as_string(), "is neither SQLite nor PostgreSQL")
    parsed = parsed.set(drivername=driver)
    options: dict[str, Any] = {"json_serializer": _as_it_is, "json_deserializer": orjson.loads}
    if driver.startswith("sqlite"):
        if parsed.database in {None, "", ":memory:"}:
            raise _unusable(parsed.render_as_string(), "names no file")
        engine = sa.create_engine(parsed, connect_args={"timeout": _BUSY}, pool_size=1, max_overflow=0)
        sa.event.listen(engine, "connect", _on_sqlite)
        sa.event.listen(engine, "begin", _begin_at_once)
        return engine
    told = {name: value for name, value in _POSTGRES.items() if name not in parsed.query}
    engine = sa.create_engine(parsed, connect_args=told, pool_size=1, max_overflow=0, **options)
    sa.event.listen(engine, "connect", _on_postgres)
    return engine


def lay_out(engine: sa.Engine) -> None:
    """Make the tables and views that are missing. Raises ConfigError where the database is of a later layout,
    Unavailable where it is away."""
    with translated(), engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LAYING_OUT)))
        if sa.inspect(connection).has_table(about.name):
            found = connection.scalar(sa.select(about.c.value).where(about.c.name == "layout"))
            if found is not None and int(found) > LAYOUT:
                raise ConfigError((Problem(
                    engine.url.render_as_string(), "layout", found,
                    f"was laid out by a later version; this one knows layout {LAYOUT}",
                    "Update this collector, or give it another database."),))
            if found == str(LAYOUT):
                return
        metadata.create_all(connection)
        for statement in statements(engine.dialect.name):
            connection.execute(sa.text(statement))
        connection.execute(sa.delete(about).where(about.c.name == "layout"))
        connection.execute(sa.insert(about).values(name="layout", value=str(LAYOUT)))


@contextmanager
def translated() -> Iterator[None]:
    """What the database says in the agent's terms: Rejected a value that it does not take, else Unavailable."""
    try:
        yield
    except AgentError:
        raise
    except (DataError, IntegrityError) as fault:
        raise Rejected(_said(fault)) from fault
    except (SQLAlchemyError, sqlite3.Error) as fault:
        # away, restarting, full, read-only, locked, no permission (yet): an operator or time will mend it
        raise Unavailable(_said(fault)) from fault


def _said(fault: Exception) -> str:
    """Without the statement and what it was to store."""
    original = fault.orig if isinstance(fault, DBAPIError) and fault.orig is not None else fault
    return " ".join(str(original).split())[:500]


def _as_it_is(text: str) -> str:
    return text


def _on_sqlite(connection: Any, _: object) -> None:
    # transactions are begun by us: the driver would begin them late, and deferred
    connection.isolation_level = None
    for pragma in ("journal_mode = WAL", "synchronous = FULL"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_at_once(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _on_postgres(connection: Any, _: object) -> None:
    # a receipt promises that a record outlives the server's power supply
    connection.execute("SELECT set_config('synchronous_commit', 'on', false)"
                       " WHERE current_setting('synchronous_commit') = 'off'")
    connection.commit()


def _unusable(url: str, what: str) -> ConfigError:
    return ConfigError((
        Problem("--to", "url", url, what, "Give sqlite:///fleet.db or postgresql://user@host/database."),
    ))
