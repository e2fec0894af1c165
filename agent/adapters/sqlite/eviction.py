"""What goes when the journal has reached its budget: the oldest of the least important.

::

    delivered     window -> summary -> evidence -> quality -> health -> event
    undelivered   window -> summary -> evidence -> quality -> health -> event    lost, and counted as such
    alarms        delivered -> undelivered                                       last of all

What was delivered has another home upstream; what was not has none, and so outlasts it. What is never
sent upstream (windows, where they are not asked for) counts as delivered.
"""

from __future__ import annotations

import sqlite3
from typing import Final

_DISPENSABLE: Final = ("window", "summary", "evidence", "quality", "health", "event")
_ORDER: Final = (
    *((kind, 1, f"evicted_{kind}") for kind in _DISPENSABLE),
    *((kind, 0, f"lost_{kind}") for kind in _DISPENSABLE),
    ("alarm", 1, "evicted_alarm"),
    ("alarm", 0, "lost_alarm"),
)


def evict(connection: sqlite3.Connection, rows: int) -> int:
    """Delete up to ``rows`` rows of the first class that has any, and count them in the same
    transaction. How many went; 0 when nothing is left."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for kind, settled, counter in _ORDER:
            gone = connection.execute(
                "DELETE FROM log WHERE id IN"
                " (SELECT id FROM log WHERE kind = ? AND settled = ? ORDER BY id LIMIT ?)",
                (kind, settled, rows),
            ).rowcount
            if gone:
                connection.execute(
                    "INSERT INTO counters (name, value) VALUES (?, ?)"
                    " ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
                    (counter, gone),
                )
                connection.execute("COMMIT")
                return gone
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    return 0
