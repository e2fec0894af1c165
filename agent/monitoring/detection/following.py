"""Following slow change of normal: bounded, in steps, and undone at will.

A machine ages, seasons change. Windows that were normal are collected; a step moves the expected
place of each channel towards their mean, by no more than ``step`` a time and ``most`` in all,
since a baseline that follows without bound follows a fault. When steps are taken, and that nothing
is collected while an alarm stands, is the caller's.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

_FEWEST: Final = 100.0
"""Independent windows that a step must rest on."""


class Step(NamedTuple):
    """``moved``: by how much each place moved now, shape (n,). The other three are what the tail
    learns of (see ``Tail.add``)."""

    moved: NDArray[np.float64]
    windows: float
    excesses: float
    total: float


class Following:
    """``size`` places, in a unit of the caller's."""

    def __init__(self, size: int, step: float, most: float) -> None:
        self._size = size
        self._step = step
        self._most = most
        self.offset: NDArray[np.float64] | None = None
        """How far the places have been moved since the commissioning, shape (size,)."""
        self._sum = np.zeros(size)
        self._number = 0
        self._windows = self._excesses = self._total = 0.0

    def collect(self, deviation: NDArray[np.float64], excess: float, share: float) -> None:
        """Take in a normal window's deviations from its commissioned places, shape (size,), how far
        its statistic was above the tail's level (or below: negative), and as how much of an
        independent window it counts."""
        if (total := float(deviation.dot(deviation))) != total:
            deviation = np.nan_to_num(deviation, nan=0.0)
        self._sum += deviation
        self._number += 1
        self._windows += share
        if excess > 0.0:
            self._excesses += share
            self._total += share * excess

    def step(self) -> Step | None:
        """Move, and begin to collect anew; None where too little was collected."""
        if self._windows < _FEWEST:
            return None
        offset = np.zeros(self._size) if self.offset is None else self.offset
        towards = np.clip(self._sum / self._number - offset, -self._step, self._step)
        moved = np.clip(offset + towards, -self._most, self._most) - offset
        self.offset = offset + moved
        taken = Step(moved, self._windows, self._excesses, self._total)
        self.forget()
        return taken

    def forget(self) -> None:
        """Drop what was collected since the last step."""
        self._sum = np.zeros(self._size)
        self._number = 0
        self._windows = self._excesses = self._total = 0.0

    def revert(self) -> None:
        """Back to what was commissioned."""
        self.forget()
        self.offset = None

    def to_json(self) -> list[float] | None:
        """As a snapshot keeps it: only where it has moved to."""
        return None if self.offset is None else self.offset.tolist()

    def restore(self, document: list[float] | None) -> None:
        """The inverse of ``to_json``. Raises ValueError for another size."""
        if document is not None and len(document) != self._size:
            reason = "what was followed belongs to other channels"
            raise ValueError(reason)
        self.offset = None if document is None else np.array(document, dtype=np.float64)


