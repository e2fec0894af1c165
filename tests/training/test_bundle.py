"""A bundle as training writes it is one that a device takes, and two of them can be compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agent.adapters.tflite import load_bundle
from agent.shipped import MODELS
from agent.training import bundle
from agent.training.bundle import Made, QuantisedTensor
from agent.training.recipe import read_recipe

SHIPPED = MODELS / "bearing-bands"


def remade(auc: float = 0.9) -> Made:
    """The shipped network, as if it had just been trained."""
    model, card = load_bundle(SHIPPED)
    golden = np.random.default_rng(3).normal(scale=3.0, size=(4, 32)).round(2).astype(np.float32)
    return Made(
        content=(SHIPPED / "model.tflite").read_bytes(),
        input=QuantisedTensor(32, *card.input.quantisation),
        output=QuantisedTensor(32, *card.output.quantisation),
        golden=golden,
        golden_scores=np.array([model.score(row) for row in golden]),
        metrics={"machines_trained": 3, "auc_int8": auc, "auc_octaves": 0.5},
    )


def test_what_training_writes_is_what_a_device_loads(tmp_path: Path) -> None:
    recipe_file = SHIPPED / "recipe.toml"
    recipe = read_recipe(recipe_file)
    bundle.write(tmp_path / "bundle", recipe, recipe_file, remade())
    card = load_bundle(tmp_path / "bundle").card
    assert (card.name, card.version, card.licence) == (recipe.name, recipe.version, recipe.licence)
    assert card.metrics == {"machines_trained": 3, "auc_int8": 0.9, "auc_octaves": 0.5}
    assert (tmp_path / "bundle" / "recipe.toml").read_bytes() == recipe_file.read_bytes()


def test_a_bundle_remade_to_the_same_bytes_is_the_same(tmp_path: Path) -> None:
    recipe_file = SHIPPED / "recipe.toml"
    for name in ("a", "b"):
        bundle.write(tmp_path / name, read_recipe(recipe_file), recipe_file, remade())
    assert bundle.compare(tmp_path / "a", tmp_path / "b") == (True, "auc_int8", 0.0)


def test_a_bundle_of_other_bytes_says_how_far_its_auc_is_off(tmp_path: Path) -> None:
    recipe_file = SHIPPED / "recipe.toml"
    recipe = read_recipe(recipe_file)
    bundle.write(tmp_path / "a", recipe, recipe_file, remade(auc=0.9))
    bundle.write(tmp_path / "b", recipe, recipe_file, remade(auc=0.87)._replace(content=b"other"))
    same, furthest, difference = bundle.compare(tmp_path / "b", tmp_path / "a")
    assert (same, furthest) == (False, "auc_int8")
    assert difference == pytest.approx(0.03)


def test_golden_rows_are_normal_and_faulty_in_turn() -> None:
    normal, faulty = np.full((9, 2), 1.234, np.float32), np.full((5, 2), 7.891, np.float32)
    rows = bundle.golden_rows(normal, faulty, 5)
    assert rows[:, 0].tolist() == pytest.approx([1.23, 7.89, 1.23, 7.89, 1.23])
