"""What a baseline says of one window, and what every baseline can do.

To score and to learn are two verbs: ``score`` never changes what was learned. Learning is done a
span at a time (``learn``, after commissioning has inspected it), and by slow following of normal
windows (``follow`` collects, ``adapt`` takes a bounded step, ``forget`` drops what was collected).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar, Final, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from agent.monitoring.detection.regime import Situation

NAMED_FROM: Final = 0.3
"""Of the threshold: below it nobody asks what a score is made of."""

Contributors: TypeAlias = tuple[tuple[str, float], ...]
"""Features behind a score, the strongest first, with how far each is from its learned normal in the
baseline's own measure."""


class Score(NamedTuple):
    """``value`` over ``threshold`` is abnormal; ``probability`` of so high a value under
    normal; ``behind`` it are these features (of a low score: may be none), or whoever can name them:
    nearly nobody asks."""

    value: float
    threshold: float
    probability: float
    behind: Contributors | Callable[[], Contributors] = ()

    @property
    def contributors(self) -> Contributors:
        """The features behind it."""
        return self.behind() if callable(self.behind) else self.behind

    def named(self) -> Score:
        """The same with the features named, to be kept or compared."""
        return self._replace(behind=self.contributors)

    @property
    def ratio(self) -> float:
        """How far it is: 1 is the threshold."""
        return self.value / self.threshold


def strongest(names: Sequence[str], deviations: NDArray[np.float64], count: int = 3) -> Contributors:
    """The ``count`` names whose deviations are largest either way, with these, the largest first."""
    amounts = deviations.tolist()
    sizes = list(map(abs, amounts))
    order = sorted(range(len(sizes)), key=sizes.__getitem__, reverse=True)
    return tuple([(names[place], amounts[place]) for place in order[:count]])


class Span(NamedTuple):
    """Windows to learn from, as they were collected: ``features`` of shape (windows, features),
    operating ``points`` of shape (windows, variables), and ``seconds`` from one to the next."""

    features: NDArray[np.float64]
    points: NDArray[np.float64]
    seconds: float


class Baseline(Protocol):
    """Learned normal of one measuring point, for each load band. What moves (see ``memory``) are the latest
    windows, where more than one makes a score."""

    MOVING: ClassVar[tuple[str, ...]]

    @property
    def names(self) -> Sequence[str]:
        """What is judged: channels or bands of the spectrum."""

    @property
    def floor(self) -> float:
        """The smallest standard deviation that inspection believes, in the levels' unit."""

    @property
    def typical(self) -> float:
        """The usual ratio of value and threshold under normal, 0 to below 1."""

    def knows(self, band: int) -> bool:
        """Whether it can score at this load band."""

    def levels(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """What inspection looks at, shape (windows, names), of features (windows, features)."""

    def spreads(self, features: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """The standard deviations within the windows, in the same shape, where there are any."""

    def learn(self, span: Span, band: int, left_out: Collection[str]) -> None:
        """Fit a band to an inspected span; channels left out are not judged at this band."""

    def score(self, features: NDArray[np.float64], situation: Situation) -> Score:
        """Judge one window, shape (features,). Only at a band that it knows."""

    def deviations(self, features: NDArray[np.float64], situation: Situation) -> NDArray[np.float64] | None:
        """How far each of ``names`` is from what is expected, in the baseline's unit, without what was
        followed; None where there is no such measure of single channels."""

    def follow(self, score: Score) -> None:
        """Collect the window that was scored last, which was normal, for the next ``adapt``."""

    def adapt(self) -> dict[str, Any] | None:
        """Take one bounded step towards what was collected, and say what changed (JSON); None where
        too little was collected."""

    def forget(self) -> None:
        """Drop what was collected: it may have been the beginning of a fault."""

    def revert(self) -> None:
        """Undo every adaptation since the commissioning."""

    def to_json(self) -> dict[str, Any]:
        """What was learned, for the snapshot."""

    def restore(self, document: Mapping[str, Any]) -> None:
        """Take back what ``to_json`` gave. Raises ValueError when it does not fit."""
