"""``python -m agent.training RECIPE --data DIR --output DIR [--compare BUNDLE]``: make a bundle.

With ``--compare`` the bundle made is held against an earlier one: the same bytes, or AUCs
within the recipe's tolerance, or exit code 1.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.errors import EXIT_CONFIG, EXIT_OK, ConfigError
from agent.training import bundle, evaluation
from agent.training.recipe import Recipe, read_recipe
from agent.training.records import Machine, Split, read_machines, split

_NOT_REPRODUCED = 1


def main(arguments: list[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m agent.training", description=__doc__)
    parser.add_argument("recipe", type=Path, help="recipe.toml")
    parser.add_argument("--data", type=Path, required=True, help="folder of .npz waveform files")
    parser.add_argument("--output", type=Path, required=True, help="folder for the bundle")
    parser.add_argument("--compare", type=Path, help="an earlier bundle that it must equal")
    given = parser.parse_args(arguments)
    try:
        recipe = read_recipe(given.recipe)
        machines = read_machines(given.data, recipe.records.baseline)
        parts = split(machines, recipe.records.validation, given.data)
    except ConfigError as refusal:
        print(refusal, file=sys.stderr)
        return EXIT_CONFIG
    made = make(recipe, parts)
    bundle.write(given.output, recipe, given.recipe, made)
    for name, value in made.metrics.items():
        print(f"{name:28} {value}")
    return _compared(given.output, given.compare, recipe) if given.compare else EXIT_OK


def make(recipe: Recipe, parts: Split) -> bundle.Made:
    """Train, convert, evaluate."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # its sums depend on the processor
    from agent.training import network

    levels = np.concatenate([machine.levels for machine in parts.training])
    validation = np.concatenate([machine.levels for machine in parts.validation])
    trained = network.train(recipe, levels, validation)
    int8 = network.Int8Model(trained.content)
    baseline = recipe.records.baseline
    scores: dict[str, list[NDArray[np.float64]]] = {
        "float": [], "int8": [], "mean_square": [], "octaves": []}
    for machine in parts.faulty:
        errors = network.errors_of(trained.network, machine.levels)
        scores["float"].append(evaluation.error_rise(errors, baseline)[baseline:])
        errors = int8.errors_of(machine.levels)
        scores["int8"].append(evaluation.error_rise(errors, baseline)[baseline:])
        errors = np.mean(np.square(machine.levels, dtype=np.float64), axis=1)
        scores["mean_square"].append(evaluation.error_rise(errors, baseline)[baseline:])
        scores["octaves"].append(evaluation.octave_rise(machine.octaves)[baseline:])
    faulty = np.concatenate([machine.faulty[baseline:] for machine in parts.faulty])
    metrics: dict[str, float | int] = {
        "machines_trained": len(parts.training),
        "machines_judged": len(parts.faulty),
        "records_trained": len(levels),
        "records_normal": int((~faulty).sum()),
        "records_faulty": int(faulty.sum()),
        "error_db2_training": trained.loss,
        "error_db2_validation": trained.validation_loss,
    }
    for name, found in scores.items():
        separation = evaluation.separation(np.concatenate(found), faulty)
        metrics[f"auc_{name}"] = separation.auc
        metrics[f"detected_{name}"] = separation.detected
    golden = bundle.golden_rows(validation, _faulty_levels(parts.faulty), recipe.golden.vectors)
    return bundle.Made(
        content=trained.content,
        input=int8.input,
        output=int8.output,
        golden=golden,
        golden_scores=int8.errors_of(golden),
        metrics=metrics,
    )


def _faulty_levels(machines: list[Machine]) -> NDArray[np.float32]:
    return np.concatenate([machine.levels[machine.faulty] for machine in machines])


def _compared(made: Path, shipped: Path, recipe: Recipe) -> int:
    comparison = bundle.compare(made, shipped)
    if comparison.same:
        print("reproduced: the same bytes")
        return EXIT_OK
    print(f"other bytes; {comparison.furthest} differs most, by {comparison.difference:.4f}"
          f" (allowed: {recipe.tolerance})")
    return EXIT_OK if comparison.difference <= recipe.tolerance else _NOT_REPRODUCED


if __name__ == "__main__":
    sys.exit(main())
