"""The bundles that ship are found; tests/system/test_wheel.py looks for them once installed."""

from __future__ import annotations

from pathlib import Path

from agent.shipped import MODELS


def test_a_checkout_has_its_models_beside_the_package() -> None:
    assert Path(__file__).parents[1] / "firmware-models" == MODELS
