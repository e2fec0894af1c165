"""The journal keeps to its budget; what matters least goes first and alarms stay."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from agent.adapters.sqlite.journal import SqliteJournal
from agent.monitoring.types import RecordKind
from tests.adapters.sqlite.entries import ALARMS, SUMMARIES, T0, alarm, entry, summaries

BUDGET = 1_000_000
FILLER = "x" * 200


def size(path: Path) -> int:
    return sum(Path(f"{path}{suffix}").stat().st_size for suffix in ("", "-wal"))


def counters(journal: SqliteJournal) -> dict[str, int]:
    return dict(journal._connection.execute("SELECT name, value FROM counters"))


def kinds(journal: SqliteJournal) -> dict[tuple[str, int], int]:
    return {
        (kind, settled): count for kind, settled, count in
        journal._connection.execute("SELECT kind, settled, count(*) FROM log GROUP BY kind, settled")
    }


def test_a_full_journal_drops_the_oldest_summaries_and_no_alarm(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j.db", BUDGET)
    boot = journal.begin_boot(T0)
    largest = 0
    for seq in range(1, 20_001, 50):
        journal.commit([*summaries(boot, seq, 49), alarm(boot, seq + 49)])
        largest = max(largest, size(journal.path))
    alarms = [e.seq for e in journal.pending(1000, ALARMS)]
    kept = [e.seq for e in journal.pending(100_000, SUMMARIES)]
    assert alarms == list(range(50, 20_001, 50))
    assert kept[-1] == 19_999
    assert kept[0] > 10_000
    assert counters(journal) == {"lost_window": 20_000 - len(alarms) - len(kept)}
    assert largest <= BUDGET
    journal.close()


def test_what_was_delivered_goes_before_what_was_not(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j.db", BUDGET)
    boot = journal.begin_boot(T0)
    firsts: dict[RecordKind, int] = {"event": 0, "quality": 10_000, "window": 20_000}
    for kind, base in firsts.items():
        for seq in range(base + 1, base + 601, 100):
            batch = [entry(boot, seq + i, kind, note=FILLER) for i in range(100)]
            journal.commit(batch)
            if seq < base + 300:
                journal.commit((), settled=[(boot, e.seq) for e in batch])
    seq = 30_001
    while not {"evicted_event"} <= counters(journal).keys():
        journal.commit([alarm(boot, seq, note=FILLER)])
        seq += 1
    left = kinds(journal)
    assert left["window", 0] == left["quality", 0] == left["event", 0] == 300
    assert not any(name.startswith("lost") for name in counters(journal))
    assert left["alarm", 0] == seq - 30_001
    journal.close()


def test_when_nothing_else_is_left_the_oldest_alarms_go_and_are_counted_as_lost(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j.db", 300_000)
    boot = journal.begin_boot(T0)
    for seq in range(1, 4001, 40):
        journal.commit([alarm(boot, seq + i, note=FILLER) for i in range(40)])
    kept = [e.seq for e in journal.pending(10_000, ALARMS)]
    assert kept[-1] == 4000
    assert counters(journal)["lost_alarm"] == kept[0] - 1 == 4000 - len(kept)
    journal.close()


def test_a_budget_that_was_lowered_is_kept_from_then_on(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    journal = SqliteJournal(path, 2 * BUDGET)
    boot = journal.begin_boot(T0)
    for seq in range(1, 4001, 1000):
        journal.commit(summaries(boot, seq, 1000))
    journal.close()
    before = path.stat().st_size
    again = SqliteJournal(path, BUDGET // 4)
    for seq in range(4001, 9001, 1000):
        again.commit(summaries(boot, seq, 1000))
    assert again.pending(10_000, SUMMARIES)[-1].seq == 9000
    again.close()
    assert path.stat().st_size <= before
    with sqlite3.connect(path) as reader:
        assert reader.execute("PRAGMA quick_check").fetchone() == ("ok",)
    reader.close()
