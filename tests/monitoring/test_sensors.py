"""A sensor's fault is one alarm, and it says whose: the sensor's, or that of the way from it."""

from __future__ import annotations

from math import nan

from agent.monitoring.types import Record
from tests.monitoring.plant import alarms, learned


def told(records: list[Record]) -> list[tuple[str, str, str]]:
    return [(body["alarm"], body["concerns"], body["transition"]) for body in alarms(records)]


def test_a_channel_that_sends_nothing_is_one_alarm_of_its_communication() -> None:
    plant = learned()
    assert told(plant.run(200, silent="flow")) == [("silent flow", "communication", "raised")]
    assert told(plant.run(60)) == [("silent flow", "communication", "cleared")]


def test_a_sensor_whose_messages_hold_no_value_is_one_alarm_of_the_sensor() -> None:
    plant = learned()
    first, *more = alarms(plant.run(200, flow=nan))
    assert (first["alarm"], first["concerns"], first["fault"]) == ("sensor flow", "sensor", "dropout")
    assert not more
    assert told(plant.run(60)) == [("sensor flow", "sensor", "cleared")]


def test_a_sensor_that_says_nothing_more_even_without_a_value_is_handed_over_to_the_communication() -> None:
    plant = learned()
    plant.run(100, flow=nan)
    assert told(plant.run(200, silent="flow")) == [
        ("sensor flow", "sensor", "cleared"), ("silent flow", "communication", "raised")]


def test_without_a_channel_that_says_nothing_the_others_are_judged() -> None:
    plant = learned()
    plant.run(100, silent="flow")
    assert ("condition", "machine", "raised") in told(plant.run(30, silent="flow", pressure=-1.0))
