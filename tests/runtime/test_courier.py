"""What is owed goes upstream in the right order, is settled, and is never waited for by an alarm.

Everything is real: the journal, the writer, the uplink and a Mosquitto.
"""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from agent.adapters.clock import SystemClock
from agent.adapters.mqtt.endpoint import Endpoint
from agent.adapters.mqtt.uplink import MqttUplink, UplinkSettings
from agent.adapters.sqlite.journal import SqliteJournal
from agent.runtime.allowance import Allowance
from agent.runtime.courier import Courier
from agent.runtime.streams import Terms
from simulators.proxy import Proxy
from tests.adapters.office import Office, eventually
from tests.adapters.sqlite.entries import T0, alarm, entry, summaries
from tests.broker import Broker
from tests.runtime.upstream import Device


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path / "upstream", persistence=True) as running:
        yield running


@pytest.fixture
def office(broker: Broker) -> Iterator[Office]:
    with Office(broker.port) as listening:
        yield listening


@pytest.fixture
def device(tmp_path: Path, broker: Broker) -> Iterator[Device]:
    made = Device(tmp_path / "journal.db", broker.port)
    yield made
    made.stop()


def test_alarms_leave_first_then_events_then_quality_then_summaries(device: Device, office: Office) -> None:
    boot = device.boot
    device.journal.commit([
        *summaries(boot, 1, 20), entry(boot, 21, "quality"), entry(boot, 22, "event"), alarm(boot, 23),
        *summaries(boot, 24, 20), alarm(boot, 44, "cleared"),
    ])
    device.start()
    assert eventually(lambda: len(office.places()) == 44)
    assert [seq for _, seq in office.places()] == [23, 44, 22, 21, *range(1, 21), *range(24, 44)]
    assert all(body["historical"] for body in office.bodies())


def test_live_summaries_leave_before_history_and_say_so(device: Device, office: Office) -> None:
    device.journal.commit(summaries(device.boot, 1, 3000))
    device.connect()
    device.record(summaries(device.boot, 3001, 50))
    assert eventually(lambda: len(office.heard) == 3051, within=20)  # the state as well
    order = [seq for _, seq in office.places()]
    history = [seq for seq in order if seq <= 3000]
    assert history == sorted(history)
    assert order.index(3050) < order.index(3000)
    assert {body["seq"] for body in office.bodies() if not body["historical"]} == set(range(3001, 3051))


def test_an_alarm_overtakes_a_long_drain(device: Device, office: Office) -> None:
    device.journal.commit(summaries(device.boot, 1, 20_000))
    device.connect()
    assert eventually(lambda: device.courier.counters.sent > 500)
    device.record([alarm(device.boot, 20_001)])
    told = time.monotonic()
    assert eventually(lambda: office.places("alarm"))
    assert device.courier.counters.accepted < 20_000
    position = next(i for i, (topic, _) in enumerate(office.heard) if topic.endswith("/alarm"))
    assert office.at[position] - told < 0.5


def test_an_alarm_leaves_within_100_ms_of_its_commit(device: Device, office: Office) -> None:
    device.connect()
    took = []
    for seq in range(1, 11):
        told = time.monotonic()
        device.record([alarm(device.boot, seq)])
        assert eventually(lambda seq=seq: len(office.places("alarm")) == seq)  # type: ignore[misc]
        took.append(office.at[-1] - told)
    assert sorted(took)[len(took) // 2] < 0.1, took


def test_what_was_accepted_is_settled_in_the_journal(device: Device, office: Office) -> None:
    assert office.places() == []
    device.connect()
    device.record([*summaries(device.boot, 1, 200), alarm(device.boot, 201)])
    assert eventually(lambda: device.courier.counters.accepted == 201)
    assert eventually(lambda: device.owed() == 0)
    assert device.courier.counters.sent == 201


def test_a_restart_sends_only_what_was_not_settled(tmp_path: Path, broker: Broker, office: Office) -> None:
    first = Device(tmp_path / "j.db", broker.port)
    first.connect()
    first.record(summaries(first.boot, 1, 100))
    assert eventually(lambda: len(office.places()) == 100)
    first.stop()
    second = Device(tmp_path / "j.db", broker.port)
    assert second.owed() == 0
    second.connect()
    second.record([alarm(second.boot, 1)])
    assert eventually(lambda: office.places()[-1] == (second.boot, 1))
    second.stop()
    assert len(office.bodies()) == 101


def test_a_stop_sends_the_last_records_and_says_stopped(device: Device, office: Office) -> None:
    device.connect()
    device.record([entry(device.boot, 1), alarm(device.boot, 2)])
    device.writer.flush(5)
    device.courier.stop()
    device.courier.join(5)
    assert eventually(lambda: office.states() == ["online", "stopped"])
    assert set(office.places()) == {(device.boot, 1), (device.boot, 2)}


def test_with_the_broker_away_and_back_every_entry_arrives_marked_as_what_it_is(
    device: Device, broker: Broker, office: Office
) -> None:
    boot = device.boot
    device.connect()
    device.record(summaries(boot, 1, 100))
    assert eventually(lambda: device.courier.counters.accepted == 100)
    broker.kill()
    assert eventually(lambda: not device.courier._linked)
    device.record([alarm(boot, 101), *summaries(boot, 102, 200)])
    assert device.writer.flush(5)
    broker.start()
    assert eventually(lambda: device.courier._linked)
    device.record(summaries(boot, 302, 100))
    assert eventually(lambda: len(office.places()) == 401, within=20)
    first: dict[int, bool] = {}
    for body in office.bodies():
        first.setdefault(body["seq"], body["historical"])
    assert {seq for seq, historical in first.items() if historical} == set(range(101, 302))
    assert eventually(lambda: device.owed() == 0)


def test_a_link_that_keeps_breaking_loses_nothing(tmp_path: Path, broker: Broker, office: Office) -> None:
    with Proxy(("127.0.0.1", broker.port)) as proxy:
        device = Device(tmp_path / "j.db", proxy.port)
        device.start()
        boot, seqs = device.boot, itertools.count(1)
        for _ in range(6):
            device.record([entry(boot, next(seqs)) for _ in range(150)])
            device.record([alarm(boot, next(seqs))])
            time.sleep(0.05)
            proxy.cut()
            time.sleep(0.02)
            proxy.restore()
        total = next(seqs) - 1
        assert eventually(lambda: len(office.places()) == total, within=20)
        assert eventually(lambda: device.owed() == 0)
        copies: dict[int, set[str]] = {}
        for body in office.bodies():
            body.pop("historical")
            copies.setdefault(body["seq"], set()).add(repr(body))
        assert all(len(versions) == 1 for versions in copies.values())
        device.stop()


def test_while_settlements_cannot_be_taken_nothing_more_is_sent(
    tmp_path: Path, broker: Broker, office: Office
) -> None:
    journal = SqliteJournal(tmp_path / "j.db")
    journal.commit(summaries(journal.begin_boot(T0), 1, 1000))
    endpoint = Endpoint(host="127.0.0.1", port=broker.port, client_id="d")
    uplink = MqttUplink(UplinkSettings(endpoint=endpoint, topic="plant/v1/site/d"))
    courier = Courier(journal.reader(), uplink, lambda _: False, SystemClock(), terms=Terms(window=10))
    courier.start()
    assert eventually(lambda: courier.counters.accepted > 10)
    time.sleep(0.2)
    assert courier.counters.sent <= 30
    assert len(office.places()) <= 30
    courier.stop()
    courier.join(5)
    journal.close()


def test_without_a_link_the_courier_lives_and_leaves_when_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        device = Device(tmp_path / "j.db", silent.getsockname()[1])
        device.start()
        device.record([alarm(device.boot, 1)])
        time.sleep(0.2)
        assert device.courier.is_alive()
        assert device.courier.last_progress >= time.monotonic() - 2.0
        begun = time.monotonic()
        device.stop()
        assert time.monotonic() - begun < 2.0


def test_a_bug_ends_the_thread_and_is_kept_for_the_supervisor(device: Device, office: Office) -> None:
    def broken(_: Sequence[tuple[int, int]]) -> bool:
        raise RuntimeError("no writer")

    device.courier._settle = broken
    device.connect()
    device.record([entry(device.boot, 1)])
    device.courier.join(5)
    assert isinstance(device.courier.failure, RuntimeError)
    assert office.states()[0] == "online"
    device.courier.failure = None
    device.uplink.close(graceful=False)


# ------------------------------------------------------------------- nobody listens, and what may go


def test_what_nobody_listens_to_is_not_delivered_and_comes_when_somebody_does(
    device: Device, broker: Broker
) -> None:
    device.connect()
    device.record([alarm(device.boot, 1), *summaries(device.boot, 2, 40)])
    assert eventually(lambda: device.courier.counters.unheard > 0)
    assert device.writer.flush(5)
    assert device.owed() == 41
    with Office(broker.port) as office:
        assert eventually(lambda: len(office.places()) == 41, within=20)
        assert eventually(lambda: device.owed() == 0)


def test_a_quota_of_the_day_lets_only_alarms_through_at_its_end(
    tmp_path: Path, broker: Broker, office: Office
) -> None:
    device = Device(tmp_path / "q.db", broker.port, allowance=Allowance(None, 20_000, now=time.time_ns()))
    device.connect()
    device.record(summaries(device.boot, 1, 400))
    assert eventually(lambda: ("quota", True) in device.troubles)
    before = len(office.places("window"))
    assert 0 < before < 400
    device.record([alarm(device.boot, 401)])
    assert eventually(lambda: office.places("alarm") == [(device.boot, 401)])
    assert sum(len(payload) for _, payload in office.heard) < 22_000
    device.stop()


def test_a_limit_of_bytes_a_second_is_kept(tmp_path: Path, broker: Broker, office: Office) -> None:
    device = Device(tmp_path / "r.db", broker.port, allowance=Allowance(10_000, None))
    device.connect()
    begun = time.monotonic()
    device.record(summaries(device.boot, 1, 400))
    time.sleep(3.0)
    went = sum(len(payload) for _, payload in office.heard)
    assert 5_000 < went < 10_000 * (time.monotonic() - begun + 3.0)
    assert len(office.places()) < 400
    device.stop()
