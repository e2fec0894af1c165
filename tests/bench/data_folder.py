"""Where the benchmarks find recorded data that is not the project's to ship."""

from __future__ import annotations

import argparse
import gzip
import os
from pathlib import Path
from typing import IO

_ROOT = Path(__file__).parents[2]


def default_folder(name: str) -> Path:
    """The data set's folder: below WATCHKEEPER_DATA, or in shared/data beside the project."""
    return Path(os.environ.get("WATCHKEEPER_DATA", _ROOT.parent / "shared" / "data")) / name


def parser(description: str, name: str) -> argparse.ArgumentParser:
    """The arguments that the benchmarks on recorded data share."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--data", type=Path, default=default_folder(name), help="folder with the files (%(default)s)")
    made.add_argument("--json", action="store_true", help="one JSON object")
    made.add_argument("--output", type=Path, help="folder for the JSON lines, a file each")
    return made


def open_text(path: Path) -> IO[str]:
    """A text file, packed by gzip or not."""
    return gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="")


def first_line(path: Path) -> str:
    """What stands at the top of a text file."""
    with open_text(path) as stream:
        return stream.readline().strip()
