"""The tables of one asset as a user writes them; what is left out is None and ``resolve``'s."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from agent.monitoring.spec import CodecName, Direction, Profile, Role, SampleType, TimeUnit, Worse

Text = Annotated[str, Field(min_length=1)]
Rate = Annotated[float, Field(gt=0, le=10_000_000)]


class AssetPart(BaseModel):
    """A table within ``[assets.<name>]``."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
        coerce_numbers_to_str=True,
        protected_namespaces=(),
    )


class ChannelTable(AssetPart):
    """One measured quantity, and where a message holds it."""

    topic: Text | None = None
    """MQTT topic filter; left out: the asset's."""
    codec: CodecName | None = None
    """How payloads are written; left out: the asset's, or json."""
    value: str = ""
    """json, cbor: RFC 6901 pointer, e.g. "/pressure" ("" is the whole document); senml: the
    record's full name; csv: the column's number from 0."""
    time: str | None = None
    """Where the time of the first sample is, in the same way; left out: the asset's, or the
    time of arrival."""
    time_unit: TimeUnit | None = None
    """What the time counts; left out: the asset's, or s."""
    rate: Rate | None = None
    """Samples per second; left out: the asset's."""
    scale: float = 1.0
    """What raw values are multiplied by."""
    offset: float = 0.0
    """What is added after scaling."""
    unit: str = ""
    """Unit of the scaled values."""
    valid: tuple[float, float] | None = None
    """Smallest and largest value that the sensor can truly give; others are flagged and not used."""
    stuck_after: Annotated[int, Field(ge=0)] = 0
    """So many equal samples in a row are called stuck; 0: never."""
    role: Role | None = None
    """condition: judged; slow: recorded, not scored; operating: what the machine is asked to do;
    switch: on or off. Left out: by the unit (degC: slow, rpm or Hz: operating, bool: switch)."""
    worse: Worse = "either"
    """In which direction a fault shows: above, below or either. Vibration only gets worse above."""
    sample: SampleType = "f32"
    """binary: the number format."""
    byte_order: Literal["little", "big"] = "little"
    """binary: the byte order."""
    interleaved: Annotated[int, Field(ge=1, le=1024)] = 1
    """binary: how many channels take turns in one payload."""
    index: Annotated[int, Field(ge=0)] = 0
    """binary: which of them this is, from 0."""
    separator: Annotated[str, Field(min_length=1, max_length=1)] = ","
    """csv: what separates the columns."""


class WindowTable(AssetPart):
    """How samples become windows."""

    seconds: Annotated[float, Field(gt=0, le=86_400)] | None = None
    """Length in seconds (process)."""
    count: Annotated[int, Field(ge=1, le=1_048_576)] | None = None
    """Length in samples."""
    stride: Annotated[float, Field(gt=0)] | None = None
    """From one window's start to the next, in the same measure; left out: the window's length."""


class LimitTable(AssetPart):
    """A fixed limit on a feature."""

    feature: Text
    """channel.feature, e.g. "temperature.mean"."""
    warning: float | None = None
    """Level of the warning."""
    alarm: float | None = None
    """Level of the alarm."""
    direction: Direction = "above"
    """On which side of the level the fault is."""


class PersistenceTable(AssetPart):
    """When windows over the threshold become an alarm, and when it ends."""

    needed: Annotated[int, Field(ge=1, le=1000)] | None = None
    """So many ..."""
    of: Annotated[int, Field(ge=1, le=1000)] | None = None
    """... of so many windows over the threshold raise an alarm."""
    hysteresis: Annotated[float, Field(gt=0, le=1)] | None = None
    """It ends below this share of the threshold; 1: the threshold itself."""
    clear_after: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """For so many windows in a row."""
    every_window: bool = False
    """No episodes: each window over the threshold is an alarm of its own."""


class LearningTable(AssetPart):
    """Commissioning: learning what is normal for this machine."""

    enabled: bool = True
    """false: only fixed limits and a bare model judge."""
    samples: Annotated[int, Field(ge=10, le=10_000_000)] | None = None
    """Seconds of telemetry or records of waveforms to learn from; more precisely grid steps."""


class AlarmLifeTable(AssetPart):
    """The life of the asset's alarms."""

    latching: bool = False
    """true: an alarm that has cleared stays until someone acknowledges it."""
    refractory: Annotated[float, Field(ge=0, le=2_678_400)] | None = None
    """Seconds after an alarm began in which no new one of low severity begins; left out: the profile's."""
    longest_shelving: Annotated[float, Field(gt=0, le=31_622_400)] = 604_800.0
    """Seconds that an alarm may be shelved for at most."""


class ModelTable(AssetPart):
    """An int8 model to score with."""

    path: Path
    """A bundle's folder, the name of a bundle that ships, or a bare .tflite file."""
    input: Literal["log_power", "bands"] | None = None
    """What a bare .tflite file is fed; a bundle says so itself."""


class RunningTable(AssetPart):
    """How to tell that the machine runs; nothing is judged while it does not."""

    channel: Text
    """The channel that tells."""
    above: float
    """It runs while the channel's mean is above this."""
    settle: Annotated[float, Field(ge=0)] = 30.0
    """Seconds after a start or stop in which nothing is judged."""


class BearingTable(AssetPart):
    """A rolling bearing: by the name of a known one, by its geometry, or by its fault frequencies."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 /_-]{0,31}$")]
    """A bearing that is known, e.g. "6205", or any name for one that is described by the keys below."""
    elements: Annotated[int, Field(ge=3, le=200)] | None = None
    """How many balls or rollers (of one row)."""
    ball: Annotated[float, Field(gt=0)] | None = None
    """Their diameter, in the unit of pitch."""
    pitch: Annotated[float, Field(gt=0)] | None = None
    """The diameter of the circle through their centres."""
    angle: Annotated[float, Field(ge=0, lt=90)] | None = None
    """The contact angle in degrees; left out: 0."""
    bpfo: Annotated[float, Field(gt=0)] | None = None
    """Outer-race frequency as a multiple of the shaft's speed, as are the next."""
    bpfi: Annotated[float, Field(gt=0)] | None = None
    """Inner-race frequency."""
    bsf: Annotated[float, Field(gt=0)] | None = None
    """The spin of a rolling element; where a maker gives what it strikes with, half of that."""
    ftf: Annotated[float, Field(gt=0)] | None = None
    """Cage frequency."""


class ZonesTable(AssetPart):
    """Severity zones of one's own."""

    boundaries: tuple[float, float, float]
    """RMS velocity in mm/s where zones B, C and D begin."""
    band: tuple[float, float] = (10.0, 1000.0)
    """The Hz that they are for."""
    name: Text = "own"
    """What verdicts call them."""
    provenance: Text = "the operator's own"
    """Where the boundaries are from."""


class MachineTable(AssetPart):
    """What is known of the machine beside its sensors; diagnosis asks for it."""

    speed: Annotated[float, Field(gt=0, le=1_000_000)] | None = None
    """Nominal speed of the shaft in rpm."""
    speed_channel: Text | None = None
    """The channel that measures it, in rpm or Hz."""
    bearings: tuple[BearingTable, ...] = ()
    """The rolling bearings on this shaft."""
    zones: Text | ZonesTable | None = None
    """Severity zones after ISO 20816 by name, e.g. "group-2-rigid", or a table of one's own."""


class AssetTable(AssetPart):
    """One machine. topic, codec, time, time_unit and rate are defaults for its channels."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9{][a-z0-9._{}-]{0,63}$")] | None = None
    """Its name in topics and records; left out: the table's name. {1}, {2} ... stand for what the
    wildcards of the topic matched; then each match is a machine of its own."""
    profile: Profile = "process"
    """process: slow telemetry of several channels; waveform: blocks of vibration; indicator: condition
    indicators, a reading every few minutes; metric: one slow figure of any kind."""
    topic: Text | None = None
    """MQTT topic filter of the channels that name none."""
    codec: CodecName | None = None
    """Codec of the channels that name none."""
    time: str | None = None
    """Where the time is, for the channels that do not say."""
    time_unit: TimeUnit | None = None
    """What the time counts, for the channels that do not say."""
    rate: Rate | None = None
    """Samples per second of the channels that do not say."""
    channels: Annotated[dict[str, ChannelTable], Field(min_length=1)]
    """The measured quantities, by name."""
    window: WindowTable = WindowTable()
    features: tuple[str, ...] | None = None
    """What is computed of each window; left out: what the profile needs."""
    limits: tuple[LimitTable, ...] = ()
    """Fixed limits, beside what is learned."""
    persistence: PersistenceTable = PersistenceTable()
    learning: LearningTable = LearningTable()
    model: ModelTable | None = None
    running: RunningTable | None = None
    machine: MachineTable = MachineTable()
    alarms: AlarmLifeTable = AlarmLifeTable()
    false_alarms_per_month: Annotated[float, Field(gt=0)] | None = None
    """How many false alarms in 30 days of running are acceptable; the thresholds follow from it. Left
    out: the profile's, 1 for machines and 5 for a metric of which nothing is known."""
    evidence: bool = True
    """Whether the raw samples that raised an alarm may be kept and sent."""
    lateness: Annotated[float, Field(ge=0, le=3600)] = 5.0
    """Seconds that a window waits for late samples."""
    stale_after: Annotated[float, Field(gt=0)] | None = None
    """Seconds of silence after which a channel is said to be silent; left out: the profile's."""
