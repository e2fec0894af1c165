"""What simulated machines say reaches a real broker, whatever becomes of the connection."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from simulators.faults import SECOND, SensorFault
from simulators.proxy import Proxy
from simulators.publishing import (
    Message,
    Publisher,
    in_order,
    paced,
    publish,
    telemetry_messages,
    vibration_messages,
)
from simulators.scenario import Scenario
from tests.broker import Broker, free_port
from tests.simulators.subscriber import Subscriber


def numbered(count: int) -> list[Message]:
    return [Message(number * SECOND, "plant/numbers", str(number).encode()) for number in range(count)]


def numbers(subscriber: Subscriber) -> list[int]:
    return [int(payload) for _, payload in subscriber.heard]


@pytest.mark.parametrize("qos", [0, 1])
def test_all_of_a_stream_arrives_in_order(broker: Broker, qos: int) -> None:
    with Subscriber(broker.port) as subscriber:
        with Publisher(f"mqtt://127.0.0.1:{broker.port}", 1 if qos else 0) as publisher:
            assert publish(numbered(2000), publisher, speed=0) == 2000
        subscriber.wait_for(2000)
    assert numbers(subscriber) == list(range(2000))


def test_at_qos_1_nothing_is_lost_when_the_connection_is_cut_again_and_again(broker: Broker) -> None:
    with Subscriber(broker.port) as subscriber, Proxy(("127.0.0.1", broker.port)) as proxy:
        leave = threading.Event()

        def cut_now_and_then() -> None:
            while not leave.wait(0.3):
                proxy.cut()
                proxy.restore()

        with Publisher(f"mqtt://127.0.0.1:{proxy.port}") as publisher:
            cutting = threading.Thread(target=cut_now_and_then)
            cutting.start()
            for number in range(4000):
                publisher.send("plant/numbers", str(number).encode())
                if number == 3000:
                    leave.set()
            cutting.join()
        subscriber.wait_for(4000)
    assert set(numbers(subscriber)) == set(range(4000))


def test_a_sender_waits_for_a_broker_that_is_away(broker: Broker) -> None:
    with Publisher(f"127.0.0.1:{broker.port}") as publisher:
        publisher.send("plant/numbers", b"0")
        publisher.flush()
        broker.stop()
        sending = threading.Thread(target=lambda: publish(numbered(300), publisher, speed=0))
        sending.start()
        sending.join(0.5)
        assert sending.is_alive()
        broker.start()
        sending.join(10)
        assert not sending.is_alive()


def test_a_broker_that_is_not_there_is_said() -> None:
    port = free_port()
    with pytest.raises(ConnectionError, match=f"127.0.0.1:{port}"), Publisher(f"mqtt://127.0.0.1:{port}"):
        pass


def test_a_broker_that_refuses_is_said_and_one_with_the_password_is_used(tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "me", "a b"], check=True)
    extra = f"password_file {passwords}"
    with Broker(tmp_path / "guarded", extra=extra) as guarded:
        url = f"127.0.0.1:{guarded.port}"
        with pytest.raises(ConnectionError, match=r"(?i)authori"), Publisher(f"mqtt://me:wrong@{url}"):
            pass
        with Publisher(f"mqtt://me:a%20b@{url}") as publisher:
            assert publish(numbered(3), publisher, speed=0) == 3


def test_telemetry_is_one_object_a_second_with_null_where_a_sensor_is_silent() -> None:
    scenario = Scenario(duration=5, sensor_faults=(SensorFault(channel="flow", kind="dropout", start=2, end=3),))
    documents = [json.loads(message.payload) for message in telemetry_messages(scenario, "t")]
    assert [later["ts"] - earlier["ts"] for earlier, later in pairwise(documents)] == [1000] * 4
    assert set(documents[0]) == {"ts", "pressure", "flow", "current", "temperature", "vibration", "speed", "load"}
    assert [document["flow"] is None for document in documents] == [False, False, True, False, False]


def test_a_record_is_the_same_as_raw_bytes_and_as_json() -> None:
    scenario = Scenario(duration=20)
    raw, written = (list(vibration_messages(scenario, "t", form)) for form in ("raw", "json"))
    assert [message.time for message in raw] == [message.time for message in written]
    for bare, document in zip(raw, written, strict=True):
        decoded = json.loads(document.payload)
        assert decoded["rate"] == 25_600
        assert decoded["ts"] == document.time // 1_000_000
        np.testing.assert_allclose(np.frombuffer(bare.payload, "<f4"), decoded["values"], atol=1e-6)


def test_several_streams_become_one_in_order_of_time() -> None:
    scenario = Scenario(duration=30)
    merged = list(in_order(telemetry_messages(scenario, "t"), vibration_messages(scenario, "v", "raw")))
    times = [message.time for message in merged]
    assert times == sorted(times)
    assert len(merged) == 33


def test_a_stream_is_paced_by_its_own_times() -> None:
    begun = time.monotonic()
    assert len(list(paced(numbered(4), speed=20.0))) == 4
    assert 0.15 <= time.monotonic() - begun < 1.0
