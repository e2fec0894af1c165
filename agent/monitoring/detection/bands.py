"""Load bands: at which operating points (speed, load) a machine is run, learned as they come.

A band is a place in the space of the operating variables, as wide as ``WIDTH`` of the largest
value that each variable has had. The first steady operating point makes the first band; one that
is in no band makes a new one (leader clustering: Hartigan, Clustering Algorithms, 1975, ch. 3).
Normal is learned for each band; where none has been learned yet, nothing is judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

WIDTH: Final = 0.05
"""Half the width of a band, as a share of the variable's largest value."""
_LEAVE: Final = 1.2
"""A band is left only this much further out, so that noise at its edge does not count as moves."""
MOST: Final = 64
"""So many bands are learned at most; whatever else the machine is asked to do stays unseen."""
NONE: Final = -1
"""The number of no band."""


class Bands:
    """The bands of one asset, over ``variables``: the names of its operating channels."""

    def __init__(self, variables: Sequence[str]) -> None:
        self.variables = tuple(variables)
        self._scale = np.zeros(len(self.variables))
        self._centres: list[NDArray[np.float64]] = []
        self._current = NONE

    def __len__(self) -> int:
        return len(self._centres)

    @property
    def scale(self) -> NDArray[np.float64]:
        """The largest absolute value of each variable so far, shape (variables,)."""
        return self._scale

    def centre(self, band: int) -> NDArray[np.float64]:
        """Where a band is, shape (variables,), in the variables' units."""
        return self._centres[band]

    def describe(self, band: int) -> dict[str, float]:
        """The band's operating point by the variables' names."""
        return dict(zip(self.variables, self._centres[band].tolist(), strict=True))

    def is_steady(self, lows: NDArray[np.float64], highs: NDArray[np.float64]) -> bool:
        """Whether a window in which the variables went from ``lows`` to ``highs`` lies in one band."""
        return bool((highs - lows <= 2.0 * WIDTH * self._scale).all())

    def locate(self, point: NDArray[np.float64]) -> int:
        """The band of a steady operating point, shape (variables,); a new one where there is none
        yet, and NONE where there are too many already."""
        np.maximum(self._scale, np.abs(point), out=self._scale)
        if not self._centres:
            return self._add(point)
        width = np.maximum(WIDTH * self._scale, 1e-12)
        if self._current != NONE:
            away = np.abs(point - self._centres[self._current]) / width
            if away.max() <= _LEAVE:
                return self._current
        distances = (np.abs(np.array(self._centres) - point) / width).max(axis=1)
        nearest = int(distances.argmin())
        if distances[nearest] <= 1.0:
            self._current = nearest
            return nearest
        return self._add(point)

    def _add(self, point: NDArray[np.float64]) -> int:
        if len(self._centres) >= MOST:
            self._current = NONE
            return NONE
        self._centres.append(point.copy())
        self._current = len(self._centres) - 1
        return self._current

    def to_json(self) -> dict[str, Any]:
        """As a snapshot keeps it."""
        return {
            "variables": list(self.variables),
            "scale": self._scale.tolist(),
            "centres": [centre.tolist() for centre in self._centres],
            "current": self._current,
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """The inverse of ``to_json``. Raises ValueError where the variables have changed."""
        if tuple(document["variables"]) != self.variables:
            reason = "what was learned belongs to other operating variables"
            raise ValueError(reason)
        self._scale = np.array(document["scale"], dtype=np.float64)
        self._centres = [np.array(centre, dtype=np.float64) for centre in document["centres"]]
        self._current = int(document["current"])
