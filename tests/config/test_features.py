"""What may stand in ``features`` and in limits, and what a slope, a velocity, orders and bearings need."""

from __future__ import annotations

import pytest

from agent.config.feature_checks import FEATURES
from tests.config.conftest import DEVICE, PUMP, Load, Refused

_ASKED = PUMP.replace("rate = 1.0", 'rate = 1.0\nfeatures = ["mean", "slope"]')
_LIMITED = PUMP + '[[assets.pump.limits]]\nfeature = "pressure.slope"\nalarm = 0.1\n'


@pytest.mark.parametrize("window", ["", "seconds = 60\nstride = 5", "count = 10", "seconds = 2\nstride = 1"])
@pytest.mark.parametrize("pump", [_ASKED, _LIMITED])
def test_a_slope_may_be_asked_for_where_the_window_has_two_places(load_text: Load, pump: str, window: str) -> None:
    text = DEVICE + pump + (f"[assets.pump.window]\n{window}\n" if window else "")
    (spec,) = load_text(text).asset_specs()
    assert spec.id == "pump"


@pytest.mark.parametrize("window", ["seconds = 60\nstride = 60", "count = 1"])
@pytest.mark.parametrize(
    ("pump", "key"), [(_ASKED, "assets.pump.features[1]"), (_LIMITED, "assets.pump.limits[0].feature")]
)
def test_a_slope_over_a_single_place_is_refused(refused: Refused, pump: str, key: str, window: str) -> None:
    problems = refused(DEVICE + pump + f"[assets.pump.window]\n{window}\n")
    assert [(problem.key, "slope" in problem.message) for problem in problems] == [(key, True)]

_FAN = """
[assets.fan]
profile = "waveform"
topic = "plant/fan/vibration"
codec = "binary"
rate = 25600.0
features = [{features}]
[assets.fan.channels.vibration]
unit = "{unit}"
{more}
"""


def _fan(features: str, unit: str = "g", more: str = "") -> str:
    return DEVICE + _FAN.format(features=features, unit=unit, more=more)


_KNOWN = '[assets.fan.machine]\nspeed = 1797\nbearings = [{ name = "6205" }]\n'


def test_all_features_of_waveforms_may_be_asked_for_where_unit_speed_and_bearings_are_known(load_text: Load) -> None:
    asked = ", ".join(f'"{name}"' for name in FEATURES["waveform"])
    (spec,) = load_text(_fan(asked, more=_KNOWN)).asset_specs()
    assert {"velocity", "third_octaves", "orders", "envelope", "bearing", "log_mel"} < set(spec.features)


@pytest.mark.parametrize(
    ("features", "unit", "more", "key", "message", "remedy"),
    [
        ('"rms", "velocity"', "", "", "channels.vibration.unit", "velocity", "m/s2"),
        ('"velocity"', "bar", "", "channels.vibration.unit", "velocity", "leave velocity out"),
        ('"orders"', "g", "", "features[0]", "speed", "machine.speed_channel"),
        ('"rms", "bearing"', "g", "[assets.fan.machine]\nspeed = 1797", "features[1]", "bearing", "6205"),
        ('"bearing"', "g", '[assets.fan.machine]\nbearings = [{ name = "6205" }]', "machine.speed", "shaft", "rpm"),
        ('"envelope", "power"', "g", "", "features[1]", "no feature of a waveform", "envelope"),
    ],
)
def test_a_feature_that_cannot_be_computed_is_refused_with_what_it_needs(  # noqa: PLR0913, PLR0917 -- a table
    refused: Refused, features: str, unit: str, more: str, key: str, message: str, remedy: str
) -> None:
    (problem,) = refused(_fan(features, unit, more))
    assert problem.key == f"assets.fan.{key}"
    assert message in problem.message
    assert remedy in problem.remedy


def test_only_channels_that_are_judged_need_a_unit_of_vibration(load_text: Load) -> None:
    speed = '[assets.fan.channels.speed]\nunit = "rpm"\ntopic = "plant/fan/speed"\ncodec = "json"\n'
    (spec,) = load_text(_fan('"velocity"', "mm/s", speed)).asset_specs()
    assert [channel.role for channel in spec.channels] == ["condition", "operating"]


def test_a_limit_may_be_on_a_bearing_of_the_machine(load_text: Load, refused: Refused) -> None:
    limit = '[[assets.fan.limits]]\nfeature = "vibration.{}.bpfo"\nalarm = 15\n'
    (spec,) = load_text(_fan('"bearing"', more=_KNOWN + limit.format("6205"))).asset_specs()
    assert spec.limits[0].feature == "vibration.6205.bpfo"
    (problem,) = refused(_fan('"bearing"', more=_KNOWN + limit.format("6203")))
    assert "6203.bpfo is not computed" in problem.message
    assert "6205.bpfo" in problem.remedy
