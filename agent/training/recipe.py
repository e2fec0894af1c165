"""Every choice that decides a model, from ``recipe.toml``: nothing is said on the command line."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, ValidationError

from agent.errors import ConfigError, Problem


class Part(BaseModel):
    """A table of the recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RecordsPart(Part):
    """Which records are learned from.

    ``baseline``: how many of a machine's first records its own normal (the medians) is taken
    of, as on a device. ``validation``: every n-th machine is kept apart while training.
    """

    baseline: PositiveInt
    validation: Annotated[int, Field(ge=2)]


class NetworkPart(Part):
    """``hidden``: units of the layers between input and output, all of them ReLU; the narrowest
    is the bottleneck."""

    hidden: tuple[PositiveInt, ...]


class DisturbancePart(Part):
    """What the network learns to undo: see ``disturbance``. ``copies``: disturbed rows for each
    record; ``share`` of them are disturbed, up to ``height`` dB, ``dips`` of those downwards."""

    copies: PositiveInt
    share: Annotated[float, Field(ge=0.0, le=1.0)]
    height: PositiveFloat
    dips: Annotated[float, Field(ge=0.0, le=1.0)]


class TrainingPart(Part):
    """Adam on the mean squared error. ``unit``: dB that are one unit to the network."""

    seed: int
    epochs: PositiveInt
    batch: PositiveInt
    learning_rate: PositiveFloat
    unit: PositiveFloat


class QuantisationPart(Part):
    """``range``: the input spans -range to range dB. ``representatives``: rows to calibrate with."""

    range: PositiveFloat
    representatives: PositiveInt


class GoldenPart(Part):
    """``vectors``: how many. ``tolerance``: relative, for runtimes that round differently."""

    vectors: PositiveInt
    tolerance: PositiveFloat


class Recipe(Part):
    """One bundle's recipe.

    ``trained_on`` and ``limits`` go to the card as they are: what the model has seen, and what
    it must not be trusted with. ``tolerance``: how far another machine's AUC may be off before
    the recipe counts as not reproduced.
    """

    name: str
    version: str
    licence: str
    summary: str
    trained_on: str
    limits: tuple[str, ...]
    tolerance: PositiveFloat
    records: RecordsPart
    network: NetworkPart
    disturbance: DisturbancePart
    training: TrainingPart
    quantisation: QuantisationPart
    golden: GoldenPart


def read_recipe(path: Path) -> Recipe:
    """The recipe at ``path``. Raises ConfigError with everything that is wrong with it."""
    try:
        return Recipe.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as reason:
        what = f"cannot be read ({reason.strerror})"
        problem = Problem(str(path), "recipe", "", what, "Give a recipe.toml")
        raise ConfigError((problem,)) from reason
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as reason:
        problem = Problem(str(path), "recipe", "", f"not TOML: {reason}", "Mend the line")
        raise ConfigError((problem,)) from reason
    except ValidationError as reason:
        problems = tuple(
            Problem(
                str(path),
                ".".join(str(part) for part in error["loc"]),
                "" if error["type"] == "missing" else str(error["input"]),
                error["msg"],
                "See firmware-models/bearing-bands/recipe.toml",
            )
            for error in reason.errors()
        )
        raise ConfigError(problems) from reason
