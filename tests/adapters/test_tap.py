"""The tap cuts PUBLISH packets out of a real socket's stream and leaves the rest to paho."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.adapters.mqtt.tap import Arrival, PublishTap

PINGRESP = b"\xd0\x00"
MAX = 1000


def length(size: int) -> bytes:
    out = bytearray()
    while True:
        size, byte = size >> 7, size & 127
        out.append(byte | (128 if size else 0))
        if not size:
            return bytes(out)


def publish(
    topic: str, payload: bytes, packet_id: int = 0, *, dup: bool = False, properties: bytes | None = None
) -> bytes:
    name = topic.encode()
    body = len(name).to_bytes(2, "big") + name
    if packet_id:
        body += packet_id.to_bytes(2, "big")
    if properties is not None:
        body += length(len(properties)) + properties
    body += payload
    first = 0x30 | (0x02 if packet_id else 0) | (0x08 if dup else 0)
    return bytes([first]) + length(len(body)) + body


class Pair:
    """A tap on one end of a socket pair; the test is the broker at the other."""

    def __init__(self, *, properties: bool = False) -> None:
        mine, self.broker = socket.socketpair()
        mine.setblocking(False)
        self.tap = PublishTap(mine, properties=properties, max_payload=MAX)

    def pull(self, *chunks: bytes) -> list[Arrival]:
        arrivals = []
        for chunk in chunks:
            self.broker.sendall(chunk)
            arrivals += self.tap.pull()
        return arrivals

    def others(self) -> bytes:
        out = b""
        while True:
            try:
                taken = self.tap.recv(3)
            except BlockingIOError:
                return out
            if not taken:
                return out
            out += taken

    def close(self) -> None:
        self.tap.close()
        self.broker.close()


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair()
    yield made
    made.close()


def test_publishes_are_taken_and_other_packets_left_for_paho(pair: Pair) -> None:
    arrivals = pair.pull(publish("a/b", b"1") + PINGRESP + publish("c", b"2", 7, dup=True))
    assert arrivals == [Arrival("a/b", b"1", 0, False), Arrival("c", b"2", 7, True)]
    assert pair.others() == PINGRESP


def test_qos_2_is_left_for_paho(pair: Pair) -> None:
    packet = bytearray(publish("a", b"x", 5))
    packet[0] = 0x34
    assert pair.pull(bytes(packet)) == []
    assert pair.others() == bytes(packet)


def test_mqtt_5_properties_are_handed_on_as_they_came() -> None:
    pair = Pair(properties=True)
    assert pair.pull(publish("a", b"x", 5, properties=b"\x01\x01"), publish("a", b"y", properties=b"")) == [
        Arrival("a", b"x", 5, False, False, b"\x02\x01\x01"),
        Arrival("a", b"y", 0, False),
    ]
    pair.close()


def test_properties_too_long_to_wait_in_numbers_are_not_kept() -> None:
    pair = Pair(properties=True)
    content_type = b"\x03\x02\x58" + b"t" * 600
    assert pair.pull(publish("a", b"x", properties=content_type)) == [Arrival("a", b"x", 0, False)]
    pair.close()


def test_what_the_broker_had_kept_is_told_from_what_is_new(pair: Pair) -> None:
    kept = bytearray(publish("a", b"x"))
    kept[0] |= 0x01
    assert pair.pull(bytes(kept) + publish("a", b"y")) == [
        Arrival("a", b"x", 0, False, retained=True),
        Arrival("a", b"y", 0, False),
    ]


def test_a_payload_over_the_bound_is_cut_and_the_stream_goes_on(pair: Pair) -> None:
    big = publish("big", b"z" * 300_000, 9)
    sender = threading.Thread(target=pair.broker.sendall, args=(big + publish("next", b"1"),))
    sender.start()
    arrivals: list[Arrival] = []
    while len(arrivals) < 2:
        arrivals += pair.tap.pull()
    sender.join()
    assert arrivals == [Arrival("big", b"z" * (MAX + 1), 9, False), Arrival("next", b"1", 0, False)]


def test_the_end_of_the_connection_reaches_paho_as_an_empty_read(pair: Pair) -> None:
    pair.broker.close()
    assert pair.tap.pull() == []
    assert pair.tap.owes_paho()
    assert pair.tap.recv(1) == b""


def test_without_bytes_paho_is_told_to_come_again(pair: Pair) -> None:
    with pytest.raises(BlockingIOError):
        pair.tap.recv(1)


def test_an_impossible_length_is_paho_s_to_refuse(pair: Pair) -> None:
    assert pair.pull(b"\x30\xff\xff\xff\xff\xff") == []
    assert pair.others().startswith(b"\x30\xff\xff\xff\xff")


def test_a_publish_shorter_than_its_own_header_ends_the_connection(pair: Pair) -> None:
    assert pair.pull(b"\x32\x02\x00\x00") == []
    assert pair.tap.recv(1) == b""


def test_a_packet_is_sent_whole_even_when_the_kernel_takes_it_in_parts(pair: Pair) -> None:
    packet = b"p" * 2_000_000
    got = bytearray()

    def read() -> None:
        while len(got) < len(packet):
            got.extend(pair.broker.recv(65_536))

    reader = threading.Thread(target=read)
    reader.start()
    assert pair.tap.send(packet) == len(packet)
    reader.join(10)
    assert bytes(got) == packet


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    messages=st.lists(
        st.tuples(
            st.text("abc/é", min_size=1, max_size=8), st.binary(max_size=MAX + 300), st.integers(0, 65535),
            st.booleans(),
        ),
        min_size=1, max_size=8,
    ),
    cut=st.integers(1, 700),
    with_properties=st.booleans(),
)
def test_however_the_stream_is_cut_the_same_messages_arrive(
    messages: list[tuple[str, bytes, int, bool]], cut: int, *, with_properties: bool
) -> None:
    stream, expected = b"", []
    for topic, payload, packet_id, ping in messages:
        stream += publish(topic, payload, packet_id, properties=b"\x01\x00" if with_properties else None)
        told = b"\x02\x01\x00" if with_properties else b""
        expected.append(Arrival(topic, payload[: MAX + 1], packet_id, False, False, told))
        stream += PINGRESP if ping else b""
    pair = Pair(properties=with_properties)
    arrivals = pair.pull(*(stream[i : i + cut] for i in range(0, len(stream), cut)))
    assert arrivals == expected
    assert pair.others() == PINGRESP * sum(ping for *_, ping in messages)
    pair.close()
