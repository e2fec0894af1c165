"""What a device is told, validated and resolved: plain frozen values, nothing left to default.

These are what the daemon holds. They pickle, and importing them imports no validation library
(see ``apart``): the tables as a user writes them are ``document``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from agent.errors import ConfigError, Problem
from agent.monitoring.spec import AssetSpec, DecodeLimits, TimeUnit

if TYPE_CHECKING:  # types.py imports numpy, which those who only read the configuration have no use for
    from agent.monitoring.types import RecordKind

CredentialReader: TypeAlias = Callable[[str], str | None]
"""Gives a systemd credential by name; None where there is none."""

Protocol: TypeAlias = Literal["5", "3.1.1"]
QoS: TypeAlias = Literal[0, 1]
_UPSTREAM: Final[frozenset[RecordKind]] = frozenset({"alarm", "event", "quality", "health", "summary", "evidence"})

Delivery: TypeAlias = Literal["puback", "receipt"]
LogLevel: TypeAlias = Literal["debug", "info", "warning", "error"]
LogFormat: TypeAlias = Literal["auto", "json", "console"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Who this is. Topics are ``prefix``/v1/``site``/``id``/..."""

    id: str
    site: str
    prefix: str
    state_dir: Path

    @property
    def topic(self) -> str:
        """What every topic of this device begins with, without a slash at the end."""
        return f"{self.prefix}/v1/{self.site}/{self.id}"

    @property
    def command_topic(self) -> str:
        """What the topics of its commands begin with, without a slash at the end."""
        return f"{self.topic}/cmd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Files in PEM; ``ca_file`` None means the system's authorities."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How to reach one MQTT broker. ``keepalive`` in s; ``tls`` None is plain TCP."""

    host: str
    port: int
    client_id: str
    keepalive: int
    protocol: Protocol
    tls: Tls | None = None
    username: str | None = None
    password_file: Path | None = None
    password_credential: str | None = None

    def password(self, read_credential: CredentialReader) -> str | None:
        """The password, read anew at each call so that it can be rotated and is never kept here.

        Raises ConfigError where the file or credential cannot be read.
        """
        if self.password_file is not None:
            try:
                return self.password_file.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
            except (OSError, UnicodeDecodeError) as fault:
                reason = fault.strerror if isinstance(fault, OSError) else "it is not UTF-8 text"
                raise ConfigError((
                    Problem(str(self.password_file), "password_file", "", f"cannot be read: {reason}",
                            "Let the daemon's user read it, or use password_credential."),
                )) from None
        if self.password_credential is not None:
            found = read_credential(self.password_credential)
            if found is None:
                raise ConfigError((
                    Problem("systemd", "password_credential", self.password_credential,
                            "the service was given no credential of this name",
                            f"Add LoadCredential={self.password_credential}:/path/to/file to the unit."),
                ))
            return found
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensors(Connection):
    """The sensor broker. ``session_expiry`` in s; ``inflight``: how many messages the broker
    hands over before it waits for an acknowledgement (mosquitto: max_inflight_messages)."""

    qos: QoS
    session_expiry: int
    inflight: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Uplink(Connection):
    """The broker upstream. ``delivery``: what settles a record, the broker's PUBACK or a collector's receipt.
    ``windows``: whether each window goes, too. ``bytes_per_second``, ``bytes_per_day``: None is no limit."""

    delivery: Delivery
    windows: bool
    bytes_per_second: int | None
    bytes_per_day: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """``commit_interval`` in s: how long a record may wait for others to share its fsync. ``disk_share``: of
    the free space, at most. ``snapshot_interval`` in s. ``flash_bytes_per_day``: what may be written."""

    path: Path
    budget_bytes: int
    disk_share: float
    snapshot_interval: float
    flash_bytes_per_day: int
    commit_interval: float
    commit_rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Summaries:
    """``period`` in s; divides a day."""

    period: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarms:
    """Alarms on the sensor broker. ``topic`` still holds ``{asset}`` where the user wrote it."""

    enabled: bool
    topic: str
    qos: QoS


@dataclass(frozen=True, slots=True, kw_only=True)
class Commands:
    """Whether commands are taken from the sensor broker."""

    enabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """Bounds on what waits for the worker; ``patience`` in s: how long the broker is held back
    before the oldest messages are shed."""

    max_messages: int
    max_bytes: int
    patience: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """``format`` auto: console on a terminal, JSON elsewhere."""

    level: LogLevel
    format: LogFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """How a recorded file becomes blocks. ``asset`` is an asset's id.

    CSV: ``columns`` maps channel to column name; ``time_column`` None is the first column.
    npz, npy: ``channel``, its ``rate`` in Hz and the ``start`` (ISO 8601) where the file has no times.
    """

    asset: str | None
    separator: str
    time_column: str | None
    time_unit: TimeUnit
    columns: Mapping[str, str]
    channel: str | None
    rate: float | None
    start: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All of it. ``uplink`` None: nothing goes upstream."""

    device: Device
    sensors: Sensors
    uplink: Uplink | None
    journal: Journal
    summaries: Summaries
    alarms: Alarms
    commands: Commands
    limits: DecodeLimits
    dead_letters_per_minute: int
    inbox: Inbox
    log: Log
    assets: tuple[AssetSpec, ...]
    replay: Replay

    @property
    def owed(self) -> frozenset[RecordKind]:
        """The kinds of records that go upstream."""
        if self.uplink is None:
            return frozenset()
        return _UPSTREAM | {"window"} if self.uplink.windows else _UPSTREAM

    def asset_specs(self) -> tuple[AssetSpec, ...]:
        """What the chain is told, one for each ``[assets.<name>]``, in the order written."""
        return self.assets

    def decode_limits(self) -> DecodeLimits:
        """Bounds on one payload."""
        return self.limits
