"""Fixtures that many folders share, and what the reader of a run must be told at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.broker import Broker

if TYPE_CHECKING:
    from tests.postgres import Postgres

_NOTICES = pytest.StashKey[list[str]]()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A running Mosquitto."""
    with Broker(tmp_path / "broker") as running:
        yield running


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running PostgreSQL; each test takes a database of its own in it."""
    # its driver is not there where only the suite's core is tried
    from tests.postgres import Postgres  # noqa: PLC0415

    with Postgres() as running:
        yield running


@pytest.fixture
def notice(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Say something at the end of the run: what could not be tried here, and why."""
    return request.config.stash.setdefault(_NOTICES, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the notices where nobody overlooks them."""
    notices = config.stash.get(_NOTICES, [])
    if notices:
        terminalreporter.section("NOT EVERYTHING WAS TRIED", yellow=True, bold=True)
        for text in notices:
            terminalreporter.line(text)
