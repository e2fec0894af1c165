"""Receipts: the number up to which everything is stored, in whatever order it came."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from agent.intake import Origin, Stream, Stretch
from agent.office.streams import EMPTY, extended, hello_topic, receipt_topic, receipts, record_filters

ORIGIN = Origin("lab", "d-1")


@given(st.lists(st.lists(st.integers(1, 40)), max_size=12))
def test_the_stretch_ends_before_the_first_number_that_is_missing(batches: list[list[int]]) -> None:
    stretch = EMPTY
    for batch in batches:
        stretch = extended(stretch, {number: (1, 100 + number) for number in batch})
    seen = {number for batch in batches for number in batch}
    first_missing = next(number for number in range(1, 42) if number not in seen)
    assert stretch.number == first_missing - 1
    assert stretch.place == ((1, 100 + stretch.number) if stretch.number else (0, 0))
    assert set(stretch.beyond) == {number for number in seen if number > first_missing}


def test_numbers_that_no_device_can_have_reached_are_not_remembered() -> None:
    assert extended(EMPTY, {2**62: (1, 1), 3: (1, 3)}).beyond == {3: (1, 3)}


def test_a_device_gets_one_receipt_for_each_link_with_all_its_streams() -> None:
    told = receipts({
        Stream(ORIGIN, "12.3", "live"): Stretch(17, (12, 3045), {}),
        Stream(ORIGIN, "12.3", "alarm"): Stretch(2, (12, 3001), {}),
        Stream(ORIGIN, "12.2", "live"): Stretch(4, (12, 2000), {}),
        Stream(Origin("lab", "d-2"), "1.1", "live"): Stretch(1, (1, 1), {}),
    })
    assert [json.loads(document) for document in told[ORIGIN]] == [
        {"link": "12.3", "receipts": {"live": {"number": 17, "boot": 12, "seq": 3045},
                                      "alarm": {"number": 2, "boot": 12, "seq": 3001}}},
        {"link": "12.2", "receipts": {"live": {"number": 4, "boot": 12, "seq": 2000}}},
    ]
    assert len(told[Origin("lab", "d-2")]) == 1


def test_a_stream_of_which_the_first_is_missing_is_not_receipted() -> None:
    assert receipts({Stream(ORIGIN, "1.1", "live"): Stretch(0, (0, 0), {2: (1, 2)})}) == {}


def test_topics_are_those_of_the_devices() -> None:
    assert receipt_topic("plant/x", ORIGIN) == "plant/x/v1/lab/d-1/receipt"
    assert hello_topic("plant/x") == "plant/x/v1/collector/hello"
    assert "$share/group/plant/x/v1/+/+/alarm" in record_filters("plant/x", "group")
    assert "plant/x/v1/+/+/alarm" in record_filters("plant/x", "")
