"""Faults and schedules are read as they are written, and what is wrong is said at once."""

from __future__ import annotations

import math
from argparse import ArgumentTypeError
from collections.abc import Callable

import pytest

from simulators.faults import MachineFault, SensorFault
from simulators.notation import (
    Step,
    read_broker,
    read_count,
    read_endpoint,
    read_fault,
    read_port,
    read_seconds,
    read_seed,
    read_sensor_fault,
    read_separator,
    read_speed,
    read_step,
    read_topic,
)


@pytest.mark.parametrize(("text", "fault"), [
    ("outer-race@600", MachineFault(kind="outer-race", start=600, end=math.inf, severity=0.7)),
    ("ball@10-20.5:0.4", MachineFault(kind="ball", start=10, end=20.5, severity=0.4)),
    ("cavitation@5~60", MachineFault(kind="cavitation", start=5, end=math.inf, severity=0.7, growth=60)),
    ("seal-leak@1-9:1~8", MachineFault(kind="seal-leak", start=1, end=9, severity=1, growth=8)),
])
def test_a_machine_fault_is_read(text: str, fault: MachineFault) -> None:
    assert read_fault(text) == fault


@pytest.mark.parametrize(("text", "fault"), [
    ("flow:stuck@10-20", SensorFault(channel="flow", kind="stuck", start=10, end=20)),
    ("pressure:drift@1-2:-0.5", SensorFault(channel="pressure", kind="drift", start=1, end=2, size=-0.5)),
])
def test_a_sensor_fault_is_read(text: str, fault: SensorFault) -> None:
    assert read_sensor_fault(text) == fault


@pytest.mark.parametrize(("text", "step"), [
    ("30:cut", Step(30, "cut")),
    ("0.5:blackhole", Step(0.5, "blackhole")),
    ("60:delay=0.25", Step(60, "delay", 0.25)),
    ("90:restore", Step(90, "restore")),
])
def test_a_step_of_the_network_is_read(text: str, step: Step) -> None:
    assert read_step(text) == step


@pytest.mark.parametrize(("text", "endpoint"), [
    ("10.0.0.7:1883", ("10.0.0.7", 1883)), (":1884", ("127.0.0.1", 1884)), ("1885", ("127.0.0.1", 1885)),
])
def test_an_endpoint_is_read(text: str, endpoint: tuple[str, int]) -> None:
    assert read_endpoint(text) == endpoint


@pytest.mark.parametrize(("read", "text", "value"), [
    (read_seconds, "0.5", 0.5), (read_speed, "0", 0.0), (read_speed, "24", 24.0),
    (read_count, "3", 3), (read_seed, "0", 0), (read_port, "65535", 65_535),
    (read_topic, "plant/p 1/t", "plant/p 1/t"), (read_separator, ";", ";"), (read_separator, r"\t", "\t"),
])
def test_numbers_names_and_signs_are_read(read: Callable[[str], object], text: str, value: object) -> None:
    assert read(text) == value


@pytest.mark.parametrize(("read", "text"), [
    (read_fault, "rust@10"),
    (read_fault, "ball"),
    (read_fault, "ball@20-10"),
    (read_fault, "ball@10:1.5"),
    (read_fault, "ball@10:0.5 "),
    (read_sensor_fault, "humidity:stuck@1-2"),
    (read_sensor_fault, "flow:tired@1-2"),
    (read_sensor_fault, "flow:stuck@1"),
    (read_sensor_fault, "flow:stuck@2-1"),
    (read_step, "cut"),
    (read_step, "5:explode"),
    (read_step, "5:delay"),
    (read_step, "5:cut=3"),
    (read_endpoint, "host"),
    (read_endpoint, "host:99999"),
    (read_endpoint, "host:0"),
    (read_port, "65536"),
    (read_port, "-1"),
    (read_seed, "-1"),
    (read_count, "0"),
    (read_seconds, "0"),
    (read_seconds, "inf"),
    (read_seconds, "soon"),
    (read_speed, "-1"),
    (read_speed, "nan"),
    (read_topic, "plant/#"),
    (read_topic, "plant/+/t"),
    (read_topic, ""),
    (read_separator, ""),
    (read_separator, ", "),
    (read_separator, "\n"),
    (read_broker, "http://127.0.0.1"),
    (read_broker, "mqtt://"),
    (read_broker, "mqtt://host:port"),
])
def test_what_cannot_be_read_is_refused(read: Callable[[str], object], text: str) -> None:
    with pytest.raises(ArgumentTypeError):
        read(text)


def test_a_refused_broker_does_not_tell_its_password() -> None:
    with pytest.raises(ArgumentTypeError) as refusal:
        read_broker("http://me:hush@127.0.0.1")
    assert "hush" not in str(refusal.value)
