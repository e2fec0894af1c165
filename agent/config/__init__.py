"""What a device is told: TOML, conf.d and environment in; validated, frozen ``Settings`` out.

::

    sources   files and environment -> one tree that knows where each key came from
    document  the tables as a user writes them: types and bounds   (asset_tables, urls)
    checks    what several keys say together                       (asset_checks, feature_checks, finding)
    wording   errors -> Problems that a technician can act on
    resolve   defaults and profiles -> settings
    settings  what the daemon holds: plain frozen values
    reading   puts these in order
    apart     the same in a process of its own, so that the daemon never imports pydantic
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from agent.config.settings import Settings

DEFAULT_PATH: Final = Path("/etc/watchkeeper/watchkeeper.toml")

__all__ = ["DEFAULT_PATH", "Settings", "json_schema", "load"]


def load(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the configuration at ``path`` (None: the default place), the conf.d beside it, ``environ``.

    Raises ConfigError with every problem at once.
    """
    from agent.config.reading import read  # noqa: PLC0415 -- pydantic, 14 MB that the daemon spares

    return read(path or DEFAULT_PATH, os.environ if environ is None else environ)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the configuration, for editors."""
    from agent.config.document import Document  # noqa: PLC0415 -- as above

    return Document.model_json_schema()
