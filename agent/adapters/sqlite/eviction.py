"""What goes when the journal has no room: the oldest of the least important.

::

    window -> summary -> evidence -> quality -> health -> event -> alarm
              '-- undelivered ones of more than a day ago become one an hour first (``thinning``)

Within each kind what was delivered goes first: it has another home upstream. What is never sent
upstream (windows, where they are not asked for) counts as delivered.

One exception, so that years of little things do not take the room of the day's windows: what was delivered
and reaches back sixteen times as far as all that is less important goes before it. Alarms never do.
"""

from __future__ import annotations

import sqlite3
from typing import Final, NamedTuple

from agent.adapters.sqlite.statements import COUNT
from agent.adapters.sqlite.thinning import Thinning

IMPORTANCE: Final = ("window", "summary", "evidence", "quality", "health", "event", "alarm")
_FAR: Final = 16

_OLDEST: Final = "SELECT id, time_ns FROM log WHERE kind = ? AND settled = ? ORDER BY id LIMIT 1"
_NEWEST: Final = "SELECT time_ns FROM log ORDER BY id DESC LIMIT 1"
_DELETE: Final = (
    "DELETE FROM log WHERE id IN (SELECT id FROM"
    " (SELECT id, time_ns FROM log WHERE kind = ? AND settled = ? ORDER BY id LIMIT ?) WHERE time_ns <= ?)"
)


class _Class(NamedTuple):
    """What goes next: entries of a kind, delivered or not, up to the time ``until``, ns."""

    kind: str
    settled: int
    oldest: int
    until: int = (1 << 63) - 1


class Eviction:
    """Makes room, and counts what that costs. ``lost``: undelivered entries that went or were thinned."""

    def __init__(self) -> None:
        self.lost = 0
        self._thinning = Thinning()

    def make_room(self, connection: sqlite3.Connection, rows: int) -> int:
        """Take some ``rows`` rows away, of one class; how many went, 0 when nothing is left. Raises as
        sqlite3 does, and then nothing went."""
        connection.execute("BEGIN IMMEDIATE")
        try:
            chosen = _choose(connection)
            if chosen is None:
                return 0
            name, gone = "thinned_summary", 0
            if chosen.kind == "summary" and not chosen.settled:
                gone = self._thinning.thin(connection)
            if not gone:
                name = f"{'evicted' if chosen.settled else 'lost'}_{chosen.kind}"
                gone = connection.execute(_DELETE, (chosen.kind, chosen.settled, rows, chosen.until)).rowcount
            connection.execute(COUNT, (name, gone))
            connection.execute("COMMIT")
            self.lost += 0 if chosen.settled else gone
            return gone
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def _choose(connection: sqlite3.Connection) -> _Class | None:
    """From which kind something goes next; None where there is nothing."""
    classes = [
        _Class(kind, settled, row[1])
        for kind in IMPORTANCE for settled in (1, 0)
        if (row := connection.execute(_OLDEST, (kind, settled)).fetchone()) is not None
    ]
    if not classes:
        return None
    first, *others = classes
    newest: int = connection.execute(_NEWEST).fetchone()[0]
    reach = newest - first.oldest
    for other in others:
        if other.settled and other.kind not in {first.kind, "alarm"} and newest - other.oldest > _FAR * reach > 0:
            return other._replace(until=newest - _FAR * reach)
        reach = max(reach, newest - other.oldest)
    return first
