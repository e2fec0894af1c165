"""From changed features to signs: what a vibration analyst or a pump engineer would look at.

A sign has a strength from -1 (clearly fallen) over 0 (as normal) to 1 (clearly risen) and the text of the
change behind it. A sign whose features were not measured does not exist, which is not the same as 0.

======================= ==========================================================================
vibration waveform      half, 1x, 2x, 3x: lines of the shaft. outer, inner, element, cage: lines of
                        the bearings. high: octaves from 1.6 kHz; low: those below 800 Hz;
                        broad: all of them. impulsive: kurtosis, crest. rotation: the rms rises, yet
                        no octave from 100 Hz on, so that it is the shaft's.
process telemetry       pressure, flow, current, temperature, vibration, speed: the mean.
                        ``<kind> unrest``: its spread within windows. alone: one channel differs
                        while those coupled to it do not.
hydraulics              opened, restricted, curve, large loss, lost work: see ``_hydraulics``.
======================= ==========================================================================
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import log
from typing import Final, NamedTuple

from agent.monitoring.assessment.change import SIGNIFICANT, Change
from agent.monitoring.assessment.quantity import Kind, kind_of
from agent.monitoring.spec import MachineSpec

_SURE: Final = 8.0
"""Spreads from which on a change is beyond doubt."""
_SURE_UNREST: Final = 4.0
"""The same for a standard deviation, which itself wanders by some dB within a dozen samples, ..."""
_SURE_LINE: Final = 5.0
"""... and for the lines of a bearing, which wander by as much from record to record."""
_RISE: Final = (1.5, 6.5)
"""dB: from where on a rise counts, and where it counts in full."""
_LINE: Final = (3.0, 10.0)
"""The same for bearing lines, which wander more."""
_SHARE: Final = (0.02, 0.10)
"""The same for process values, as a share of normal."""
_WARMTH: Final = (1.0, 4.0)
"""The same for temperatures, in kelvin (degrees)."""
_KURTOSIS: Final = (0.5, 4.0)
_LONE: Final = 0.8
_HIGH: Final = 1600.0
_LOW: Final = 800.0

LINES: Final[Mapping[str, str]] = {"bpfo": "outer", "bpfi": "inner", "bsf": "element", "ftf": "cage"}
_ORDERS: Final[Mapping[str, str]] = {
    "order_0.5x": "half", "order_1x": "1x", "order_2x": "2x", "order_3x": "3x",
}
_COUPLED: Final[frozenset[Kind]] = frozenset({"pressure", "flow", "current", "power", "torque"})


class Context(NamedTuple):
    """What is known beside the features: the ``kinds`` of the channels, whether the shaft's speed is known, and
    the names of the bearings."""

    kinds: Mapping[str, Kind]
    speed_known: bool = False
    bearings: tuple[str, ...] = ()

    @classmethod
    def of(cls, units: Mapping[str, str], machine: MachineSpec) -> Context:
        """From the channels' units and what is known of the machine."""
        return cls(
            {channel: kind_of(channel, unit) for channel, unit in units.items()},
            machine.speed is not None or machine.speed_channel is not None,
            tuple(bearing.name for bearing in machine.bearings),
        )


class Sign(NamedTuple):
    """``strength``: -1 to 1; ``text``: of the change behind it. ``size``: 0 to 1, how large the change is, sure
    or not: what is large and unsure is no evidence of a change, and none of its absence."""

    strength: float
    text: str
    size: float = 0.0


def signs(changes: Sequence[Change], context: Context) -> dict[str, Sign]:
    """All signs that these features, changed or not, can give."""
    found: dict[str, Sign] = {}
    _shaft(changes, found)
    _bearing_lines(changes, found)
    _spectrum(changes, found)
    _impulsiveness(changes, found)
    _process(changes, context, found)
    _hydraulics(changes, context, found)
    return found


def _graded(change: Change, size: float, low: float, high: float, sure: float = _SURE) -> float:
    """-1 to 1: how large the change is between ``low`` and ``high``, and how sure it is."""
    grade = _between(abs(size), low, high) * _between(abs(change.significance), 0.5 * SIGNIFICANT, sure)
    return grade if size > 0.0 else -grade


def _strongest(graded: Iterable[tuple[float, Change]]) -> Sign:
    strength, change = max(graded, key=lambda pair: pair[0])
    return Sign(strength, change.text())


def _shaft(changes: Sequence[Change], found: dict[str, Sign]) -> None:
    for change in changes:
        if (name := _ORDERS.get(change.statistic)) is not None and change.measure == "ratio":
            found[name] = Sign(_graded(change, change.amount, *_RISE), change.text())


def _bearing_lines(changes: Sequence[Change], found: dict[str, Sign]) -> None:
    """The strongest line speaks in full, the others by how near they come: lines of one fault lie among the
    harmonics and sidebands of another, so that some rise with every fault. The cage's modulates what its
    elements do and takes nothing from theirs."""
    lines = [change for change in changes if change.statistic in LINES and change.measure == "decibel"]
    if not lines:
        return
    whole = max(change.amount for change in lines)
    others = max((change.amount for change in lines if change.statistic != "ftf"), default=whole)
    for statistic, name in LINES.items():
        own = [change for change in lines if change.statistic == statistic]
        if own:
            change = max(own, key=lambda line: line.amount)
            strength = _graded(change, change.amount, *_LINE, _SURE_LINE)
            highest = whole if statistic == "ftf" else others
            if strength > 0.0 and change.amount < highest:
                strength *= max(0.0, 1.0 - (highest - change.amount) / 4.0)
            found[name] = Sign(strength, change.text())
    found["lines"] = _strongest((_graded(change, change.amount, *_LINE, _SURE_LINE), change) for change in lines)


def _spectrum(changes: Sequence[Change], found: dict[str, Sign]) -> None:
    octaves = {float(change.statistic.removeprefix("octave_")): (_graded(change, change.amount, *_RISE), change)
               for change in changes if change.statistic.startswith("octave_")}
    if not octaves:
        return
    high = [graded for edge, graded in octaves.items() if edge >= _HIGH]
    low = [graded for edge, graded in octaves.items() if edge < _LOW]
    if high:
        found["high"] = _strongest(high)
    if low:
        found["low"] = _strongest(low)
    least, change = min(octaves.values(), key=lambda graded: graded[0])
    others = f"every octave from {min(octaves):.0f} Hz up has risen; the least: {change.text()}"
    found["broad"] = Sign(least, others if least > 0.0 else f"not every octave has risen: {change.text()}")
    for whole in changes:
        if whole.statistic in {"velocity_rms", "rms"} and whole.measure == "ratio" and "." not in whole.feature:
            rise = max(0.0, _graded(whole, whole.amount, *_RISE))
            loudest = max(graded for graded, _ in octaves.values())
            found["rotation"] = Sign(rise * (1.0 - max(0.0, loudest)), whole.text())
            break


def _impulsiveness(changes: Sequence[Change], found: dict[str, Sign]) -> None:
    shapes = []
    for change in changes:
        if change.statistic in {"kurtosis", "envelope_kurtosis"}:
            shapes.append((_graded(change, change.value - change.normal, *_KURTOSIS), change))
        elif change.statistic == "crest":
            shapes.append((_graded(change, change.amount, *_RISE), change))
    if shapes:
        found["impulsive"] = _strongest(shapes)


def _process(changes: Sequence[Change], context: Context, found: dict[str, Sign]) -> None:
    coupled: dict[str, Sign] = {}
    for change in changes:
        kind = context.kinds.get(change.channel or "", "other")
        # a waveform point's own moments are no process values
        if "." not in change.feature or change.statistic not in {"mean", "std"} or kind == "other":
            continue
        if change.statistic == "std":
            sign = Sign(_graded(change, change.amount, *_RISE, _SURE_UNREST), change.text())
            _keep(found, f"{kind} unrest", sign)
            continue
        sign = Sign(_level(change, kind), change.text(), abs(_level(change._replace(significance=_SURE), kind)))
        _keep(found, kind, sign)
        if kind in _COUPLED:
            coupled[change.feature] = sign
    if len(coupled) > 2:  # noqa: PLR2004 -- two others have to contradict
        lone = max(coupled, key=lambda feature: abs(coupled[feature].strength))
        others = max(max(abs(sign.strength), sign.size) for feature, sign in coupled.items() if feature != lone)
        # never in full: machines, too, have faults that one channel alone shows
        strength = _LONE * max(0.0, abs(coupled[lone].strength) - 3.0 * others)
        found["alone"] = Sign(strength, f"{coupled[lone].text}, while what goes with it is as normal")


def _keep(found: dict[str, Sign], name: str, sign: Sign) -> None:
    """Of several channels of one kind, the one that says most."""
    if name not in found or abs(sign.strength) > abs(found[name].strength):
        found[name] = sign


def _level(change: Change, kind: Kind) -> float:
    if kind == "temperature":
        return _graded(change, change.amount, *_WARMTH)
    if change.measure == "ratio":
        return _graded(change, change.amount, *_RISE)
    if change.normal == 0.0:
        return 0.0
    return _graded(change, change.amount / abs(change.normal), *_SHARE)


def _hydraulics(changes: Sequence[Change], context: Context, found: dict[str, Sign]) -> None:
    """Where pressure p and flow q settle says what moved: the pump's curve or the system's.

    The system asks for p = p_static + k q^2 (Guelich, Centrifugal Pumps, 2020, ch. 11): if the pump gives less,
    p and q slide down this curve, and p falls by at most twice the share of q. If p falls by more than that,
    the system has become more open (a leak, a valve); if q falls and p rises, or falls by less than half of
    that share (where the lift is not mostly static), it has been restricted.
    ``curve``: both have fallen and fit the system's curve. ``large loss``: of more flow than wear takes
    before anyone notices (from 12 % to 22 %). ``lost work``: less comes out at p and q, yet the motor draws
    as much as before (a pump that gives less follows with half of it or more): some of it flows elsewhere.
    """
    means = {context.kinds.get(change.channel or "", "other"): change
             for change in changes if change.statistic == "mean" and "." in change.feature}
    pressure, flow = means.get("pressure"), means.get("flow")
    if pressure is None or flow is None:
        return
    if min(pressure.value, pressure.normal, flow.value, flow.normal) <= 0.0:
        return
    p, q = log(pressure.value / pressure.normal), log(flow.value / flow.normal)
    text = f"{pressure.text()}; {flow.text()}"
    excess = min(2.0 * min(q, 0.0) - p, 2.0 * q - p)
    known = min(1.0, max(abs(pressure.significance), abs(flow.significance)) / _SURE)
    # where one of them wanders by itself it cannot be said how they moved together
    known *= 1.0 - _between(max(_wander(pressure), _wander(flow)), 0.03, 0.1)
    found["opened"] = Sign(known * _between(excess, 0.0, 0.04) * _between(-p, 0.01, 0.04), text)
    found["restricted"] = Sign(known * _between(p - 0.5 * q, 0.02, 0.06) * _between(-q, 0.02, 0.1), text)
    on_curve = _between(-p, 0.01, 0.06) * _between(-q, 0.01, 0.06) * (1.0 - _between(excess, 0.0, 0.03))
    found["curve"] = Sign(known * on_curve, text)
    current = means.get("current") or means.get("power")
    if current is not None and min(current.value, current.normal) > 0.0:
        share = log(current.value / current.normal) / (p + q) if p + q < 0.0 else 1.0
        lost = _between(-p - q, 0.04, 0.12) * (1.0 - _between(share, 0.2, 0.4))
        found["lost work"] = Sign(known * lost, f"{text}; {current.text()}")
    found["large loss"] = Sign(2.0 * _between(-q, 0.12, 0.22) - 1.0, flow.text())


def _wander(change: Change) -> float:
    """The learned spread as a share of normal."""
    return abs(change.amount / (change.significance * change.normal)) if change.significance else 0.0


def _between(value: float, low: float, high: float) -> float:
    return min(max((value - low) / (high - low), 0.0), 1.0)
