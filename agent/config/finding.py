"""One thing that the cross checks find wrong, before it is known which file said so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from agent.config.sources import Key


class Finding(NamedTuple):
    """What is wrong at a key, and what would be right."""

    key: Key
    message: str
    remedy: str


def files_missing(key: Key, files: Mapping[str, Path | None], base: Path) -> Iterator[Finding]:
    """A finding for each file that is named (by a key under ``key``) and not there."""
    for name, file in files.items():
        if file is not None and not (base / file).is_file():
            yield Finding((*key, name), "there is no such file",
                          f"Put it there, or correct the path (relative ones count from {base}).")
