"""Signs are read from changed features as an engineer would read them."""

from __future__ import annotations

from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.monitoring.assessment.change import Change
from agent.monitoring.assessment.evidence import Context, Sign, signs

KINDS = Context({"pressure": "pressure", "flow": "flow", "current": "current"})
WAVEFORM = Context({"vibration": "vibration"}, speed_known=True, bearings=("DE",))


def _process(pressure: float, flow: float, current: float = 1.0, spread: float = 0.005) -> dict[str, Sign]:
    """Signs of values relative to their normals."""
    return signs([
        Change(name, f"{name}.mean", value, 1.0, value - 1.0, "", (value - 1.0) / spread, "level", name)
        for name, value in (("pressure", pressure), ("flow", flow), ("current", current))
    ], KINDS)


@given(st.floats(0.5, 0.95), st.floats(0.0, 0.6))
def test_a_pump_that_slides_down_its_system_s_curve_has_no_leak_and_no_closed_valve(
    flow: float, static: float
) -> None:
    pressure = static + (1.0 - static) * flow**2
    found = _process(pressure, flow, current=pressure * flow)
    assert found["opened"].strength == pytest.approx(0.0, abs=1e-6)
    assert found["lost work"].strength == 0.0
    assert found["restricted"].strength < 0.3


@given(st.floats(0.6, 0.9))
def test_a_pressure_that_falls_by_more_than_friction_could_means_a_way_out(flow: float) -> None:
    assert _process(flow**3, flow)["opened"].strength > 0.9


def test_less_flow_at_more_pressure_means_a_closed_valve() -> None:
    found = _process(1.1, 0.8, 0.9)
    assert found["restricted"].strength == 1.0
    assert found["curve"].strength == 0.0


def test_work_that_the_motor_does_and_nobody_sees_is_lost() -> None:
    assert _process(0.9, 0.95, 0.99)["lost work"].strength > 0.9
    assert _process(0.9, 0.95, 0.92)["lost work"].strength == 0.0


def test_a_pressure_that_wanders_by_itself_says_nothing_of_curves() -> None:
    noisy = _process(0.7, 0.8, spread=0.12)
    assert noisy["opened"].strength == noisy["curve"].strength == noisy["restricted"].strength == 0.0


def test_what_is_not_significant_has_no_strength_however_large_but_a_size() -> None:
    found = _process(0.9, 1.0, spread=0.1)
    assert found["pressure"].strength == 0.0
    assert found["pressure"].size == pytest.approx(1.0)


def test_one_channel_that_differs_alone_is_lone_and_two_are_not() -> None:
    assert _process(0.7, 1.0)["alone"].strength > 0.7
    assert _process(0.7, 0.7)["alone"].strength == 0.0


def _lines(**rises: float) -> dict[str, Sign]:
    return signs([
        Change("vibration", f"DE.{name}", rise, 0.0, rise, "dB", 3.0 * rise, "decibel", name)
        for name, rise in rises.items()
    ], WAVEFORM)


def test_of_several_bearing_lines_the_strongest_speaks_in_full() -> None:
    found = _lines(bpfo=12.0, bpfi=10.0, bsf=5.0, ftf=0.0)
    assert found["outer"].strength == 1.0
    assert 0.0 < found["inner"].strength < 0.6
    assert found["element"].strength == found["cage"].strength == 0.0
    assert found["lines"].strength == 1.0


def test_signs_of_what_is_not_measured_do_not_exist() -> None:
    assert set(_lines(bpfo=1.0)) == {"outer", "lines"}
    assert signs([], KINDS) == {}


@given(st.lists(st.floats(0.01, 100.0), min_size=3, max_size=3), st.floats(1e-6, 10.0))
def test_no_sign_is_stronger_than_1(values: list[float], spread: float) -> None:
    for name, sign in _process(values[0], values[1], values[2], spread).items():
        assert -1.0 <= sign.strength <= 1.0, (name, log(values[0]))
