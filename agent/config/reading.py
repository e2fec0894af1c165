"""From files and environment to Settings, or to every problem that is in them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from agent.config.checks import findings
from agent.config.document import Document
from agent.config.finding import Finding
from agent.config.resolve import resolve
from agent.config.settings import Settings
from agent.config.sources import Gathered, Key, gather
from agent.config.wording import explain, location, problem
from agent.errors import ConfigError, Problem

_UNKNOWN: Final = "extra_forbidden"
_MISSING: Final = "missing"
_CHANNEL_DEFAULTS: Final = ("topic", "codec", "time", "time_unit", "rate")
_PLACEHOLDER: Final = {"id": "unnamed", "site": "unnamed"}


def read(path: Path, environ: Mapping[str, str]) -> Settings:
    """The settings in ``path``, the conf.d beside it and ``environ``.

    Raises ConfigError with every problem found.
    """
    base = path.parent.absolute()
    gathered = gather(path, environ)
    problems = list(gathered.problems)
    if problems and not gathered.tree:
        raise ConfigError(tuple(problems))
    sound = _SoundPart(gathered)
    problems += sound.problems
    problems += [
        problem(gathered, found.key, found.message, found.remedy)
        for found in findings(sound.document, base)
        if not sound.explains(found)
    ]
    if problems:
        raise ConfigError(tuple(problems))
    return resolve(sound.document, base)


class _SoundPart:
    """The document without the keys that are wrong, so that the cross checks still see the rest.

    ``problems``: what is wrong with single keys. Taking a key out can make another one missing,
    hence the rounds; each takes something out, so they end.
    """

    def __init__(self, gathered: Gathered) -> None:
        self._gathered = gathered
        self._tree: dict[str, Any] = copy.deepcopy(gathered.tree)
        self._doubtful: set[Key] = set()
        self.problems: list[Problem] = []
        self.document = self._validate()

    def explains(self, found: Finding) -> bool:
        """Whether the finding may only follow from a key that was taken out."""
        if any(found.key[: len(table)] == table for table in self._doubtful):
            return True
        across_assets = found.key == ("assets",) or found.key[0] == "replay"
        return across_assets and any(table[0] == "assets" for table in self._doubtful)

    def _validate(self) -> Document:
        while True:
            try:
                return Document.model_validate(self._tree)
            except ValidationError as fault:
                errors = fault.errors(include_url=False, include_input=False)
            for error in errors:
                key = location(error, self._gathered)
                follows = error["type"] == _MISSING and any(
                    key[: len(table)] == table for table in self._doubtful
                )
                if not follows:
                    self.problems.append(explain(error, self._gathered))
                self._take_out(key, error["type"])

    def _take_out(self, key: Key, kind: str) -> None:
        if kind == _MISSING:
            if key == ("device",):
                self._tree["device"] = _PLACEHOLDER
                self._doubtful.add(key)
                return
            key = key[:-1]
        key = _removable(key)
        if kind != _UNKNOWN:
            self._doubtful.update(_in_doubt(key))
        table: Any = self._tree
        for part in key[:-1]:
            table = table.get(part, {})
        table.pop(key[-1], None)


def _removable(key: Key) -> Key:
    """The key itself, or what has to go with it: all of a list, the asset of a channel."""
    for length, part in enumerate(key):
        if isinstance(part, int):
            key = key[:length]
            break
    whole_channel = len(key) == 4 and key[2] == "channels"  # noqa: PLR2004 -- assets.<name>.channels.<name>
    return key[:2] if whole_channel else key


def _in_doubt(key: Key) -> tuple[Key, ...]:
    """Where findings may only follow from ``key`` having been taken out."""
    asset_key = key[0] == "assets" and len(key) == 3  # noqa: PLR2004 -- assets.<name>.<key>
    if asset_key and key[2] == "profile":
        return (key[:2],)
    if asset_key and key[2] in _CHANNEL_DEFAULTS:
        return (key, (*key[:2], "channels"), (*key[:2], "id"))
    whole_table = len(key) == (2 if key[0] == "assets" else 1)
    return (key,) if asset_key or whole_table else (key[:-1],)
