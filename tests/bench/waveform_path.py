"""The stages of one record of vibration, 2560 samples, in the learned state: octaves alone, and all features."""

from __future__ import annotations

import numpy as np

from agent.models import ModelShelf
from agent.monitoring.manipulation.features.bearing_lines import BearingLines
from agent.monitoring.manipulation.features.envelope import Envelope
from agent.monitoring.manipulation.features.mel import LogMel
from agent.monitoring.manipulation.features.moments import MOMENTS, Moments
from agent.monitoring.manipulation.features.orders import Orders
from agent.monitoring.manipulation.features.waveform import FEATURES, WaveformFeatures
from agent.monitoring.manipulation.quality import QualityGate
from agent.monitoring.monitor import Monitor
from agent.monitoring.spec import AssetSpec, BearingSpec, ChannelSpec, LearningSpec, MachineSpec
from agent.monitoring.types import SECOND, Block
from tests.bench.stage import Call, Stage

_T0 = 1_700_000_000 * SECOND
_SAMPLES, _RATE, _SPEED = 2560, 25_600.0, 29.95
_CHANNEL = ChannelSpec(name="x", topic="t", rate=_RATE, unit="g")
_BEARING = BearingSpec(name="DE", bpfo=3.585, bpfi=5.415, bsf=2.357, ftf=0.3983)
_MACHINE = MachineSpec(speed=60.0 * _SPEED, bearings=(_BEARING,))
_OF_SPECTRUM = ("velocity", "bands", "octaves", "third_octaves", "levels")
OCTAVES = "octave path of 2560: gate, features, score, record"
FULL = "full path of 2560: gate, all features, score, record"


def waveform_stages() -> list[Stage]:
    """Both paths as a whole, and their parts."""
    record = np.random.default_rng(5).normal(size=_SAMPLES)
    gate = QualityGate(_CHANNEL)
    octaves = WaveformFeatures(("octaves",), _SAMPLES, _RATE)

    def check(_: int) -> None:
        gate.check(_block(0, record))

    def transform(_: int) -> object:
        return np.fft.rfft(record)

    bare = "np.fft.rfft of 2560"
    return [
        Stage(OCTAVES, "record", _path(("octaves",), record), bare, transform),
        Stage("octave path: gate", "record", check, bare, transform, None, OCTAVES),
        Stage("octave path: features", "record", lambda _: octaves.extract(record), bare, transform, None, OCTAVES),
        Stage(FULL, "record", _path(tuple(name for name in FEATURES if name != "power"), record), bare, transform),
        Stage("full path: gate", "record", check, bare, transform, None, FULL),
        *(Stage(f"full path: {name}", "record", call, bare, transform, None, FULL)
          for name, call in _families(record).items()),
    ]  # fmt: skip


def _families(record: np.ndarray) -> dict[str, Call]:  # type: ignore[type-arg]
    """The features family by family; those that share the block's transform are given it."""
    spectrum = np.fft.rfft(record)
    square = float(record.dot(record))
    moments = Moments(MOMENTS, _SAMPLES)
    bands = WaveformFeatures(_OF_SPECTRUM, _SAMPLES, _RATE, unit="g")
    mel, orders = LogMel(_SAMPLES, _RATE), Orders(_SAMPLES, _RATE)
    envelope, lines = Envelope(_SAMPLES, _RATE), BearingLines([_BEARING], _SAMPLES, _RATE)

    def of_bearing(_: int) -> None:
        taken = envelope.spectrum()
        assert taken is not None
        lines.of(taken, _SPEED)

    return {
        "moments": lambda _: moments.of(record, square),
        "spectrum, velocity, bands": lambda _: bands.extract(record),
        "log-mel": lambda _: mel.of(record),
        "orders": lambda _: orders.of(spectrum, _SPEED),
        "kurtogram and envelope": lambda _: (envelope.take(spectrum), envelope.features()),
        "lines of a bearing": of_bearing,
    }


def _block(number: int, record: np.ndarray) -> Block:  # type: ignore[type-arg]
    return Block("a", "x", _T0 + number * 10 * SECOND, record, _RATE)


def _path(features: tuple[str, ...], record: np.ndarray) -> Call:  # type: ignore[type-arg]
    """One record after the other through a monitor that has learned."""
    monitor = Monitor(ModelShelf().load)
    monitor.add(AssetSpec(id="a", profile="waveform", features=features, channels=(_CHANNEL,), machine=_MACHINE,
                          learning=LearningSpec(samples=40)))  # fmt: skip
    number = [0]

    def step(_: int) -> None:
        number[0] += 1
        block = _block(number[0], record)
        monitor.observe(block, block.time)

    rng = np.random.default_rng(6)
    for i in range(60):
        block = _block(i, rng.normal(size=_SAMPLES))
        monitor.observe(block, block.time)
    number[0] = 60
    assert next(iter(monitor.assets["a"].points))[0].learned
    return step
