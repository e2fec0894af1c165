"""The models that assets ask for, each loaded and checked once."""

from __future__ import annotations

from pathlib import Path

from agent.adapters.tflite import load_bundle, load_model
from agent.errors import ModelError
from agent.monitoring.detection.model import INPUTS, LoadedModel
from agent.monitoring.spec import AssetSpec, ModelSpec


class ModelShelf:
    """Fulfils the monitor's ``ModelLoader``. Assets that name the same model share it."""

    def __init__(self) -> None:
        self._loaded: dict[ModelSpec, LoadedModel] = {}

    def load(self, asset: AssetSpec) -> LoadedModel | None:
        """The asset's model; None where it wants none. Raises ModelError."""
        spec = asset.model
        if spec is None:
            return None
        if spec not in self._loaded:
            self._loaded[spec] = _load(spec)
        return self._loaded[spec]


def _load(spec: ModelSpec) -> LoadedModel:
    path = Path(spec.path)
    if path.is_dir():
        bundle = load_bundle(path)
        return LoadedModel(bundle.model, bundle.card.feeds)
    for name in INPUTS:
        if name == spec.input:
            return LoadedModel(load_model(path), name)
    known = ", ".join(INPUTS)
    raise ModelError(f"{path}: a bare model file does not say what it is fed. Set input to one of: {known}")
