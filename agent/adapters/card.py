"""A bundle's card: what the model is, what it wants, what it was measured to do; and its golden vectors.

::

    <bundle>/
      card.toml      name, version, licence, hashes, tensors, metrics, training, limits
      model.tflite   the network
      golden.json    inputs and the scores that the network must give for them
      recipe.toml    how it was made (not read on the device)
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from sys import float_info
from typing import Any, NamedTuple, NoReturn, TypeVar

import orjson

from agent.errors import ModelError
from agent.monitoring.detection.model import INPUTS, InputName

CARD = "card.toml"

_Kind = TypeVar("_Kind", str, int, float, dict[str, Any], list[Any])


class Quantisation(NamedTuple):
    """real = scale x (int8 - zero_point)."""

    scale: float
    zero_point: int


@dataclass(frozen=True, slots=True)
class TensorCard:
    """The input or the output of a model."""

    size: int
    unit: str
    quantisation: Quantisation


@dataclass(frozen=True, slots=True)
class Card:
    """What a bundle promises. ``metrics`` as they were measured when it was made.

    ``file`` and ``golden`` name files beside the card, ``sha256`` and ``golden_sha256`` their
    contents. ``feeds`` is what the model is fed with.
    """

    name: str
    version: str
    licence: str
    file: str
    sha256: str
    golden: str
    golden_sha256: str
    feeds: InputName
    input: TensorCard
    output: TensorCard
    metrics: Mapping[str, Any]


class GoldenVector(NamedTuple):
    """``input``, in the input's unit, must score ``score`` within ``tolerance``."""

    input: list[float]
    score: float
    tolerance: float


def read_card(path: Path) -> Card:
    """The card at ``path``. Raises ModelError where a key is missing or makes no sense."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as reason:
        message = f"{path}: cannot be read ({reason.strerror}). Give the folder of a whole bundle"
        raise ModelError(message) from reason
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as reason:
        message = f"{path}: not TOML ({reason}). Install the bundle again as a whole"
        raise ModelError(message) from reason
    table = _Table(path, document)
    model, golden = table.table("model"), table.table("golden")
    given = table.table("input")
    feeds = next((name for name in INPUTS if name == given.get("name", str)), None)
    if feeds is None:
        given.refuse("name", f"this agent feeds models with {' or '.join(INPUTS)}")
    return Card(
        name=table.get("name", str),
        version=table.get("version", str),
        licence=table.get("licence", str),
        file=model.file_name("file"),
        sha256=model.get("sha256", str),
        golden=golden.file_name("file"),
        golden_sha256=golden.get("sha256", str),
        feeds=feeds,
        input=_tensor(given),
        output=_tensor(table.table("output")),
        metrics=table.get("metrics", dict),
    )


def read_golden(path: Path, card: Card) -> list[GoldenVector]:
    """The golden vectors of a card, one at least. Raises ModelError where they are not the card's."""
    try:
        content = path.read_bytes()
    except OSError as reason:
        message = f"{path}: cannot be read ({reason.strerror}). Install the bundle again as a whole"
        raise ModelError(message) from reason
    if hashlib.sha256(content).hexdigest() != card.golden_sha256:
        message = f"{path}: its sha256 is not the card's. Install the bundle again as a whole"
        raise ModelError(message)
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError as reason:
        message = f"{path}: not JSON ({reason}). Make the bundle again by its recipe"
        raise ModelError(message) from reason
    vectors = _Table(path, document if isinstance(document, dict) else {}).get("vectors", list)
    size = card.input.size
    found = [_golden_vector(path, number, vector, size) for number, vector in enumerate(vectors, 1)]
    if not found:
        message = f"{path}: it holds no vector. Make the bundle again by its recipe"
        raise ModelError(message)
    return found


def _golden_vector(path: Path, number: int, vector: object, size: int) -> GoldenVector:
    table = _Table(path, vector if isinstance(vector, dict) else {}, f"vectors[{number}].")
    values = table.get("input", list)
    if len(values) != size or not all(type(value) in (int, float) for value in values):
        table.refuse("input", f"the card asks for {size} numbers")
    return GoldenVector(
        [float(value) for value in values], table.number("score"), table.number("tolerance"))


def _tensor(table: _Table) -> TensorCard:
    return TensorCard(
        table.get("size", int),
        table.get("unit", str),
        Quantisation(table.number("scale"), table.get("zero_point", int)),
    )


class _Table:
    """A table of a document whose keys must be there and of their type."""

    def __init__(self, path: Path, content: Mapping[str, Any], prefix: str = "") -> None:
        self._path = path
        self._content = content
        self._prefix = prefix

    def get(self, key: str, kind: type[_Kind]) -> _Kind:
        value = self._content.get(key)
        # bool is an int to Python, and to nobody else
        if not isinstance(value, kind) or isinstance(value, bool):
            self.refuse(key, f"expected {kind.__name__}")
        return value

    def number(self, key: str) -> float:
        value = self._content.get(key)
        # TOML has integers of any length: compare before making it a float
        if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) <= float_info.max:
            self.refuse(key, "expected a finite number")
        return float(value)

    def table(self, key: str) -> _Table:
        return _Table(self._path, self.get(key, dict), f"{self._prefix}{key}.")

    def file_name(self, key: str) -> str:
        """A file beside the card: a card must not lead out of its bundle."""
        name = self.get(key, str)
        if Path(name).name != name or name in ("", ".", ".."):
            self.refuse(key, "expected the name of a file beside the card")
        return name

    def refuse(self, key: str, why: str) -> NoReturn:
        found = f" = {self._content[key]!r}"[:80] if key in self._content else " is missing"
        message = f"{self._path}: {self._prefix}{key}{found}: {why}. Make the bundle again by its recipe"
        raise ModelError(message)
