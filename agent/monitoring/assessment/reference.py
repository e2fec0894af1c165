"""What every feature of a measuring point is like under normal, and how far a window is from that.

The detector's baseline scores a few features; this one remembers them all, so that an alarm can say what
changed and diagnosis can say what did not: per feature the median and a robust spread of the commissioning
windows.

Where operating channels (speed, load) moved while learning, a feature's normal may follow them: a
parabola in each is fitted, and kept where it explains the feature (a pump's pressure goes with the square
of its speed). Outside of the learned range it is held at the range's end: nothing is known there.

Spreads have floors, as a short commissioning sees too little of the slow variation: 1 dB for levels in
dB, 0.5 dB for amplitudes; for telemetry a quarter of the raw standard deviation within the windows, and
0.2 % of the normal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite, nan
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from agent.monitoring.assessment import robust
from agent.monitoring.assessment.change import Change
from agent.monitoring.assessment.quantity import Quantity, quantity

MOST_ROWS: Final = 512
FEWEST: Final = 10
_DECIBEL_FLOOR: Final = 1.0
_RATIO_FLOOR: Final = 0.5
_LEVEL_FLOOR: Final = 0.002
_RAW_SHARE: Final = 0.25
_SILENCE: Final = 1e-30
_MOVED: Final = 0.02
"""The share of its size by which an operating channel must have moved to explain anything."""
_EXPLAINS: Final = 0.7
"""A fit is kept where it brings the spread below this share."""
_FACTORS: Final = {"ratio": 20.0, "power-ratio": 10.0}
_TELEMETRY: Final = frozenset({"mean", "min", "max", "rms"})


class Reference:
    """Learned normal of all features of a measuring point.

    ``names``: of the feature vector, ``units``: by channel, ``channel``: the point's where it has but one,
    ``operating``: the features that say what the machine is asked to do.
    """

    def __init__(
        self,
        names: Sequence[str],
        units: Mapping[str, str],
        channel: str | None,
        operating: Sequence[str] = (),
    ) -> None:
        self.names = tuple(names)
        self._quantities = [quantity(name, channel, units) for name in names]
        self._factors = np.array([_FACTORS.get(q.measure, 0.0) if q else 0.0 for q in self._quantities])
        self._drivers = [names.index(name) for name in operating if name in names]
        self._rows: list[NDArray[np.float64]] = []
        self._step = 1
        self._skipped = 0
        self._coefficients: NDArray[np.float64] | None = None
        self._spread = np.full(len(self.names), nan)
        self._ranges: list[tuple[float, float]] = []
        self._logarithmic = np.zeros(len(self.names), dtype=bool)

    @property
    def learned(self) -> bool:
        """Whether it can tell changes."""
        return self._coefficients is not None

    @property
    def quantities(self) -> Sequence[Quantity | None]:
        """What the features are, in the order of ``names``."""
        return self._quantities

    def learn(self, features: NDArray[np.float64]) -> None:
        """Take in one normal window, shape (features,). Beyond 512 every second, fourth ... is kept."""
        self._skipped += 1
        if self._skipped < self._step:
            return
        self._skipped = 0
        self._rows.append(features.copy())
        if len(self._rows) == MOST_ROWS:
            # the odd ones stay, so that the next one kept is again a step after the last
            del self._rows[::2]
            self._step *= 2

    def forget(self) -> None:
        """Leave out what was taken in (commissioning begins anew); what was learned before stays."""
        self._rows, self._step, self._skipped = [], 1, 0

    def complete(self) -> bool:
        """Fit to what was taken in; False, and learning goes on, where that is fewer than ten windows."""
        if len(self._rows) < FEWEST:
            return False
        seen = np.array(self._rows)
        self.forget()
        known = np.isfinite(seen)
        positive = np.where(known, seen, 1.0) > 0.0
        # an amplitude that was 0 while learning has no ratio to it
        self._logarithmic = (self._factors > 0.0) & positive.all(axis=0)
        measured = self._measured(seen)
        moved = [seen[known[:, i], i] for i in self._drivers]
        self._ranges = [(float(seen_at.min()), float(seen_at.max())) if len(seen_at) else (nan, nan)
                        for seen_at in moved]
        design = np.array([self._design(row) for row in seen])
        coefficients = np.zeros((len(self.names), design.shape[1]))
        for i in range(len(self.names)):
            usable = known[:, i] & np.isfinite(design).all(axis=1)
            if self._quantities[i] is None or usable.sum() < FEWEST:
                coefficients[i] = nan
                continue
            coefficients[i], self._spread[i] = self._fit(i, measured[usable, i], design[usable])
        self._coefficients = coefficients
        self._spread = np.maximum(self._spread, self._floors(seen, coefficients[:, 0]))
        return True

    def _fit(
        self, position: int, values: NDArray[np.float64], design: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], float]:
        """Coefficients of one feature over the design, and the spread that they leave."""
        plain = np.zeros(design.shape[1])
        plain[0] = np.median(values)
        left = robust.spread(values - plain[0])
        if position in self._drivers or design.shape[1] == 1:
            return plain, left
        fitted, explained = robust.fit(design, values)
        return (fitted, explained) if explained < _EXPLAINS * left else (plain, left)

    def _measured(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Amplitudes in dB, the others as they are; shape (..., features)."""
        measured = features.copy()
        some = np.maximum(features[..., self._logarithmic], _SILENCE)
        measured[..., self._logarithmic] = self._factors[self._logarithmic] * np.log10(some)
        return measured

    def _design(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """1, and for each operating channel that moved its place in the learned range, -1 to 1, and the square."""
        terms = [1.0]
        for position, (low, high) in zip(self._drivers, self._ranges, strict=True):
            if high - low > _MOVED * max(abs(low), abs(high)):
                place = 2.0 * (min(max(float(features[position]), low), high) - low) / (high - low) - 1.0
                terms += [place, place * place]
        return np.array(terms)

    def _floors(self, seen: NDArray[np.float64], centre: NDArray[np.float64]) -> NDArray[np.float64]:
        floors = np.empty(len(self.names))
        for i, q in enumerate(self._quantities):
            if q is None:
                floors[i] = nan
            elif q.measure == "decibel":
                floors[i] = _DECIBEL_FLOOR
            elif self._logarithmic[i]:
                floors[i] = _RATIO_FLOOR
            else:
                floors[i] = max(_LEVEL_FLOOR * abs(centre[i]), 1e-9)
                raw = f"{self.names[i].removesuffix(q.statistic)}std"
                if q.statistic in _TELEMETRY and raw in self.names:
                    within = seen[:, self.names.index(raw)]
                    within = within[np.isfinite(within)]
                    floors[i] = max(floors[i], _RAW_SHARE * float(np.median(within)) if len(within) else 0.0)
        return floors

    def all_changes(
        self, features: NDArray[np.float64], frequencies: Mapping[str, float] | None = None
    ) -> list[Change]:
        """How far every feature is from its normal, in the order of ``names``; what is NaN, now or always
        while learning, is left out. Nothing before ``complete``.

        ``features``: one window, shape (features,), or the latest few, shape (windows, features), whose
        medians are taken. ``frequencies``: Hz at which lines were found, by feature.
        """
        if self._coefficients is None:
            return []
        found = frequencies or {}
        row = features if features.ndim == 1 else robust.medians(features)
        design = self._design(row)
        if not np.isfinite(design).all():  # no speed now: against the middle of what was learned
            design = np.eye(1, len(design))[0]
        centre = self._coefficients @ design
        amounts = self._measured(row) - centre
        changes = []
        for i, q in enumerate(self._quantities):
            amount = float(amounts[i])
            if q is None or not isfinite(amount):
                continue
            logarithmic = bool(self._logarithmic[i])
            normal = 10.0 ** (centre[i] / self._factors[i]) if logarithmic else centre[i]
            measure = q.measure if logarithmic or q.measure == "decibel" else "level"
            changes.append(Change(
                q.channel, q.name, float(row[i]), float(normal), amount, q.unit,
                amount / float(self._spread[i]), measure, q.words, found.get(q.name)))
        return changes

    def changes(
        self, features: NDArray[np.float64], most: int = 6, frequencies: Mapping[str, float] | None = None
    ) -> list[Change]:
        """The significant changes, the strongest first, at most so many; see ``all_changes``."""
        return self.ranked(self.all_changes(features, frequencies), most)

    def ranked(self, changes: Sequence[Change], most: int) -> list[Change]:
        """The significant of these, the strongest first; of features that say much the same (rms and peak;
        the mean and the lowest of a channel; neighbours in the spectrum) only the first few."""
        groups = {q.name: q.group for q in self._quantities if q is not None}
        told: dict[str, int] = {}
        chosen: list[Change] = []
        for change in sorted(changes, key=lambda c: (-abs(c.significance) * _preference(c), c.feature)):
            group = groups[change.feature]
            room = 2 if group == "spectrum octave" else 1
            if change.significant and told.get(group, 0) < room and len(chosen) < most:
                told[group] = told.get(group, 0) + 1
                chosen.append(change)
        return chosen

    def to_json(self) -> dict[str, Any]:
        """What was learned, for the snapshot; what was taken in and not yet fitted is not in it."""
        if self._coefficients is None:
            return {"kind": "reference", "names": list(self.names), "learned": False}
        return {
            "kind": "reference",
            "names": list(self.names),
            "learned": True,
            "coefficients": [[_plain(c) for c in row] for row in self._coefficients.tolist()],
            "spread": [_plain(spread) for spread in self._spread.tolist()],
            "logarithmic": self._logarithmic.tolist(),
            "ranges": [[_plain(low), _plain(high)] for low, high in self._ranges],
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """The inverse of ``to_json``. Raises ValueError where the features are others now."""
        if document.get("kind") != "reference" or tuple(document.get("names", ())) != self.names:
            raise ValueError("what was learned belongs to other features")
        if not document["learned"]:
            self._coefficients = None
            return
        try:
            coefficients = np.array(document["coefficients"], dtype=np.float64)
            spread = np.array(document["spread"], dtype=np.float64)
            logarithmic = np.array(document["logarithmic"], dtype=bool)
            ranges = [(_number(low), _number(high)) for low, high in document["ranges"]]
        except (KeyError, TypeError) as mismatch:
            raise ValueError(f"no learned reference: {mismatch}") from mismatch
        size = len(self.names)
        fits = coefficients.ndim == 2 and len(coefficients) == len(spread) == len(logarithmic) == size  # noqa: PLR2004
        if not fits or len(ranges) != len(self._drivers):
            raise ValueError("what was learned has another shape")
        self._coefficients, self._spread = coefficients, spread
        self._logarithmic, self._ranges = logarithmic, ranges


def _preference(change: Change) -> float:
    """A mean says it plainer than its neighbours, unless they say it much louder; so does an octave."""
    return 1.5 if change.statistic in {"mean", "rms"} or change.statistic.startswith("octave_") else 1.0


def _plain(number: float) -> float | None:
    return number if isfinite(number) else None


def _number(value: float | None) -> float:
    return nan if value is None else float(value)
