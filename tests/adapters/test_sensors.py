"""The sensor link on a real broker: acknowledgements, reconnects, alarms, and no zombie."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from agent.adapters.backoff import Backoff
from agent.adapters.mqtt.endpoint import Endpoint
from agent.adapters.mqtt.sensors import SensorLink
from agent.ports import Delivery
from tests.broker import Broker


class Sender:
    """A sensor."""

    def __init__(self, port: int) -> None:
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def send(self, *payloads: bytes, topic: str = "s/1", qos: int = 1) -> None:
        while not self.client.is_connected():
            time.sleep(0.02)
        for payload in payloads:
            self.client.publish(topic, payload, qos=qos).wait_for_publish(10)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def link_to(port: int, **settings: Any) -> SensorLink:
    endpoint = settings.pop("endpoint", Endpoint(host="127.0.0.1", port=port, client_id="link", keepalive=5))
    link = SensorLink(endpoint, backoff=Backoff(0.2, 0.2), **settings)
    link.subscribe(["s/#"])
    return link


def poll(link: SensorLink, count: int, within: float = 10.0) -> list[Delivery]:
    """Poll until so many deliveries have come."""
    found: list[Delivery] = []
    deadline = time.monotonic() + within
    while len(found) < count and time.monotonic() < deadline:
        found += link.poll(0.05, read=True)
    return found


def settle(link: SensorLink, seconds: float = 0.3) -> list[Delivery]:
    """Serve the link for a while."""
    return poll(link, 1_000_000, seconds)


def connect(link: SensorLink) -> None:
    deadline = time.monotonic() + 5
    while not link.connected() and time.monotonic() < deadline:
        link.poll(0.05, read=True)
    assert link.connected()
    settle(link)


@pytest.fixture
def lasting(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path / "lasting", persistence=True) as running:
        yield running


def test_deliveries_carry_topic_payload_time_and_a_token_only_at_qos_1(broker: Broker) -> None:
    link = link_to(broker.port, now=lambda: 42)
    connect(link)
    sender = Sender(broker.port)
    sender.send(b"one", qos=0)
    sender.send(b"two")
    one, two = poll(link, 2)
    assert (one.topic, one.payload, one.received, one.token) == ("s/1", b"one", 42, 0)
    assert two.payload == b"two"
    assert two.token
    sender.close()
    link.close()


def test_without_acknowledgements_the_broker_stops_at_its_window_and_goes_on_with_them(broker: Broker) -> None:
    link = link_to(broker.port)
    connect(link)
    sender = Sender(broker.port)
    sender.send(*(b"%d" % i for i in range(50)))
    first = settle(link, 0.5)
    assert len(first) == 20
    link.acknowledge([d.token for d in first])
    rest = poll(link, 20)
    link.acknowledge([d.token for d in rest])
    rest += poll(link, 10)
    assert [d.payload for d in first + rest] == [b"%d" % i for i in range(50)]
    sender.close()
    link.close()


def test_after_a_reconnect_what_is_in_hand_is_not_delivered_twice_and_still_acknowledged(lasting: Broker) -> None:
    link = link_to(lasting.port)
    connect(link)
    sender = Sender(lasting.port)
    sender.send(b"one", b"two", b"three")
    held = poll(link, 3)
    time.sleep(1.2)
    lasting.restart()
    link.poll(0.1, read=True)
    connect(link)
    assert settle(link, 0.5) == []
    link.acknowledge([d.token for d in held])
    sender.send(b"four")
    assert [d.payload for d in poll(link, 1)] == [b"four"]
    sender.close()
    link.close()
    again = link_to(lasting.port)
    connect(again)
    assert [d.payload for d in settle(again, 0.5)] in ([], [b"four"])
    again.close()


def test_what_was_settled_while_the_broker_was_away_is_acknowledged_when_it_is_back(lasting: Broker) -> None:
    link = link_to(lasting.port)
    connect(link)
    sender = Sender(lasting.port)
    sender.send(b"one")
    held = poll(link, 1)
    sender.close()
    time.sleep(1.2)
    lasting.kill()
    settle(link, 0.3)
    assert not link.connected()
    link.acknowledge([d.token for d in held])
    lasting.start()
    connect(link)
    assert settle(link, 0.5) == []
    link.close()
    again = link_to(lasting.port)
    connect(again)
    assert settle(again, 0.5) == []
    again.close()


def test_what_was_not_acknowledged_comes_again_to_the_next_run(lasting: Broker) -> None:
    link = link_to(lasting.port)
    connect(link)
    sender = Sender(lasting.port)
    sender.send(b"one", b"two")
    one, _ = poll(link, 2)
    link.acknowledge([one.token])
    settle(link)
    link.close()
    again = link_to(lasting.port)
    assert [d.payload for d in poll(again, 1)] == [b"two"]
    sender.close()
    again.close()


def test_alarms_published_while_the_broker_is_away_arrive_later(broker: Broker) -> None:
    link = link_to(broker.port)
    connect(link)
    broker.kill()
    settle(link, 0.3)
    assert link.publish("alarms/a", b"fire")
    broker.start()
    heard: list[bytes] = []
    listener = mqtt.Client(CallbackAPIVersion.VERSION2)
    listener.on_message = lambda _, __, message: heard.append(bytes(message.payload))
    listener.on_connect = lambda client, *_: client.subscribe("alarms/#", 1)
    listener.connect("127.0.0.1", broker.port)
    listener.loop_start()
    time.sleep(0.3)
    connect(link)
    deadline = time.monotonic() + 5
    while not heard and time.monotonic() < deadline:
        link.poll(0.05, read=True)
    assert heard == [b"fire"]
    listener.disconnect()
    listener.loop_stop()
    link.close()


def test_the_filters_can_change_while_connected(broker: Broker) -> None:
    link = link_to(broker.port)
    connect(link)
    link.subscribe(["t/#"])
    settle(link)
    sender = Sender(broker.port)
    sender.send(b"old", topic="s/1")
    sender.send(b"new", topic="t/1")
    assert [d.payload for d in settle(link, 0.5)] == [b"new"]
    sender.close()
    link.close()


def test_an_exception_in_a_callback_is_raised_by_poll(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(SensorLink, "_on_subscribe", bug)
    link = link_to(broker.port)
    with pytest.raises(ZeroDivisionError):
        poll(link, 1, 5.0)
    link.close()


def test_wake_ends_a_waiting_poll(broker: Broker) -> None:
    link = link_to(broker.port)
    connect(link)
    link.wake()
    begun = time.monotonic()
    link.poll(5.0, read=True)
    assert time.monotonic() - begun < 1
    link.close()


def test_an_unreachable_broker_is_waited_for_without_an_error() -> None:
    link = link_to(1)
    assert settle(link, 0.3) == []
    assert not link.connected()
    link.close()


class Asker:
    """A client that sends requests and hears answers, each with its correlation data."""

    def __init__(self, port: int) -> None:
        self.heard: list[tuple[str, bytes, bytes | None]] = []
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self.client.on_message = self._on_message
        self.client.connect("127.0.0.1", port)
        self.client.subscribe("#", 1)
        self.client.loop_start()

    def _on_message(self, _: Any, __: Any, message: mqtt.MQTTMessage) -> None:
        if message.payload.startswith(b"answer"):
            correlation = getattr(message.properties, "CorrelationData", None)
            self.heard.append((message.topic, bytes(message.payload), correlation))

    def ask(self, topic: str, **wishes: Any) -> None:
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        for name, value in wishes.items():
            setattr(properties, name, value)
        self.client.publish(topic, b"request", qos=1, properties=properties)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def test_a_request_is_answered_where_it_asks_and_else_beside_its_topic(broker: Broker) -> None:
    link = link_to(broker.port)
    connect(link)
    asker = Asker(broker.port)
    asker.ask("s/1", ResponseTopic="office/answers", CorrelationData=b"\x07")
    asker.ask("s/2")
    # no wildcards, not the broker's own topics, and nothing that this link would hear itself
    for wish in ("office/#", "$SYS/x", "s/3"):
        asker.ask("s/2", ResponseTopic=wish)
    for number, request in enumerate(poll(link, 5)):
        assert link.answer(request, b"answer %d" % number)
    deadline = time.monotonic() + 5
    while len(asker.heard) < 5 and time.monotonic() < deadline:
        link.poll(0.05, read=True)
    assert asker.heard == [
        ("office/answers", b"answer 0", b"\x07"),
        *(("s/2/reply", b"answer %d" % number, None) for number in (1, 2, 3, 4)),
    ]
    asker.close()
    link.close()


def test_what_passes_by_is_heard_while_the_link_is_there_and_not_kept_for_later(lasting: Broker) -> None:
    link = link_to(lasting.port)
    link.subscribe(["s/#"], passing=["c/+"])
    connect(link)
    sender = Sender(lasting.port)
    sender.send(b"now", topic="c/x")
    assert [delivery.payload for delivery in poll(link, 1)] == [b"now"]
    link.close()
    sender.send(b"late", topic="c/x")
    sender.send(b"kept")
    again = link_to(lasting.port)
    again.subscribe(["s/#"], passing=["c/+"])
    deliveries = poll(again, 1) + settle(again)
    assert [delivery.payload for delivery in deliveries] == [b"kept"]
    sender.close()
    again.close()


def test_a_retained_message_is_flagged(broker: Broker) -> None:
    sender = Sender(broker.port)
    sender.client.publish("s/1", b"old", qos=1, retain=True).wait_for_publish(5)
    link = link_to(broker.port)
    (old,) = poll(link, 1)
    sender.send(b"new")
    (new,) = poll(link, 1)
    assert (old.payload, old.retained, new.payload, new.retained) == (b"old", True, b"new", False)
    sender.close()
    link.close()
