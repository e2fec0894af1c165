"""Bytes upstream against bytes of sensor data: ``python -m tests.bench.bandwidth [--hours 24] [--json]``.

A simulated day of one device: a pump's telemetry, a JSON message of seven channels a second, and a bearing's
vibration, a record of 2560 float32 every ten seconds; both learn for a while, and later each has a fault. In
are the payloads of the sensors' messages alone; up is every PUBLISH packet whole: header, topic, packet id,
payload. Neither holds acknowledgements, TLS or TCP.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from agent.adapters.vitals import VitalSigns
from agent.config import load
from agent.config.settings import Settings
from agent.models import ModelShelf
from agent.monitoring.acquisition.router import Router
from agent.monitoring.monitor import Monitor
from agent.monitoring.types import SECOND, Record, RecordKind, Snapshot
from agent.ports import Entry, JournalDepth
from agent.runtime.courier import CourierCounters
from agent.runtime.health import CheckUp
from agent.runtime.recording import Counters, Identity, Recorder
from agent.runtime.timekeeping import Timekeeper
from simulators.faults import MachineFault
from simulators.publishing import Message, in_order, telemetry_messages, vibration_messages
from simulators.scenario import ORIGIN, Scenario
from tests.runtime.clocks import HandClock

_HOUR: Final = 3600.0
_MB: Final = 1_048_576
_WAY: Final = 0.02
"""s from a sensor to the device."""


@dataclass(slots=True)
class Share:
    """Of one kind of record: how many, and their bytes."""

    messages: int = 0
    bytes: int = 0

    def add(self, size: int) -> None:
        """Count one more."""
        self.messages += 1
        self.bytes += size


@dataclass(slots=True)
class Traffic:
    """Of ``hours``: the sensors' messages by topic, the records upstream by kind."""

    hours: float
    sensed: dict[str, Share] = field(default_factory=dict)
    sent: dict[RecordKind, Share] = field(default_factory=dict)

    @property
    def bytes_in(self) -> int:
        """Payloads from the sensors."""
        return sum(share.bytes for share in self.sensed.values())

    def bytes_up(self, *, windows: bool) -> int:
        """Packets upstream, with each window or without."""
        return sum(share.bytes for kind, share in self.sent.items() if windows or kind != "window")


class Upstream:
    """The log's writer, in whose place every entry is measured as it would go upstream."""

    def __init__(self, topic: str, traffic: Traffic) -> None:
        self._topic = topic
        self._traffic = traffic
        self.rows = 0

    def submit(
        self,
        entries: Sequence[Entry],
        snapshots: Sequence[Snapshot] = (),  # noqa: ARG002 -- the port's signature
        mark: int = 0,  # noqa: ARG002
        urgent: bool = False,  # noqa: ARG002, FBT002
    ) -> bool:
        """Measure what is recorded; there is always room."""
        for entry in entries:
            self.rows += 1
            payload = len(entry.payload) + len(',"historical":false')
            size = packet_bytes(f"{self._topic}/{entry.kind}", payload)
            self._traffic.sent.setdefault(entry.kind, Share()).add(size)
        return True

    def repair(self, boot: int, before_seq: int, offset: int) -> None:
        """The clock is never set here."""

    def hurry(self) -> None:
        """Nobody waits."""


def packet_bytes(topic: str, payload: int) -> int:
    """Bytes of an MQTT 5 PUBLISH at QoS 1 without properties (MQTT 5.0, 3.3)."""
    rest = 2 + len(topic.encode()) + 2 + 1 + payload
    return 1 + (rest.bit_length() + 6) // 7 + rest


def a_day(hours: float) -> Iterator[Message]:
    """What the sensors say: two machines, each with a fault in the last third."""
    duration = hours * _HOUR
    fault = duration * 0.7
    pump = Scenario(seed=11, duration=duration, faults=(
        MachineFault(kind="seal-leak", start=fault, end=fault + duration / 12, severity=0.6, growth=60.0),))
    bearing = Scenario(seed=12, duration=duration, every=10.0, faults=(
        MachineFault(kind="outer-race", start=fault + duration / 8, end=duration, severity=0.8, growth=600.0),))
    return in_order(
        telemetry_messages(pump, "plant/pump/telemetry"),
        vibration_messages(bearing, "plant/bearing/vibration", "raw"))


def measured(settings: Settings, hours: float) -> Traffic:
    """The day through the real chain, envelope and health record."""
    traffic = Traffic(hours)
    upstream = Upstream(settings.device.topic, traffic)
    clock = HandClock(ORIGIN)
    monitor, counters = Monitor(ModelShelf().load), Counters()
    recorder = Recorder(
        upstream, monitor, Timekeeper(clock), Identity(device=settings.device.id, boot=12), lambda *_: None, counters,
        snapshot_interval=600.0)
    sent = CourierCounters()
    checkup = CheckUp(
        clock, VitalSigns(Path(tempfile.gettempdir())).read,
        lambda: JournalDepth(upstream.rows * 400, upstream.rows, 0, None),
        {"sensors": lambda: asdict(counters), "uplink": lambda: asdict(sent)}, settings.summaries.period)
    router = Router(settings.asset_specs(), settings.decode_limits())
    for spec in settings.asset_specs():
        monitor.add(spec)
    ticked = 0

    def tell(records: list[Record]) -> None:
        if records:
            recorder.record(records)
            recorder.hand_over()

    for at, topic, payload in a_day(hours):
        received = at + round(_WAY * SECOND)
        clock.run((received - clock.now()) / SECOND)
        traffic.sensed.setdefault(topic, Share()).add(len(payload))
        counters.messages += 1
        for feed in router.route(topic):
            tell(monitor.observe_message(feed.decode(payload, received), received, topic))
        if received - ticked >= SECOND:
            ticked = received
            tell(monitor.tick(received))
            if checkup.due():
                tell([checkup.vitals().record()])
    tell(monitor.owed())
    return traffic


def configured() -> Settings:
    """The device of this benchmark."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "watchkeeper.toml"
        path.write_text(Path(__file__).with_suffix(".toml").read_text().format(state=folder))
        return load(path)


def report(traffic: Traffic) -> str:
    """The figures as a table."""
    bytes_in = traffic.bytes_in
    lines = [f"{'in':<34}{'messages':>10}{'bytes each':>12}{'MB a day':>12}"]
    a_day_has = 24 / traffic.hours
    for topic, share in traffic.sensed.items():
        lines.append(f"  {topic:<32}{share.messages:>10,}{share.bytes / share.messages:>12,.0f}"
                     f"{share.bytes * a_day_has / _MB:>12.2f}")
    for windows in (False, True):
        up = traffic.bytes_up(windows=windows)
        lines.append(f"{'up, uplink.windows = ' + str(windows).lower():<56}{up * a_day_has / _MB:>12.3f}"
                     f"   {up / bytes_in:.2%} of in, 1 byte for {bytes_in / up:,.0f}")
        for kind, share in sorted(traffic.sent.items(), key=lambda item: -item[1].bytes):
            if windows or kind != "window":
                lines.append(f"  {kind:<32}{share.messages:>10,}{share.bytes / share.messages:>12,.0f}"
                             f"{share.bytes * a_day_has / _MB:>12.3f}   {share.bytes / up:.1%}")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--hours", type=float, default=24.0, help="simulated hours (24)")
    arguments.add_argument("--json", action="store_true", help="as JSON")
    given = arguments.parse_args()
    traffic = measured(configured(), given.hours)
    print(json.dumps(asdict(traffic)) if given.json else report(traffic))


if __name__ == "__main__":
    main()
