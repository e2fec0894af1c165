"""Baseline of process telemetry: how far the windowed means are from the learned ones.

Per channel z = (mean - expected mean) / spread, where the spread is that of the windowed means
under normal, but at least a share of the raw spread (short learning spans show too little of
the slow variation). |z| over its learned 99 % quantile makes channels comparable; their
Euclidean norm, over its own learned 99 % quantile, is the statistic: 1 is the edge of what
was seen while learning. Slow channels (temperatures) drift without a fault and are left out.

Each load band has its own spreads; what the means should be at an operating point within it,
``expectation`` says. Without operating variables that is the learned mean.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from agent.monitoring.detection.bands import Bands
from agent.monitoring.detection.expectation import UNTOLD, Expectation, Stay, Stays
from agent.monitoring.detection.following import Following
from agent.monitoring.detection.regime import Situation
from agent.monitoring.detection.score import NAMED_FROM, Score, Span, strongest
from agent.monitoring.detection.tail import Prior, Threshold

# 1.84 at one false alarm a month with windows of 12 s: in the middle of the plateau (1.75 to 1.95) on
# the recorded pump test bed, see tests/bench/skab.py.
PRIOR: Final = Prior(level=0.75, scale=0.102, weight=100.0, floor=1.8)
_RAW_SHARE: Final = 0.15
_REFERENCE: Final = 0.99
_OF_LARGEST: Final = 0.5
_STEP, _MOST = 0.5, 2.5
_LONG: Final = 3.0
"""Independent windows."""


class _Normal:
    """What was learned at one band, shape (channels,) each: means, and the unit of deviations; of
    what is not judged the unit is not known (NaN). ``norm``: the 99 % quantile of the deviations' norm."""

    __slots__ = ("centre", "norm", "unit")

    def __init__(self, centre: NDArray[np.float64], unit: NDArray[np.float64], norm: float) -> None:
        self.centre = centre
        self.unit = unit
        self.norm = norm


class ProcessBaseline:
    """Learns from the features at ``means`` and ``spreads``: the positions of each judged
    channel's mean and raw standard deviation in the feature vector. ``overlap``: how many windows
    share each sample."""

    floor = 0.0
    MOVING: ClassVar[tuple[str, ...]] = ()

    def __init__(  # noqa: PLR0913 -- what the assembly knows of the point
        self,
        names: Sequence[str],
        means: Sequence[int],
        spreads: Sequence[int],
        *,
        bands: Bands,
        overlap: float = 1.0,
        false_alarms_per_month: float = 1.0,
    ) -> None:
        self.names = tuple(names)
        self._means = _places(means)
        self._spreads = np.asarray(spreads, dtype=np.intp)
        self._bands = bands
        self._overlap = overlap
        self._normals: dict[int, _Normal] = {}
        self._expectation = Expectation(len(bands.variables), len(names))
        self._stays = Stays(overlap)
        self._point: NDArray[np.float64] | None = None
        self._seen = np.zeros(len(names))
        self._threshold = Threshold(PRIOR, false_alarms_per_month, overlap, typical=0.3)
        self._following = Following(len(names), _STEP, _MOST)
        self._collected = np.zeros(len(names))

    @property
    def typical(self) -> float:
        """See Baseline."""
        return self._threshold.typical

    def knows(self, band: int) -> bool:
        """See Baseline."""
        return band in self._normals

    def levels(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """See Baseline: the means."""
        return features[:, self._means]

    def spreads(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """See Baseline."""
        return features[:, self._spreads]

    def learn(self, span: Span, band: int, left_out: Collection[str]) -> None:
        """See Baseline."""
        means, raw = self.levels(span.features), self.spreads(span.features)
        judged = np.array([name not in left_out for name in self.names])
        if self._bands.variables:
            means = self._without_moves(span.points, means, judged)
        centre = means.mean(axis=0)
        # the raw spread over the whole span: within the windows and between them
        spread_raw = np.sqrt((raw * raw).mean(axis=0) + means.var(axis=0))
        spread = np.maximum(means.std(axis=0), _RAW_SHARE * spread_raw)
        spread = np.maximum(spread, 1e-6 * np.maximum(np.abs(centre), 1e-6))
        deviation = np.abs(means - centre) / spread
        # of a coarse channel nearly all windows say the same: its one step is no giant's
        reference = np.maximum(np.quantile(deviation, _REFERENCE, axis=0), _OF_LARGEST * deviation.max(axis=0))
        unit = spread * np.maximum(reference, 1e-6)
        unit[~judged] = np.nan
        norms = np.sqrt((np.nan_to_num((means - centre) / unit, nan=0.0) ** 2).sum(axis=1))
        norm = max(float(np.quantile(norms, _REFERENCE)), 1e-9)
        self._normals[band] = _Normal(np.nan_to_num(centre), unit, norm)
        self._fit()
        self._threshold.learn(norms / norm, span.seconds)

    def _without_moves(
        self, points: NDArray[np.float64], means: NDArray[np.float64], judged: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """The means, each stay's around the same place: moves of the operating point are not spread."""
        taken = Stays(self._overlap)
        for point, row in zip(points, means, strict=True):
            taken.take(point, np.where(judged, row, UNTOLD), self._bands.scale)
        stays = taken.drain()
        self._expectation.add(stays)
        levelled = means.copy()
        for row, point in enumerate(points):
            nearest = min(stays, key=lambda stay: float(np.abs(stay.point - point).max()))
            levelled[row] += np.where(judged, means.mean(axis=0) - nearest.means, 0.0)
        return levelled

    def _fit(self) -> None:
        """Learn what is expected where from all stays, with the widest spread of any band."""
        if self._bands.variables and len(self._expectation):
            units = [np.where(np.isfinite(normal.unit), normal.unit, 0.0) for normal in self._normals.values()]
            self._expectation.fit(np.max(units, axis=0))

    def score(self, features: NDArray[np.float64], situation: Situation) -> Score:
        """See Baseline; a missing channel (NaN) does not speak."""
        normal = self._normals[situation.band]
        self._collected = deviation = self._from_commissioned(features, situation)
        if self._bands.variables:
            # of a channel that is left out nothing is expected, and it must not silence the others
            self._point = situation.point
            self._seen = np.where(np.isnan(normal.unit), UNTOLD, features[self._means])
        if self._following.offset is not None:
            deviation = deviation - self._following.offset
        square = float(deviation.dot(deviation))
        if square != square:  # noqa: PLR0124 -- NaN
            deviation = np.nan_to_num(deviation, nan=0.0)
            square = float(deviation.dot(deviation))
        value = square**0.5 / normal.norm
        threshold = self._threshold
        behind = partial(strongest, self.names, deviation) if value > NAMED_FROM * threshold.value else ()
        return Score(value, threshold.value, threshold.probability(value), behind)

    def _from_commissioned(self, features: NDArray[np.float64], situation: Situation) -> NDArray[np.float64]:
        """How far the means are from what was expected at the commissioning, in the band's units."""
        normal = self._normals[situation.band]
        if self._bands.variables and situation.point is not None:
            expected, doubt = self._expectation.at(situation.point)
            return np.asarray((features[self._means] - expected) / np.sqrt(normal.unit * normal.unit + doubt))
        return (features[self._means] - normal.centre) / normal.unit

    def deviations(self, features: NDArray[np.float64], situation: Situation) -> NDArray[np.float64]:
        """See Baseline."""
        deviation = self._from_commissioned(features, situation)
        return deviation if self._following.offset is None else deviation - self._following.offset

    def follow(self, score: Score) -> None:
        """See Baseline."""
        self._following.collect(self._collected, self._threshold.excess(score.value), 1.0 / self._overlap)
        if self._point is not None:
            self._stays.take(self._point, self._seen, self._bands.scale)

    def adapt(self) -> dict[str, Any] | None:
        """See Baseline: the expected means move, together, by a share of their units; the tail
        takes in the windows; operating points where there was no stay yet refine what is expected."""
        step = self._following.step()
        if step is None:
            return None
        threshold = self._threshold.follow(step.windows, step.excesses, step.total)
        new = self._expectation.add_new(_long(self._stays.drain())) if len(self._expectation) else 0
        if new:
            self._fit()
        moved = {name: round(float(by), 4) for name, by in zip(self.names, step.moved, strict=True) if abs(by) > 1e-3}  # noqa: PLR2004
        return {"threshold": threshold, "moved": moved} | ({"points": new} if new else {})

    def forget(self) -> None:
        """See Baseline."""
        self._following.forget()
        self._stays.interrupt()

    def revert(self) -> None:
        """See Baseline."""
        self._following.revert()
        self._stays.drain()

    def to_json(self) -> dict[str, Any]:
        """See Baseline. A unit that is not known is written as null."""
        return {
            "kind": "process",
            "channels": list(self.names),
            "bands": {
                str(band): {
                    "centre": normal.centre.tolist(),
                    "unit": [unit if np.isfinite(unit) else None for unit in normal.unit.tolist()],
                    "norm": normal.norm,
                }
                for band, normal in self._normals.items()
            },
            **self._threshold.to_json(),
            "stays": self._expectation.to_json(),
            "following": self._following.to_json(),
            "visited": self._stays.to_json(),
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """See Baseline."""
        if document.get("kind") != "process" or tuple(document["channels"]) != self.names:
            reason = "what was learned belongs to other channels"
            raise ValueError(reason)
        self._normals = {
            int(band): _Normal(
                np.array(kept["centre"], dtype=np.float64),
                np.array([np.nan if unit is None else unit for unit in kept["unit"]], dtype=np.float64),
                float(kept["norm"]),
            )
            for band, kept in document["bands"].items()
        }
        self._expectation.restore(document["stays"])
        self._fit()
        self._threshold.restore(document)
        self._following.restore(document["following"])
        if "visited" in document:
            self._stays.restore(document["visited"])


def _places(places: Sequence[int]) -> slice | NDArray[np.intp]:
    """As an index: of neighbours a slice, which copies nothing."""
    first = places[0] if len(places) else 0
    if list(places) == list(range(first, first + len(places))):
        return slice(first, first + len(places))
    return np.asarray(places, dtype=np.intp)


def _long(stays: Sequence[Stay]) -> list[Stay]:
    """Those that rest on enough windows to be worth knowing."""
    return [stay for stay in stays if stay.windows >= _LONG]
