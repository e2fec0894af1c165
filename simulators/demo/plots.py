"""Plots as inline SVG: axes with units, lines, dots, shaded spans. Colours come from the page's CSS."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from math import ceil, floor, log10
from typing import Final

_WIDTH: Final = 720
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 14, 12, 44
_ENOUGH_TICKS: Final = 7
_EXACT: Final = 1.000001  # powers of ten are not quite what they seem
_STRIP: Final = 6

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Axis:
    """From ``low`` to ``high``, with its quantity and unit; ``log``: decades, values at or below
    ``low`` lie on it."""

    low: float
    high: float
    label: str
    log: bool = False

    def place(self, value: float) -> float:
        """Where a value lies, 0 to 1; outside values on the edge."""
        if self.log:
            value, low, high = log10(max(value, self.low)), log10(self.low), log10(self.high)
        else:
            low, high = self.low, self.high
        return min(1.0, max(0.0, (value - low) / (high - low)))

    def ticks(self) -> list[float]:
        """Round values, at most about seven; of a logarithmic axis 1, 3 and 10 of each decade."""
        if self.log:
            decades = range(floor(log10(self.low)), ceil(log10(self.high)) + 1)
            candidates = [factor * 10.0**decade for decade in decades for factor in (1, 3)]
            return [tick for tick in candidates if self.low / _EXACT <= tick <= self.high * _EXACT]
        step = _round_step((self.high - self.low) / _ENOUGH_TICKS)
        first = ceil(self.low / step - 1e-9)
        return [number * step for number in range(first, floor(self.high / step + 1e-9) + 1)]


def _round_step(least: float) -> float:
    decade = 10.0 ** floor(log10(least))
    return next(factor * decade for factor in (1, 2, 5, 10) if factor * decade >= least / _EXACT)


@dataclass
class Plot:
    """One plot, built up from behind to the front. ``title`` is for those who cannot see it."""

    x: Axis
    y: Axis
    title: str
    height: int = 250
    _parts: list[str] = field(default_factory=list)

    def span(self, start: float, end: float, kind: str, *, strip: bool = False) -> None:
        """Shade from ``start`` to ``end``, over the whole height or as a ``strip`` along the top."""
        left, right = self._x(start), self._x(end)
        height = _STRIP if strip else self._bottom - _TOP
        self._parts.append(f'<rect class="{escape(kind)}" x="{left:.1f}" y="{_TOP}" '
                           f'width="{max(1.0, right - left):.1f}" height="{height}"/>')

    def band(self, low: float, high: float, kind: str) -> None:
        """Shade from ``low`` to ``high`` on the vertical axis, over the whole width."""
        top, bottom = self._y(high), self._y(low)
        self._parts.append(f'<rect class="{escape(kind)}" x="{_LEFT}" y="{top:.1f}" '
                           f'width="{_WIDTH - _LEFT - _RIGHT}" height="{bottom - top:.1f}"/>')

    def line(self, points: Iterable[Point | None], kind: str) -> None:
        """A line; None interrupts it."""
        commands, count, joined = [], 0, False
        for point in points:
            if point is None:
                joined = False
                continue
            commands.append(f"{'L' if joined else 'M'}{self._x(point[0]):.1f} {self._y(point[1]):.1f}")
            joined = True
            count += 1
        path = "".join(commands)
        self._parts.append(f'<path class="line {escape(kind)}" data-count="{count}" d="{path}"/>')

    def dots(self, points: Sequence[Point], kind: str) -> None:
        """A dot at each point."""
        commands = "".join(f"M{self._x(x):.1f} {self._y(y):.1f}h0" for x, y in points)
        self._parts.append(f'<path class="dots {escape(kind)}" data-count="{len(points)}" d="{commands}"/>')

    def level(self, value: float, label: str) -> None:
        """A dashed line across, with its name."""
        y = self._y(value)
        self._parts.append(f'<path class="level" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}"/>')
        self._parts.append(_text("note", "start", f'x="{_LEFT + 6}" y="{y - 5:.1f}"', label))

    def svg(self) -> str:
        """The finished plot."""
        return (f'<svg viewBox="0 0 {_WIDTH} {self.height}" role="img" aria-label="{escape(self.title)}">'
                f"{self._grid()}{''.join(self._parts)}{self._axes()}</svg>")

    def _grid(self) -> str:
        return "".join(f'<path class="grid" d="M{_LEFT} {self._y(tick):.1f}H{_WIDTH - _RIGHT}"/>'
                       for tick in self.y.ticks())

    def _axes(self) -> str:
        bottom, right = self._bottom, _WIDTH - _RIGHT
        parts = [f'<path class="axis" d="M{_LEFT} {_TOP}V{bottom}H{right}"/>']
        for tick in self.x.ticks():
            x = self._x(tick)
            parts.append(f'<path class="tick" d="M{x:.1f} {bottom}v4"/>')
            parts.append(_text("tick", "middle", f'x="{x:.1f}" y="{bottom + 17}"', f"{tick:g}"))
        parts += [_text("tick", "end", f'x="{_LEFT - 6}" y="{self._y(tick) + 4:.1f}"', f"{tick:g}")
                  for tick in self.y.ticks()]
        below = f'x="{(_LEFT + right) / 2}" y="{self.height - 6}"'
        beside = f'transform="translate(15 {(_TOP + bottom) / 2}) rotate(-90)"'
        parts += [_text("name", "middle", below, self.x.label), _text("name", "middle", beside, self.y.label)]
        return "".join(parts)

    @property
    def _bottom(self) -> int:
        return self.height - _BOTTOM

    def _x(self, value: float) -> float:
        return _LEFT + self.x.place(value) * (_WIDTH - _LEFT - _RIGHT)

    def _y(self, value: float) -> float:
        return self._bottom - self.y.place(value) * (self._bottom - _TOP)


def _text(kind: str, anchor: str, place: str, text: str) -> str:
    return f'<text class="{kind}" text-anchor="{anchor}" {place}>{escape(text)}</text>'
