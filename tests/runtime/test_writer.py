"""Group commit: when a group is due, in which order it is told, and what a stalled disk costs."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.adapters.sqlite.journal import SqliteJournal
from agent.errors import JournalFull
from agent.monitoring.types import SECOND, Snapshot
from agent.runtime.flash import FlashBudget
from agent.runtime.writer import Writer
from tests.adapters.sqlite.entries import ALARMS, SUMMARIES, T0, alarm, entry, summaries
from tests.runtime.clocks import HandClock


class Desk:
    """A writer on a real journal, and what it says."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.journal = SqliteJournal(path)
        self.boot = self.journal.begin_boot(T0)
        self.marks: list[int] = []
        self.writer = Writer(self.journal, self.marks.append)

    def begin(self, **options: float) -> Writer:
        self.writer = Writer(self.journal, self.marks.append, **options)  # type: ignore[arg-type]
        self.writer.start()
        return self.writer

    def on_disk(self) -> list[int]:
        """Sequence numbers as another connection sees them."""
        reader = self.journal.reader()
        found = [e.seq for e in reader.pending(100_000, (*SUMMARIES, *ALARMS))]
        reader.close()
        return found

    def stall(self) -> sqlite3.Connection:
        """The journal takes nothing while this connection holds its lock."""
        self.journal._connection.execute("PRAGMA busy_timeout = 50")
        other = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        return other


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "journal.db")
    yield made
    made.writer.stop(5)
    made.journal.close()


def eventually(condition: Callable[[], bool], within: float = 5.0) -> bool:
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True


def test_what_comes_in_within_the_delay_shares_one_commit(desk: Desk) -> None:
    writer = desk.begin(max_delay=0.2)
    for e in summaries(desk.boot, 1, 10):
        assert writer.submit([e], mark=e.seq)
    time.sleep(0.05)
    assert desk.on_disk() == []
    assert eventually(lambda: desk.marks == [10])
    assert desk.on_disk() == list(range(1, 11))
    assert writer.counters.commits == 1


def test_enough_rows_end_the_wait(desk: Desk) -> None:
    writer = desk.begin(max_delay=30, max_rows=5)
    for e in summaries(desk.boot, 1, 5):
        writer.submit([e], mark=e.seq)
    assert eventually(lambda: desk.marks == [5])


def test_an_urgent_entry_is_on_the_disk_at_once_with_all_that_waits(desk: Desk) -> None:
    writer = desk.begin(max_delay=30)
    writer.submit([entry(desk.boot, 1)], mark=1)
    begin = time.monotonic()
    writer.submit([alarm(desk.boot, 2)], mark=2, urgent=True)
    assert eventually(lambda: desk.marks == [2])
    assert time.monotonic() - begin < 0.5
    assert desk.on_disk() == [1, 2]


def test_being_hurried_with_nothing_new_commits_what_waits(desk: Desk) -> None:
    writer = desk.begin(max_delay=30)
    assert writer.submit((), (), 0, urgent=True)
    writer.submit([entry(desk.boot, 1)], mark=1)
    assert writer.submit((), (), 0, urgent=True)
    assert eventually(lambda: desk.marks == [1])


def test_a_mark_is_told_only_once_its_entries_are_on_the_disk(desk: Desk) -> None:
    seen: list[tuple[int, int]] = []
    writer = Writer(
        desk.journal, lambda mark: seen.append((mark, max(desk.on_disk()))), max_delay=0.001, max_rows=7)
    desk.writer = writer
    writer.start()
    for e in summaries(desk.boot, 1, 3000):
        writer.submit([e], mark=e.seq)
    assert writer.flush(10)
    assert eventually(lambda: seen[-1][0] == 3000)
    assert [mark for mark, _ in seen] == sorted({mark for mark, _ in seen})
    assert all(stored >= mark for mark, stored in seen)


def test_of_several_snapshots_of_an_asset_the_newest_is_kept(desk: Desk) -> None:
    writer = desk.begin()
    writer.submit([alarm(desk.boot, 1)], [Snapshot("pump", {"n": 1}), Snapshot("fan", {"n": 5})])
    writer.submit([alarm(desk.boot, 2)], [Snapshot("pump", {"n": 2})], urgent=True)
    assert writer.flush(5)
    assert desk.journal.snapshots() == {"pump": {"n": 2}, "fan": {"n": 5}}


def test_settlements_are_committed_without_telling_a_mark(desk: Desk) -> None:
    writer = desk.begin(max_delay=0.05)
    writer.submit(summaries(desk.boot, 1, 3), mark=1, urgent=True)
    assert writer.flush(5)
    assert writer.settle([(desk.boot, 1), (desk.boot, 2)])
    assert eventually(lambda: desk.on_disk() == [3])
    assert desk.marks == [1]


def test_stopping_commits_what_waits(desk: Desk) -> None:
    writer = desk.begin(max_delay=30, max_rows=100_000)
    writer.submit(summaries(desk.boot, 1, 2500), mark=9)
    assert writer.stop(5)
    assert desk.on_disk() == list(range(1, 2501))
    assert desk.marks[-1] == 9


def test_while_the_journal_takes_nothing_the_oldest_windows_are_shed_and_alarms_kept(desk: Desk) -> None:
    other = desk.stall()
    writer = desk.begin(max_delay=0.01, most_waiting=100)
    for e in summaries(desk.boot, 1, 100):
        assert writer.submit([e], mark=e.seq)
    assert writer.counters.shed == 0
    assert writer.submit([entry(desk.boot, 101), alarm(desk.boot, 102)], mark=102, urgent=True)
    assert eventually(lambda: writer.counters.failures > 0)
    assert desk.marks == []
    shed = writer.counters.shed
    assert shed >= 2
    other.execute("ROLLBACK")
    other.close()
    assert eventually(lambda: desk.marks[-1:] == [102])
    kept = desk.on_disk()
    assert 102 in kept
    assert len(kept) == 102 - shed
    assert writer.flush(5)
    assert desk.journal.counters()["shed_window"] == shed


def test_memory_is_bounded_in_bytes_as_well_and_in_the_end_for_alarms(desk: Desk) -> None:
    writer = desk.writer  # not started: a disk that stands still
    for seq in range(1, 200):
        writer.submit([alarm(desk.boot, seq, note="x" * 100_000)])
    counts = writer.counts()
    assert counts["waiting"] == 199 - writer.counters.shed
    assert 6_000_000 < float(counts["waiting_bytes"] or 0) <= 8_388_608


def test_progress_is_told_while_the_journal_takes_nothing(desk: Desk) -> None:
    other = desk.stall()
    writer = desk.begin(max_delay=0.01)
    writer.submit([entry(desk.boot, 1)], urgent=True)
    assert eventually(lambda: writer.counters.failures >= 2)
    assert time.monotonic() - writer.last_progress < 1.0
    assert writer.is_alive()
    assert not writer.stop(0.3)
    assert writer.failure is None
    other.execute("ROLLBACK")
    other.close()


def test_a_bug_ends_the_thread_and_is_kept_for_the_supervisor(desk: Desk) -> None:
    def broken(_: int) -> None:
        raise RuntimeError("no such worker")

    writer = Writer(desk.journal, broken)
    writer.start()
    writer.submit([entry(desk.boot, 1)], urgent=True)
    writer.join(5)
    assert not writer.is_alive()
    assert isinstance(writer.failure, RuntimeError)


def test_nothing_is_lost_between_submitting_threads_and_commits(desk: Desk) -> None:
    writer = desk.begin(max_delay=0.005, max_rows=3)

    def submit(first: int) -> None:
        for e in summaries(desk.boot, first, 500):
            writer.submit([e], mark=e.seq)

    threads = [threading.Thread(target=submit, args=(first,)) for first in (1, 1001)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert writer.flush(5)
    assert desk.on_disk() == [*range(1, 501), *range(1001, 1501)]


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
