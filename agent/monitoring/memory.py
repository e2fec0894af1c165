"""What moves with every sample or window, kept so that a restart goes on as if nothing had happened.

A class names the attributes that move in ``MOVING``; all else of it is made anew from the
specification. What was learned, and must be readable for ever, is not kept here: each class writes
that by name (``to_json``). This is bit for bit, and only for the program and specification that wrote it.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Mapping
from enum import Enum
from math import isfinite
from typing import Any, ClassVar, Protocol

import numpy as np


class Moving(Protocol):
    """Something of which attributes move."""

    MOVING: ClassVar[tuple[str, ...]]


def kept(owner: Moving) -> dict[str, Any]:
    """What moves of it, as orjson writes it without losing a bit."""
    return {name: _written(getattr(owner, name)) for name in owner.MOVING}


def take_back(owner: Moving, document: Mapping[str, Any]) -> None:
    """The inverse of ``kept``, on one made from the same specification. Raises KeyError, TypeError or
    ValueError where it is not; half of it may be taken back then."""
    for name in owner.MOVING:
        setattr(owner, name, _read(document[name], getattr(owner, name)))


def _written(value: Any) -> Any:  # noqa: PLR0911 -- one for each type
    match value:
        case Enum():
            return value.value
        case float() if not isfinite(value):
            return {"float": str(value)}
        case np.generic():
            return _written(value.item())
        case None | bool() | int() | float() | str():
            return value
        case np.ndarray():
            # as dtype, shape and bytes: text of many floats is three times as long, and slow
            return {"array": [value.dtype.str, list(value.shape), b64encode(value.tobytes()).decode()]}
        case deque():
            return {"deque": [_written(item) for item in value], "maxlen": value.maxlen}
        case list() | tuple():
            return {"list" if isinstance(value, list) else "tuple": [_written(item) for item in value]}
        case dict():
            return {"dict": [[_written(key), _written(item)] for key, item in value.items()]}
        case _:
            return {"moving": kept(value)}


def _read(document: Any, present: Any) -> Any:  # noqa: PLR0911 -- one for each type
    """``present``: what the attribute is in one made anew, whose types it takes."""
    if not isinstance(document, Mapping):
        return type(present)(document) if isinstance(present, Enum) else document
    ((kind, value), *_) = document.items()
    match kind:
        case "float":
            return float(value)
        case "array":
            dtype, shape, text = value
            return np.frombuffer(b64decode(text), dtype=np.dtype(dtype)).reshape(shape).copy()
        case "deque":
            return deque((_read(item, None) for item in value), maxlen=document["maxlen"])
        case "list":
            return [_read(item, None) for item in value]
        case "tuple":
            items = [_read(item, None) for item in value]
            return type(present)(*items) if hasattr(present, "_fields") else tuple(items)
        case "dict":
            known = {key.value: key for key in present or () if isinstance(key, Enum)}
            return {known.get(key, key): _read(item, None) for key, item in value}
        case "moving":
            if present is None:
                raise ValueError("there is nothing yet that could take it back")
            take_back(present, value)
            return present
        case _:
            raise ValueError(f"nothing that moves is written as {kind}")
