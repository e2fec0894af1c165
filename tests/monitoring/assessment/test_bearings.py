"""Fault frequencies of bearings agree with what was published for them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.monitoring.assessment.bearings import TABLE, Geometry, bearing, known
from simulators.bearing import Geometry as SimulatedGeometry


@pytest.mark.parametrize(
    ("name", "orders"),
    [
        # multiples of running speed; of the rolling element twice its spin, as it meets both races
        ("6205", {"bpfo": 3.5848, "bpfi": 5.4152, "ftf": 0.39828, "bsf": 4.7135 / 2}),
        ("6203", {"bpfo": 3.0530, "bpfi": 4.9469, "ftf": 0.3817, "bsf": 3.9874 / 2}),
        # published in Hz at 35 Hz, 2000 rpm, 25 Hz and 1800 rpm
        ("UER204", {"bpfo": 107.91 / 35, "bpfi": 172.09 / 35, "bsf": 72.33 / 35, "ftf": 13.49 / 35}),
        ("ZA-2115", {"bpfo": 236.4 * 60 / 2000, "bpfi": 296.9 * 60 / 2000, "bsf": 139.9 * 60 / 2000}),
        ("NICE", {"bpfo": 81.125 / 25, "bpfi": 118.875 / 25}),
        ("PRONOSTIA", {"bpfo": 168.3 / 30, "bpfi": 221.7 / 30, "bsf": 215.4 / 2 / 30}),
    ],
)
def test_the_table_gives_the_published_orders(name: str, orders: dict[str, float]) -> None:
    found = bearing(name)
    for line, order in orders.items():
        assert getattr(found, line) == pytest.approx(order, rel=1e-3), line


def test_every_bearing_of_the_table_says_where_it_is_from() -> None:
    assert all(len(listed.source) > 20 for listed in TABLE.values())


@pytest.mark.parametrize("written", ["6205", "6205-2RS", "6205-2rs JEM", "SKF 6205-2RS", "6205-2Z/C3", " 6205 "])
def test_seals_clearance_and_case_do_not_matter(written: str) -> None:
    assert known(written)
    assert bearing(written).bpfo == pytest.approx(bearing("6205").bpfo)


def test_a_bearing_that_is_not_listed_is_not_known() -> None:
    assert not known("6999")
    with pytest.raises(KeyError):
        bearing("6999")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [((2, 1.0, 5.0, 0.0), "at least 3"), ((8, 5.0, 5.0, 0.0), "smaller"), ((8, 1.0, 5.0, 90.0), "0 to 90")],
)
def test_what_cannot_be_built_is_refused(arguments: tuple[int, float, float, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Geometry(*arguments)


@given(
    elements=st.integers(3, 40), ball=st.floats(0.01, 0.5), angle=st.floats(0.0, 60.0), scale=st.floats(0.1, 1000)
)
def test_orders_obey_the_kinematics_and_know_no_unit(elements: int, ball: float, angle: float, scale: float) -> None:
    orders = Geometry(elements, ball, 1.0, angle).orders("b")
    # each element passes both races once a turn of the shaft relative to the other race
    assert orders.bpfo + orders.bpfi == pytest.approx(elements)
    assert orders.bpfo == pytest.approx(elements * orders.ftf)
    scaled = Geometry(elements, ball * scale, scale, angle).orders("b")
    assert scaled.bsf == pytest.approx(orders.bsf)


def test_the_simulator_turns_as_the_table_says() -> None:
    simulated = SimulatedGeometry(9, 0.3126, 1.537).orders
    assert simulated.bpfo == pytest.approx(bearing("6205").bpfo)
    assert simulated.bsf == pytest.approx(bearing("6205").bsf)
