"""What the runtime asks of the outside, as Protocols of few methods; adapters fulfil them.

(``Model``, which the chain itself calls, is ``agent.monitoring.detection.model``'s.)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from agent.monitoring.types import Nanos, RecordKind, Snapshot


class Delivery(NamedTuple):
    """What the sensor broker handed over. ``token`` names the message for the
    acknowledgement; 0 where none is owed (QoS 0). ``retained``: the broker had kept it since some
    earlier time. ``properties``: those of MQTT 5 as they came, for ``Sensors.answer``."""

    topic: str
    payload: bytes
    received: Nanos
    token: int
    retained: bool = False
    properties: bytes = b""


class Entry(NamedTuple):
    """A record with its place in the log: (device, ``boot``, ``seq``) is unique for ever.

    ``payload`` is the JSON document as it goes upstream (without ``historical``).
    """

    boot: int
    seq: int
    kind: RecordKind
    asset: str
    time: Nanos
    payload: bytes


class SystemVitals(NamedTuple):
    """The process and its computer; None what the computer does not tell.

    ``cpu_seconds`` that all threads have used since the start, ``temperature`` of the hottest place in °C,
    ``throttled`` in words what the firmware says of supply and heat, ``disk_free_bytes`` where the journal is.
    """

    cpu_seconds: float | None
    rss_bytes: int | None
    threads: int | None
    open_files: int | None
    temperature: float | None
    throttled: tuple[str, ...] | None
    disk_free_bytes: int | None


class JournalDepth(NamedTuple):
    """How full the journal is; ``bytes`` with its write-ahead log, ``oldest_undelivered`` in ns."""

    bytes: int
    rows: int
    undelivered: int
    oldest_undelivered: Nanos | None


class Clock(Protocol):
    """The two clocks: wall time for the log, monotonic time for durations."""

    def now(self) -> Nanos:
        """Wall time, ns since the epoch; may jump."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; never jumps back."""

    def synchronised(self) -> bool:
        """Whether the system says that wall time follows a time server."""


class Journal(Protocol):
    """The durable log. One thread writes; readers have connections of their own.

    Raises JournalFull and JournalCorrupt from every method.
    """

    @property
    def set_aside(self) -> str | None:
        """Where the last damaged file went since it was opened."""

    @property
    def salvaged(self) -> int:
        """How many rows of that were saved."""

    @property
    def lost(self) -> int:
        """How many undelivered entries had to go or were thinned for want of room since it was opened."""

    def begin_boot(self, now: Nanos, boot: int | None = None) -> int:
        """Count this start, durably; the boot number for this run's entries. ``boot``: the number that it
        goes by already, because the journal could not be opened earlier."""

    def commit(self, entries: Sequence[Entry], snapshots: Sequence[Snapshot] = (),
               settled: Collection[tuple[int, int]] = (),
               counts: Mapping[str, int] = MappingProxyType({})) -> None:
        """Store all of it in one transaction, and add ``counts`` to the counters of these names; on
        return it survives a power cut."""

    def counters(self) -> Mapping[str, int]:
        """All sums that were counted, over all runs."""

    def repair(self, boot: int, before_seq: int, offset: Nanos) -> None:
        """Add ``offset`` ns to the times of entries of this ``boot`` before ``before_seq`` that lie before
        ``agent.shipped.FLOOR``; their payloads stay as they are."""

    def snapshots(self) -> Mapping[str, Mapping[str, Any]]:
        """The newest snapshot of each asset."""

    def pending(self, limit: int, kinds: Collection[RecordKind],
                after: tuple[int, int] = (0, 0)) -> list[Entry]:
        """The oldest unsettled entries of these kinds beyond (boot, seq) ``after``."""

    def close(self) -> None:
        """Checkpoint and close."""


class LogReader(Protocol):
    """The log as the courier sees it, through a connection of its own. Raises as Journal does."""

    def pending(self, limit: int, kinds: Collection[RecordKind],
                after: tuple[int, int] = (0, 0)) -> list[Entry]:
        """The oldest unsettled entries of these kinds beyond (boot, seq) ``after``."""

    def newest(self) -> tuple[int, int]:
        """(boot, seq) of the last entry committed; (0, 0) where there is none."""

    def close(self) -> None:
        """Close the connection."""


class Uplink(Protocol):
    """The way upstream. One thread uses it, the courier's, but for ``wake``."""

    def send(self, entry: Entry, *, historical: bool, more: bytes = b"") -> None:
        """Hand over one entry, with ``more`` members at its payload's end. Raises Unavailable when there
        is no link or no room."""

    def step(self, timeout: float) -> Iterable[tuple[tuple[int, int], str]]:
        """Serve the connection for up to ``timeout`` seconds; ((boot, seq), verdict) of each entry
        that the broker has spoken of meanwhile: ``accepted``, ``refused`` for good, ``unheard``
        (nobody is subscribed). Raises nothing when the link is down: it reconnects. Returns as
        soon as the link came or went, so that ``connected`` shows every change. What was in flight
        when the link went is forgotten."""

    @property
    def disputed(self) -> bool:
        """Whether another client seems to come to the broker under this client id."""

    def heard(self) -> Iterable[tuple[str, bytes]]:
        """What collectors have said since the last call: (``receipt`` or ``hello``, payload)."""

    def wake(self) -> None:
        """Make a waiting ``step`` return. Any thread may call this."""

    def connected(self) -> bool:
        """Whether entries can be sent now."""

    def close(self, *, graceful: bool) -> None:
        """Say ``stopped`` (graceful) and leave."""


class Sensors(Protocol):
    """The link to the sensor broker. One thread uses it, but for ``wake``."""

    def poll(self, timeout: float, *, read: bool) -> list[Delivery]:
        """Serve the connection for up to ``timeout`` seconds and give what has arrived. Without
        ``read`` nothing is taken from the socket. Raises nothing when the link is down: it
        reconnects by itself and subscribes again."""

    def subscribe(self, filters: Collection[str], passing: Collection[str] = ()) -> None:
        """Receive these topic filters and no others, now and after each reconnect. Those in
        ``passing`` at QoS 0: what is missed of them must not be handed over later."""

    def acknowledge(self, tokens: Iterable[int]) -> None:
        """Settle messages at the broker, in this order."""

    def hold(self) -> None:
        """Collect what is published and acknowledged from now on."""

    def release(self) -> None:
        """Send what was collected, in one write."""

    def publish(self, topic: str, payload: bytes) -> bool:
        """Tell the local broker; False where even the short queue for outages is full."""

    def answer(self, request: Delivery, payload: bytes) -> bool:
        """Publish the answer to a request where it asks for it (MQTT 5: response topic, correlation
        data), else on ``<its topic>/reply``; False as ``publish``."""

    def wake(self) -> None:
        """Make a waiting ``poll`` return. Any thread may call this."""

    def connected(self) -> bool:
        """Whether the broker has accepted the connection."""

    def close(self) -> None:
        """Leave the broker in good order."""


class LogWriter(Protocol):
    """Where the worker hands its records; the writer's thread commits them."""

    def submit(self, entries: Sequence[Entry], snapshots: Sequence[Snapshot] = (),
               mark: int = 0, urgent: bool = False) -> bool:  # noqa: FBT001, FBT002
        """Take entries for the next group commit; False where there is no room for them.
        ``urgent``: commit at once, with all that waits."""

    def repair(self, boot: int, before_seq: int, offset: Nanos) -> None:
        """Once all that was submitted is committed: have the times of what this ``boot`` wrote before
        ``before_seq``, while its clock was certainly wrong, put right by ``offset`` ns."""

    def hurry(self) -> None:
        """Commit what waits without any delay: the broker would stall otherwise."""


class Notifier(Protocol):
    """The service manager."""

    def ready(self) -> None: ...

    def reloading(self) -> None: ...

    def stopping(self) -> None: ...

    def status(self, text: str) -> None: ...

    def watchdog(self) -> None: ...
