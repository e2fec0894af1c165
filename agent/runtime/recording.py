"""From what the chain says to entries of the log: numbered, stamped, handed over with what a restart must know.

Every entry begins alike::

    {"device": ..., "boot": 12, "seq": 3045,                    its place: unique for ever, and the order
     "recorded": "2026-11-23T08:15:02.104000Z",                 the device's wall clock when it was written
     "monotonic": 5211.204, "synchronised": true,               the clock that never jumps; whether to trust the other
     "kind": "alarm", ...}                                      what the chain said
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import get_args

import orjson

from agent.monitoring.monitor import Monitor
from agent.monitoring.types import Record, RecordKind, Snapshot
from agent.monitoring.wording import iso
from agent.ports import Entry, LogWriter
from agent.runtime.timekeeping import Timekeeper

_KINDS = {kind: kind.encode() for kind in get_args(RecordKind)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who speaks: stamped on every record. ``after``: the numbers of this boot's records begin behind it."""

    device: str
    boot: int
    after: int = 0


@dataclass(slots=True)
class Counters:
    """What the worker has done, for whoever asks; plain numbers, read without a lock."""

    messages: int = 0
    records: int = 0
    alarms: int = 0
    shed: int = 0
    dead_letters: int = 0
    unjournaled: int = 0
    unpublished: int = 0
    commands: int = 0


class Recorder:
    """Belongs to the worker's thread.

    Parameters
    ----------
    announce
        Given the asset and the entry of each alarm at once, before anything waits for the disk.
    snapshot_interval
        s from one snapshot of all that windows have moved to the next; 0: one with every hand-over.

    Attributes
    ----------
    mark
        Of the last hand-over; that of the entries that are being recorded is one higher.
    """

    def __init__(  # noqa: PLR0913, PLR0917 -- all that an entry is made of
        self,
        writer: LogWriter,
        monitor: Monitor,
        timekeeper: Timekeeper,
        identity: Identity,
        announce: Callable[[str, bytes], None],
        counters: Counters,
        *,
        snapshot_interval: float,
    ) -> None:
        self._writer = writer
        self._monitor = monitor
        self._timekeeper = timekeeper
        self._announce = announce
        self._counters = counters
        self.boot = identity.boot
        self._seq = identity.after
        self._head = f'{{"device":"{identity.device}","boot":{identity.boot},"seq":'.encode()
        self._stamp = b""
        self._entries: list[Entry] = []
        self._remember = self._urgent = False
        self._interval = snapshot_interval
        self._all_at = timekeeper.clock.monotonic() + snapshot_interval
        self._unwritten: deque[int] = deque()
        self._stepped_over = 0
        self.mark = 0

    @property
    def next_seq(self) -> int:
        """The number that the next entry will have."""
        return self._seq + 1

    def hurry(self) -> None:
        """Somebody waits for what is being recorded."""
        self._urgent = True

    def record(self, records: Iterable[Record]) -> None:
        """Number and stamp; alarms are announced, before the writer has them."""
        stamp = self._stamp or self._stamped()
        for kind, asset, time, body in records:
            self._seq = seq = self._seq + 1
            payload = b'%b%d,%b"kind":"%b",%b' % (self._head, seq, stamp, _KINDS[kind], orjson.dumps(body)[1:])
            if kind == "alarm":
                self._announce(asset, payload)
                self._remember = self._urgent = True
            elif kind == "event":
                self._remember = True
            self._entries.append(Entry(self.boot, seq, kind, asset, time, payload))

    def _stamped(self) -> bytes:
        """Once for all entries of a hand-over: they are recorded together."""
        keeper = self._timekeeper
        self._stamp = b'"recorded":"%b","monotonic":%.3f,"synchronised":%b,' % (
            iso(keeper.clock.now()).encode(), keeper.clock.monotonic(), b"true" if keeper.synchronised else b"false")
        return self._stamp

    def hand_over(self) -> None:
        """All that was recorded since the last time to the writer, as one piece with one mark."""
        entries = self._entries
        if not entries:
            return
        self.mark += 1
        self._counters.records += len(entries)
        if not self._writer.submit(entries, self._snapshots(), self.mark, self._urgent):
            # no room even in memory: counted, and no message waits for what will not be written
            self._counters.unjournaled += len(entries)
            self._unwritten.append(self.mark)
        self._entries, self._remember, self._urgent, self._stamp = [], False, False, b""

    def _snapshots(self) -> Sequence[Snapshot]:
        """What a restart must not lose goes with the alarm or event that tells of it; what every window
        moves a little, after the interval."""
        monotonic = self._timekeeper.clock.monotonic()
        if monotonic >= self._all_at:
            self._all_at = monotonic + self._interval
            return self._monitor.snapshots(all_moved=True, open_windows=not self._interval)
        return self._monitor.snapshots() if self._remember else ()

    def leave(self) -> None:
        """Keep all that is known, before an orderly end."""
        if snapshots := self._monitor.snapshots(all_moved=True, open_windows=True):
            self._writer.submit((), snapshots)

    def done(self, committed: int) -> int:
        """All marks up to which one need not wait any more: ``committed`` are on the disk, and what was
        never handed over is stepped over."""
        done = max(committed, self._stepped_over)
        while self._unwritten and self._unwritten[0] <= done + 1:
            done = self._stepped_over = max(done, self._unwritten.popleft())
        return done
