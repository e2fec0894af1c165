"""What waits in memory for the disk: in its order, and bounded.

::

    add() --> [ submission, submission, ... ] --> piece(): to the disk --> stored()
                   full: the oldest of the       '-- refused: let_go(), and a new piece later
                   least important goes

In the normal case next to nothing is here. It fills while the disk takes nothing.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from agent.monitoring.types import RecordKind
from agent.ports import Entry

IMPORTANCE: Final[tuple[RecordKind, ...]] = ("window", "summary", "evidence", "quality", "health", "event", "alarm")
"""The kinds of record, what may go first at the front."""

_FILL: Final = 7 / 8
"""Of the bound that is left filled when something has to go: to look through all that waits is worth it
only where several go at once."""


@dataclass(slots=True)
class Submission:
    """What was handed over as one. ``number`` counts them from 1; ``mark`` is told when they are stored, 0 is none;
    ``at`` in s of the monotonic clock."""

    number: int
    entries: Sequence[Entry]
    mark: int
    at: float


class Backlog:
    """Belongs to the writer, and is guarded by its lock.

    Parameters
    ----------
    most_rows, most_bytes
        Bounds on entries and on bytes of their payloads.

    Attributes
    ----------
    rows, bytes
        What waits, with the piece that is on its way to the disk.
    held
        Rows of that piece.
    newest, mark
        The number of the last submission, and the highest mark.
    """

    def __init__(self, most_rows: int, most_bytes: int) -> None:
        self._most_rows = most_rows
        self._most_bytes = most_bytes
        self._waiting: deque[Submission] = deque()
        self._kinds: Counter[RecordKind] = Counter()
        self._piece = 0
        self.rows = 0
        self.bytes = 0
        self.held = 0
        self.newest = 0
        self.mark = 0

    def __bool__(self) -> bool:
        """Whether anything waits, and be it a mark alone."""
        return bool(self._waiting)

    @property
    def oldest(self) -> float | None:
        """When the first of what waits was handed over; None where nothing waits."""
        return self._waiting[0].at if self._waiting else None

    def add(self, entries: Sequence[Entry], mark: int, at: float) -> Counter[RecordKind]:
        """Take a submission in; how many entries of which kind had to go for it, perhaps its own."""
        self.newest += 1
        self.mark = max(self.mark, mark)
        self._waiting.append(Submission(self.newest, entries, mark, at))
        self.rows += len(entries)
        for entry in entries:
            self._kinds[entry.kind] += 1
            self.bytes += len(entry.payload)
        if self.rows > self._most_rows or self.bytes > self._most_bytes:
            return self._make_room()
        return Counter()

    def piece(self, rows: int, upto: int) -> list[Submission]:
        """The oldest submissions, some ``rows`` entries, none beyond the number ``upto``; empty where there are
        none. They stay, and stay whole, until ``stored`` or ``let_go``."""
        self.held = 0
        piece: list[Submission] = []
        for submission in self._waiting:
            if submission.number > upto or self.held >= rows:
                break
            piece.append(submission)
            self.held += len(submission.entries)
        self._piece = len(piece)
        return piece

    def let_go(self) -> None:
        """The piece was refused: it waits as all the rest does."""
        self._piece = self.held = 0

    def stored(self) -> int:
        """The piece is on the disk and leaves; its highest mark."""
        mark = 0
        for _ in range(self._piece):
            submission = self._waiting.popleft()
            mark = max(mark, submission.mark)
            self._forget(submission.entries)
        self.let_go()
        return mark

    def _make_room(self) -> Counter[RecordKind]:
        gone: Counter[RecordKind] = Counter()
        for kind in IMPORTANCE:
            if not self._kinds[kind]:
                continue
            for submission in islice(self._waiting, self._piece, None):
                if self.rows <= self._most_rows * _FILL and self.bytes <= self._most_bytes * _FILL:
                    return gone
                if going := [entry for entry in submission.entries if entry.kind == kind]:
                    submission.entries = [entry for entry in submission.entries if entry.kind != kind]
                    self._forget(going)
                    gone[kind] += len(going)
        return gone

    def _forget(self, entries: Sequence[Entry]) -> None:
        self.rows -= len(entries)
        for entry in entries:
            self._kinds[entry.kind] -= 1
            self.bytes -= len(entry.payload)
