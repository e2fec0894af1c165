"""The collector put together: ``watchkeeper collect`` hears a fleet and keeps what it says in a database."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from agent import log
from agent.adapters.backoff import Backoff
from agent.adapters.clock import SystemClock
from agent.adapters.mqtt.sensors import SensorLink
from agent.adapters.systemd import SystemdNotifier
from agent.config.settings import Connection, Tls
from agent.config.urls import broker_address
from agent.connections import endpoint
from agent.errors import EXIT_BUG, ConfigError, Problem, Unavailable
from agent.office.reading import LARGEST
from agent.office.receiving import IN_FLIGHT, Receiver
from agent.office.storing import Storer
from agent.office.streams import hello_topic
from agent.runtime.supervisor import Supervisor

if TYPE_CHECKING:
    from agent.adapters.sql.store import SqlStore

PATIENCE: Final = 30.0
"""s that a start waits for the database, and then for the broker; once it runs it waits for ever."""
_LEAVE_WITHIN: Final = 8.0
_TRY_AGAIN: Final = 1.0
_PREFIX: Final = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")
_GROUP: Final = re.compile(r"[A-Za-z0-9_.-]*")

_log = log.get_logger(__name__)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line says. ``session_expiry`` in s; ``group`` '': no shared subscription."""

    broker: str
    to: str
    prefix: str
    group: str
    name: str
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    session_expiry: int = 60


def collect(options: Options, patience: float = PATIENCE) -> int:
    """Collect until SIGTERM or a bug. The exit code; raises ConfigError, and Unavailable where database or
    broker cannot be reached within ``patience`` s of the start."""
    connection = _connection(options)
    log.configure()
    clock = SystemClock()
    link = SensorLink(
        endpoint(connection), qos=1, session_expiry=options.session_expiry, max_payload=LARGEST, now=clock.now,
        peer="broker", receive_maximum=IN_FLIGHT,
        # what the broker has handed to a collector that does not come back, devices shall send again, to the others
        obituary=(hello_topic(options.prefix), b"{}"))
    # the last: a command line that is wrong makes no file
    try:
        store = _within(patience, lambda: _open(options.to))
    except BaseException:
        link.close()
        raise
    storer = Storer(store, clock, Backoff(0.2, 15.0), link.wake)
    receiver = Receiver(link, storer, clock, prefix=options.prefix, group=options.group)
    deadline = clock.monotonic() + patience

    def tidy() -> None:
        if not receiver.ever_connected and clock.monotonic() > deadline:
            raise Unavailable(f"the broker at {connection.host}:{connection.port} cannot be reached")

    supervisor = Supervisor(
        [receiver, storer], SystemdNotifier(), clock, reload=_nothing_to_reload, tidy=tidy,
        status=lambda: _status(receiver, storer))
    supervisor.install()
    storer.start()
    receiver.start()
    _log.info("collecting", broker=f"{connection.host}:{connection.port}", into=store.name, prefix=options.prefix,
              group=options.group, name=connection.client_id)
    try:
        code = supervisor.run()
        if code == EXIT_BUG:
            os._exit(EXIT_BUG)  # a wedged thread cannot be joined
    finally:
        receiver.stop()
        receiver.join(_LEAVE_WITHIN / 2 + 1)
        storer.stop()
        storer.join(_LEAVE_WITHIN / 2)
    _log.info("stopped", messages=receiver.counters.messages, records=storer.counters.records,
              rejected=storer.counters.rejected)
    return code


def _connection(options: Options) -> Connection:
    problems = []
    if not _PREFIX.fullmatch(options.prefix):
        problems.append(Problem("--prefix", "prefix", options.prefix, "is no beginning of a topic",
                                "Give what the devices' configuration says."))
    if not _GROUP.fullmatch(options.group):
        problems.append(Problem("--group", "group", options.group, "is no name of a shared subscription",
                                "Use letters, digits, dots and hyphens."))
    try:
        address = broker_address(options.broker)
    except ValueError as wrong:
        problems.append(Problem("--broker", "url", "", str(wrong), "Give mqtt://host:port or mqtts://host:port."))
        raise ConfigError(tuple(problems)) from None
    if problems:
        raise ConfigError(tuple(problems))
    tls = Tls(ca_file=options.ca_file, cert_file=options.cert_file, key_file=options.key_file)
    return Connection(
        host=address.host, port=address.port, client_id=f"collector-{options.name}", keepalive=30, protocol="5",
        tls=tls if address.tls else None, username=options.username, password_file=options.password_file)


def _open(url: str) -> SqlStore:
    try:
        from agent.adapters.sql.store import SqlStore  # noqa: PLC0415 -- an extra
    except ModuleNotFoundError as missing:
        raise ConfigError((
            Problem("watchkeeper", "collect", "", f"{missing.name} is not installed",
                    "Install the extra: pip install 'watchkeeper[collect]'."),
        )) from None
    return SqlStore(url)


def _within(patience: float, attempt: Callable[[], _T]) -> _T:
    """What the attempt gives, tried again while what it needs is away."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return attempt()
        except Unavailable as away:
            if time.monotonic() > deadline:
                raise Unavailable(f"the database cannot be reached: {away}") from None
            _log.warning("the database is away", reason=str(away))
            time.sleep(_TRY_AGAIN)


def _nothing_to_reload() -> None:
    _log.info("nothing to reload: everything is on the command line")


def _status(receiver: Receiver, storer: Storer) -> str:
    link = "connected" if receiver.connected() else "broker away"
    return f"{link}; {storer.counters.records} records; {storer.counters.rejected} rejected"
