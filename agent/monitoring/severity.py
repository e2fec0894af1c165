"""How urgent an alarm is: by how far beyond its threshold, and for how long.

::

    score / threshold     at once    after an hour    after a day
    ---------------------------------------------------------------
    2.5 and more          high       high             high
    1.6 to 2.5            medium     medium           high
    below 1.6             low        medium           medium

Three priorities, as ISA-18.2 and EEMUA 191 advise: people cannot tell more apart under load.

*How far.* The zones of ISO 20816-3 (vibration of industrial machines) follow each other by a factor
of 1.6 where damage begins: the C/D boundary over the B/C boundary is 7.1 / 4.5, 4.5 / 2.8 or 11 / 7.1
mm/s, by machine group and support. 1.6 times the threshold is thus a zone further, 2.5 = 1.6 squared two.

*How long.* What lasts an hour is no transient (a start, a process upset) and worth somebody's shift.
After a day ISA-18.2 calls an alarm stale: it has been overlooked, or lives with a badly set threshold.
Barely over it is never more than medium, for no duration makes a small deviation dangerous.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Severity(IntEnum):
    """The alarm's priority; ordered. ``word`` is how records say it."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3

    @property
    def word(self) -> str:
        """``low``, ``medium`` or ``high``."""
        return self.name.lower()


_LOW, _MEDIUM, _HIGH = Severity

HOUR: Final = 3_600.0
DAY: Final = 86_400.0

_ROWS: Final = (
    # from this ratio   at once   an hour   a day
    (2.5,              (_HIGH,    _HIGH,    _HIGH)),
    (1.6,              (_MEDIUM,  _MEDIUM,  _HIGH)),
)  # fmt: skip
_BARELY: Final = (_LOW, _MEDIUM, _MEDIUM)


def severity_of(ratio: float, standing_seconds: float) -> Severity:
    """How urgent an alarm is whose score is ``ratio`` times its threshold and that has stood so long.

    Never falls as either grows. A ratio that is not a number counts as barely over.
    """
    column = 2 if standing_seconds >= DAY else 1 if standing_seconds >= HOUR else 0
    for reached, severities in _ROWS:
        if ratio >= reached:
            return severities[column]
    return _BARELY[column]
