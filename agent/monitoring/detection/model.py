"""What the chain asks of a model, and how a block's spectrum becomes a model's input.

Models are int8 autoencoders: they were taught normal, and what they cannot reproduce is not
normal. Their score is the mean squared error of the reconstruction in the input's own unit.

========== ================================================= =====================================
input      a model of it is fed                              scored by
========== ================================================= =====================================
bands      32 levels in dB over this machine's own median    ``spectrum.SpectrumBaseline``
log_power  log(1 + periodogram), repeated or cut to its size ``LoadedModel.error``, a feature
========== ================================================= =====================================

``bands`` needs no scaling and no clipping of its own: the model's input is quantised with the
range of dB that it was taught, and whatever exceeds it counts as error.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import nan
from typing import Final, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from agent.errors import ModelError
from agent.monitoring.manipulation.extraction import FeatureVector
from agent.monitoring.types import FloatArray

InputName: TypeAlias = Literal["bands", "log_power"]
INPUTS: Final[tuple[InputName, ...]] = ("bands", "log_power")


class Model(Protocol):
    """An autoencoder, ready to be asked. One thread uses it."""

    @property
    def input_size(self) -> int:
        """How many values it takes."""

    def score(self, x: FloatArray) -> float:
        """Mean squared error of the reconstruction of ``x``, shape (input_size,), in its unit
        squared; NaN where ``x`` is not finite. Raises ValueError for another shape."""

    def close(self) -> None:
        """Give the model's memory back; it is not asked again."""


class ModelInput(Protocol):
    """A model that judges windows without a baseline."""

    def error(self, vector: FeatureVector) -> float:
        """How badly the model reproduces the window; NaN where it has nothing to go by."""


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model together with what it wants to be fed."""

    model: Model
    input: InputName
    _fed: NDArray[np.float32] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_fed", np.zeros(self.model.input_size, dtype=np.float32))

    def fed_with(self, size: int, who: str) -> Model:
        """The model, for ``size`` values at a time. Raises ModelError where it takes another number;
        ``who`` names whose values they are."""
        if self.model.input_size != size:
            reason = (
                f"{who}: its model takes {self.model.input_size} values, and {self.input} has {size} here."
                " Give it a model made for this input, and a rate of 25600 Hz or more where that is bands"
            )
            raise ModelError(reason)
        return self.model

    def error(self, vector: FeatureVector) -> float:
        """See ``ModelInput``. The window's ``power`` must have been computed."""
        power = vector.power
        if power is None or not len(power):
            return nan
        log_power(power, self._fed)
        return self.model.score(self._fed)


def log_power(power: FloatArray, out: NDArray[np.float32]) -> None:
    """Fill ``out``, shape (size,), with log(1 + power), repeated or cut to its size as by
    ``np.resize``; ``power`` is |rfft|^2 of the block."""
    size, given = len(out), len(power)
    taken = min(size, given)
    np.log1p(power[:taken], out=out[:taken], casting="same_kind")
    for start in range(taken, size, taken):
        rest = out[start : start + taken]
        rest[:] = out[: len(rest)]
