"""Following slow change of normal: bounded, in steps, and undone at will.

A machine ages, seasons change. Windows that were normal are collected; a step moves the expected
place of each channel towards their mean, by no more than ``step`` a time and ``most`` in all,
since a baseline that follows without bound follows a fault. When steps are taken, and that nothing
is collected while an alarm stands, is the caller's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

_FEWEST: Final = 100.0
"""Independent windows that a step must rest on."""
_QUARANTINE: Final = 50.0
"""Independent windows, the latest, that are dropped when an alarm comes."""


class Step(NamedTuple):
    """``moved``: by how much each place moved now, shape (n,). The other three are what the tail
    learns of (see ``Tail.add``)."""

    moved: NDArray[np.float64]
    windows: float
    excesses: float
    total: float


class _Bucket:
    """What was collected of some windows."""

    __slots__ = ("excesses", "number", "sum", "total", "windows")

    def __init__(self, size: int) -> None:
        self.sum = np.zeros(size)
        self.number = 0
        self.windows = self.excesses = self.total = 0.0

    def to_json(self) -> dict[str, Any]:
        return {"sum": self.sum.tolist(), "number": self.number, "windows": self.windows, "excesses": self.excesses,
                "total": self.total}

    def restore(self, document: Mapping[str, Any]) -> None:
        self.sum = np.array(document["sum"], dtype=np.float64)
        self.number = int(document["number"])
        self.windows, self.excesses, self.total = (float(document[key]) for key in ("windows", "excesses", "total"))


class Following:
    """``size`` places, in a unit of the caller's."""

    def __init__(self, size: int, step: float, most: float) -> None:
        self._size = size
        self._step = step
        self._most = most
        self.offset: NDArray[np.float64] | None = None
        """How far the places have been moved since the commissioning, shape (size,)."""
        self._open = _Bucket(size)
        self._closed: list[_Bucket] = []

    def collect(self, deviation: NDArray[np.float64], excess: float, share: float) -> None:
        """Take in a normal window's deviations from its commissioned places, shape (size,), how far
        its statistic was above the tail's level (or below: negative), and as how much of an
        independent window it counts."""
        if (total := float(deviation.dot(deviation))) != total:
            deviation = np.nan_to_num(deviation, nan=0.0)
        bucket = self._open
        bucket.sum += deviation
        bucket.number += 1
        bucket.windows += share
        if excess > 0.0:
            bucket.excesses += share
            bucket.total += share * excess
        if bucket.windows >= _QUARANTINE:
            self._closed.append(bucket)
            self._open = _Bucket(self._size)

    def step(self) -> Step | None:
        """Move, and begin to collect anew; None where too little was collected."""
        windows = sum(bucket.windows for bucket in self._closed)
        if windows < _FEWEST:
            return None
        mean = np.sum([bucket.sum for bucket in self._closed], axis=0) / sum(bucket.number for bucket in self._closed)
        offset = np.zeros(self._size) if self.offset is None else self.offset
        towards = np.clip(mean - offset, -self._step, self._step)
        moved = np.clip(offset + towards, -self._most, self._most) - offset
        self.offset = offset + moved
        taken = Step(
            moved, windows, sum(bucket.excesses for bucket in self._closed),
            sum(bucket.total for bucket in self._closed))
        self._closed = []
        return taken

    def forget(self) -> None:
        """Drop what was collected lately, at least the quarantine's windows: it may have been the beginning
        of a fault. Called again before anything was collected, it drops nothing more."""
        if self._open.number:
            self._open = _Bucket(self._size)
            del self._closed[-1:]

    def revert(self) -> None:
        """Back to what was commissioned."""
        self._open, self._closed = _Bucket(self._size), []
        self.offset = None

    def to_json(self) -> dict[str, Any]:
        """As a snapshot keeps it: where it has moved to, and what was collected since."""
        return {
            "offset": None if self.offset is None else self.offset.tolist(),
            "open": self._open.to_json(),
            "closed": [bucket.to_json() for bucket in self._closed],
        }

    def restore(self, document: Mapping[str, Any] | list[float] | None) -> None:
        """The inverse of ``to_json``. Raises ValueError for another size. Earlier snapshots hold the offset alone."""
        if document is None or isinstance(document, list):
            document = {"offset": document}
        offset = document["offset"]
        if offset is not None and len(offset) != self._size:
            reason = "what was followed belongs to other channels"
            raise ValueError(reason)
        self.offset = None if offset is None else np.array(offset, dtype=np.float64)
        self._open = _Bucket(self._size)
        if "open" in document:
            self._open.restore(document["open"])
        self._closed = []
        for kept in document.get("closed", ()):
            self._closed.append(_Bucket(self._size))
            self._closed[-1].restore(kept)


