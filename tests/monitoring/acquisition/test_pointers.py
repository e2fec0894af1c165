"""RFC 6901 pointers lead where the RFC says."""

from __future__ import annotations

import pytest

from agent.monitoring.acquisition.pointers import MISSING, compile_pointer, resolve

# The document and the answers of RFC 6901, section 5.
DOCUMENT = {
    "foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, 'k"l': 6, " ": 7,
    "m~n": 8,
}  # fmt: skip
ANSWERS = {
    "": DOCUMENT, "/foo": ["bar", "baz"], "/foo/0": "bar", "/": 0, "/a~1b": 1, "/c%d": 2, "/e^f": 3,
    "/g|h": 4, "/i\\j": 5, '/k"l': 6, "/ ": 7, "/m~0n": 8,
}  # fmt: skip


@pytest.mark.parametrize(("pointer", "answer"), ANSWERS.items())
def test_the_examples_of_the_rfc_hold(pointer: str, answer: object) -> None:
    assert resolve(DOCUMENT, compile_pointer(pointer)) == answer


def test_an_escaped_tilde_before_a_one_is_no_slash() -> None:
    assert compile_pointer("/~01") == ("~1",)


@pytest.mark.parametrize(
    "pointer", ["/foo/2", "/foo/01", "/foo/-", "/foo/-1", "/foo/x", "/absent", "/foo/0/1"]
)
def test_a_pointer_to_nowhere_is_missing(pointer: str) -> None:
    assert resolve(DOCUMENT, compile_pointer(pointer)) is MISSING


@pytest.mark.parametrize("text", ["foo", "foo/bar", "/a~", "/a~2b"])
def test_a_text_that_is_no_pointer_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="pointer"):
        compile_pointer(text)
