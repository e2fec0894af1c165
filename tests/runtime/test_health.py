"""The device's check-up: when, and what its record says."""

from __future__ import annotations

import orjson
import pytest

from agent.ports import JournalDepth, SystemVitals
from agent.runtime.health import CheckUp
from tests.runtime.clocks import NOON, HandClock


class Device:
    """A device whose readings a test sets."""

    def __init__(self, period: float = 300.0) -> None:
        self.clock = HandClock()
        self.cpu: float | None = 10.0
        self.depth: JournalDepth | None = JournalDepth(4096, 7, 2, NOON)
        self.checkup = CheckUp(
            self.clock, self.system, lambda: self.depth, {"writer": lambda: {"commits": 3}}, period)

    def system(self) -> SystemVitals:
        return SystemVitals(self.cpu, 40_000_000, 5, 20, 48.5, ("throttled",), 10**9)


@pytest.mark.parametrize(("period", "times"), [(300.0, [60, 360, 660]), (30.0, [30, 60, 90])])
def test_the_first_comes_within_a_minute_and_then_one_a_period(period: float, times: list[int]) -> None:
    device = Device(period)
    found = []
    for second in range(1, times[-1] + 2):
        device.clock.run(1.0)
        if device.checkup.due():
            found.append(second)
    assert found == times


def test_after_a_long_stall_there_is_one_and_not_all_that_were_missed() -> None:
    device = Device(30.0)
    device.clock.run(3600.0)
    assert device.checkup.due()
    assert not device.checkup.due()


def test_the_record_says_all_of_it_in_what_json_can_say() -> None:
    device = Device()
    device.clock.run(100.0)
    device.cpu = 15.0
    record = device.checkup.vitals().record()
    body = orjson.loads(orjson.dumps(record.body))
    assert (record.kind, record.asset, record.time) == ("health", "", device.clock.wall)
    assert (body["uptime_s"], body["cpu_share"], body["temperature_c"]) == (100.0, 0.05, 48.5)
    assert body["journal"] == {
        "bytes": 4096, "rows": 7, "undelivered": 2, "oldest_undelivered": "2027-01-15T08:00:00.000000Z"}
    assert (body["writer"], body["throttled"], body["synchronised"]) == ({"commits": 3}, ["throttled"], True)


def test_the_share_of_a_core_is_that_since_the_last_time() -> None:
    device = Device()
    device.clock.run(100.0)
    device.cpu = 60.0
    assert device.checkup.vitals().cpu_share == 0.5
    device.clock.run(100.0)
    device.cpu = 62.0
    assert device.checkup.vitals().cpu_share == 0.02


def test_what_is_not_known_is_null() -> None:
    device = Device()
    device.cpu, device.depth = None, None
    body = device.checkup.vitals().record().body
    assert (body["cpu_share"], body["journal"]) == (None, None)
