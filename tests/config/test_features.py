"""What may stand in ``features`` and in limits, and what a slope needs."""

from __future__ import annotations

import pytest

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
