"""The main thread: signals, the service manager, and whether the others still make progress.

A member that died of a bug, or has made no progress for too long, ends the process (exit 70);
systemd starts it anew. The watchdog is fed from the members' progress and never by a timer: a
wedged worker beside a living main thread must not look healthy.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Protocol

import structlog

from agent.errors import EXIT_BUG, EXIT_OK
from agent.ports import Clock, Notifier

_log = structlog.get_logger(__name__)


class Member(Protocol):
    """A thread under supervision."""

    name: str
    last_progress: float
    failure: BaseException | None

    def is_alive(self) -> bool: ...


class Supervisor:
    """Waits for signals and watches. ``patience``: seconds without progress that count as wedged."""

    def __init__(  # noqa: PLR0913 -- what a main thread has to know
        self,
        members: Sequence[Member],
        notifier: Notifier,
        clock: Clock,
        *,
        reload: Callable[[], None],
        status: Callable[[], str],
        tidy: Callable[[], None],
        patience: float = 20.0,
        interval: float = 1.0,
    ) -> None:
        self._members = members
        self._notifier = notifier
        self._clock = clock
        self._reload = reload
        self._status = status
        self._tidy = tidy
        self._patience = patience
        self._interval = interval
        self._event = threading.Event()
        self._stop = False
        self._hup = False

    def install(self) -> None:
        """Take SIGTERM, SIGINT and SIGHUP. From the main thread."""
        signal.signal(signal.SIGTERM, self._on_stop)
        signal.signal(signal.SIGINT, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_hup)

    def _on_stop(self, number: int, _: FrameType | None) -> None:
        _log.info("stopping", signal=signal.Signals(number).name)
        self._stop = True
        self._event.set()

    def _on_hup(self, _: int, __: FrameType | None) -> None:
        self._hup = True
        self._event.set()

    def run(self) -> int:
        """Until told to stop (0) or until a member fails (70)."""
        self._notifier.ready()
        while not self._stop:
            self._event.wait(self._interval)
            self._event.clear()
            if self._hup:
                self._hup = False
                self._notifier.reloading()
                self._reload()
                self._notifier.ready()
            if (sick := self._sick_member()) is not None:
                self._tell(sick)
                return EXIT_BUG
            self._notifier.watchdog()
            self._notifier.status(self._status())
            self._tidy()
        self._notifier.stopping()
        return EXIT_OK

    def _sick_member(self) -> Member | None:
        now = self._clock.monotonic()
        for member in self._members:
            if self._stop:
                return None
            if not member.is_alive() or now - member.last_progress > self._patience:
                return member
        return None

    def _tell(self, member: Member) -> None:
        failure = member.failure
        if failure is not None:
            _log.critical("a thread died of a bug", thread=member.name, exc_info=failure)
        elif not member.is_alive():
            _log.critical("a thread ended unasked", thread=member.name)
        else:
            stalled = round(self._clock.monotonic() - member.last_progress, 1)
            _log.critical("a thread makes no progress", thread=member.name, seconds=stalled)
