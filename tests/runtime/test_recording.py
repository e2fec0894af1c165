"""Entries of the log: their place, their stamps, their snapshots."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
import pytest

from agent.monitoring.monitor import Monitor
from agent.monitoring.types import Record, Snapshot
from agent.ports import Entry
from agent.runtime.recording import Counters, Identity, Recorder
from agent.runtime.timekeeping import Timekeeper
from tests.monitoring.plant import learned
from tests.runtime.clocks import NOON, HandClock

WINDOW = Record("window", "pump", NOON, {"asset": "pump"})
ALARM = Record("alarm", "pump", NOON, {"asset": "pump", "transition": "raised"})


class Desk:
    """A recorder, what it announced, and a writer that has room or not."""

    def __init__(self, monitor: Monitor | None = None, *, interval: float = 600.0, after: int = 0) -> None:
        self.clock = HandClock()
        self.room = True
        self.submitted: list[tuple[list[Entry], list[str], int, bool]] = []
        self.announced: list[bytes] = []
        self.counters = Counters()
        self.recorder = Recorder(
            self, monitor or Monitor(lambda _: None), Timekeeper(self.clock), Identity(device="d", boot=3, after=after),
            lambda _, payload: self.announced.append(payload), self.counters, snapshot_interval=interval)

    def submit(  # the port's signature
        self, entries: Sequence[Entry], snapshots: Sequence[Snapshot] = (), mark: int = 0, urgent: bool = False,  # noqa: FBT002
    ) -> bool:
        if self.room:
            self.submitted.append((list(entries), [snapshot.asset for snapshot in snapshots], mark, urgent))
        return self.room

    def repair(self, boot: int, before_seq: int, offset: int) -> None:
        """Nothing to repair."""

    def hurry(self) -> None:
        """Nothing to hurry."""

    def tell(self, *records: Record) -> tuple[list[Entry], list[str], int, bool]:
        self.recorder.record(records)
        self.recorder.hand_over()
        return self.submitted[-1]


def test_every_entry_says_its_place_both_clocks_and_whether_to_trust_them() -> None:
    desk = Desk()
    desk.clock.ticks = 5211.2041
    entries, *_ = desk.tell(WINDOW, ALARM)
    first, second = (orjson.loads(entry.payload) for entry in entries)
    assert list(first) == ["device", "boot", "seq", "recorded", "monotonic", "synchronised", "kind", "asset"]
    assert (first["boot"], first["seq"], second["seq"]) == (3, 1, 2)
    assert (first["recorded"], first["monotonic"]) == ("2027-01-15T08:00:00.000000Z", 5211.204)
    assert (first["synchronised"], second["kind"]) == (True, "alarm")
    assert [entry.payload for entry in entries if entry.kind == "alarm"] == desk.announced


def test_what_is_recorded_later_is_stamped_later() -> None:
    desk = Desk()
    desk.tell(WINDOW)
    desk.clock.run(7.5)
    (entry,), *_ = desk.tell(WINDOW)
    assert orjson.loads(entry.payload)["recorded"] == "2027-01-15T08:00:07.500000Z"


def test_numbers_begin_where_they_are_told_to() -> None:
    (entry,), *_ = Desk(after=5 << 20).tell(WINDOW)
    assert entry.seq == (5 << 20) + 1


@pytest.mark.parametrize(("record", "urgent", "kept"), [
    (WINDOW, False, []),
    (ALARM, True, ["pump"]),
    (Record("event", "pump", NOON, {}), False, ["pump"]),
    (Record("quality", "pump", NOON, {}), False, []),
])
def test_what_must_not_be_lost_goes_with_the_record_that_tells_of_it(
    record: Record, urgent: bool, kept: list[str]
) -> None:
    desk = Desk(learned().monitor)
    _, snapshots, _, hurried = desk.tell(record)
    assert (hurried, snapshots) == (urgent, kept)


def test_what_windows_move_is_kept_after_the_interval_once() -> None:
    plant = learned()
    desk = Desk(plant.monitor)
    desk.tell(ALARM)
    plant.run(1)
    assert desk.tell(WINDOW)[1] == []
    desk.clock.run(600.0)
    assert desk.tell(WINDOW)[1] == ["pump"]
    desk.clock.run(600.0)
    assert desk.tell(WINDOW)[1] == [], "nothing has moved since"


def test_with_an_interval_of_nothing_every_hand_over_keeps_what_has_moved() -> None:
    plant = learned()
    desk = Desk(plant.monitor, interval=0.0)
    assert desk.tell(WINDOW)[1] == ["pump"]
    assert desk.tell(WINDOW)[1] == []
    plant.run(1)
    assert desk.tell(WINDOW)[1] == ["pump"]


def test_an_orderly_end_keeps_all_that_is_known() -> None:
    plant = learned()
    desk = Desk(plant.monitor)
    desk.recorder.leave()
    assert desk.submitted == [([], ["pump"], 0, False)]


def test_what_the_writer_has_no_room_for_is_counted_and_nobody_waits_for_it() -> None:
    desk = Desk()
    desk.tell(WINDOW)
    desk.room = False
    desk.recorder.record([WINDOW, WINDOW])
    desk.recorder.hand_over()
    assert (desk.counters.records, desk.counters.unjournaled) == (3, 2)
    assert desk.recorder.done(0) == 0, "the first is still to be written"
    assert desk.recorder.done(1) == 2
