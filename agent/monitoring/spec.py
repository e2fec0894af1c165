"""What the chain is told: frozen specifications, already validated and resolved.

``agent.config`` makes these from a device's configuration; nothing here reads files.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

CodecName: TypeAlias = Literal["json", "cbor", "senml-json", "senml-cbor", "binary", "csv"]
TimeUnit: TypeAlias = Literal["s", "ms", "us", "ns", "iso8601"]
SampleType: TypeAlias = Literal["i16", "i32", "f32", "f64"]
Role: TypeAlias = Literal["condition", "slow", "operating", "switch"]
Profile: TypeAlias = Literal["process", "waveform", "indicator", "metric"]
Direction: TypeAlias = Literal["above", "below"]
Worse: TypeAlias = Literal["above", "below", "either"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where in a payload one channel's samples are.

    ``value``: for json and cbor an RFC 6901 pointer ("" is the whole document), for senml
    the resolved record name, for csv the column's number counted from 0. What it points at
    is a number or a (nested) array of numbers, which is a block. ``time``: a pointer (csv: a
    column's number) to the time of the first sample; None means time of arrival, taken as
    the time of the last sample. ``rate``: Hz, spacing of the samples inside one payload.
    ``index`` of ``interleaved`` channels, ``sample`` and ``little_endian`` are for binary.
    """

    codec: CodecName = "json"
    value: str = ""
    time: str | None = None
    time_unit: TimeUnit = "s"
    rate: float | None = None
    scale: float = 1.0
    offset: float = 0.0
    sample: SampleType = "f32"
    little_endian: bool = True
    interleaved: int = 1
    index: int = 0
    separator: str = ","


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeLimits:
    """Bounds on one payload: bytes, nesting depth, samples (per channel)."""

    max_bytes: int = 1_048_576
    max_depth: int = 16
    max_samples: int = 262_144


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSpec:
    """One measured quantity of an asset.

    ``topic`` is an MQTT topic filter. ``rate``: nominal Hz. ``valid``: inclusive range in
    ``unit``; outside of it a sample is flagged and not used. ``stuck_after``: so many equal
    samples in a row are called stuck (0: never). ``role``: ``condition`` is judged,
    ``slow`` (temperatures) is recorded but not scored, ``operating`` (speed, load) says what
    the machine is asked to do, ``switch`` is on or off. ``worse``: in which direction a fault shows,
    where that is known (amplitudes of vibration: always above).
    """

    name: str
    topic: str
    source: Source = field(default_factory=Source)
    unit: str = ""
    rate: float | None = None
    valid: tuple[float, float] | None = None
    stuck_after: int = 0
    role: Role = "condition"
    worse: Worse = "either"


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowSpec:
    """How samples become windows: by time (``seconds``) or by ``count`` of samples.

    ``stride`` is in the same measure (None: as long as the window, no overlap). With neither
    ``seconds`` nor ``count`` each message is a window (waveform records). Windows by time
    align several channels on one grid of the stride; windows by count are of one channel.
    """

    seconds: float | None = None
    count: int | None = None
    stride: float | None = None

    @property
    def overlap(self) -> float:
        """How many windows share each sample."""
        return (self.count or self.seconds or 1.0) / self.stride if self.stride else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSpec:
    """A fixed limit on a feature: ``channel.feature`` as in the records, e.g. ``temperature.rms``."""

    feature: str
    warning: float | None = None
    alarm: float | None = None
    direction: Direction = "above"


@dataclass(frozen=True, slots=True, kw_only=True)
class PersistenceSpec:
    """When windows over the threshold become an alarm, and when it ends.

    ``needed`` of the last ``of`` windows raise; it clears below ``hysteresis`` times the
    threshold (1: the threshold itself) for ``clear_after`` windows. ``every_window``: no
    episodes, each window over the threshold is an alarm of its own.
    """

    needed: int = 1
    of: int = 1
    hysteresis: float = 1.0
    clear_after: int = 1
    every_window: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningSpec:
    """Commissioning: ``samples`` (grid cells of telemetry, records of waveforms) to learn from."""

    enabled: bool = True
    samples: int = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """An int8 model to score with. ``path``: a bundle folder, or a bare ``.tflite`` file.

    For a bare file ``input`` names the feature that it is fed: ``log_power`` (natural log of
    1 + the periodogram, repeated or cut to the input's length) or ``bands`` (see the card of
    the shipped bundle); the score is the mean squared error of its reconstruction.
    """

    path: str
    input: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningSpec:
    """The machine runs while ``channel``'s window mean is above ``above``; for ``settle`` seconds
    after a change nothing is judged."""

    channel: str
    above: float
    settle: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BearingSpec:
    """A rolling bearing by its fault frequencies, as multiples of the shaft's speed (orders).

    ``bpfo`` and ``bpfi``: a rolling element passes a spot on the outer, inner race; ``bsf``: a
    rolling element turns once (it meets a race at twice that); ``ftf``: the cage.
    """

    name: str
    bpfo: float
    bpfi: float
    bsf: float
    ftf: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ZonesSpec:
    """Severity zones of vibration: ``boundaries`` A/B, B/C and C/D as RMS velocity in mm/s over
    ``band`` Hz; ``provenance`` says where they are from."""

    name: str
    boundaries: tuple[float, float, float]
    band: tuple[float, float] = (10.0, 1000.0)
    provenance: str = "the operator's own"


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSpec:
    """What is known of a machine beside its sensors.

    ``speed``: nominal, rpm. ``speed_channel``: the channel that tells it (its unit says in what).
    """

    speed: float | None = None
    speed_channel: str | None = None
    bearings: tuple[BearingSpec, ...] = ()
    zones: ZonesSpec | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmSpec:
    """The life of an asset's alarms.

    ``latching``: one that has cleared stays until it is acknowledged. ``refractory``: s after an
    alarm began in which no new one begins. ``longest_shelving``: s.
    """

    latching: bool = False
    refractory: float = 0.0
    longest_shelving: float = 7 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceSpec:
    """The raw samples kept with an alarm: ``context`` s before its window, ``max_bytes`` compressed."""

    max_bytes: int = 65_536
    context: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetSpec:
    """One machine. ``id`` may hold ``{1}``, ``{2}`` ...: what the topic's wildcards matched; then
    each match is an asset of its own."""

    id: str
    profile: Profile
    channels: tuple[ChannelSpec, ...]
    window: WindowSpec = field(default_factory=WindowSpec)
    features: tuple[str, ...] = ()
    limits: tuple[LimitSpec, ...] = ()
    persistence: PersistenceSpec = field(default_factory=PersistenceSpec)
    learning: LearningSpec = field(default_factory=LearningSpec)
    model: ModelSpec | None = None
    running: RunningSpec | None = None
    machine: MachineSpec = field(default_factory=MachineSpec)
    alarms: AlarmSpec = field(default_factory=AlarmSpec)
    false_alarms_per_month: float = 1.0
    evidence: EvidenceSpec | None = field(default_factory=EvidenceSpec)
    """None: the raw samples of this machine are its own."""
    summary_period: int = 300
    """s; divides a day."""
    lateness: float = 5.0
    stale_after: float = 60.0
