"""Makes the models beside it, each of which the agent must refuse: `python -m tests.adapters.models.make`.

Needs the extra ``train``; run by hand, since the models are small and never change.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

_HERE = Path(__file__).parent


def _dense(inputs: int, units: int) -> Any:
    return keras.Sequential([keras.Input((inputs,)), keras.layers.Dense(units)])


def _two_inputs() -> Any:
    first, second = keras.Input((4,)), keras.Input((4,))
    return keras.Model([first, second], keras.layers.Dense(4)(keras.layers.Add()([first, second])))


def _images() -> Any:
    return keras.Sequential([keras.Input((2, 2, 1)), keras.layers.ReLU()])


def _convert(network: Any, *, int8: bool) -> bytes:
    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    if int8:
        shapes = [(1, *tensor.shape[1:]) for tensor in network.inputs]
        rows = [[np.full(shape, value, np.float32) for shape in shapes] for value in (-1.0, 1.0)]
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: iter(rows)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    content: bytes = converter.convert()
    return content


def main() -> None:
    """Write them."""
    keras.utils.set_random_seed(1)
    (_HERE / "float.tflite").write_bytes(_convert(_dense(4, 4), int8=False))
    (_HERE / "classifier.tflite").write_bytes(_convert(_dense(4, 2), int8=True))
    (_HERE / "two_inputs.tflite").write_bytes(_convert(_two_inputs(), int8=True))
    (_HERE / "images.tflite").write_bytes(_convert(_images(), int8=True))


if __name__ == "__main__":
    main()
