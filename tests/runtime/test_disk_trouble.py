"""What the writer does while the disk refuses, does not answer or has had enough for a day."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.adapters.sqlite.journal import SqliteJournal
from agent.errors import JournalFull
from agent.monitoring.types import SECOND, Snapshot
from agent.runtime.flash import FlashBudget
from agent.runtime.writer import Writer
from tests.adapters.sqlite.entries import SUMMARIES, T0, alarm, entry, summaries
from tests.runtime.clocks import HandClock
from tests.runtime.desk import Desk, eventually


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "journal.db")
    yield made
    made.writer.stop(5)
    made.journal.close()


class Troubled:
    """What a writer has reported, in order."""

    def __init__(self, writer: Writer) -> None:
        self.told: list[tuple[str, bool]] = []
        writer.troubles.report = lambda trouble, standing, _: self.told.append((trouble, standing))

    def of(self, trouble: str) -> list[bool]:
        return [standing for name, standing in self.told if name == trouble]


def test_after_two_seconds_of_refusal_nobody_waits_for_the_disk_and_the_device_says_so(desk: Desk) -> None:
    other = desk.stall()
    desk.writer = writer = Writer(desk.journal, desk.marks.append, max_delay=0.01)
    troubled = Troubled(writer)
    writer.start()
    begun = time.monotonic()
    writer.submit([entry(desk.boot, 1)], mark=1)
    assert eventually(lambda: desk.marks == [1])
    assert 1.9 < time.monotonic() - begun < 4.0
    writer.submit([alarm(desk.boot, 2)], mark=2, urgent=True)
    assert desk.marks == [1, 2], "told at once, in the submitting thread"
    assert writer.refused
    assert troubled.of("journal") == [True]
    assert desk.on_disk() == []
    other.execute("ROLLBACK")
    other.close()
    assert eventually(lambda: troubled.of("journal") == [True, False], within=8)
    assert writer.flush(5)
    assert desk.on_disk() == [1, 2]
    assert writer.counts()["refused"] is False
    assert desk.marks == sorted(desk.marks)


class Hanging(SqliteJournal):
    """A disk that does not answer until it is let."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.answers = threading.Event()

    def commit(self, *things: Any, **more: Any) -> None:
        self.answers.wait(20)
        super().commit(*things, **more)


def test_a_disk_that_does_not_answer_holds_nobody_up_either(desk: Desk, tmp_path: Path) -> None:
    journal = Hanging(tmp_path / "hanging.db")
    boot = journal.begin_boot(T0)
    desk.writer = writer = Writer(journal, desk.marks.append, max_delay=0.01)
    troubled = Troubled(writer)
    writer.start()
    writer.submit([entry(boot, 1)], mark=1, urgent=True)
    time.sleep(2.2)
    assert desk.marks == []
    assert writer.last_progress > time.monotonic(), "not wedged: it waits for the disk"
    writer.submit([entry(boot, 2)], mark=2)
    assert desk.marks == [2]
    assert troubled.of("journal") == [True]
    journal.answers.set()
    assert writer.flush(5)
    assert eventually(lambda: troubled.of("journal") == [True, False])
    journal.close()


def test_a_journal_that_cannot_be_opened_is_opened_later_and_gets_what_waited(tmp_path: Path) -> None:
    tries: list[float] = []
    journal = SqliteJournal(tmp_path / "journal.db")

    def opening() -> SqliteJournal:
        tries.append(time.monotonic())
        if len(tries) < 3:
            raise JournalFull("not mounted yet")
        assert journal.begin_boot(T0, 7) == 7
        return journal

    marks: list[int] = []
    writer = Writer(None, marks.append, opening=opening, max_delay=0.01)
    writer.submit(summaries(7, 1, 3), [Snapshot("pump", {"n": 1})], mark=1)
    writer.start()
    assert writer.flush(5)
    assert len(tries) == 3
    assert writer.journal is journal
    assert [e.seq for e in journal.pending(10, SUMMARIES)] == [1, 2, 3]
    assert journal.snapshots() == {"pump": {"n": 1}}
    assert marks == [1]
    writer.stop(5)
    assert journal.begin_boot(T0) == 8
    journal.close()


def test_above_the_days_budget_windows_are_not_kept_and_nobody_waits_for_them(desk: Desk) -> None:
    written = [0]
    clock = HandClock(T0)
    flash = FlashBudget(lambda: written[0], clock, budget=1000)
    desk.writer = writer = Writer(desk.journal, desk.marks.append, max_delay=0.01, flash=flash)
    troubled = Troubled(writer)
    writer.start()
    writer.submit([entry(desk.boot, 1)], mark=1)
    assert writer.flush(5)
    assert troubled.of("flash") == [False]
    written[0] = 1000
    writer.submit([entry(desk.boot, 2)], mark=2)
    assert writer.flush(5)
    assert eventually(lambda: troubled.of("flash") == [False, True])
    writer.submit([entry(desk.boot, 3)], mark=3)
    assert eventually(lambda: desk.marks[-1:] == [3])
    writer.submit([entry(desk.boot, 4), alarm(desk.boot, 5)], mark=4, urgent=True)
    assert writer.flush(5)
    assert desk.on_disk() == [1, 2, 5]
    clock.wall += 86_400 * SECOND
    writer.submit([entry(desk.boot, 6)], mark=5)
    assert eventually(lambda: troubled.of("flash") == [False, True, False])
    writer.submit([entry(desk.boot, 7)], mark=6)
    assert writer.flush(5)
    assert desk.on_disk() == [1, 2, 5, 7]
    assert writer.counters.unkept == 3
    assert desk.journal.counters()["unkept_window"] == 3


def test_counts_are_kept_with_the_next_group(desk: Desk) -> None:
    writer = desk.begin(max_delay=0.01)
    writer.count("uplink_bytes 2026-11-23", 100)
    writer.count("uplink_bytes 2026-11-23", 20)
    writer.submit([entry(desk.boot, 1)], mark=1)
    assert writer.flush(5)
    writer.count("uplink_bytes 2026-11-23", 3)
    assert writer.settle([(desk.boot, 1)])
    assert writer.flush(5)
    assert desk.journal.counters() == {"uplink_bytes 2026-11-23": 123}
