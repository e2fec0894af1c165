"""What pydantic found, and what the checks found, as Problems that a technician can act on."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, get_args, get_origin

import orjson
from pydantic import BaseModel

from agent.config.document import Document
from agent.config.sources import ENVIRONMENT, Gathered, Key
from agent.errors import Problem

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

MASK: Final = "***"
_SECRET: Final = re.compile(r"pass(word|wd|phrase)?$|secret|token|private|api_?key", re.IGNORECASE)
_USER_IN_URL: Final = re.compile(r"(\w+://)[^/\s]*@")
_LONGEST: Final = 80

_EXPECTED: Final = {
    "int_type": "a whole number", "int_parsing": "a whole number", "int_from_float": "a whole number",
    "float_type": "a number", "float_parsing": "a number", "finite_number": "a finite number",
    "string_type": "text in quotes", "path_type": "a path in quotes",
    "bool_type": "true or false", "bool_parsing": "true or false",
    "dict_type": "a table", "model_type": "a table", "model_attributes_type": "a table",
    "list_type": "a list in [brackets]", "tuple_type": "a list in [brackets]",
}
_STRUCTURES: Final = ("dict_type", "model_type", "model_attributes_type", "list_type", "tuple_type")
_BOUNDS: Final = {
    "greater_than": "greater than {gt}", "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}", "less_than_equal": "at most {le}",
}


def problem(gathered: Gathered, key: Key, message: str, remedy: str) -> Problem:
    """A Problem at ``key``, with what stands there and which file says so."""
    return Problem(gathered.origin(key), dotted(key), shown(key, gathered.value(key)), message, remedy)


def dotted(key: Key) -> str:
    """``assets.pump.limits[0].feature``."""
    text = ""
    for part in key:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else orjson.dumps(part).decode()
            text += f".{name}" if text else name
    return text


def shown(key: Key, value: Any) -> str:
    """The value as text, without secrets; "" for tables and for what is not there."""
    if value is None or isinstance(value, dict):
        return ""
    if any(isinstance(part, str) and _SECRET.search(part) for part in key):
        return MASK
    if isinstance(value, list) and any(isinstance(element, dict | list) for element in value):
        return ""
    written = str(value) if isinstance(value, float) else orjson.dumps(value, default=str).decode()
    text = _USER_IN_URL.sub(rf"\1{MASK}@", written)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def location(error: ErrorDetails, gathered: Gathered) -> Key:
    """Where the error is in the tree: without the names of union members, which pydantic adds."""
    key: Key = ()
    for part in error["loc"]:
        if isinstance(part, int) or part in _names(gathered.value(key)) or _is_field(key, part):
            key = (*key, part)
    return key


def explain(error: ErrorDetails, gathered: Gathered) -> Problem:
    """A pydantic error as a Problem."""
    key = location(error, gathered)
    kind, context = error["type"], error.get("ctx", {})
    about = _about(key)
    if kind == "extra_forbidden":
        return problem(gathered, key, "this key is not known here", _instead(key))
    if kind == "missing":
        return problem(gathered, key, "this key is missing", _sentence("Add it", about))
    if kind in _EXPECTED:
        message = f"should be {_EXPECTED[kind]}"
        if gathered.origin(key) == ENVIRONMENT and kind in _STRUCTURES:
            about = f"{about} In a variable, lists and tables are JSON."
    elif kind in _BOUNDS:
        message = f"should be {_BOUNDS[kind].format(**context)}"
    elif kind == "literal_error":
        message = f"should be {context['expected'].replace(chr(39), chr(34))}"
    elif kind == "string_pattern_mismatch":
        message = f"does not fit the pattern {context['pattern']}"
    elif kind == "value_error":
        message = str(context["error"])
    elif kind in {"too_short", "string_too_short"}:
        message = "is empty" if context["min_length"] == 1 else f"is shorter than {context['min_length']}"
    else:
        message = error["msg"][0].lower() + error["msg"][1:]
    return problem(gathered, key, message, _sentence("Correct it", about))


def _sentence(action: str, about: str) -> str:
    return f"{action}: {about}" if about else f"{action}."


def _instead(key: Key) -> str:
    """What to write instead of an unknown key."""
    name = str(key[-1])
    known = list(getattr(_type_at(key[:-1]), "model_fields", {}))
    if "password_file" in known and _SECRET.search(name):
        return "Secrets do not stand in the configuration: use password_file or password_credential."
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f'Did you mean "{close[0]}"?'
    return f"Known here: {', '.join(known)}."


def _names(value: Any) -> Iterable[str]:
    return value if isinstance(value, dict) else ()


def _is_field(key: Key, part: str) -> bool:
    return part in getattr(_type_at(key), "model_fields", {})


def _type_at(key: Key) -> Any:
    """The model or type that the schema has at ``key``; None where it has none."""
    found: Any = Document
    for part in key:
        if isinstance(found, type) and issubclass(found, BaseModel):
            field = found.model_fields.get(str(part))
            found = _plain(field.annotation) if field else None
        elif get_origin(found) in {dict, tuple}:
            found = _plain(get_args(found)[get_origin(found) is dict])
        else:
            return None
    return found


def _plain(annotation: Any) -> Any:
    """A type without Optional and Annotated around it."""
    while True:
        members = [member for member in get_args(annotation) if member is not type(None)]
        if type(None) in get_args(annotation) and len(members) == 1:
            annotation = members[0]
        elif hasattr(annotation, "__metadata__"):
            annotation = annotation.__origin__
        else:
            return annotation


def _about(key: Key) -> str:
    """What the schema says about the key."""
    parent = _type_at(key[:-1])
    field = getattr(parent, "model_fields", {}).get(key[-1]) if key else None
    description = (field.description if field else None) or ""
    return " ".join(description.split())
