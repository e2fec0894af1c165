"""Group commit: when a group is due, in which order it is told, and what a stalled disk costs."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.monitoring.types import Snapshot
from agent.runtime.writer import Writer
from tests.adapters.sqlite.entries import alarm, entry, summaries
from tests.runtime.desk import Desk, eventually


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "journal.db")
    yield made
    made.writer.stop(5)
    made.journal.close()


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
