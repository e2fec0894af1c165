"""The journal keeps to its budget; what matters least goes first and alarms stay."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from agent.adapters.sqlite.journal import SqliteJournal
from agent.monitoring.types import SECOND, RecordKind
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


def test_the_least_important_goes_first_and_of_each_kind_what_was_delivered(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j.db", BUDGET)
    boot = journal.begin_boot(T0)
    order: tuple[RecordKind, ...] = ("window", "evidence", "quality", "health", "event")
    for seq in range(1, 1501, 100):
        batch = [entry(boot, seq + i, order[i % len(order)], note=FILLER) for i in range(100)]
        journal.commit(batch, settled=[(boot, e.seq) for e in batch if e.seq <= 750])
    gone: list[tuple[str, int]] = []
    seq = 2000
    while len(gone) < 2 * len(order) and seq < 12_000:
        journal.commit([alarm(boot, seq + i, note=FILLER) for i in range(10)])
        seq += 10
        left = kinds(journal)
        gone += [of for kind in order for settled in (1, 0) if (of := (kind, settled)) not in {*left, *gone}]
    assert gone == [(kind, settled) for kind in order for settled in (1, 0)]
    assert {f"{'evicted' if settled else 'lost'}_{kind}" for kind, settled in gone} <= counters(journal).keys()
    journal.close()


def test_years_of_little_things_that_were_delivered_do_not_crowd_out_the_days_windows(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j.db", BUDGET)
    boot = journal.begin_boot(T0)
    for seq in range(1, 4001, 100):  # spread over some months
        batch = [entry(boot, seq + i, "health", note=FILLER)._replace(time=T0 + (seq + i) * 3600 * SECOND)
                 for i in range(100)]
        journal.commit(batch, settled=[(boot, e.seq) for e in batch])
    for seq in range(4001, 10_001, 100):
        batch = [entry(boot, seq + i)._replace(time=T0 + (4000 * 3600 + seq * 60) * SECOND) for i in range(100)]
        journal.commit(batch, settled=[(boot, e.seq) for e in batch])
    left = kinds(journal)
    assert left["window", 1] > 1500
    assert 100 < left["health", 1] < 2000
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
