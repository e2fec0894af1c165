"""Where the configuration comes from, merged into one tree that knows where each key came from.

In order, the later prevails: the file, ``conf.d/*.toml`` beside it by name, the environment.
Tables merge key by key; every other value, lists included, replaces the earlier one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from agent.config.document import Document
from agent.errors import Problem

Key: TypeAlias = tuple[str | int, ...]
"""Where in the tree: names of tables and keys, positions in lists."""

ENVIRONMENT: Final = "environment"
_PREFIX: Final = "WATCHKEEPER_"
_NESTING: Final = "__"
_NAMED_BY_USER: Final = ("assets", "channels")


@dataclass(slots=True)
class Gathered:
    """The merged tree, the origin of each of its keys, and what could not be read at all."""

    tree: dict[str, Any] = field(default_factory=dict)
    origins: dict[Key, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def origin(self, key: Key) -> str:
        """What gave the key, or the nearest table around it."""
        while key not in self.origins and key:
            key = key[:-1]
        return self.origins.get(key, "")

    def value(self, key: Key) -> Any:
        """What stands at the key; None where nothing does."""
        found: Any = self.tree
        for part in key:
            try:
                found = found[part]
            except (KeyError, IndexError, TypeError):
                return None
        return found

    def merge(self, tree: Mapping[str, Any], origin: str, at: Key = ()) -> None:
        """Lay ``tree`` over what is there."""
        table = self.value(at)
        for name, value in tree.items():
            key = (*at, name)
            self.origins[key] = origin
            if isinstance(value, Mapping) and isinstance(table.get(name), dict):
                self.merge(value, origin, key)
            elif isinstance(value, Mapping):
                table[name] = {}
                self.merge(value, origin, key)
            else:
                table[name] = value


def gather(path: Path, environ: Mapping[str, str]) -> Gathered:
    """Read the file, its conf.d and the environment. Raises nothing: see ``problems``."""
    gathered = Gathered()
    gathered.origins[()] = str(path)
    for file in (path, *sorted((path.parent / "conf.d").glob("*.toml"))):
        _read(file, gathered)
    _add_environment(environ, gathered)
    return gathered


def _read(file: Path, gathered: Gathered) -> None:
    try:
        tree = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        remedy = "Name the file with --config, or begin with watchkeeper.example.toml."
        problem = Problem(str(file), "(file)", "", "there is no such file", remedy)
    except OSError as fault:
        reason = f"cannot be read: {fault.strerror or fault}"
        problem = Problem(str(file), "(file)", "", reason, "Let the daemon's user read it.")
    except UnicodeDecodeError as fault:
        reason = f"is not UTF-8 text (byte {fault.start})"
        problem = Problem(str(file), "(file)", "", reason, "Save the file as UTF-8.")
    except tomllib.TOMLDecodeError as fault:
        reason, _, place = str(fault).partition(" (at ")
        remedy = "Text needs quotes, a key stands once, a table's name stands in [brackets]."
        problem = Problem(str(file), place.removesuffix(")") or "(file)", "",
                          f"is not TOML: {reason}", remedy)
    else:
        gathered.merge(tree, str(file))
        return
    gathered.problems.append(problem)


class _Variables(Document, BaseSettings):
    """The document as variables: ``WATCHKEEPER_SENSORS__URL`` is ``sensors.url``."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, env_nested_delimiter=_NESTING)


class _Environment(EnvSettingsSource):
    """The ``WATCHKEEPER_`` variables as a tree; what should be JSON and is not stays as it is, so that
    validation reports it with its key."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(_Variables, case_sensitive=False)
        self.env_vars = {name.lower(): value for name, value in environ.items()}

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value


def _add_environment(environ: Mapping[str, str], gathered: Gathered) -> None:
    ours = {name: value for name, value in environ.items() if name.upper().startswith(_PREFIX)}
    tree = _Environment(ours)()
    for name, value in ours.items():
        section, *rest = name[len(_PREFIX) :].lower().split(_NESTING)
        if section not in Document.model_fields:
            tree[section] = {_NESTING.join(rest): value} if rest else value
    gathered.merge(_as_written(tree, gathered.tree), ENVIRONMENT)


def _as_written(tree: Mapping[str, Any], known: Any, *, named_by_user: bool = False) -> dict[str, Any]:
    """The tree with names of assets and channels as the files spell them.

    Variables have neither hyphens nor, by habit, small letters: PUMP_1 means pump-1.
    """
    spelled: dict[str, Any] = {}
    for name, value in tree.items():
        own = name
        if named_by_user and isinstance(known, dict):
            own = next((key for key in known if key.lower().replace("-", "_") == name), name)
        inner = known.get(own) if isinstance(known, dict) else None
        spelled[own] = (
            _as_written(value, inner, named_by_user=not named_by_user and name in _NAMED_BY_USER)
            if isinstance(value, Mapping) else value
        )
    return spelled
