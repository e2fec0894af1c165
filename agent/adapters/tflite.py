"""int8 models on TensorFlow Lite: load, check against the card, ask.

The interpreter comes from ``ai-edge-litert`` or from its predecessor ``tflite-runtime``; their
APIs are the same. Where both are installed the former is taken: its XNNPACK kernels are up to
ten times as fast. The two round differently inside a network, by about one quantisation step:
golden vectors are compared within a tolerance.

Both write ``INFO: Created TensorFlow Lite XNNPACK delegate`` to stderr once a model; there is
no setting for that, and redirecting the descriptor would swallow what other threads log.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from math import inf, nan
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from agent.adapters.card import CARD, Card, Quantisation, TensorCard, read_card, read_golden
from agent.errors import ModelError
from agent.monitoring.types import FloatArray

_RUNTIMES = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")
# Quantisation parameters are float32 in the model and decimal in the card.
_SCALE_TOLERANCE = 1e-6
_LOWEST = np.array(-128, dtype=np.float32)
_HIGHEST = np.array(127, dtype=np.float32)


class Interpreter(Protocol):
    """The part of the runtimes' ``Interpreter`` that is used here; documented by TensorFlow."""

    def allocate_tensors(self) -> None: ...

    def invoke(self) -> None: ...

    def get_input_details(self) -> Sequence[Mapping[str, Any]]: ...

    def get_output_details(self) -> Sequence[Mapping[str, Any]]: ...

    def tensor(self, tensor_index: int) -> Callable[[], NDArray[np.int8]]: ...


@dataclass(frozen=True, slots=True)
class Tensor:
    """An int8 tensor of shape (1, size) of a model."""

    index: int
    size: int
    quantisation: Quantisation


class Bundle(NamedTuple):
    """A model that holds what its card promises."""

    model: TfliteModel
    card: Card


class TfliteModel:
    """An int8 autoencoder of shape (1, n) -> (1, n); fulfils the chain's ``Model``.

    Raises ModelError where ``content`` is no such model; ``path`` is named in it.
    """

    def __init__(self, content: bytes, path: Path) -> None:
        self._interpreter: Interpreter | None = _interpreter(content, path)
        self.input = _only_tensor(self._interpreter.get_input_details(), "input", path)
        self.output = _only_tensor(self._interpreter.get_output_details(), "output", path)
        size = self.input.size
        if self.output.size != size:
            what = f"input has {size} values and output {self.output.size}"
            raise ModelError(_refusal(path, what, "The score is a reconstruction error: use an autoencoder"))
        self._given = np.empty(size, dtype=np.float32)
        self._quantised = np.empty(size, dtype=np.float32)
        self._error = np.empty(size, dtype=np.float32)
        # As arrays of no dimension: numpy takes twice as long for an operation with a Python float.
        scale, zero_point = self.input.quantisation
        self._steps = np.array(1.0 / scale, dtype=np.float32)
        self._half_up = np.array(zero_point + 0.5, dtype=np.float32)
        scale, zero_point = self.output.quantisation
        self._scale = np.array(scale, dtype=np.float32)
        self._zero = np.array(zero_point * scale, dtype=np.float32)
        # Views into the interpreter's memory must not be kept over ``invoke``, their getters may.
        self._input_view = self._interpreter.tensor(self.input.index)
        self._output_view = self._interpreter.tensor(self.output.index)

    @property
    def input_size(self) -> int:
        """How many values it takes."""
        return self.input.size

    def score(self, x: FloatArray) -> float:
        """Mean squared error of the reconstruction of ``x``, shape (input_size,), in its unit
        squared; NaN where ``x`` is not finite.

        Quantised values are rounded half up. What is beyond the quantised range is clipped for
        the model, and counts in full in the error. Raises ValueError for another shape, or once
        closed.
        """
        interpreter = self._interpreter
        size = self.input.size
        if interpreter is None or x.shape != (size,):
            reason = "the model is closed" if interpreter is None else f"shape {x.shape}, not ({size},)"
            raise ValueError(reason)
        given, quantised, error = self._given, self._quantised, self._error
        given[:] = x
        if not float(given.dot(given)) < inf:
            return nan
        np.multiply(given, self._steps, out=quantised)
        np.add(quantised, self._half_up, out=quantised)
        np.floor(quantised, out=quantised)
        np.minimum(quantised, _HIGHEST, out=quantised)
        np.maximum(quantised, _LOWEST, out=quantised)
        self._input_view()[0] = quantised
        interpreter.invoke()
        np.multiply(self._output_view()[0], self._scale, out=error)
        np.subtract(error, self._zero, out=error)
        np.subtract(error, given, out=error)
        return float(error.dot(error)) / size

    def close(self) -> None:
        """Give the interpreter's memory back."""
        if self._interpreter is not None:
            self._interpreter = None
            del self._input_view, self._output_view


def load_model(path: Path) -> TfliteModel:
    """A bare ``.tflite`` file: int8, one input and one output of the same size.

    Raises ModelError.
    """
    return TfliteModel(_content(path), path)


def load_bundle(path: Path) -> Bundle:
    """A bundle: a folder with ``card.toml``, the model and its golden vectors.

    The model is loaded only once its hash is the card's, and handed out only once it answers
    the golden vectors as the card says. Raises ModelError with path, what is wrong and what to
    do about it.
    """
    card = read_card(path / CARD)
    file = path / card.file
    content = _content(file)
    digest = hashlib.sha256(content).hexdigest()
    if digest != card.sha256:
        what = f"its sha256 is {digest}, the card says {card.sha256}"
        raise ModelError(_refusal(file, what, "Install the bundle again as a whole"))
    model = TfliteModel(content, file)
    _check_tensor(model.input, card.input, "input", file)
    _check_tensor(model.output, card.output, "output", file)
    golden = path / card.golden
    for number, vector in enumerate(read_golden(golden, card), 1):
        found = model.score(np.array(vector.input))
        if not abs(found - vector.score) <= vector.tolerance:
            what = (
                f"golden vector {number} scores {found:.6g},"
                f" the bundle says {vector.score:.6g} +- {vector.tolerance:.3g}"
            )
            raise ModelError(_refusal(golden, what, "This runtime computes something else: report it"))
    return Bundle(model, card)


def _interpreter(content: bytes, path: Path) -> Interpreter:
    try:
        interpreter: Interpreter = _runtime()(model_content=content, num_threads=1)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as reason:
        what = f"not a model that TensorFlow Lite can run ({str(reason).strip()})"
        raise ModelError(_refusal(path, what, "Give a .tflite file of built-in operators")) from reason
    return interpreter


def _runtime() -> Callable[..., Interpreter]:
    """The class of the runtime that is installed; imported late, since not every device has a model."""
    for name in _RUNTIMES:
        try:
            module = import_module(name)
        except ModuleNotFoundError:
            continue
        found: Callable[..., Interpreter] = module.Interpreter
        return found
    reason = "no TensorFlow Lite runtime is installed. Install ai-edge-litert (armv7l: tflite-runtime)"
    raise ModelError(reason)


def _only_tensor(details: Sequence[Mapping[str, Any]], what: str, path: Path) -> Tensor:
    remedy = "Convert it to full int8 with one input and one output of shape (1, n)"
    if len(details) != 1:
        raise ModelError(_refusal(path, f"it has {len(details)} {what}s", remedy))
    tensor = details[0]
    if tensor["dtype"] is not np.int8:
        raise ModelError(_refusal(path, f"its {what} is {np.dtype(tensor['dtype'])}, not int8", remedy))
    shape = tuple(int(length) for length in tensor["shape"])
    if len(shape) != 2 or shape[0] != 1 or shape[1] < 1:  # noqa: PLR2004 -- (batch, values)
        raise ModelError(_refusal(path, f"its {what} has shape {shape}", remedy))
    scale, zero_point = tensor["quantization"]
    if not 0.0 < float(scale) < inf:
        raise ModelError(_refusal(path, f"its {what} has no quantisation (scale {scale})", remedy))
    return Tensor(int(tensor["index"]), shape[1], Quantisation(float(scale), int(zero_point)))


def _check_tensor(found: Tensor, promised: TensorCard, what: str, path: Path) -> None:
    remedy = "Card and model are of different versions: install the bundle again as a whole"
    if found.size != promised.size:
        said = f"its {what} has {found.size} values, the card says {promised.size}"
        raise ModelError(_refusal(path, said, remedy))
    (scale, zero_point), (card_scale, card_zero_point) = found.quantisation, promised.quantisation
    if abs(scale - card_scale) > _SCALE_TOLERANCE * scale or zero_point != card_zero_point:
        said = (
            f"its {what} is quantised with scale {scale:.9g} and zero point {zero_point},"
            f" the card says {card_scale:.9g} and {card_zero_point}"
        )
        raise ModelError(_refusal(path, said, remedy))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as reason:
        what = f"cannot be read ({reason.strerror})"
        raise ModelError(_refusal(path, what, "Give a bundle's folder or a .tflite file")) from reason


def _refusal(path: Path, what: str, remedy: str) -> str:
    return f"{path}: {what}. {remedy}"
