"""Baseline of slow condition indicators: one reading every few minutes, from elsewhere.

RMS, peak or kurtosis from a wireless sensor, a performance figure a cycle: few readings, each worth
much. Per channel z = (reading - place) / spread, with amplitudes of vibration taken as logarithms
(they multiply), clipped so that one bad reading cannot decide; an exponentially weighted mean of z,
in units of its own standard deviation, is what a channel says (EWMA chart: Roberts, Control chart
tests based on geometric moving averages, Technometrics 1, 1959). The largest channel is the
statistic. Where a channel can only get worse upwards, only that way counts.

The place follows normal readings slowly and within bounds, as indicators wander for weeks without
a fault; what is asked is whether they have left where they were.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.monitoring.detection.following import Following
from agent.monitoring.detection.regime import Situation
from agent.monitoring.detection.score import Score, Span
from agent.monitoring.detection.tail import Prior, Threshold
from agent.monitoring.spec import ChannelSpec

_WEIGHT: Final = 0.1
"""Of the newest reading in the mean: shifts of about one standard deviation show soonest (Lucas and
Saccucci, Exponentially weighted moving average control schemes, Technometrics 32, 1990)."""
_OVERLAP: Final = (2.0 - _WEIGHT) / _WEIGHT
"""So many readings make one independent value of the mean."""
_DEVIATION: Final = (_WEIGHT / (2.0 - _WEIGHT)) ** 0.5
"""Standard deviation of the mean of independent readings of standard deviation 1."""
_MEDIAN: Final = np.pi / 2.0
"""Variance of a median of normal readings, times their number."""
_CLIPPED: Final = 4.0
# A standard normal has 10 % above 1.28 and 0.135 % above 3, a scale of 0.4; real readings wander more.
PRIOR: Final = Prior(level=1.28, scale=0.5, weight=100.0, floor=3.0)
_FOLLOWED: Final = 0.005
"""Share of a reading's deviation by which the place follows it."""
_FOLLOWED_MOST: Final = 2.0
_NAMED: Final = 3
_AMPLITUDES: Final = frozenset({"g", "m/s2", "m/s^2", "m/s²", "mm/s", "in/s", "um", "µm", "db"})
"""Units of vibration: amplitudes, that get worse upwards."""


def only_rises(channel: ChannelSpec) -> bool:
    """Whether a channel gets worse in one direction only."""
    return channel.unit.lower() in _AMPLITUDES or channel.worse == "above"


def is_amplitude(channel: ChannelSpec) -> bool:
    """Whether ratios of a channel's readings count, not differences."""
    return channel.unit.lower() in _AMPLITUDES - {"db"}


class _Normal(NamedTuple):
    """What was learned at one load band, shape (channels,) each; a channel that is not judged has an
    infinite spread."""

    place: NDArray[np.float64]
    spread: NDArray[np.float64]


class IndicatorBaseline:
    """Judges ``channels``, whose means are at ``means`` in the feature vector."""

    floor = 0.0
    MOVING: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self, channels: Sequence[ChannelSpec], means: Sequence[int], false_alarms_per_month: float = 1.0
    ) -> None:
        self.names = tuple(channel.name for channel in channels)
        self._means = np.asarray(means, dtype=np.intp)
        self._amplitude = np.array([is_amplitude(channel) for channel in channels])
        self._rises = np.array([only_rises(channel) for channel in channels])
        self._falls = np.array([channel.worse == "below" for channel in channels])
        # as many chances as channels
        self._threshold = Threshold(PRIOR, false_alarms_per_month / len(channels), _OVERLAP, typical=0.3)
        self._normals: dict[int, _Normal] = {}
        self._mean = np.zeros(len(channels))
        self._deviation = np.zeros(len(channels))
        self._followed = np.zeros(len(channels))
        self._following = Following(len(channels), 0.0, 0.0)
        self._told = np.zeros(len(channels))

    @property
    def typical(self) -> float:
        """See Baseline."""
        return self._threshold.typical

    def knows(self, band: int) -> bool:
        """See Baseline."""
        return band in self._normals

    def levels(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """See Baseline: the readings, amplitudes as natural logarithms."""
        readings: NDArray[np.float64] = features[..., self._means]
        with np.errstate(invalid="ignore", divide="ignore"):
            logarithms = np.log(np.where(readings > 0.0, readings, np.nan))
        return np.where(self._amplitude, logarithms, readings)

    def spreads(self, features: NDArray[np.float64]) -> None:
        """See Baseline: a reading has none."""

    def learn(self, span: Span, band: int, left_out: Collection[str]) -> None:
        """See Baseline."""
        left = np.array([name in left_out for name in self.names])
        readings = np.where(left, 0.0, self.levels(span.features))
        place = np.nanmedian(readings, axis=0)
        away = readings - place
        spread = np.maximum(1.4826 * np.nanmedian(np.abs(away), axis=0), 0.5 * np.nanstd(readings, axis=0))
        spread = np.maximum(spread, 1e-6 * np.maximum(np.abs(place), 1e-6))
        # the place is no surer than so many readings tell: against a wrong one the mean would wander for ever
        spread *= (1.0 + _MEDIAN / (len(readings) * _DEVIATION**2)) ** 0.5
        spread[left] = np.inf
        self._normals[band] = _Normal(place, spread)
        self._mean = np.zeros(len(self.names))
        statistic = np.array([self.score(row, Situation("running", band)).value for row in span.features])
        self._threshold.learn(statistic, span.seconds)

    def score(self, features: NDArray[np.float64], situation: Situation) -> Score:
        """See Baseline: one reading of each channel, and the ones before it in the mean. A missing
        one leaves its mean as it is."""
        normal = self._normals[situation.band]
        deviation = (self.levels(features) - normal.place) / normal.spread
        self._deviation = np.clip(deviation, -_CLIPPED, _CLIPPED)
        new = self._deviation - self._followed
        self._mean = np.where(np.isnan(new), self._mean, self._mean + _WEIGHT * (new - self._mean))
        said = self._mean / _DEVIATION
        worse = np.where(self._rises, said, np.where(self._falls, -said, np.abs(said)))
        order = np.argsort(-worse, kind="stable")[:_NAMED].tolist()
        value = max(float(worse[order[0]]), 0.0)
        contributors = tuple((self.names[i], float(said[i])) for i in order)
        return Score(value, self._threshold.value, self._threshold.probability(value), contributors)

    def deviations(self, features: NDArray[np.float64], situation: Situation) -> None:
        """See Baseline."""

    def follow(self, score: Score) -> None:
        """See Baseline. The place follows each reading, the tail learns with the next step."""
        by = _FOLLOWED * np.nan_to_num(self._deviation - self._followed, nan=0.0)
        self._followed = np.clip(self._followed + by, -_FOLLOWED_MOST, _FOLLOWED_MOST)
        self._following.collect(self._deviation, self._threshold.excess(score.value), 1.0 / _OVERLAP)

    def adapt(self) -> dict[str, Any] | None:
        """See Baseline."""
        step = self._following.step()
        if step is None:
            return None
        threshold = self._threshold.follow(step.windows, step.excesses, step.total)
        moved, self._told = self._followed - self._told, self._followed.copy()
        return {
            "threshold": threshold,
            "moved": {name: round(float(by), 3) for name, by in zip(self.names, moved, strict=True)},
        }

    def forget(self) -> None:
        """See Baseline."""
        self._following.forget()

    def revert(self) -> None:
        """See Baseline."""
        self._following.revert()
        self._followed = np.zeros(len(self.names))
        self._told = self._followed.copy()

    def to_json(self) -> dict[str, Any]:
        """See Baseline. An infinite spread is written as null."""
        return {
            "kind": "indicator",
            "channels": list(self.names),
            "bands": {
                str(band): {
                    "place": normal.place.tolist(),
                    "spread": [spread if np.isfinite(spread) else None for spread in normal.spread.tolist()],
                }
                for band, normal in self._normals.items()
            },
            "followed": self._followed.tolist(),
            "told": self._told.tolist(),
            "following": self._following.to_json(),
            "mean": self._mean.tolist(),
            **self._threshold.to_json(),
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """See Baseline."""
        if document.get("kind") != "indicator" or tuple(document["channels"]) != self.names:
            reason = "what was learned belongs to other channels"
            raise ValueError(reason)
        self._normals = {
            int(band): _Normal(
                np.array(kept["place"], dtype=np.float64),
                np.array([np.inf if spread is None else spread for spread in kept["spread"]], dtype=np.float64),
            )
            for band, kept in document["bands"].items()
        }
        self._followed = np.array(document["followed"], dtype=np.float64)
        self._told = np.array(document.get("told", document["followed"]), dtype=np.float64)
        self._following.restore(document.get("following"))
        self._mean = np.array(document["mean"], dtype=np.float64)
        self._threshold.restore(document)
