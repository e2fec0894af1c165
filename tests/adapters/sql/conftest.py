"""The two kinds of database that the collector stores into."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from agent.adapters.sql.store import SqlStore
from tests.fleet import iso
from tests.postgres import Postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/fleet.db"
    running: Postgres = request.getfixturevalue("postgres")
    return running.database()


@pytest.fixture
def store(url: str) -> Iterator[SqlStore]:
    """A store on an empty database."""
    made = SqlStore(url)
    yield made
    made.close()


Ask = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture
def ask(url: str) -> Iterator[Ask]:
    """What a query gives, over a connection of its own; times as text, whichever the database."""
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))

    def answer(query: str) -> list[tuple[Any, ...]]:
        with engine.begin() as connection:
            return [
                tuple(iso(value.astimezone(UTC)) if isinstance(value, datetime) else value for value in row)
                for row in connection.execute(sa.text(query))
            ]

    yield answer
    engine.dispose()
