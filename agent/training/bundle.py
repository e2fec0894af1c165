"""A bundle's folder: the network, its card, its golden vectors and the recipe they came from."""

from __future__ import annotations

import hashlib
import json
import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.training.recipe import Recipe

MODEL, CARD, GOLDEN, RECIPE = "model.tflite", "card.toml", "golden.json", "recipe.toml"

FEEDS = "bands"
UNIT = "dB over the machine's own median"
DEFINITION = (
    "levels of 32 bands from 100 to 12800 Hz, equally wide in log(1 + f / 1 kHz), of the Hann"
    " periodogram of one block, in dB re 1 unit^2; minus the median of each over the machine's"
    " own first records"
)

SCORE = "mean squared error of the output against the input, in dB^2"


class QuantisedTensor(NamedTuple):
    """real = scale x (int8 - zero_point)."""

    size: int
    scale: float
    zero_point: int


class Made(NamedTuple):
    """What a training run gives. ``golden``: rows of input, shape (vectors, bands), and their scores."""

    content: bytes
    input: QuantisedTensor
    output: QuantisedTensor
    golden: NDArray[np.float32]
    golden_scores: NDArray[np.float64]
    metrics: Mapping[str, float | int]


class Comparison(NamedTuple):
    """``same``: byte for byte. ``furthest``: the metric that differs most among the AUCs, and by how much."""

    same: bool
    furthest: str
    difference: float


def golden_rows(normal: NDArray[np.float32], faulty: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """``count`` rows to remember: evenly picked, normal and faulty in turn, rounded to 0.01 dB."""
    picked = [
        rows[(place // 2) * len(rows) // ((count + 1) // 2)]
        for place in range(count)
        for rows in ((normal, faulty)[place % 2],)
    ]
    return np.round(np.array(picked, dtype=np.float64), 2).astype(np.float32)


def write(folder: Path, recipe: Recipe, recipe_file: Path, made: Made) -> None:
    """Write the bundle, over an earlier one."""
    folder.mkdir(parents=True, exist_ok=True)
    golden = _golden(recipe, made)
    (folder / MODEL).write_bytes(made.content)
    (folder / GOLDEN).write_text(golden, encoding="utf-8")
    (folder / CARD).write_text(_card(recipe, made, golden), encoding="utf-8")
    if not (folder / RECIPE).exists() or not (folder / RECIPE).samefile(recipe_file):
        shutil.copyfile(recipe_file, folder / RECIPE)


def compare(made: Path, shipped: Path) -> Comparison:
    """How a bundle just made compares with an earlier one of the same recipe."""
    same = all((made / name).read_bytes() == (shipped / name).read_bytes() for name in (MODEL, GOLDEN))
    new, old = (_metrics(folder) for folder in (made, shipped))
    gaps = {name: abs(new[name] - old[name]) for name in old if name.startswith("auc_")}
    furthest = max(gaps, key=lambda name: gaps[name])
    return Comparison(same, furthest, gaps[furthest])


def _metrics(folder: Path) -> dict[str, float]:
    metrics: dict[str, float] = tomllib.loads((folder / CARD).read_text(encoding="utf-8"))["metrics"]
    return metrics


def _golden(recipe: Recipe, made: Made) -> str:
    lines = [
        json.dumps({
            "input": [round(float(value), 2) for value in row],
            "score": float(f"{score:.6g}"),
            "tolerance": float(f"{max(recipe.golden.tolerance * score, made.output.scale**2):.3g}"),
        })
        for row, score in zip(made.golden, made.golden_scores, strict=True)
    ]
    return '{"vectors": [\n' + ",\n".join(lines) + "\n]}\n"


def _card(recipe: Recipe, made: Made, golden: str) -> str:
    def tensor(table: str, quantised: QuantisedTensor, more: Mapping[str, Any]) -> list[str]:
        return [
            f"\n[{table}]",
            *(f"{key} = {_toml(value)}" for key, value in more.items()),
            f"size = {quantised.size}",
            f"unit = {_toml(UNIT)}",
            'type = "int8"',
            f"scale = {quantised.scale:.9g}",
            f"zero_point = {quantised.zero_point}",
        ]

    lines = [
        "# What this model is, wants and was measured to do. Written by `python -m agent.training`.",
        f"name = {_toml(recipe.name)}",
        f"version = {_toml(recipe.version)}",
        f"licence = {_toml(recipe.licence)}",
        f"summary = {_toml(recipe.summary)}",
        f"trained_on = {_toml(recipe.trained_on)}",
        "limits = [",
        *(f"    {_toml(limit)}," for limit in recipe.limits),
        "]",
        "\n[model]",
        f"file = {_toml(MODEL)}",
        f"sha256 = {_toml(hashlib.sha256(made.content).hexdigest())}",
        f"bytes = {len(made.content)}",
        *tensor("input", made.input, {"name": FEEDS, "definition": DEFINITION}),
        *tensor("output", made.output, {"score": SCORE}),
        "\n[golden]",
        f"file = {_toml(GOLDEN)}",
        f"sha256 = {_toml(hashlib.sha256(golden.encode()).hexdigest())}",
        "\n[metrics]",
        "# On machines that were not trained on, after a median of five records. auc: chance that a faulty",
        "# record scores above a normal one; detected: share of faulty records above 99 % of normal ones.",
        "# float and int8: this model before and after conversion; mean_square: the same bands without a",
        "# model; octaves: the largest rise of an octave band.",
        *(f"{name} = {_toml(value)}" for name, value in made.metrics.items()),
    ]
    return "\n".join(lines) + "\n"


def _toml(value: str | float) -> str:
    """A JSON string is a TOML basic string."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return str(value) if isinstance(value, int) else f"{value:.4f}"
