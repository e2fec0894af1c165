"""The denoising autoencoder: trained in float, made full int8. The one file that needs tensorflow.

Trained in units of a few dB, where the usual initial weights fit; the unit is then folded into
the first and the last layer, so that the finished model takes dB and gives dB.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from agent.training.bundle import QuantisedTensor
from agent.training.disturbance import disturbed
from agent.training.recipe import Recipe

Levels = NDArray[np.float32]


class Trained(NamedTuple):
    """``network`` in float, ``content`` the same in int8; ``loss`` and ``validation_loss`` in dB^2."""

    network: Any
    content: bytes
    loss: float
    validation_loss: float


def train(recipe: Recipe, levels: Levels, validation: Levels) -> Trained:
    """An autoencoder of normal ``levels``, shape (records, bands), in dB over the machines' medians."""
    keras.utils.set_random_seed(recipe.training.seed)
    tf.config.experimental.enable_op_determinism()
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    unit = recipe.training.unit
    rng = np.random.default_rng(recipe.training.seed)
    copies = range(recipe.disturbance.copies)
    shown = np.concatenate([disturbed(levels, recipe.disturbance, rng) for _ in copies])
    wanted = np.concatenate([levels for _ in copies])
    network = _network(levels.shape[1], recipe.network.hidden)
    network.compile(keras.optimizers.Adam(recipe.training.learning_rate), loss="mse")
    network.fit(
        shown / unit, wanted / unit,
        epochs=recipe.training.epochs, batch_size=recipe.training.batch, shuffle=True, verbose=0,
    )
    _fold(network, unit)
    return Trained(
        network,
        _quantise(network, recipe, levels),
        float(np.mean(errors_of(network, levels))),
        float(np.mean(errors_of(network, validation))),
    )


def errors_of(network: Any, levels: Levels) -> NDArray[np.float64]:
    """Mean squared reconstruction error of each row, in dB^2, by the float network."""
    rebuilt = np.asarray(network(levels), dtype=np.float64)
    errors: NDArray[np.float64] = np.mean((rebuilt - levels) ** 2, axis=1)
    return errors


class Int8Model:
    """The converted model on tensorflow's own interpreter, to evaluate and to describe it."""

    def __init__(self, content: bytes) -> None:
        self._interpreter = tf.lite.Interpreter(model_content=content, num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]
        self.input = _described(self._input)
        self.output = _described(self._output)

    def errors_of(self, levels: Levels) -> NDArray[np.float64]:
        """Mean squared reconstruction error of each row, in dB^2."""
        return np.array([self._error(row) for row in levels])

    def _error(self, row: Levels) -> float:
        quantised = np.floor(row / self.input.scale + (self.input.zero_point + 0.5))
        clipped = np.clip(quantised, -128, 127).astype(np.int8)
        self._interpreter.set_tensor(self._input["index"], clipped[None])
        self._interpreter.invoke()
        given = self._interpreter.get_tensor(self._output["index"])[0].astype(np.float64)
        return float(np.mean(((given - self.output.zero_point) * self.output.scale - row) ** 2))


def _described(tensor: dict[str, Any]) -> QuantisedTensor:
    scale, zero_point = tensor["quantization"]
    return QuantisedTensor(int(tensor["shape"][1]), float(scale), int(zero_point))


def _network(bands: int, hidden: tuple[int, ...]) -> Any:
    layers = [keras.layers.Dense(units, activation="relu") for units in hidden]
    return keras.Sequential([keras.Input((bands,)), *layers, keras.layers.Dense(bands)])


def _fold(network: Any, unit: float) -> None:
    first, last = network.layers[0], network.layers[-1]
    weights, bias = first.get_weights()
    first.set_weights([weights / unit, bias])
    weights, bias = last.get_weights()
    last.set_weights([weights * unit, bias * unit])


def _quantise(network: Any, recipe: Recipe, levels: Levels) -> bytes:
    """Full int8, input and output too; calibrated with normal rows and with the input's ends."""
    span, count = recipe.quantisation.range, recipe.quantisation.representatives
    step = max(1, len(levels) // count)
    rows = np.clip(levels[::step][:count], -span, span)
    # one band at a time at both ends of the range: a fault lifts some bands, not all together
    ends = np.concatenate([np.eye(levels.shape[1]) * span, np.eye(levels.shape[1]) * -span])
    representatives = np.concatenate([rows, ends]).astype(np.float32)
    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([row[None]] for row in representatives)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    # scales per channel in dense layers are newer than the oldest runtime that must run it
    converter._experimental_disable_per_channel_quantization_for_dense_layers = True  # noqa: SLF001
    content: bytes = converter.convert()
    return content
