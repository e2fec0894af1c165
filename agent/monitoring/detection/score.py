"""What a baseline says of one window, and what every baseline can do.

To score and to learn are two verbs: ``score`` never changes what was learned.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray


class Score(NamedTuple):
    """``value`` over ``threshold`` is abnormal; ``probability`` of so high a value under
    normal; ``contributors`` names the features behind it, the strongest first, with how far
    each is from its learned normal in the baseline's own measure."""

    value: float
    threshold: float
    probability: float
    contributors: tuple[tuple[str, float], ...]


class Baseline(Protocol):
    """Learned normal of one measuring point."""

    @property
    def learned(self) -> bool:
        """Whether it can score."""

    def learn(self, features: NDArray[np.float64]) -> None:
        """Take in one normal window, shape (features,)."""

    def complete(self) -> bool:
        """Fit to what was taken in; False when that was too little, and learning goes on."""

    def score(self, features: NDArray[np.float64]) -> Score:
        """Judge one window, shape (features,). Only once ``learned``."""

    def to_json(self) -> dict[str, Any]:
        """What was learned, for the snapshot."""

    def restore(self, document: Mapping[str, Any]) -> None:
        """Take back what ``to_json`` gave. Raises ValueError when it does not fit."""
