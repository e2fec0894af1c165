"""A device from the writer to the uplink, and a collector that answers it, for tests of the courier."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from agent.adapters.backoff import Backoff
from agent.adapters.clock import SystemClock
from agent.adapters.mqtt.endpoint import Endpoint
from agent.adapters.mqtt.uplink import MqttUplink, UplinkSettings
from agent.adapters.sqlite.journal import SqliteJournal
from agent.ports import Entry
from agent.runtime.allowance import Allowance
from agent.runtime.courier import Courier
from agent.runtime.streams import Terms
from agent.runtime.writer import Writer
from tests.adapters.office import eventually
from tests.adapters.sqlite.entries import T0

LISTENS = {"receipt": "plant/v1/site/d/receipt", "hello": "plant/v1/collector/hello"}


class Device:
    """The part of a device from the writer to the uplink."""

    def __init__(
        self, path: Path, port: int, terms: Terms | None = None, allowance: Allowance | None = None
    ) -> None:
        self.journal = SqliteJournal(path)
        self.boot = self.journal.begin_boot(T0)
        endpoint = Endpoint(host="127.0.0.1", port=port, client_id="d-uplink", keepalive=5)
        self.uplink = MqttUplink(
            UplinkSettings(endpoint=endpoint, topic="plant/v1/site/d", ack_timeout=3.0, listens=LISTENS),
            Backoff(0.01, 0.1))
        self.troubles: list[tuple[str, bool]] = []
        self.writer = Writer(self.journal, lambda _: self.courier.notify(), max_delay=0.02)
        self.courier = Courier(
            self.journal.reader(), self.uplink, self.writer.settle, SystemClock(), boot=self.boot, terms=terms,
            allowance=allowance, report=self._report)

    def _report(self, trouble: str, standing: bool, _: str = "") -> None:
        self.troubles.append((trouble, standing))

    def start(self) -> None:
        self.writer.start()
        self.courier.start()

    def connect(self) -> None:
        self.start()
        assert eventually(lambda: self.courier._linked)

    def record(self, entries: Sequence[Entry]) -> None:
        """As the worker does: on the disk and told to the courier."""
        for e in entries:
            assert self.writer.submit([e], mark=e.seq, urgent=e.kind == "alarm")

    def owed(self) -> int:
        reader = self.journal.reader()
        count = len(reader.pending(100_000, ("alarm", "event", "quality", "window")))
        reader.close()
        return count

    def stop(self) -> None:
        """As the daemon does on SIGTERM."""
        self.writer.flush(5)
        self.courier.stop()
        if self.courier.ident is not None:
            self.courier.join(5)
        assert self.courier.failure is None
        self.writer.stop(5)
        assert self.writer.failure is None
        self.journal.close()


class Collector:
    """Answers with receipts, as long as it is told to."""

    def __init__(self, port: int) -> None:
        self.places: set[tuple[int, int]] = set()
        self.links: set[str] = set()
        self.answering = True
        self._upto: dict[tuple[str, str], int] = {}
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.on_message = self._on_message
        subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect("127.0.0.1", port)
        self._client.subscribe("plant/#", 1)
        self._client.loop_start()
        assert subscribed.wait(5)

    def _on_message(self, _: object, __: object, message: mqtt.MQTTMessage) -> None:
        if not message.payload.startswith(b"{") or message.topic.endswith("/receipt"):
            return
        body = json.loads(message.payload)
        if "number" not in body:
            return
        link, stream, number = body["link"], body["stream"], body["number"]
        self.links.add(link)
        if number != self._upto.get((link, stream), 0) + 1:
            return
        self._upto[link, stream] = number
        self.places.add((body["boot"], body["seq"]))
        if self.answering:
            receipt = {"number": number, "boot": body["boot"], "seq": body["seq"]}
            self.say("plant/v1/site/d/receipt", {"link": link, "receipts": {stream: receipt}})

    def say(self, topic: str, body: object) -> None:
        self._client.publish(topic, json.dumps(body), 1)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
