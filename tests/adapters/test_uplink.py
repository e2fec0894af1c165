"""Every entry reaches the broker upstream, whatever happens to the link, the broker or the device."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from agent.adapters.mqtt.endpoint import Endpoint, ProtocolLevel
from agent.errors import Unavailable
from simulators.proxy import Proxy
from tests.adapters.office import Office, eventually
from tests.adapters.sender import TOPIC, Sender
from tests.adapters.sqlite.entries import alarm, entry, summaries
from tests.broker import Broker, free_port


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path / "upstream", persistence=True) as running:
        yield running


@pytest.fixture
def office(broker: Broker) -> Iterator[Office]:
    with Office(broker.port) as listening:
        yield listening


@pytest.fixture
def sender(broker: Broker) -> Iterator[Sender]:
    made = Sender(broker.port)
    yield made
    made.uplink.close(graceful=False)


@pytest.mark.parametrize("protocol", [5, 311])
def test_an_entry_arrives_on_its_kind_s_topic_and_says_whether_it_is_history(
    broker: Broker, office: Office, protocol: ProtocolLevel
) -> None:
    sender = Sender(broker.port, protocol)
    sender.connect()
    live, old = entry(1, 1, note="a"), alarm(1, 2)
    sender.send([live])
    sender.send([old], historical=True)
    sender.until(lambda: len(sender.settled) == 2)
    assert sender.settled == [((1, 1), "accepted"), ((1, 2), "accepted")]
    assert eventually(lambda: len(office.bodies()) == 2)
    heard = dict(office.heard)
    assert heard[f"{TOPIC}/window"] == live.payload[:-1] + b',"historical":false}'
    assert heard[f"{TOPIC}/alarm"] == old.payload[:-1] + b',"historical":true}'
    sender.uplink.close(graceful=True)


def test_the_device_s_state_is_retained_online_and_then_stopped(broker: Broker, sender: Sender) -> None:
    sender.connect()
    sender.until(lambda: not sender.uplink._inflight)
    with Office(broker.port, "later") as later:
        assert eventually(lambda: later.states() == ["online"])
        sender.uplink.close(graceful=True)
        assert eventually(lambda: later.states() == ["online", "stopped"])
        time.sleep(0.1)
        assert later.states()[-1] == "stopped", "the last will came after a graceful end"


def test_a_device_that_dies_is_told_offline_by_its_last_will(office: Office, sender: Sender) -> None:
    sender.connect()
    sender.until(lambda: office.states() == ["online"])
    sender.uplink.close(graceful=False)
    assert eventually(lambda: office.states() == ["online", "offline"])


def test_what_is_in_flight_is_bounded_and_nothing_is_queued_without_a_link(sender: Sender) -> None:
    with pytest.raises(Unavailable):
        sender.uplink.send(entry(1, 1), historical=False)
    sender.connect()
    entries = summaries(1, 1, 65)
    room = sender.uplink._room - len(sender.uplink._inflight)
    for e in entries[:room]:
        sender.uplink.send(e, historical=False)
    with pytest.raises(Unavailable):
        sender.uplink.send(entries[room], historical=False)
    assert 0 < room <= 64
    sender.until(lambda: len(sender.settled) == room)


def test_the_broker_s_receive_maximum_is_heeded(tmp_path: Path) -> None:
    with Broker(tmp_path / "narrow", extra="max_inflight_messages 5") as narrow:
        sender = Sender(narrow.port)
        sender.connect()
        sender.send(summaries(1, 1, 300))
        sender.until(lambda: len(sender.settled) == 300)
        assert sender.uplink._room == 5
        assert sender.uplink.counters.connections == 1
        sender.uplink.close(graceful=True)


def test_what_was_in_flight_when_the_broker_was_killed_is_the_sender_s_to_send_again(
    broker: Broker, office: Office, sender: Sender
) -> None:
    entries = [alarm(1, seq) if seq % 10 == 0 else entry(1, seq) for seq in range(1, 1001)]
    sender.connect()
    sender.send(entries[:400])
    broker.kill()
    sender.until(lambda: not sender.uplink.connected())
    owed = [e for e in entries[:400] if (e.boot, e.seq) not in sender.accepted()]
    broker.start()
    sender.connect()
    sender.send(owed, historical=True)
    sender.send(entries[400:])
    sender.until(lambda: len(sender.accepted()) == 1000, within=15)
    assert eventually(lambda: len(office.places()) == 1000, within=15)
    assert len(sender.settled) == 1000, "an entry was settled twice"


def test_what_collectors_say_is_heard_by_its_name(broker: Broker) -> None:
    sender = Sender(broker.port, listens={"receipt": f"{TOPIC}/receipt", "hello": "plant/v1/collector/hello"})
    sender.connect()
    said = mqtt.Client(CallbackAPIVersion.VERSION2)
    said.connect("127.0.0.1", broker.port)
    said.loop_start()
    heard: list[tuple[str, bytes]] = []

    def receive() -> bool:
        said.publish(f"{TOPIC}/receipt", b"{}", 1).wait_for_publish(5)
        said.publish("plant/v1/collector/hello", b"", 1).wait_for_publish(5)
        sender.step()
        heard.extend(sender.uplink.heard())
        return {("receipt", b"{}"), ("hello", b"")} <= set(heard)

    sender.until(receive)
    said.disconnect()
    said.loop_stop()
    sender.uplink.close(graceful=True)


def test_a_client_of_the_same_name_is_found_out(broker: Broker) -> None:
    one, other = Sender(broker.port), Sender(broker.port)
    try:
        one.connect()
        other.connect()
        assert not one.uplink.disputed

        def both() -> bool:
            other.step(0.01)
            return one.uplink.disputed

        one.until(both, within=20)
    finally:
        one.uplink.close(graceful=False)
        other.uplink.close(graceful=False)


def test_without_a_subscriber_upstream_an_entry_is_taken_for_nobody(sender: Sender) -> None:
    sender.connect()
    sender.send([entry(1, 1)])
    sender.until(lambda: sender.settled == [((1, 1), "unheard")])
    assert sender.uplink.counters.unheard == 1


def test_an_entry_that_the_broker_forbids_is_settled_as_refused(tmp_path: Path) -> None:
    rules = tmp_path / "acl"
    rules.write_text(f"topic write {TOPIC}/alarm\ntopic write {TOPIC}/state\n")
    with Broker(tmp_path / "strict", persistence=True, extra=f"acl_file {rules}") as strict:
        sender = Sender(strict.port)
        sender.connect()
        sender.send([entry(1, 1), alarm(1, 2)])
        sender.until(lambda: len(sender.settled) == 2)
        assert dict(sender.settled) == {(1, 1): "refused", (1, 2): "unheard"}
        sender.uplink.close(graceful=True)


def test_an_entry_larger_than_the_broker_allows_is_settled_as_refused(tmp_path: Path) -> None:
    with Broker(tmp_path / "small", extra="max_packet_size 2000") as small:
        sender = Sender(small.port)
        sender.connect()
        sender.send([entry(1, 1, note="x" * 3000), entry(1, 2)])
        sender.until(lambda: len(sender.settled) == 2)
        assert dict(sender.settled) == {(1, 1): "refused", (1, 2): "unheard"}
        assert sender.uplink.counters.connections == 1
        sender.uplink.close(graceful=True)


def test_a_black_hole_is_found_out_by_the_missing_acknowledgements(broker: Broker, office: Office) -> None:
    with Proxy(("127.0.0.1", broker.port)) as proxy:
        sender = Sender(proxy.port, ack_timeout=0.5)
        sender.connect()
        sender.send([entry(1, 1)])
        sender.until(lambda: (1, 1) in sender.accepted())
        proxy.blackhole()
        sender.send([entry(1, 2)])
        begin = time.monotonic()
        sender.until(lambda: not sender.uplink.connected())
        assert time.monotonic() - begin < 3.0
        proxy.restore()
        sender.connect()
        sender.send([entry(1, 2)], historical=True)
        sender.until(lambda: (1, 2) in sender.accepted())
        assert eventually(lambda: office.places() == [(1, 1), (1, 2)])
        sender.uplink.close(graceful=True)


def test_a_silent_black_hole_is_found_out_by_the_keepalive(broker: Broker) -> None:
    with Proxy(("127.0.0.1", broker.port)) as proxy:
        endpoint = Endpoint(host="127.0.0.1", port=proxy.port, client_id="d", keepalive=1)
        sender = Sender(proxy.port, endpoint=endpoint)
        sender.connect()
        sender.until(lambda: not sender.uplink._inflight)
        proxy.blackhole()
        sender.until(lambda: not sender.uplink.connected(), within=6)
        sender.uplink.close(graceful=False)


def test_a_reset_connection_is_reopened_and_the_entry_arrives(broker: Broker, office: Office) -> None:
    with Proxy(("127.0.0.1", broker.port)) as proxy:
        sender = Sender(proxy.port)
        sender.connect()
        proxy.cut()
        sender.until(lambda: not sender.uplink.connected())
        proxy.restore()
        sender.send([alarm(1, 1)])
        sender.until(lambda: (1, 1) in sender.accepted())
        assert eventually(lambda: office.places("alarm") == [(1, 1)])
        sender.uplink.close(graceful=True)


def test_waking_ends_a_wait_whether_or_not_there_is_a_link(broker: Broker, sender: Sender) -> None:
    def woken() -> float:
        threading.Timer(0.05, sender.uplink.wake).start()
        begin = time.monotonic()
        sender.step(5)
        return time.monotonic() - begin

    sender.connect()
    sender.until(lambda: not sender.uplink._inflight)
    assert woken() < 0.9
    broker.kill()
    sender.until(lambda: not sender.uplink.connected())
    sender.uplink._retry_at = time.monotonic() + 60
    assert woken() < 0.9


@contextlib.contextmanager
def fake_broker(answer: bytes) -> Iterator[tuple[int, list[float]]]:
    """Accepts, reads CONNECT, says ``answer`` and hangs up; when it was called."""
    calls: list[float] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                calls.append(time.monotonic())
                with connection, contextlib.suppress(OSError):
                    connection.recv(4096)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1], calls
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@pytest.mark.parametrize("answer", [
    pytest.param(b"\x20\x03\x00\x00\x00", id="accepted, then hung up"),
    pytest.param(b"\x20\x03\x00\x87\x00", id="not authorised"),
    pytest.param(b"HTTP/1.1 400 Bad Request\r\n\r\n", id="not MQTT"),
    pytest.param(b"\x20\x7f\x00\x00\x7f\xff\xff", id="malformed"),
    pytest.param(b"", id="nothing"),
])
def test_a_broker_that_hangs_up_is_called_at_growing_intervals(answer: bytes) -> None:
    with fake_broker(answer) as (port, calls):
        sender = Sender(port)
        sender.until(lambda: len(calls) == 6)
        sender.uplink.close(graceful=False)
    pauses = [later - earlier for earlier, later in itertools.pairwise(calls)]
    assert pauses[-1] > 0.12, pauses
    assert sum(pauses) > 0.01 + 0.02 + 0.04 + 0.08 + 0.16


def test_where_nobody_listens_a_step_raises_nothing() -> None:
    sender = Sender(free_port())
    for _ in range(5):
        sender.step(0.05)
    assert not sender.uplink.connected()
    sender.uplink.close(graceful=True)
