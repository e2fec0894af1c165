"""Reading the configuration in a process of its own.

Validation imports some 14 MB that the daemon would then hold for ever. A short-lived child reads
the configuration and hands over plain values; the daemon itself never imports pydantic.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from agent.config import DEFAULT_PATH, load
from agent.config.settings import Settings
from agent.errors import ConfigError


def load_apart(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """As ``config.load``: the same Settings, the same ConfigError."""
    child = subprocess.run(  # noqa: S603 -- this interpreter, this module
        [sys.executable, "-P", "-m", __name__, str(path or DEFAULT_PATH)],
        env={**(os.environ if environ is None else environ), "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        check=True,
    )
    answer = pickle.loads(child.stdout)  # noqa: S301 -- our own child wrote it, through a pipe
    if isinstance(answer, ConfigError):
        raise answer
    if not isinstance(answer, Settings):
        reason = f"{__name__} answered with {type(answer).__name__}"
        raise TypeError(reason)
    return answer


def _answer(path: Path) -> Settings | ConfigError:
    try:
        return load(path)
    except ConfigError as fault:
        return fault


if __name__ == "__main__":
    sys.stdout.buffer.write(pickle.dumps(_answer(Path(sys.argv[1]))))
