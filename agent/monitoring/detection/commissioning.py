"""Commissioning: whether a span of windows is fit to be called normal, and what of it.

Whatever stood still, was stuck, moved to another level or drifted while it was being learned would
be normal for ever after. So before a baseline is fitted, its span is inspected:

========== ==================================================== ===============================
finding    how it shows                                         what follows
========== ==================================================== ===============================
silent     too few windows of a channel hold samples            the channel is left out
stuck      a channel never changes, within windows or between   the channel is left out
step       one level before, another after, far apart           what was before is left out; too
                                                                little after: refused
drift      a channel climbs or falls all the way, far           refused, the older half forgotten
outliers   many windows far from the rest                       refused, all of it forgotten
scattered  few windows hold every channel                       refused, the older half forgotten
========== ==================================================== ===============================

A span that is refused is not lost: what is left of it is the beginning of the next one. The step
is found as in binary segmentation (Scott and Knott, A cluster analysis method for grouping means
in the analysis of variance, Biometrics 30, 1974): the cut that explains the most variance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

_EXPLAINED: Final = 0.5
"""Share of a channel's variance that a cut must explain to be a step: on 17 recorded spans of a
pump test bed the worst good one reached 0.19, steps 0.75 and 0.92."""
_FAR: Final = 5.0
"""How many of its own standard deviations a channel must move to have been at another level."""
_STEADY: Final = 0.8
"""R^2 of a straight line through the means of the span's parts, from which on it drifts."""
_PARTS: Final = 8
_OUTLYING: Final = 8.0
_MOST_OUTLIERS: Final = 0.2
_FEWEST_PRESENT: Final = 0.8
_LEAST_LEFT: Final = 0.5
"""The share of a span that must be left to be learned from."""
_CUTS: Final = 3
_COMMON: Final = 0.1


class Inspection(NamedTuple):
    """What a span is good for.

    ``accepted``: whether the rows from ``first`` on may be learned; otherwise they are what the
    next span begins with. ``rows``: those of them that hold every channel, as positions in the
    span. ``left_out``: channels that are not learned, with the reason of each. ``remarks``: what a
    person should be told, as sentences.
    """

    accepted: bool
    first: int
    rows: NDArray[np.intp]
    left_out: dict[str, str]
    remarks: tuple[str, ...]


def inspect(
    names: Sequence[str],
    levels: NDArray[np.float64],
    spreads: NDArray[np.float64] | None = None,
    floor: float = 0.0,
) -> Inspection:
    """Judge a span of windows.

    ``levels``: shape (windows, channels), what each channel's window says (a mean, a level in dB);
    NaN where it says nothing. ``spreads``: the standard deviations within the windows, the same
    shape, where there are any. ``floor``: the smallest standard deviation that is believed, in the
    levels' unit.
    """
    left_out = _unusable(names, levels, spreads)
    used = [position for position, name in enumerate(names) if name not in left_out]
    if not used:
        return _refused(len(levels), np.arange(0), left_out, ["no channel is left to learn from"])
    taken = levels[:, used]
    present = np.isfinite(taken).all(axis=1)
    rows = np.flatnonzero(present)
    values = taken[rows]
    within = np.zeros_like(values) if spreads is None else np.nan_to_num(spreads[:, used][rows])
    kept_names = [names[position] for position in used]
    remarks = [f"{name} is left out: {reason}" for name, reason in left_out.items()]

    least = _LEAST_LEFT * len(levels)
    begin, steps = _after_steps(kept_names, values, within, floor)
    remarks += steps
    first = int(rows[begin]) if begin < len(rows) else len(levels)
    if len(rows) - begin < least:
        if not steps:
            first = len(levels) // 2
            remarks.append(f"only {len(rows)} of {len(levels)} windows hold every channel")
        return _refused(first, rows[rows >= first], left_out, remarks)
    if drifting := _drifts(kept_names, values[begin:], within[begin:], floor):
        half = int(rows[begin + (len(rows) - begin) // 2])
        return _refused(half, rows[rows >= half], left_out, remarks + drifting)
    if outlying := _outliers(kept_names, values[begin:], within[begin:], floor):
        return _refused(len(levels), np.arange(0), left_out, remarks + outlying)
    return Inspection(accepted=True, first=first, rows=rows[begin:], left_out=left_out, remarks=tuple(remarks))


def without_moves(levels: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The levels, shape (windows, channels), without what goes (linearly) with the operating points,
    shape (windows, variables): a machine that was told to run differently has not drifted."""
    moved = points - points.mean(axis=0) if points.size else points
    known = np.isfinite(levels).all(axis=1)
    if not points.size or known.sum() < 2 * points.shape[1] or not np.ptp(points, axis=0).any():
        return levels
    weights, *_ = np.linalg.lstsq(moved[known], levels[known] - levels[known].mean(axis=0), rcond=1e-6)
    return np.asarray(levels - moved @ weights)


def _refused(first: int, rows: NDArray[np.intp], left_out: dict[str, str], remarks: list[str]) -> Inspection:
    return Inspection(accepted=False, first=first, rows=rows, left_out=left_out, remarks=tuple(remarks))


def _unusable(
    names: Sequence[str], levels: NDArray[np.float64], spreads: NDArray[np.float64] | None
) -> dict[str, str]:
    """The channels that nothing can be learned of, and why."""
    found = {}
    for position, name in enumerate(names):
        column = levels[:, position]
        there = np.isfinite(column)
        share = there.mean()
        if share < _FEWEST_PRESENT:
            found[name] = f"it was silent in {100 * (1 - share):.0f} % of the windows"
            continue
        known = column[there]
        moved = np.ptp(known) > 1e-9 * max(abs(float(known[0])), 1e-300)
        if not moved and (spreads is None or not np.nanmax(spreads[there, position]) > 0.0):
            found[name] = f"it always said {known[0]:.6g}, as a dead or stuck sensor does"
    return found


def _deviation(
    values: NDArray[np.float64], within: NDArray[np.float64], floor: float
) -> NDArray[np.float64]:
    """Standard deviation of each channel's samples over these windows, shape (channels,)."""
    variance = values.var(axis=0) + (within * within).mean(axis=0)
    deviation: NDArray[np.float64] = np.maximum(np.sqrt(variance), max(floor, 1e-12))
    return deviation


def _after_steps(
    names: Sequence[str], values: NDArray[np.float64], within: NDArray[np.float64], floor: float
) -> tuple[int, list[str]]:
    """Where the last level begins, and what was said on the way there."""
    begin, remarks = 0, []
    for _ in range(_CUTS):
        found = _step(values[begin:], within[begin:], floor)
        if found is None:
            break
        cut, channel = found
        before = values[begin : begin + cut, channel].mean()
        after = values[begin + cut :, channel].mean()
        remarks.append(f"the first {begin + cut} windows are left out: {names[channel]} went from "
                       f"{before:.4g} to {after:.4g} there")
        begin += cut
    return begin, remarks


def _step(
    values: NDArray[np.float64], within: NDArray[np.float64], floor: float
) -> tuple[int, int] | None:
    """(row, channel) of the cut that explains most, where that is a step."""
    count = len(values)
    margin = max(3, count // 20)
    if count < 4 * margin:
        return None
    own = (within * within).mean(axis=0)
    centred = values - values.mean(axis=0)
    total = (centred * centred).sum(axis=0) / count + own
    cuts = np.arange(margin, count - margin)[:, None]
    sums = np.cumsum(centred, axis=0)[margin - 1 : count - margin - 1]
    # of a centred column: variance between the two sides of a cut, from the sum before it
    between = sums * sums / (cuts * (count - cuts)) if count else sums
    explained = between / np.maximum(total, 1e-300)
    cut, channel = np.unravel_index(int(explained.argmax()), explained.shape)
    row, column = int(cut) + margin, int(channel)
    if explained[cut, channel] < _EXPLAINED:
        return None
    sides = (values[:row], within[:row]), (values[row:], within[row:])
    spread = np.sqrt(sum(float(_deviation(v, w, floor)[column]) ** 2 for v, w in sides) / 2)
    moved = abs(values[:row, column].mean() - values[row:, column].mean())
    return (row, column) if moved > _FAR * spread else None


def _drifts(
    names: Sequence[str], values: NDArray[np.float64], within: NDArray[np.float64], floor: float
) -> list[str]:
    """What climbs or falls all through the span."""
    parts = np.array_split(np.arange(len(values)), min(_PARTS, len(values)))
    means = np.array([values[part].mean(axis=0) for part in parts])
    at = np.arange(len(means)) - (len(means) - 1) / 2
    slope = at @ means / (at @ at)
    line = np.outer(at, slope)
    centred = means - means.mean(axis=0)
    fits = (line * line).sum(axis=0) / np.maximum((centred * centred).sum(axis=0), 1e-300)
    rest = np.sqrt(np.mean([values[part].var(axis=0) + (within[part] ** 2).mean(axis=0) for part in parts], axis=0))
    travelled = slope * len(means)
    far = np.abs(travelled) > _FAR * np.maximum(rest, max(floor, 1e-12))
    return [
        f"{names[i]} drifts: from {means[0, i]:.4g} to {means[-1, i]:.4g}"
        for i in np.flatnonzero(far & (fits > _STEADY))
    ]


def _resolution(column: NDArray[np.float64]) -> float:
    """The step of a sensor whose readings are coarse: the smallest between two different values that are
    common (a tenth of the windows each), 0 where there are no two."""
    values, counts = np.unique(column, return_counts=True)
    common = values[counts >= _COMMON * len(column)]
    return float(np.diff(common).min()) if len(common) > 1 else 0.0


def _outliers(
    names: Sequence[str], values: NDArray[np.float64], within: NDArray[np.float64], floor: float
) -> list[str]:
    """What is contaminated by many windows unlike the rest."""
    middle = np.median(values, axis=0)
    away = np.abs(values - middle)
    # robust: the outliers themselves must not widen it; a coarse sensor's step is no distance
    spread = np.maximum(1.4826 * np.median(away, axis=0), np.median(within, axis=0))
    spread = np.maximum(spread, [_resolution(column) for column in values.T])
    shares = (away > _OUTLYING * np.maximum(spread, max(floor, 1e-12))).mean(axis=0)
    return [
        f"{names[i]} is far from its usual {middle[i]:.4g} in {100 * shares[i]:.0f} % of the windows"
        for i in np.flatnonzero(shares > _MOST_OUTLIERS)
    ]
