"""JSON pointers (RFC 6901), compiled once and followed in decoded JSON and CBOR documents."""

from __future__ import annotations

import re
from typing import Final

MISSING: Final = object()
"""What ``resolve`` gives where the pointer leads nowhere (None is a value: null)."""

_BAD_ESCAPE: Final = re.compile(r"~(?![01])")
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}")


def compile_pointer(text: str) -> tuple[str, ...]:
    """The reference tokens of a pointer, unescaped; () is the whole document.

    Raises ValueError where the text is no pointer, saying why.
    """
    if not text:
        return ()
    if not text.startswith("/"):
        raise ValueError(f'a pointer is empty or begins with "/": {text!r}')
    if _BAD_ESCAPE.search(text):
        raise ValueError(f'in a pointer "~" stands only in "~0" (for ~) and "~1" (for /): {text!r}')
    # The order matters (RFC 6901, section 4): "~01" is "~1", not "/".
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in text[1:].split("/"))


def resolve(document: object, tokens: tuple[str, ...]) -> object:
    """What the tokens lead to, or MISSING."""
    found = document
    for token in tokens:
        if isinstance(found, dict):
            found = found.get(token, MISSING)
        elif isinstance(found, list) and _INDEX.fullmatch(token) and int(token) < len(found):
            found = found[int(token)]
        else:
            return MISSING
    return found
