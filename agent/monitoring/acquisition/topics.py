"""MQTT topic filters (MQTT 5.0, section 4.7): what they match and what their wildcards caught."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

_MAX_BYTES: Final = 65_535
_PLACEHOLDER: Final = re.compile(r"\{([0-9]+)\}")


def check_filter(topic_filter: str) -> str | None:  # noqa: PLR0911 -- one for each rule
    """What is wrong with a topic filter, or None."""
    if not topic_filter:
        return "a topic filter is not empty"
    if len(topic_filter.encode("utf-8", "replace")) > _MAX_BYTES:
        return f"a topic filter has at most {_MAX_BYTES} bytes"
    if any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in topic_filter):
        return "a topic filter is text without U+0000 and surrogates"
    levels = topic_filter.split("/")
    if levels[0] == "$share":
        return "shared subscriptions would hand each machine's messages to different agents"
    for number, level in enumerate(levels, 1):
        if "+" in level and level != "+":
            return f'"+" stands for a whole level, not for a part of one: "{level}"'
        if "#" in level and level != "#":
            return f'"#" stands for whole levels, not for a part of one: "{level}"'
        if level == "#" and number != len(levels):
            return '"#" stands only at the end'
    return None


def matches(topic_filter: str, topic: str) -> tuple[str, ...] | None:
    """What each wildcard of the filter stands for in the topic; None where it does not match.

    "+" is one level (perhaps empty), "#" the rest as one string (empty for the parent level
    itself). Topics that begin with "$" belong to the broker: leading wildcards pass them over.
    """
    if topic.startswith("$") and topic_filter[:1] in ("+", "#"):
        return None
    levels = topic.split("/")
    caught = []
    wanted = topic_filter.split("/")
    for number, level in enumerate(wanted):
        if level == "#":
            caught.append("/".join(levels[number:]))
            return tuple(caught)
        if number >= len(levels):
            return None
        if level == "+":
            caught.append(levels[number])
        elif level != levels[number]:
            return None
    return tuple(caught) if len(wanted) == len(levels) else None


def covers(general: str, special: str) -> bool:
    """Whether every topic that ``special`` matches is matched by ``general`` too."""
    if special.startswith("$") and general[:1] in ("+", "#"):
        return False
    wide, narrow = general.split("/"), special.split("/")
    for number, level in enumerate(wide):
        if level == "#":
            return True
        if number >= len(narrow) or narrow[number] == "#":
            return False
        if level not in ("+", narrow[number]):
            return False
    return len(wide) == len(narrow)


def fewest(filters: Iterable[str]) -> tuple[str, ...]:
    """The filters without those that another one covers, in their order.

    A broker may send a message once for each subscription it matches (MQTT 5.0, section 3.3.4).
    """
    kept: list[str] = []
    for candidate in filters:
        if any(covers(other, candidate) for other in kept):
            continue
        kept = [other for other in kept if not covers(candidate, other)]
        kept.append(candidate)
    return tuple(kept)


def placeholders(template: str) -> tuple[int, ...]:
    """The numbers in a template: (1, 2) for "{1}-{2}"."""
    return tuple(int(number) for number in _PLACEHOLDER.findall(template))


def fill(template: str, captures: Sequence[str]) -> str:
    """The template with "{1}", "{2}" ... replaced by what the wildcards caught.

    Raises ValueError where the filter has fewer wildcards than that.
    """
    if any(not 1 <= number <= len(captures) for number in placeholders(template)):
        raise ValueError(f"{template!r} asks for more wildcards than the topic has: {len(captures)}")
    return _PLACEHOLDER.sub(lambda found: captures[int(found[1]) - 1], template)
