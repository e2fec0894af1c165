"""Evidence: the samples that raised an alarm come with it, no more than asked for, and can be read again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.monitoring.evidence import MOST_A_DAY, Evidence, Piece, nanos, pieces_of
from agent.monitoring.monitor import Monitor
from agent.monitoring.spec import AssetSpec, ChannelSpec, EvidenceSpec, LearningSpec, LimitSpec, PersistenceSpec
from agent.monitoring.types import SECOND, Block, Nanos, Record
from agent.monitoring.wording import iso
from tests.monitoring.plant import LEVELS, MOTOR, PUMP, T0, Plant, learned

RATE = 25_600.0
LIMITED = replace(
    MOTOR, learning=LearningSpec(enabled=False), limits=(LimitSpec(feature="drive end.rms", alarm=2.0),),
    channels=(*MOTOR.channels, ChannelSpec(name="valve", topic="t", role="switch")))
"""Its first loud record is an alarm."""


def evidence(records: list[Record]) -> list[dict[str, Any]]:
    """As it is read from a journal or a database."""
    return [orjson.loads(orjson.dumps(record.body)) for record in records if record.kind == "evidence"]


def loud(plant: Plant) -> tuple[list[Record], dict[str, dict[Nanos, float]]]:
    """The records of a fault in a learned plant, and all samples from its beginning."""
    sent: dict[str, dict[Nanos, float]] = {name: {} for name in LEVELS}
    observe = plant.monitor.observe

    def seen(block: Block, now: Nanos, source: str = "") -> list[Record]:
        sent[block.channel][block.time] = block.values.item()
        return observe(block, now, source)

    plant.monitor.observe = seen  # type: ignore[method-assign]
    return plant.run(70) + plant.run(10, flow=-3.0), sent


def test_the_samples_of_the_window_that_raised_the_alarm_come_with_those_a_minute_before() -> None:
    records, sent = loud(learned())
    (alarm,) = (record for record in records if record.kind == "alarm" and record.body["transition"] == "raised")
    (body,) = evidence(records)
    assert (body["asset"], body["alarm"], body["time"]) == ("pump", "condition", iso(alarm.time))
    assert nanos(body["window"][1]) - nanos(body["window"][0]) == 5 * SECOND
    assert "left_out" not in body
    begin = alarm.time - 65 * SECOND
    for piece in pieces_of(body):
        expected = {time: value for time, value in sent[piece.channel].items() if begin <= time < alarm.time}
        assert len(expected) == 65
        np.testing.assert_array_equal(piece.times, list(expected))
        np.testing.assert_array_equal(piece.values, np.array(list(expected.values()), dtype=np.float32))


def test_the_alarm_is_told_first_and_its_evidence_with_what_comes_next() -> None:
    monitor = limited()
    found = monitor.observe(record(1, 3.0), T0)
    assert "evidence" not in [one.kind for one in found]
    assert [one.kind for one in monitor.tick(T0)] == ["evidence"]
    monitor.observe(record(2, 0.1), T0)
    assert [one.kind for one in monitor.observe(record(3, 3.0), T0)][-2:] == ["alarm", "window"]
    assert monitor.observe(record(4, 0.1), T0)[0].kind == "evidence"
    assert monitor.owed() == []


def limited(spec: AssetSpec = LIMITED) -> Monitor:
    monitor = Monitor(lambda _: None)
    monitor.add(spec)
    return monitor


def record(second: float, level: float, samples: int = 2560, channel: str = "drive end") -> Block:
    values = level * np.random.default_rng(round(second * 10)).standard_normal(samples).astype(np.float32)
    return Block("motor", channel, T0 + round(second * SECOND), values, RATE)


def test_of_a_vibration_channel_its_records_come_and_what_tells_how_the_machine_ran() -> None:
    monitor = limited(replace(LIMITED, evidence=EvidenceSpec(context=5.0)))
    for second in (1, 2, 8, 12):
        monitor.observe(record(second, 0.5), T0)
        monitor.observe(record(second, 0.5, channel="far end"), T0)
        monitor.observe(Block("motor", "valve", T0 + second * SECOND, np.array([1.0])), T0)
    monitor.observe(record(13, 3.0), T0)
    (body,) = evidence(monitor.owed())
    assert body["channel"] == "drive end"
    found = [(piece.channel, (piece.times[0] - T0) / SECOND, piece.values.size) for piece in pieces_of(body)]
    assert found == [("drive end", 8.0, 2560), ("drive end", 12.0, 2560), ("drive end", 13.0, 2560), ("valve", 8.0, 2)]
    last = pieces_of(body)[2]
    np.testing.assert_array_equal(last.values, record(13, 3.0).values)
    assert last.rate == RATE
    assert last.times[-1] - last.times[0] == round(2559 * SECOND / RATE)


def test_blocks_without_a_gap_are_one_piece_also_where_arrival_varies() -> None:
    spec = replace(LIMITED, evidence=EvidenceSpec(context=1.0, max_bytes=1_000_000))
    monitor = limited(spec)
    late = np.random.default_rng(1).uniform(0, 0.03, 9)
    for place in range(9):
        monitor.observe(record(place / 10 + late[place], 0.5), T0)
    monitor.observe(record(1.3, 3.0), T0)
    (body,) = evidence(monitor.owed())
    assert [piece["count"] for piece in body["channels"]] == [pytest.approx(6 * 2560, abs=2560), 2560]


@pytest.mark.parametrize("most", [1024, 20_000, 65_536])
def test_what_does_not_fit_is_left_out_from_the_beginning_and_said(most: int) -> None:
    monitor = limited(replace(LIMITED, evidence=EvidenceSpec(context=60.0, max_bytes=most)))
    noise = np.random.default_rng(1)
    for second in range(20):
        values = noise.standard_normal(25_600).astype(np.float32)
        monitor.observe(Block("motor", "drive end", T0 + second * SECOND, values * 0.1, RATE), T0)
    values = noise.standard_normal(25_600).astype(np.float32) * 3
    monitor.observe(Block("motor", "drive end", T0 + 20 * SECOND, values, RATE), T0)
    (body,) = evidence(monitor.owed())
    encoded = sum(len(piece["values"]) for piece in body["channels"]) * 3 / 4
    assert 0.75 * most < encoded <= most + 2
    (piece,) = pieces_of(body)
    np.testing.assert_array_equal(piece.values, values[-piece.values.size:])
    assert body["left_out"] >= 25_600 - piece.values.size


def test_an_asset_can_keep_its_samples_to_itself_and_a_flood_of_alarms_has_none() -> None:
    for spec in (replace(LIMITED, evidence=None), replace(LIMITED, persistence=PersistenceSpec(every_window=True))):
        monitor = limited(spec)
        assert any(one.kind == "alarm" for one in monitor.observe(record(1, 3.0), T0))
        assert monitor.owed() == []
        assert monitor._evidence._tapes == {}


def test_a_fault_that_comes_and_goes_is_shown_so_often_a_day_and_the_next_day_says_what_was_not() -> None:
    monitor = limited()
    found: list[Record] = []
    for second in range(2 * MOST_A_DAY + 20):
        found += monitor.observe(record(second, 3.0 if second % 2 else 0.1), T0)
    assert len(evidence(found)) == MOST_A_DAY
    monitor.observe(record(86_400, 0.1), T0)
    found = monitor.observe(record(86_401, 3.0), T0) + monitor.owed()
    assert [body["withheld"] for body in evidence(found)] == [10]


def test_silence_and_broken_sensors_are_no_machine_to_look_into() -> None:
    plant = learned()
    assert evidence(plant.run(100, silent="flow") + plant.monitor.owed()) == []


def test_an_asset_that_is_watched_no_longer_is_kept_nothing_of() -> None:
    monitor = limited()
    monitor.observe(record(1, 0.1), T0)
    monitor.retire("motor")
    assert monitor._evidence._tapes == {}


@given(st.lists(st.tuples(st.integers(0, 3_000), st.floats(width=32, allow_nan=True)), min_size=1, max_size=50))
def test_uneven_samples_are_read_as_they_were_written_in_the_order_of_time(
    samples: list[tuple[int, float]]
) -> None:
    pressure, flow = (ChannelSpec(name=name, topic="t", unit="bar") for name in LEVELS)
    kept = Evidence()
    kept.watch(replace(PUMP, channels=(pressure, flow)))
    for milliseconds, value in samples:
        time = T0 + milliseconds * 1_000_000
        kept.take([Block("pump", name, time, np.array([value])) for name in LEVELS])
    kept.note(raised(T0 + 4 * SECOND), [])
    (body,) = evidence(kept.told())
    first, second = pieces_of(body)
    expected = sorted(samples, key=lambda sample: sample[0])
    np.testing.assert_array_equal(first.times, [T0 + milliseconds * 1_000_000 for milliseconds, _ in expected])
    np.testing.assert_array_equal(first.values, [value for _, value in expected])
    assert (first.channel, first.unit, second.channel) == ("pressure", "bar", "flow")
    np.testing.assert_array_equal(first.times, second.times)


def raised(time: Nanos) -> Record:
    return Record("alarm", "pump", time, {
        "asset": "pump", "alarm": "condition", "concerns": "machine", "transition": "raised", "channel": None})


def test_what_is_larger_than_a_float32_is_infinite_and_no_warning() -> None:
    kept = Evidence()
    kept.watch(PUMP)
    kept.take([Block("pump", "flow", T0, np.array([1e300]))])
    kept.note(raised(T0 + SECOND), [])
    (piece,) = pieces_of(evidence(kept.told())[0])
    assert piece == Piece("flow", "", piece.times, piece.values, None)
    assert piece.values.tolist() == [np.inf]
