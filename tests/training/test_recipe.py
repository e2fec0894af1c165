"""The shipped recipe is complete, and a wrong one hears everything that is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import ConfigError
from agent.shipped import MODELS
from agent.training.recipe import read_recipe

SHIPPED = MODELS / "bearing-bands" / "recipe.toml"


def test_the_shipped_recipe_names_the_bundle_that_it_makes() -> None:
    assert read_recipe(SHIPPED).name == "bearing-bands"


def test_everything_wrong_with_a_recipe_is_said_at_once(tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    text = SHIPPED.read_text(encoding="utf-8").replace("seed = ", "sede = ")
    file.write_text(text.replace("epochs = ", "epochs = -"), encoding="utf-8")
    with pytest.raises(ConfigError) as refusal:
        read_recipe(file)
    assert {problem.key for problem in refusal.value.problems} == {
        "training.epochs", "training.seed", "training.sede"}


@pytest.mark.parametrize("content", [None, "name = ", b"\xff\xfe"])
def test_a_recipe_that_cannot_be_read_is_named(tmp_path: Path, content: str | bytes | None) -> None:
    file = tmp_path / "recipe.toml"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError, match=r"recipe\.toml"):
        read_recipe(file)
