"""What a feature's name says: of which channel, in which measure it is compared, and what people call it.

Names are those of ``manipulation.features``: ``rms``, ``octave_3200``, ``order_1x`` of a waveform,
``<bearing>.bpfo`` of its bearings, ``<channel>.mean`` of telemetry.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

Kind: TypeAlias = Literal[
    "vibration", "pressure", "flow", "current", "power", "voltage", "temperature", "speed", "torque", "other"
]
"""What a channel measures, as far as diagnosis cares."""

Measure: TypeAlias = Literal["level", "ratio", "power-ratio", "decibel"]
"""``level``: differences are told in the unit. ``ratio``: amplitudes, told as so many times, 20 log10 of it in
dB. ``power-ratio``: mean squares, 10 log10. ``decibel``: already in dB."""

_UNITS: Final[Mapping[str, Kind]] = {
    **dict.fromkeys(("g", "mg", "m/s2", "m/s^2", "m/s²", "mm/s2", "mm/s^2", "mm/s²", "mm/s", "in/s", "um", "µm"),
                    "vibration"),
    **dict.fromkeys(("bar", "mbar", "pa", "hpa", "kpa", "mpa", "psi", "atm", "mmhg"), "pressure"),
    **dict.fromkeys(("l/min", "l/s", "l/h", "m3/h", "m³/h", "m^3/h", "m3/s", "m³/s", "kg/h", "kg/s", "gpm"), "flow"),
    **dict.fromkeys(("a", "ma", "ampere"), "current"),
    **dict.fromkeys(("w", "kw", "mw", "hp"), "power"),
    **dict.fromkeys(("v", "mv", "kv"), "voltage"),
    **dict.fromkeys(("degc", "°c", "cel", "celsius", "degf", "°f", "k", "kelvin"), "temperature"),
    **dict.fromkeys(("rpm", "1/min", "r/min", "hz"), "speed"),
    **dict.fromkeys(("nm", "n·m", "n.m"), "torque"),
}
_WORDS: Final[tuple[tuple[str, Kind], ...]] = (
    ("vibr", "vibration"), ("accel", "vibration"), ("press", "pressure"), ("flow", "flow"),
    ("current", "current"), ("power", "power"), ("volt", "voltage"), ("temp", "temperature"),
    ("thermo", "temperature"), ("speed", "speed"), ("rpm", "speed"), ("torque", "torque"),
)

BEARING_LINES: Final[Mapping[str, str]] = {
    "bpfo": "outer-race frequency",
    "bpfi": "inner-race frequency",
    "bsf": "rolling-element frequency",
    "ftf": "cage frequency",
}
_BAND: Final = re.compile(r"(octave|third|level|mel|log_mel|band)_([0-9.]+)")
_ORDER: Final = re.compile(r"order_([0-9.]+)x")
_AMPLITUDES: Final = frozenset({"rms", "std", "peak", "velocity_rms", "envelope_rms", "crest", "kurtosis"})
_UNITLESS: Final = frozenset({"crest", "kurtosis", "envelope_kurtosis", "model_error"})
_LEVELS: Final = frozenset({"mean", "min", "max", "rms"})
_SILENT: Final = frozenset({"envelope_band_low", "envelope_band_high"})
_ORDERS: Final[Mapping[str, str]] = {
    "0.5": "at half shaft speed (0.5x)",
    "1": "at shaft speed (1x)",
    "2": "at twice shaft speed (2x)",
    "3": "at three times shaft speed (3x)",
}


class Quantity(NamedTuple):
    """A feature as it is spoken of. ``group``: features of one group say much the same, so that one of them is
    told; ``unit``: that of its values."""

    name: str
    channel: str | None
    statistic: str
    bearing: str | None
    measure: Measure
    unit: str
    group: str
    words: str


def kind_of(channel: str, unit: str) -> Kind:
    """What a channel measures: by its unit, else by its name."""
    lowered = channel.lower()
    by_name: Kind = next((kind for word, kind in _WORDS if word in lowered), "other")
    return _UNITS.get(unit.strip().lower().replace(" ", ""), by_name)


def quantity(name: str, channel: str | None, units: Mapping[str, str]) -> Quantity | None:
    """What the feature is; None where it tells nothing of the machine (the band an envelope was taken in).

    ``channel``: the point's, where it has but one; ``units``: by channel.
    """
    head, _, statistic = name.rpartition(".")
    bearing = None
    if head in units:
        channel = head
    elif head:
        bearing = head
    if statistic in _SILENT:
        return None
    of = channel or ""
    unit = units.get(of, "")
    if bearing is not None and statistic in BEARING_LINES:
        words = f"{BEARING_LINES[statistic]} of {bearing}"
        return Quantity(name, channel, statistic, bearing, "decibel", "dB", f"{bearing}.{statistic}", words)
    if (band := _BAND.fullmatch(statistic)) is not None:
        return _band(name, channel, band)
    if (order := _ORDER.fullmatch(statistic)) is not None:
        words = f"{of} {_ORDERS.get(order[1], f'at {order[1]} times shaft speed ({order[1]}x)')}".strip()
        return Quantity(name, channel, statistic, None, "ratio", unit, statistic, words)
    return _statistic(name, channel, statistic, unit, telemetry=bool(head))


def _band(name: str, channel: str | None, band: re.Match[str]) -> Quantity:
    family, place, of = band[1], band[2], channel or ""
    words = {
        "octave": f"{of} in {float(place):.0f}-{2 * float(place):.0f} Hz",
        "third": f"{of} around {float(place):.0f} Hz (third octave)",
    }.get(family, f"{of} in band {family}_{place}")
    measure: Measure = "power-ratio" if family == "band" else "decibel"
    # families cut the same spectrum differently
    return Quantity(name, channel, band[0], None, measure, "dB", f"spectrum {family}", words.strip())


def _statistic(name: str, channel: str | None, statistic: str, unit: str, *, telemetry: bool) -> Quantity:
    of = channel or ""
    words = {
        "mean": of,
        "std": f"unrest of {of}" if telemetry else f"{of} standard deviation",
        "min": f"lowest {of}",
        "max": f"highest {of}",
        "crest": f"crest factor of {of}",
        "kurtosis": f"kurtosis of {of}",
        "velocity_rms": f"{of} velocity rms",
        "envelope_rms": f"envelope of {of}",
        "envelope_kurtosis": f"envelope kurtosis of {of}",
        "slope": f"slope of {of}",
        "model_error": f"what the model cannot reproduce of {of}",
    }.get(statistic, f"{of} {statistic.replace('_', ' ')}")
    measure: Measure = "level"
    if statistic == "model_error":
        measure = "power-ratio"
    # an RMS that a transmitter gives as telemetry is an amplitude, too
    elif statistic in _AMPLITUDES or (telemetry and statistic in _LEVELS and kind_of(of, unit) == "vibration"):
        measure = "ratio"
    if statistic in _UNITLESS:
        unit = ""
    elif statistic == "velocity_rms":
        unit = "mm/s"
    elif statistic == "slope":
        unit = f"{unit}/s"
    group = statistic
    if telemetry:
        group = f"{of} level" if statistic in _LEVELS else f"{of} {statistic}"
    elif statistic in {"rms", "std", "peak"}:
        group = "amplitude"
    elif statistic in {"crest", "kurtosis"}:
        group = "impulsiveness"
    return Quantity(name, channel, statistic, None, measure, unit, group, words.strip())
