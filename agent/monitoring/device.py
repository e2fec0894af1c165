"""The alarms of the device itself: a flood of alarms, and what its runtime reports of disk, clock and links."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from agent.monitoring.alarm import Alarm, Change
from agent.monitoring.annunciator import alarm_record, carry_out, record_of
from agent.monitoring.detection.state import Condition
from agent.monitoring.flood import Flood
from agent.monitoring.spec import AlarmSpec
from agent.monitoring.types import Command, Nanos, Record

DEVICE: Final = ""
"""The asset of what concerns the device itself."""

TROUBLES: Final[Mapping[str, str]] = {
    "journal": "The journal takes no records: they wait in memory, and a power cut would lose them.",
    "damage": "The journal was damaged and has been set aside.",
    "flash": "More was written to the disk today than its budget: windows are not kept until tomorrow.",
    "backlog": "The journal has reached its budget: undelivered records are thinned or lost.",
    "quota": "The day's quota for the uplink is used up: only alarms go upstream until tomorrow.",
    "client-id": "Another client comes to the broker under this device's client id: each throws the other out.",
    "clock": "The device's clock is not synchronised.",
}
"""The alarms that the runtime reports, each with what it means."""


class DeviceAlarms:
    """One alarm for each of ``TROUBLES``, and the flood."""

    def __init__(self) -> None:
        self.flood = Flood()
        self._troubles = {name: Alarm(name, AlarmSpec(), "device") for name in TROUBLES}
        self._details: dict[str, str] = {}
        self.changed = False

    @property
    def alarms(self) -> list[Alarm]:
        """All of them."""
        return [self.flood.alarm, *self._troubles.values()]

    def report(self, name: str, now: Nanos, *, standing: bool, detail: str = "") -> list[Record]:
        """Take the runtime's word that a trouble stands or is over. KeyError where ``TROUBLES`` has no such name."""
        alarm = self._troubles[name]
        if standing:
            self._details[name] = detail
        change = alarm.update(Condition.ALARM if standing else Condition.NORMAL, now)
        return [] if change is None else [self._record(alarm, change)]

    def count(self, asset: str, now: Nanos) -> list[Record]:
        """Count an alarm that people were told of."""
        return self._flooded(self.flood.note(asset, now))

    def tick(self, now: Nanos) -> list[Record]:
        """What time alone brings."""
        records = self._flooded(self.flood.tick(now))
        for alarm in self._troubles.values():
            if (change := alarm.tick(now)) is not None:
                records.append(self._record(alarm, change))
        return records

    def clock_stepped(self, offset: Nanos) -> None:
        """The device's clock was set by ``offset``."""
        self.flood.clock_stepped(offset)
        for alarm in self._troubles.values():
            alarm.clock_stepped(offset, readings=True)
        self.changed = True

    def command(self, command: Command, now: Nanos) -> list[Record]:
        """Do what an operator asks. Raises CommandError."""
        return [self._record(alarm, change) for alarm, change in carry_out(self.alarms, command, now)]

    def _flooded(self, change: Change | None) -> list[Record]:
        return [] if change is None else [self._record(self.flood.alarm, change)]

    def _record(self, alarm: Alarm, change: Change) -> Record:
        self.changed = True
        if alarm is self.flood.alarm:
            body = self.flood.record(change)
        else:
            body = record_of(change, DEVICE, alarm) | {"advice": [TROUBLES[alarm.name]]}
            if detail := self._details.get(alarm.name):
                body["detail"] = detail
        return alarm_record(change, DEVICE, body)

    def to_json(self) -> dict[str, Any]:
        """What must survive a restart."""
        return {"flood": self.flood.to_json(),
                "troubles": {name: alarm.to_json() for name, alarm in self._troubles.items() if alarm.since}}

    def restore(self, document: Mapping[str, Any]) -> None:
        """Take back what ``to_json`` gave, as far as it fits; the rest begins anew."""
        with suppress(KeyError, TypeError, ValueError):
            self.flood.restore(document["flood"])
            for name, kept in document["troubles"].items():
                if name in self._troubles:
                    self._troubles[name].restore(kept)
