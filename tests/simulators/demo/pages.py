"""A report page as a reader's browser takes it apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "br", "link", "img"}


@dataclass
class Page(HTMLParser):
    """``counts``: plot by its title -> class of a line or of dots -> points drawn. ``foreign``:
    whatever would be fetched or run."""

    text: str
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    foreign: list[str] = field(default_factory=list)
    unbalanced: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[str] = []
        self._plot = ""
        self.feed(self.text)
        self.close()
        self.unbalanced += self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note plots and points, and what points elsewhere."""
        said = dict(attrs)
        if tag not in _VOID:
            self._open.append(tag)
        if tag == "svg":
            self._plot = said.get("aria-label") or ""
        if "data-count" in said:
            kind = (said.get("class") or "").split()[-1]
            self.counts.setdefault(self._plot, {})[kind] = int(said["data-count"] or 0)
        if tag in {"script", "link", "iframe", "img"} or said.keys() & {"src", "href"}:
            self.foreign.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """As an element that is open and closed at once."""
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        """Every element is closed in its turn."""
        if self._open and self._open[-1] == tag:
            self._open.pop()
        else:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        """Keep the words."""
        self.words.append(data)

    def __hash__(self) -> int:
        return id(self)
