"""The configuration as a user writes it: a model for each TOML table, types and bounds only.

What concerns several keys is ``checks``'; what a key left out means is ``resolve``'s. The text
under a key is its description in ``watchkeeper schema`` and in error messages.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from agent.config.asset_tables import AssetTable
from agent.config.settings import Delivery, LogFormat, LogLevel, Protocol, QoS
from agent.config.urls import broker_address
from agent.monitoring.spec import TimeUnit


def _is_broker_url(text: str) -> str:
    broker_address(text)
    return text


Name = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]
BrokerUrl = Annotated[str, AfterValidator(_is_broker_url)]
Text = Annotated[str, Field(min_length=1)]


class Table(BaseModel):
    """A TOML table: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


class DeviceTable(Table):
    """Who this is."""

    id: Name
    """The device's name, unique in its site: lower-case letters, digits and hyphens."""
    site: Name
    """Where it stands: lower-case letters, digits and hyphens."""
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$")] = "watchkeeper"
    """What every topic of this device begins with."""
    state_dir: Path = Path("/var/lib/watchkeeper")
    """Folder for what must survive a restart."""


class TlsTable(Table):
    """Files in PEM for an mqtts connection."""

    ca_file: Path | None = None
    """Certificates of the authorities to trust; left out: the system's."""
    cert_file: Path | None = None
    """This device's certificate."""
    key_file: Path | None = None
    """The key of this device's certificate."""


class ConnectionTable(Table):
    """How to reach an MQTT broker."""

    url: BrokerUrl
    """The broker: mqtt://host:port, or mqtts://host:port for TLS."""
    client_id: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    """MQTT client id; left out: made from the device's id."""
    keepalive: Annotated[int, Field(ge=5, le=65535)] = 60
    """Seconds of silence after which the broker is asked whether it is there."""
    protocol: Protocol = "5"
    """MQTT version."""
    username: Text | None = None
    """User name at the broker."""
    password_file: Path | None = None
    """File that holds the password and nothing else."""
    password_credential: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")] | None = None
    """Name of the systemd credential (LoadCredential=) that holds the password."""
    tls: TlsTable | None = None
    """Certificates for mqtts; left out: the system's authorities, no certificate of our own."""


class SensorsTable(ConnectionTable):
    """The broker that the sensors publish to."""

    url: BrokerUrl = "mqtt://127.0.0.1:1883"
    """The broker: mqtt://host:port, or mqtts://host:port for TLS."""
    qos: QoS = 1
    """1: nothing is lost while this device restarts; 0: cheaper."""
    session_expiry: Annotated[int, Field(ge=0, le=4_294_967_294)] = 3600
    """Seconds for which the broker keeps messages while this device is away (MQTT 5)."""
    inflight: Annotated[int, Field(ge=1, le=65535)] = 20
    """How many messages the broker sends ahead of acknowledgements (mosquitto: max_inflight_messages)."""


class UplinkTable(ConnectionTable):
    """The broker upstream, which records are sent to."""

    keepalive: Annotated[int, Field(ge=5, le=65535)] = 15
    """Seconds of silence after which the broker is asked whether it is there."""


    delivery: Delivery = "puback"
    """puback: a record is delivered when the broker has taken it for somebody; receipt: when a collector
    (watchkeeper collect) answers that it is stored."""
    windows: bool = False
    """Whether each window goes upstream, too, and not only the summaries of a period."""
    max_bytes_per_second: Annotated[int, Field(ge=100)] | None = None
    """Bytes a second upstream, at most; alarms go before everything else. Left out: no limit."""
    max_mb_per_day: Annotated[float, Field(gt=0)] | None = None
    """MB (1,048,576 bytes) a day (UTC) upstream, for metered links; the last tenth is kept for alarms. Left out:
    no limit."""


class JournalTable(Table):
    """The durable log on this device."""

    path: Path | None = None
    """The SQLite file; left out: journal.db in the state folder."""
    budget_mb: Annotated[int, Field(ge=4, le=1_048_576)] = 256
    """Size in MB (1,048,576 bytes) above which the oldest of the least important goes."""
    disk_share: Annotated[float, Field(gt=0, le=0.95)] = 0.5
    """Share of the disk's free space (with what the journal has already) that it may take, if that is less."""
    snapshot_interval: Annotated[float, Field(ge=0, le=86_400)] = 600.0
    """Seconds between two snapshots of what was learned; with alarms they are written at once. 0: with every
    commit, so that a restart goes on as if nothing had happened, at the price of many more bytes written."""
    flash_mb_per_day: Annotated[float, Field(gt=0)] = 1000.0
    """MB (1,048,576 bytes) written to the disk a day (UTC) above which windows are not kept until the next."""
    commit_interval: Annotated[float, Field(gt=0, le=60)] = 1.0
    """Seconds that records wait at most to be written together; alarms do not wait."""
    commit_rows: Annotated[int, Field(ge=1, le=10_000)] = 50
    """How many records are written together at most before the interval is over."""


class SummariesTable(Table):
    """Summaries of a period: how many windows, their scores, features, health and quality."""

    period: Annotated[int, Field(ge=10, le=86_400)] = 300
    """Seconds of a period; a day must be a multiple of it."""


class EvidenceTable(Table):
    """The raw samples that raised an alarm, kept and sent with it; off for one asset by its own evidence = false."""

    enabled: bool = True
    """Whether raw samples are kept at all."""
    max_kb: Annotated[int, Field(ge=1, le=1024)] = 64
    """KB (1,024 bytes) of one alarm's samples, compressed, at most; the oldest are left out first."""
    context: Annotated[float, Field(ge=0, le=3600)] = 60.0
    """Seconds before the alarm's window that are kept with it, as far as they fit."""


class AlarmsTable(Table):
    """Alarms published on the sensor broker, for the machine's own control system."""

    enabled: bool = True
    """Whether to publish alarms there."""
    topic: Text = "{prefix}/v1/{site}/{device}/alarm"
    """Topic; {prefix}, {site}, {device} and {asset} are filled in."""
    qos: QoS = 1
    """QoS of the alarms."""


class CommandsTable(Table):
    """Commands to this device's alarms, on the sensor broker under <prefix>/v1/<site>/<device>/cmd/."""

    enabled: bool = True
    """Whether to carry out commands; who may publish them is the broker's to say (its ACL)."""


class LimitsTable(Table):
    """Bounds on what a sensor may send in one message."""

    max_bytes: Annotated[int, Field(ge=1, le=268_435_455)] = 1_048_576
    """Bytes of one payload."""
    max_depth: Annotated[int, Field(ge=1, le=128)] = 16
    """Nesting of objects and arrays."""
    max_samples: Annotated[int, Field(ge=1)] = 262_144
    """Samples of one channel in one message."""
    dead_letters_per_minute: Annotated[int, Field(ge=0)] = 60
    """How many malformed messages a minute are kept for inspection; all are counted."""


class InboxTable(Table):
    """Bounds on the messages that wait to be worked on."""

    max_messages: Annotated[int, Field(ge=1)] = 10_000
    """Messages that wait at most."""
    max_bytes: Annotated[int, Field(ge=1024)] = 16 * 1_048_576
    """Bytes of payload that wait at most."""
    patience: Annotated[float, Field(ge=0)] = 10.0
    """Seconds for which the broker is held back in overload before old messages are shed."""


class LogTable(Table):
    """The daemon's own log, on standard error."""

    level: LogLevel = "info"
    """The least important level that is shown."""
    format: LogFormat = "auto"
    """auto: console on a terminal, JSON elsewhere."""


class ReplayTable(Table):
    """How ``watchkeeper replay`` reads a recorded file; the daemon does not use it."""

    asset: Text | None = None
    """Id of the asset that was recorded; left out: the only one."""
    separator: Annotated[str, Field(min_length=1, max_length=1)] = ","
    """What separates the columns of a CSV file."""
    time_column: Text | None = None
    """Name of the CSV column with the time; left out: the first."""
    time_unit: TimeUnit = "iso8601"
    """What the time column counts."""
    columns: dict[str, Text] = Field(default_factory=dict)
    """Channel -> name of its CSV column; left out: columns are named as the channels."""
    channel: Text | None = None
    """Channel of .npz and .npy blocks; left out: the only one."""
    rate: Annotated[float, Field(gt=0)] | None = None
    """Hz of .npy blocks, and of .npz without a rate; left out: the channel's."""
    start: Text | None = None
    """Time (ISO 8601) of the first block where the file has no times."""


class Document(Table):
    """Configuration of the Watchkeeper daemon."""

    model_config = ConfigDict(title="watchkeeper.toml")

    device: DeviceTable
    """Who this is: a table with id and site."""
    sensors: SensorsTable = SensorsTable()
    """The broker that the sensors publish to."""
    uplink: UplinkTable | None = None
    """The broker upstream; left out: nothing is sent upstream."""
    journal: JournalTable = JournalTable()
    """The durable log on this device."""
    summaries: SummariesTable = SummariesTable()
    """Summaries of a period."""
    evidence: EvidenceTable = EvidenceTable()
    """Raw samples that raised an alarm."""
    alarms: AlarmsTable = AlarmsTable()
    """Alarms on the sensor broker."""
    commands: CommandsTable = CommandsTable()
    """Commands on the sensor broker."""
    limits: LimitsTable = LimitsTable()
    """Bounds on what a sensor may send."""
    inbox: InboxTable = InboxTable()
    """Bounds on what waits to be worked on."""
    log: LogTable = LogTable()
    """The daemon's own log."""
    assets: dict[str, AssetTable] = Field(default_factory=dict)
    """The machines under watch, by a name of your choice."""
    watch: tuple[Text, ...] | None = None
    """Which of them this device watches, by these names; left out: all."""
    replay: ReplayTable = ReplayTable()
    """How recorded files are read."""
