"""A message that holds a row of all channels is taken as its samples would be one by one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.monitoring.monitor import Monitor
from agent.monitoring.spec import AssetSpec, ChannelSpec, LearningSpec, WindowSpec
from agent.monitoring.types import SECOND, Block, Record

NAMES = ("pressure", "flow", "speed")
SPEC = AssetSpec(
    id="pump", profile="process", window=WindowSpec(seconds=3, stride=1), learning=LearningSpec(samples=20),
    channels=tuple(
        ChannelSpec(name=name, topic="t", rate=1.0, valid=(-50.0, 50.0), stuck_after=5) for name in NAMES),
    stale_after=20.0, evidence=None)  # fmt: skip
ODD = st.lists(
    st.tuples(
        st.sampled_from(["fault", "not a number", "out of range", "channel missing", "channel twice", "order",
                         "other time", "earlier", "gap", "stuck"]),
        st.integers(0, 90), st.integers(0, 2)),
    max_size=12)  # fmt: skip
"""(what is odd, at which row, of which channel)."""


def row(second: int, odd: list[tuple[str, int, int]]) -> list[Block]:
    """The row of that second, with all that is odd about it."""
    rng = np.random.default_rng(second)
    values = {name: 10.0 * number + float(rng.normal()) for number, name in enumerate(NAMES)}
    late = 60 if any(what == "gap" and second > at for what, at, _ in odd) else 0
    times = dict.fromkeys(NAMES, second + late)
    order = list(NAMES)
    for what, at, channel in odd:
        name = NAMES[channel]
        if what in WRONG and at <= second < at + WRONG[what][0]:
            values[name] = WRONG[what][1]
        if at == second:
            disturb(what, name, order, times)
    return [Block("pump", name, times[name] * SECOND, np.array([values[name]])) for name in order]


WRONG = {"fault": (15, 32.0), "stuck": (8, 7.0), "not a number": (1, float("nan")), "out of range": (1, 99.0)}
"""For how many rows, and what the channel says."""


def disturb(what: str, name: str, order: list[str], times: dict[str, int]) -> None:
    match what:
        case "channel missing" if name in order:
            order.remove(name)
        case "channel twice":
            order.append(name)
        case "order":
            order.reverse()
        case "other time":
            times[name] += 1
        case "earlier":
            times.update({each: time - 5 for each, time in times.items()})
        case _:
            pass


def said(records: list[Record]) -> list[bytes]:
    return [orjson.dumps([record.kind, record.asset, record.time, record.body]) for record in records]


@settings(max_examples=40, deadline=None)
@given(ODD)
def test_a_row_leads_to_the_same_records_bit_for_bit(odd: list[tuple[str, int, int]]) -> None:
    whole, singly = Monitor(lambda _: None), Monitor(lambda _: None)
    assert said(whole.add(SPEC)) == said(singly.add(SPEC))
    now = 0
    for second in range(100):
        blocks = row(second, odd)
        now = max([now, *(block.time for block in blocks)])
        together = whole.observe_message(blocks, now, "topic")
        alone = [record for block in blocks for record in singly.observe(block, now, "topic")]
        assert said(together) == said(alone)
        assert said(whole.tick(now)) == said(singly.tick(now))
    assert whole.quality() == singly.quality()
    for one, other in zip(whole.snapshots(all_moved=True), singly.snapshots(all_moved=True), strict=True):
        assert orjson.dumps(one.state) == orjson.dumps(other.state)


def test_a_flood_is_told_where_it_begins_though_a_message_holds_many_rows() -> None:
    faults = [("fault", second, 0) for second in range(30, 300, 30)]
    burst = [block for second in range(300) for block in row(second, faults)]
    whole, singly = Monitor(lambda _: None), Monitor(lambda _: None)
    whole.add(SPEC)
    singly.add(SPEC)
    together = whole.observe_message(burst, 0)
    assert said(together) == said([record for block in burst for record in singly.observe(block, 0)])
    assert "flood" in {record.body["alarm"] for record in together[:-10] if record.kind == "alarm"}


def test_the_rows_of_a_fault_raise_an_alarm() -> None:
    monitor = Monitor(lambda _: None)
    monitor.add(SPEC)
    found = [record for second in range(100)
             for record in monitor.observe_message(row(second, [("fault", 60, 0)]), second * SECOND)]
    windows = [record.time for record in found if record.kind == "window"]
    assert all(later - earlier == SECOND for earlier, later in pairwise(windows))
    assert "raised" in [record.body["transition"] for record in found if record.kind == "alarm"]
