"""What this program was made with: the model bundles that ship, and a time before which it was not there.

The bundles are in the package once installed, beside it in a checkout.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_INSTALLED: Final = Path(__file__).parent / "firmware_models"
_CHECKOUT: Final = Path(__file__).parents[1] / "firmware-models"

MODELS: Final = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
"""The folder with one folder for each bundle, ``<name>/model.tflite`` and its card."""

FLOOR: Final = 1_767_225_600 * 1_000_000_000
"""2026-01-01, ns since the epoch: a clock that reads less is wrong."""
