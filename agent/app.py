"""The composition root: the only place that builds adapters and threads, and puts them together."""

from __future__ import annotations

import gc
import os
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from agent import log
from agent.adapters.clock import SystemClock
from agent.adapters.flash import bytes_written
from agent.adapters.mqtt.sensors import SensorLink
from agent.adapters.mqtt.uplink import MqttUplink, UplinkSettings
from agent.adapters.sqlite.depth import depth_of
from agent.adapters.sqlite.hold import held
from agent.adapters.sqlite.opening import Opening
from agent.adapters.sqlite.reader import JournalReader
from agent.adapters.systemd import SystemdNotifier
from agent.adapters.vitals import VitalSigns
from agent.config.apart import load_apart
from agent.config.settings import Settings, Uplink
from agent.connections import endpoint
from agent.errors import EXIT_BUG, ConfigError, JournalCorrupt, JournalFull, ModelError
from agent.models import ModelShelf
from agent.monitoring.acquisition.router import Router
from agent.monitoring.monitor import Monitor
from agent.ports import Journal, JournalDepth
from agent.runtime.allowance import Allowance
from agent.runtime.courier import Courier
from agent.runtime.dead_letters import DeadLetters
from agent.runtime.flash import FlashBudget
from agent.runtime.health import CheckUp, Counts
from agent.runtime.inbox import Inbox
from agent.runtime.recording import Identity
from agent.runtime.streams import Terms
from agent.runtime.supervisor import Member, Supervisor
from agent.runtime.worker import Worker
from agent.runtime.writer import Writer

_log = log.get_logger(__name__)

_NEEDS_RESTART = ("device", "sensors", "uplink", "journal", "inbox", "commands",
                  "dead_letters_per_minute")

_RECEIVE_MAXIMUM = 1000
"""Messages that the sensor broker may send ahead of acknowledgements (MQTT 5): with the 20 that a broker
sends of its own accord, a disk whose fsync takes 300 ms lets no more than 40 windows a second through."""
_JOURNAL_PATIENCE = 5.0
"""s that a start waits for whoever holds the journal: a command that writes it is done sooner."""
_COLLECT_EVERY = 10
_LEAVE_WITHIN = 4.0
"""Seconds for the whole of an orderly stop; SIGTERM promises 5."""


def run(config_path: Path) -> int:
    """The daemon, until SIGTERM or a bug. The exit code; raises ConfigError and ModelError."""
    settings = load_apart(config_path)
    log.configure(settings.log)
    with held(settings.journal.path, _JOURNAL_PATIENCE):
        return Daemon(config_path, settings).run()


class Daemon:
    """All parts of a running agent."""

    def __init__(self, config_path: Path, settings: Settings) -> None:
        self._config_path = config_path
        self._settings = settings
        self._clock = SystemClock()
        self._models = ModelShelf()
        for spec in settings.asset_specs():
            self._models.load(spec)  # a model that cannot be used ends the start, not the first window
        device = settings.device
        journal = settings.journal
        self._opening = Opening(
            journal.path, journal.budget_bytes, settings.owed, self._clock.now, disk_share=journal.disk_share)
        opened = self._opening.at_start()
        self._boot = self._opening.boot
        self._monitor = Monitor(self._models.load)
        self._memory = self._opening.recall()
        if self._memory is not None:
            self._monitor.remember(*self._memory)
        self._link = SensorLink(
            endpoint(settings.sensors),
            qos=settings.sensors.qos,
            alarm_qos=settings.alarms.qos,
            session_expiry=settings.sensors.session_expiry,
            max_payload=settings.limits.max_bytes,
            now=self._clock.now,
            receive_maximum=_RECEIVE_MAXIMUM,
        )
        router = Router(settings.asset_specs(), settings.decode_limits())
        self._courier: Courier | None = None
        self._writer = Writer(
            opened,
            on_committed=self._committed,
            opening=self._open_journal,
            max_delay=journal.commit_interval,
            max_rows=journal.commit_rows,
            flash=FlashBudget(bytes_written, self._clock, journal.flash_bytes_per_day),
        )
        inbox = settings.inbox
        self._worker = Worker(
            link=self._link,
            inbox=Inbox(inbox.max_messages, inbox.max_bytes, inbox.patience),
            router=router,
            monitor=self._monitor,
            writer=self._writer,
            clock=self._clock,
            identity=Identity(device=device.id, boot=self._boot, after=self._opening.after),
            alarm_topic=self._alarm_topic if settings.alarms.enabled else None,
            command_topic=device.command_topic if settings.commands.enabled else None,
            dead_letters=DeadLetters(settings.dead_letters_per_minute),
            inflight=settings.sensors.inflight,
            snapshot_interval=journal.snapshot_interval,
        )
        self._writer.troubles.report = self._worker.report
        if settings.uplink is not None:
            self._courier = self._make_courier(settings.uplink)
        self._checkup = CheckUp(
            self._clock, VitalSigns(journal.path.parent).read, self._depth,
            {"sensors": self._worker.counts, "writer": self._writer.counts, "uplink": self._sent},
            settings.summaries.period)
        self._notifier = SystemdNotifier()
        self._ticks = 0

    def _make_courier(self, upstream: Uplink) -> Courier:
        device, receipts = self._settings.device, upstream.delivery == "receipt"
        listens = {"receipt": f"{device.topic}/receipt", "hello": f"{device.prefix}/v1/collector/hello"}
        return Courier(
            JournalReader(self._settings.journal.path),
            MqttUplink(UplinkSettings(
                endpoint=endpoint(upstream), topic=device.topic, listens=listens if receipts else {})),
            self._writer.settle,
            self._clock,
            boot=self._boot,
            terms=Terms(
                receipts=receipts, window=256 if receipts else 32, windows=upstream.windows,
                topic_bytes=len(device.topic) + 16),
            allowance=Allowance(upstream.bytes_per_second, upstream.bytes_per_day, now=self._clock.now()),
            report=self._worker.report,
        )

    def run(self) -> int:
        """Start the threads, watch them, and leave in order."""
        members: list[Member] = [self._worker, self._writer]
        # What is there now stays for good. What comes is freed by its reference count; the little
        # that is cyclic is collected now and then, and not by chance in the middle of a batch.
        gc.collect()
        gc.freeze()
        gc.disable()
        self._writer.start()
        self._worker.start()
        if self._courier is not None:
            self._courier.start()
            members.append(self._courier)
        supervisor = Supervisor(
            members, self._notifier, self._clock, reload=self.reload, status=self.status, tidy=self.tidy)
        supervisor.install()
        _log.info("watching", device=self._settings.device.id, boot=self._boot, assets=len(self._settings.assets))
        code = supervisor.run()
        if code == EXIT_BUG:
            # a wedged thread cannot be joined and the state cannot be trusted: leave as a crash would
            os._exit(EXIT_BUG)
        self.stop()
        return code

    def stop(self) -> None:
        """No new data, then the records to the disk, then the last word upstream."""
        deadline = time.monotonic() + _LEAVE_WITHIN
        self._worker.stop()
        self._worker.join(_LEAVE_WITHIN / 2)
        self._writer.flush(max(0.1, deadline - time.monotonic() - 1.5))
        if self._courier is not None:
            # before the writer ends: what the courier settles last is still to be written
            self._courier.stop()
            self._courier.join(max(0.1, deadline - time.monotonic() - 0.5))
        self._writer.stop(max(0.1, deadline - time.monotonic()))
        if self._writer.journal is not None and not self._writer.is_alive():
            with suppress(JournalFull, JournalCorrupt):  # the next start finds it as a power cut leaves it
                self._writer.journal.close()
        _log.info("stopped", boot=self._boot, **asdict(self._worker.counters))

    def status(self) -> str:
        """One line for the service manager."""
        counters = self._worker.counters
        learning = [
            f"{name} {asset.progress:.0%}" for name, asset in list(self._monitor.assets.items())[:20]
            if asset.progress < 1.0
        ]
        parts = [
            "connected" if self._link.connected() else "sensor broker away",
            f"{len(self._monitor.assets)} assets",
            f"{counters.messages} messages",
        ]
        if learning:
            parts.append("learning " + ", ".join(learning))
        return "; ".join(parts)

    def tidy(self) -> None:
        """Every second: how the device is, when that is due; now and then what reference counts cannot free."""
        if self._checkup.due():
            self._worker.note(self._checkup.vitals().record())
        self._ticks += 1
        if self._ticks % _COLLECT_EVERY == 0:
            gc.collect()

    def _open_journal(self) -> Journal:
        """As soon as the disk takes it; then also what earlier runs had learned, if that could not be read."""
        journal = self._opening()
        if self._memory is None:
            self._memory = self._opening.recall()
            if self._memory is None:
                journal.close()
                raise JournalFull(f"{journal.path} can be opened, but not read")
            self._worker.recall(self._memory.snapshots)
        return journal

    def _depth(self) -> JournalDepth | None:
        """Nobody but the writer waits for a disk that does not answer."""
        return None if self._writer.refused else depth_of(self._settings.journal.path)

    def _sent(self) -> Counts:
        return {} if self._courier is None else asdict(self._courier.counters)

    def reload(self) -> None:
        """Read the configuration again: apply what may change, refuse what is invalid."""
        try:
            new = load_apart(self._config_path)
            for spec in new.asset_specs():
                self._models.load(spec)
        except ConfigError as refusal:
            for problem in refusal.problems:
                _log.error("configuration refused, the old one goes on", file=problem.file, key=problem.key,
                           value=problem.value, reason=problem.message, remedy=problem.remedy)
            return
        except ModelError as refusal:
            _log.error("configuration refused, the old one goes on", reason=str(refusal))
            return
        old, self._settings = self._settings, new
        if fixed := [part for part in _NEEDS_RESTART if getattr(old, part) != getattr(new, part)]:
            _log.warning("changed, but only a restart applies it", tables=fixed)
        log.configure(new.log)
        router = Router(new.asset_specs(), new.decode_limits())
        self._worker.change(router, new.asset_specs())
        _log.info("configuration reloaded", assets=len(new.assets))

    def _committed(self, mark: int) -> None:
        self._worker.committed(mark)
        if self._courier is not None:
            self._courier.notify()

    def _alarm_topic(self, asset: str) -> str:
        return self._settings.alarms.topic.replace("{asset}", asset)
