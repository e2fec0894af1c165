"""A sensor's fault is one alarm, and it says whose: the sensor's, or that of the way from it."""

from __future__ import annotations

from math import nan

import numpy as np
import pytest

from agent.monitoring.types import Block, Record
from tests.monitoring.plant import MOTOR, Plant, alarms, bodies, learned


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


# --------------------------------------------------------------------------- waveforms


def records(plant: Plant, number: int, gain: float = 1.0, offset: float = 0.0) -> list[Record]:
    """So many of the drive end, one a minute: noise, or nothing but a constant."""
    found: list[Record] = []
    for _ in range(number):
        plant.second += 60
        values = (offset + gain * plant.noise.normal(size=2048)).astype(np.float32)
        found += plant.monitor.observe(Block("motor", "drive end", plant.now, values, rate=25_600.0), plant.now)
    return found


def motor() -> Plant:
    plant = Plant(MOTOR)
    assert bodies(records(plant, 31), "learned")
    return plant


@pytest.mark.parametrize("offset", [0.0, 0.3, -2.5])
def test_a_vibration_sensor_that_dies_is_an_alarm_of_the_sensor_and_none_of_the_machine(offset: float) -> None:
    plant = motor()
    dead = records(plant, 40, gain=0.0, offset=offset)
    (raised,) = alarms(dead)
    assert (raised["alarm"], raised["concerns"], raised["fault"]) == ("sensor drive end", "sensor", "stuck")
    assert raised["transition"] == "raised"
    assert all(record.body["score"] is None for record in dead if record.kind == "window")
    assert told(records(plant, 5)) == [("sensor drive end", "sensor", "cleared")]


def test_one_record_without_anything_in_it_is_neither_judged_nor_alarmed() -> None:
    plant = motor()
    for _ in range(5):
        assert not alarms(records(plant, 1, gain=0.0) + records(plant, 5))


def test_a_bearing_that_is_damaged_stays_the_machines() -> None:
    plant = motor()
    assert ("drive end", "machine", "raised") in told(records(plant, 20, gain=5.0))


def test_a_restart_forgets_no_dead_vibration_sensor() -> None:
    plant = motor()
    assert told(records(plant, 5, gain=0.0)) == [("sensor drive end", "sensor", "raised")]
    again = plant.restarted()
    assert not alarms(records(again, 5, gain=0.0))
    assert told(records(again, 5)) == [("sensor drive end", "sensor", "cleared")]


def test_a_vibration_sensor_that_is_dead_from_the_beginning_is_refused_and_no_alarm() -> None:
    plant = Plant(MOTOR)
    said = records(plant, 40, gain=0.0)
    assert not alarms(said)
    assert bodies(said, "refused")
