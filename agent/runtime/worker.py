"""The one busy thread: from deliveries to records; it owns all monitor state.

::

    link.poll --> Inbox --> work() --> Monitor.observe --> alarm? --> local broker, at once
                              |                        '-> records --> Writer (group commit)
                              |                                             |
            commands --> Monitor.command --> records likewise               |
                              '--> Ledger <-- committed(mark) <-------------'
                                     |--> link.acknowledge, in order
                                     '--> link.answer: what a person was told is on the disk

``work`` is the seam between the network and the chain. The worker serves the broker's socket
itself, in turns with the work: one busy thread, no hand-over. ``tests/bench/handover.py``
measures that against two threads and a queue.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, replace
from typing import Any

import structlog

from agent.errors import MalformedMessage
from agent.monitoring.acquisition.router import Router
from agent.monitoring.device import DEVICE
from agent.monitoring.monitor import Monitor
from agent.monitoring.spec import AssetSpec
from agent.monitoring.types import SECOND, Command, Nanos, Record, Snapshot
from agent.monitoring.wording import iso
from agent.ports import Clock, Delivery, LogWriter, Sensors
from agent.runtime.commands import Commands
from agent.runtime.dead_letters import DeadLetters
from agent.runtime.inbox import SHED, Inbox
from agent.runtime.ledger import Ledger
from agent.runtime.recording import Counters, Identity, Recorder
from agent.runtime.timekeeping import Step, Timekeeper

_SLICE = 256
_TICK = 1.0
_MOST_ASSETS = 1000
"""Under a wildcard the number of assets is the senders' choice: it must have an end."""
_REACHING = 120.0
"""s that a connection attempt may take beyond the supervisor's patience: name resolution has no
timeout of its own."""
_IDLE = 0.5

_log = structlog.get_logger(__name__)


class Worker(threading.Thread):
    """Runs until stopped; ``failure`` holds the exception that ended it, if one did."""

    def __init__(  # noqa: PLR0913 -- the parts that the composition root puts together
        self,
        *,
        link: Sensors,
        inbox: Inbox,
        router: Router,
        monitor: Monitor,
        writer: LogWriter,
        clock: Clock,
        identity: Identity,
        alarm_topic: Callable[[str], str] | None,
        command_topic: str | None,
        dead_letters: DeadLetters,
        inflight: int = 20,
        snapshot_interval: float = 600.0,
    ) -> None:
        super().__init__(name="worker", daemon=True)
        self._link = link
        self._inbox = inbox
        self._router = router
        self._monitor = monitor
        self._writer = writer
        self._clock = clock
        self._alarm_topic = alarm_topic
        self._commands = Commands(command_topic, self._carry_out, link.answer) if command_topic else None
        self._dead_letters = dead_letters
        self._hurry_at = max(1, inflight // 2)
        self._ledger = Ledger()
        self._committed = 0
        self._timekeeper = Timekeeper(clock)
        self._doubt: str | None = None  # what stood before a restart is looked at anew
        self.counters = Counters()
        self._recorder = Recorder(
            writer, monitor, self._timekeeper, identity, self._announce, self.counters,
            snapshot_interval=snapshot_interval)
        self._shed_untold: dict[str, int] = {}
        self._next_tick = 0.0
        self._watched: dict[str, AssetSpec] = {}
        self._subscribe()
        self._requests: deque[Callable[[], None]] = deque()
        self._stopping = threading.Event()
        self.last_progress = clock.monotonic()
        self.failure: BaseException | None = None

    # -- called from other threads -----------------------------------------------------

    def committed(self, mark: int) -> None:
        """The writer's word that all up to ``mark`` is on the disk."""
        self._committed = mark
        self._link.wake()

    def ask(self, request: Callable[[], None]) -> None:
        """Have something done in the worker's thread, between two batches."""
        self._requests.append(request)
        self._link.wake()

    def report(self, trouble: str, standing: bool, detail: str = "") -> None:  # noqa: FBT001 -- the fact itself
        """What another part has to say of the device itself (see ``monitoring.device.TROUBLES``): an
        alarm as all others, made in the worker's thread."""
        self.ask(lambda: self._tell(self._monitor.report(trouble, self._clock.now(), standing=standing, detail=detail)))

    def counts(self) -> dict[str, float | str | None]:
        """What it has done, and what waits for it. Any thread may ask."""
        return asdict(self.counters) | {
            "connected": self._link.connected(), "waiting": len(self._inbox), "waiting_bytes": self._inbox.bytes}

    def note(self, record: Record) -> None:
        """Have a record written that another part has made."""
        self.ask(lambda: self._tell([record]))

    def change(self, router: Router, specs: Collection[AssetSpec]) -> None:
        """Follow a new configuration, between two batches: assets whose specification is the same
        go on untouched; a changed one keeps what it has learned where that still fits."""
        self.ask(lambda: self._change(router, specs))

    def recall(self, snapshots: Mapping[str, Mapping[str, Any]]) -> None:
        """What earlier runs have learned, where it could not be read at the start: the assets that it is about
        begin again from it, and not from what they have learned meanwhile."""
        self.ask(lambda: self._recall(snapshots))

    def _recall(self, snapshots: Mapping[str, Mapping[str, Any]]) -> None:
        learned = {asset_id: state for asset_id, state in snapshots.items() if asset_id != DEVICE}
        for asset_id in self._watched:
            self._monitor.retire(asset_id)
        self._watched.clear()
        self._monitor.remember(learned, {})
        self._writer.submit((), [Snapshot(asset_id, state) for asset_id, state in learned.items()])

    def _change(self, router: Router, specs: Collection[AssetSpec]) -> None:
        self._router = router
        self._subscribe()
        for asset_id in [asset_id for asset_id, spec in self._watched.items() if spec not in specs]:
            del self._watched[asset_id]
            self._monitor.retire(asset_id)

    def _subscribe(self) -> None:
        self._link.subscribe(self._router.filters(), passing=[self._commands.filter] if self._commands else ())

    def stop(self) -> None:
        """Leave after the batch in hand."""
        self._stopping.set()
        self._link.wake()

    # -- the thread --------------------------------------------------------------------

    def run(self) -> None:
        """Turn by turn until stopped."""
        try:
            while not self._stopping.is_set():
                self.turn()
            self._tell(self._monitor.owed())
            self._recorder.leave()
        except BaseException as bug:  # noqa: BLE001 -- the supervisor reads it and ends the process
            self.failure = bug
        finally:
            self._link.close()

    def turn(self) -> None:
        """Serve the link once, work on a slice of what waits, acknowledge what is settled."""
        monotonic = self._clock.monotonic()
        inbox = self._inbox
        if not self._link.connected():
            self.last_progress = monotonic + _REACHING
        timeout = 0.0 if inbox else min(_IDLE, max(0.0, self._next_tick - monotonic))
        arrived = self._link.poll(timeout, read=inbox.wants_more(monotonic))
        if (step := self._timekeeper.look()) is not None:
            arrived = self._follow(step, arrived)
        while self._requests:
            self._requests.popleft()()
        if arrived:
            if not inbox and len(arrived) <= _SLICE:
                self.work(arrived)
            else:
                for topic, count in inbox.offer(arrived).items():
                    self.counters.shed += count
                    self._shed_untold[topic] = self._shed_untold.get(topic, 0) + count
        if inbox:
            self.work(inbox.take(_SLICE))
        self._settle()
        monotonic = self._clock.monotonic()
        self.last_progress = monotonic
        if monotonic >= self._next_tick:
            self._next_tick = monotonic + _TICK
            self._tick()

    def _follow(self, step: Step, arrived: list[Delivery]) -> list[Delivery]:
        """The wall clock was set: the chain is told before it sees the new time, and the log why times in it
        jump. ``arrived`` and what waits were stamped on either side of the step; now on this one."""
        _log.warning("the clock was set", seconds=round(step.offset / SECOND, 3))
        self._tell(self._monitor.clock_stepped(step.offset))
        before = self._recorder.next_seq
        self._tell([self._timekeeper.told(step, self._recorder.boot, before)])
        if step.repairs:
            self._writer.repair(self._recorder.boot, before, step.offset)
        self._inbox.restamp(step.restamped)
        return [delivery._replace(received=step.restamped(delivery.received)) for delivery in arrived]

    def work(self, deliveries: list[Delivery]) -> None:  # noqa: C901 -- the path in one view
        """The seam: decode, observe, record, a batch at a time."""
        route, observe, absorbed = self._router.route, self._monitor.observe_message, self._ledger.absorbed
        commands = self._commands
        self._link.hold()
        for delivery in deliveries:
            topic, payload, received, token, _, _ = delivery
            if payload is SHED:
                if token:
                    absorbed(token)
                continue
            records: list[Record] = []
            feeds = route(topic)
            if not feeds and commands is not None and commands.concerns(topic):
                self._command(commands, delivery, records)
            for feed in feeds:
                try:
                    blocks = feed.decode(payload, received)
                except MalformedMessage as fault:
                    self._dead_letter(delivery, str(fault), feed.asset_id, records)
                    continue
                if feed.asset_id not in self._watched:
                    if len(self._watched) >= _MOST_ASSETS:
                        reason = f"{_MOST_ASSETS} assets are watched already"
                        self._dead_letter(delivery, reason, feed.asset_id, records)
                        continue
                    self._watched[feed.asset_id] = feed.spec
                    records += self._monitor.add(replace(feed.spec, id=feed.asset_id))
                if found := observe(blocks, received, topic):
                    records += found
            if records:
                self._recorder.record(records)
            if token:
                absorbed(token, self._recorder.mark + 1 if records else 0)
        self.counters.messages += len(deliveries)
        self._link.release()
        self._recorder.hand_over()

    def _announce(self, asset: str, payload: bytes) -> None:
        self.counters.alarms += 1
        if self._alarm_topic is not None and not self._link.publish(self._alarm_topic(asset), payload):
            self.counters.unpublished += 1

    def _command(self, commands: Commands, delivery: Delivery, records: list[Record]) -> None:
        """What a person asks, between two messages."""
        try:
            found = commands.receive(delivery, self._clock.now(), self._recorder.mark + 1, self._clock.monotonic())
        except MalformedMessage as fault:
            if self._dead_letter(delivery, str(fault), "", records):
                commands.refuse(delivery, str(fault))
            return
        if found:
            self.counters.commands += 1
            self._recorder.hurry()
            records += found

    def _carry_out(self, command: Command, now: Nanos) -> list[Record]:
        """By the chain. An asset of the configuration that has sent nothing yet has alarms, too."""
        spec = self._router.asset(command.asset)
        if spec is not None and spec.id not in self._watched:
            self._watched[spec.id] = spec
            self._recorder.record(self._monitor.add(spec))
        return self._monitor.command(command, now)

    def _dead_letter(self, delivery: Delivery, reason: str, asset: str, records: list[Record]) -> bool:
        """Record it, unless too many were recorded lately; whether it was."""
        self.counters.dead_letters += 1
        told = self._dead_letters.tell(
            delivery, reason, asset, self._clock.now(), self._clock.monotonic())
        if told is not None:
            records.append(told)
        return told is not None

    def _settle(self) -> None:
        ledger, commands = self._ledger, self._commands
        if not len(ledger) and (commands is None or not commands.owing):
            return
        done = self._recorder.done(self._committed)
        ledger.committed(done)
        if tokens := ledger.ready():
            self._link.acknowledge(tokens)
        if commands is not None:
            commands.settle(done, self._clock.monotonic())
        if len(ledger) >= self._hurry_at:
            self._writer.hurry()

    def _tick(self) -> None:
        now = self._clock.now()
        if (doubt := self._timekeeper.judge()) != self._doubt:
            self._doubt = doubt
            self._tell(self._monitor.report("clock", now, standing=bool(doubt), detail=doubt))
        records = self._monitor.tick(now)
        if self._shed_untold:
            body = {"asset": "", "quality": "shed", "time": iso(now), "topics": self._shed_untold}
            records.append(Record("quality", "", now, body))
            self._shed_untold = {}
        self._tell(records)

    def _tell(self, records: list[Record]) -> None:
        """What no message has brought."""
        if records:
            self._recorder.record(records)
            self._recorder.hand_over()
