"""Where the model bundles that ship are: in the package once installed, beside it in a checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_INSTALLED: Final = Path(__file__).parent / "firmware_models"
_CHECKOUT: Final = Path(__file__).parents[1] / "firmware-models"

MODELS: Final = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
"""The folder with one folder for each bundle, ``<name>/model.tflite`` and its card."""
