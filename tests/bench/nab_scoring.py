"""The scoring of the Numenta Anomaly Benchmark, standard profile, for any subset of its files.

Lavin and Ahmad, Evaluating real-time anomaly detection algorithms - the Numenta Anomaly Benchmark,
ICMLA 2015, section II, and ``nab/sweeper.py`` of the benchmark (v1.1), whose arithmetic this is:

- the first 15 % of a file's rows, at most 750, are probation: nothing in them counts;
- of the detections in a window the earliest counts, by a sigmoid of where in it it is: 1 at the
  beginning, about 0 at the end; a window without one costs 1;
- each detection outside costs 0.11 times a sigmoid of its distance to the window before it: nearly
  nothing just behind it, all of it far behind it and before the first.

A score is made comparable between sets of files by where it is between saying nothing (0) and
finding every window at its first row without a false detection (100).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import exp
from typing import Final, NamedTuple

_PROBATION: Final = 0.15
_PROBATION_ROWS: Final = 5000
"""Longer files have the probation of one of this length."""
_FALSE_POSITIVE: Final = 0.11
"""Its weight in the standard profile, against 1 for windows found and missed."""
_FAR: Final = 3.0
"""Window widths, from which on a false detection costs all of its weight."""


class Window(NamedTuple):
    """Rows of a labelled anomaly, both inclusive."""

    first: int
    last: int


class FileScore(NamedTuple):
    """``score`` in the benchmark's raw measure; windows ``found`` of ``windows``, and ``false``
    detections after the probation."""

    score: float
    windows: int
    found: int
    false: int


def probation(rows: int) -> int:
    """How many rows of a file are not scored."""
    return int(_PROBATION * min(rows, _PROBATION_ROWS))


def sigmoid(position: float) -> float:
    """What a detection is worth at a position relative to a window's end, in its widths: -1 the
    first row, 0 the end; positive behind it. In (-1, 1)."""
    return -1.0 if position >= _FAR else 2.0 / (1.0 + exp(5.0 * position)) - 1.0


def score(detections: Iterable[int], windows: Sequence[Window], rows: int) -> FileScore:
    """Score the rows of a file at which something was detected against its windows, in order."""
    begin = probation(rows)
    worth = [-1.0] * len(windows)
    cost, false = 0.0, 0
    for row in sorted(set(detections)):
        if row < begin:
            continue
        inside = next((number for number, window in enumerate(windows) if window.first <= row <= window.last), None)
        if inside is not None:
            first, last = windows[inside]
            position = -(last - row + 1) / (last - first + 1)
            worth[inside] = max(worth[inside], sigmoid(position) / sigmoid(-1.0))
            continue
        false += 1
        before = next((window for window in reversed(windows) if window.last < row), None)
        cost += _FALSE_POSITIVE * (
            -1.0 if before is None else sigmoid((row - before.last) / max(before.last - before.first, 1e-9))
        )
    return FileScore(sum(worth) + cost, len(windows), sum(value > -1.0 for value in worth), false)


def normalised(scores: Iterable[FileScore]) -> float | None:
    """The normalised score of files together, 100 at most; None where no file has a window."""
    found = list(scores)
    windows = sum(one.windows for one in found)
    return 100.0 * (sum(one.score for one in found) + windows) / (2 * windows) if windows else None
