"""The settings that ship, a profile for each kind of signal; every one can be overridden, key by key.

A profile is chosen by what is measured, never by the machine: what differs between machines is
learned on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agent.monitoring.spec import ChannelSpec, PersistenceSpec, Profile, WindowSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipped:
    """The settings of a profile. ``cells``: a window by time is so many samples of the slowest
    channel, at least as many seconds. ``silence``: s without a sample after which a channel is
    said to be silent, at least five of its periods. ``refractory``: s after an alarm began in which
    no other of low severity begins. ``false_alarms_per_month``: how many are acceptable."""

    cells: int | None = None
    count: int | None = None
    features: tuple[str, ...] = ()
    persistence: PersistenceSpec
    learning_samples: int
    silence: float
    refractory: float
    false_alarms_per_month: float = 1.0

    def window(self, channels: Sequence[ChannelSpec]) -> WindowSpec:
        """How the channels' samples become windows."""
        if self.cells is None:
            return WindowSpec(count=self.count)
        period = _period(channels)
        least = 1.0 if self.cells > 1 or period is None else period
        stride = max(least, period or least)
        return WindowSpec(seconds=self.cells * stride, stride=stride)

    def stale_after(self, channels: Sequence[ChannelSpec]) -> float:
        """How many seconds of silence are too many."""
        if self.cells is None and self.count is None:  # the rate is that within a record
            return self.silence
        return max(self.silence, 5.0 * (_period(channels) or 0.0))


def _period(channels: Sequence[ChannelSpec]) -> float | None:
    """Seconds between the samples of the slowest channel whose rate is known."""
    rates = [channel.rate for channel in channels if channel.rate is not None]
    return 1.0 / min(rates) if rates else None


PROFILES: Final[dict[Profile, Shipped]] = {
    # Telemetry is judged by a causal mean that is long enough to average noise out and short
    # enough to notice within seconds; the mean already persists, so one window is enough.
    "process": Shipped(
        cells=12,
        persistence=PersistenceSpec(needed=1, of=1, hysteresis=0.5, clear_after=1),
        learning_samples=400,
        silence=60.0,
        refractory=3600.0,
    ),
    # Single records of vibration have outliers (a passing forklift): three in a row are a fault.
    "waveform": Shipped(
        features=("rms", "peak", "crest", "kurtosis", "octaves"),
        persistence=PersistenceSpec(needed=3, of=3, hysteresis=0.6, clear_after=30),
        learning_samples=100,
        silence=3600.0,
        refractory=3600.0,
    ),
    # Each reading is a window; the statistic is a mean over some of them and persists by itself.
    "indicator": Shipped(
        cells=1,
        features=("mean",),
        persistence=PersistenceSpec(needed=1, of=1, hysteresis=0.6, clear_after=5),
        learning_samples=100,
        silence=900.0,
        refractory=6 * 3600.0,
    ),
    # Of a metric without physics nothing tells news from faults: more of them are said, and one alarm
    # covers all that comes until 50 samples in a row were normal.
    "metric": Shipped(
        count=1,
        features=("mean",),
        persistence=PersistenceSpec(needed=1, of=1, hysteresis=1.0, clear_after=50),
        learning_samples=150,
        silence=900.0,
        refractory=0.0,
        false_alarms_per_month=5.0,
    ),
}
