"""The main thread: signals are obeyed, and a member that died or hangs ends the process."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from agent.adapters.clock import SystemClock
from agent.errors import EXIT_BUG, EXIT_OK
from agent.runtime.supervisor import Supervisor


class Member(threading.Thread):
    """Makes progress until told to hang or to die."""

    def __init__(self) -> None:
        super().__init__(name="member", daemon=True)
        self.last_progress = time.monotonic()
        self.failure: BaseException | None = None
        self.hangs = False
        self.ends = threading.Event()

    def run(self) -> None:
        while not self.ends.wait(0.01):
            if not self.hangs:
                self.last_progress = time.monotonic()


class Told:
    """A service manager that remembers what it was told."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def ready(self) -> None:
        self.words.append("ready")

    def reloading(self) -> None:
        self.words.append("reloading")

    def stopping(self) -> None:
        self.words.append("stopping")

    def status(self, text: str) -> None:
        self.words.append(text)

    def watchdog(self) -> None:
        self.words.append("watchdog")


@pytest.fixture
def member() -> Iterator[Member]:
    made = Member()
    made.start()
    yield made
    made.ends.set()
    made.join(5)


@pytest.fixture(autouse=True)
def _signals_as_before() -> Iterator[None]:
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def supervise(member: Member, *, after: float = 0.2, send: int = signal.SIGTERM) -> tuple[int, list[str], list[str]]:
    """Run it; (exit code, what systemd was told, what else was called). The signal comes ``after`` s."""
    told, called = Told(), []
    supervisor = Supervisor(
        [member], told, SystemClock(), reload=lambda: called.append("reload"), status=lambda: "well",
        tidy=lambda: called.append("tidy"), patience=0.3, interval=0.02)
    supervisor.install()
    timers = [threading.Timer(after, os.kill, (os.getpid(), send)),
              threading.Timer(after + 1.0, os.kill, (os.getpid(), signal.SIGTERM))]
    for timer in timers:
        timer.start()
    code = supervisor.run()
    for timer in timers:
        timer.cancel()
        timer.join()
    return code, told.words, called


def test_sigterm_ends_in_good_order_and_the_watchdog_was_fed_meanwhile(member: Member) -> None:
    code, words, called = supervise(member)
    assert code == EXIT_OK
    assert (words[0], words[-1]) == ("ready", "stopping")
    assert words.count("watchdog") >= 3
    assert "tidy" in called


def test_sighup_reloads_and_goes_on(member: Member) -> None:
    code, words, called = supervise(member, send=signal.SIGHUP)
    assert code == EXIT_OK
    assert "reload" in called
    at = words.index("reloading")
    assert words[at + 1] == "ready"
    assert "watchdog" in words[at:]


def test_a_member_that_hangs_ends_the_process_and_the_watchdog_is_fed_no_more(member: Member) -> None:
    member.hangs = True
    code, words, _ = supervise(member, after=5.0)
    assert code == EXIT_BUG
    assert "stopping" not in words


def test_a_member_that_died_ends_the_process(member: Member) -> None:
    member.ends.set()
    member.join()
    member.failure = ZeroDivisionError()
    assert supervise(member, after=5.0)[0] == EXIT_BUG
