"""Where a collector answers, its receipts settle what was sent, and nothing else does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.runtime.streams import Terms
from tests.adapters.office import eventually
from tests.adapters.sqlite.entries import alarm, summaries
from tests.broker import Broker
from tests.runtime.upstream import Collector, Device


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path / "upstream", persistence=True) as running:
        yield running


@pytest.fixture
def collector(broker: Broker) -> Iterator[Collector]:
    made = Collector(broker.port)
    yield made
    made.close()


@pytest.fixture
def collected(tmp_path: Path, broker: Broker) -> Iterator[Device]:
    made = Device(tmp_path / "c.db", broker.port, Terms(receipts=True, window=64, receipt_within=1.0))
    yield made
    made.stop()


def test_a_receipt_settles_what_it_says_is_stored(collected: Device, collector: Collector) -> None:
    collected.journal.commit(summaries(collected.boot, 1, 500))
    collected.connect()
    collected.record([alarm(collected.boot, 501), *summaries(collected.boot, 502, 100)])
    assert eventually(lambda: len(collector.places) == 601, within=15)
    assert eventually(lambda: collected.owed() == 0)
    assert collected.courier.counters.accepted == 601


def test_without_receipts_rows_stay_and_go_again_on_another_link(collected: Device, collector: Collector) -> None:
    collector.answering = False
    collected.connect()
    collected.record([alarm(collected.boot, 1), *summaries(collected.boot, 2, 10)])
    assert eventually(lambda: len(collector.links) >= 2, within=15)
    assert collected.writer.flush(5)
    assert collected.owed() == 11
    collector.answering = True
    assert eventually(lambda: collected.owed() == 0, within=20)
    assert len(collector.places) == 11


def test_a_receipt_of_another_link_or_without_sense_settles_nothing(
    collected: Device, collector: Collector
) -> None:
    collector.answering = False
    collected.connect()
    collected.record(summaries(collected.boot, 1, 5))
    assert eventually(lambda: len(collector.places) == 5)
    sayings: tuple[object, ...] = (
        {"link": "0.0", "receipts": {"live": {"number": 5}}}, [], {"link": 7}, {"link": "1.1", "receipts": 3},
        {"link": "1.1", "receipts": {"live": {"number": True}}}, {"link": "1.1", "receipts": {"live": None}})
    for said in sayings:
        collector.say("plant/v1/site/d/receipt", said)
    assert eventually(lambda: collected.courier._receipts is not None and collected.courier._receipts.malformed >= 5)
    assert collected.writer.flush(5)
    assert collected.owed() == 5


def test_the_hello_of_a_collector_begins_a_new_link(collected: Device, collector: Collector) -> None:
    collected.connect()
    collected.record(summaries(collected.boot, 1, 5))
    assert eventually(lambda: collected.owed() == 0)
    links = collected.courier.counters.links
    collector.say("plant/v1/collector/hello", {})
    assert eventually(lambda: collected.courier.counters.links == links + 1)
