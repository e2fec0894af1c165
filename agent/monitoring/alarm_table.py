"""Where an alarm can be in its life, and what leads where: ISA-18.2 / IEC 62682 as a table.

::

                  raise                             acknowledge
    [normal] -----------------> [unacknowledged] -----------------> [acknowledged]
       ^ ^                         |    ^    ^                        |   |
       | |                   clear |    |    '--- worsen (told again) '   | clear
       | |                         v    | raise                           |
       | '-- acknowledge -- [returned-unacknowledged]                     |
       |                                                                  |
       '------------------------------------------------------------------'

    [latched]           a latching alarm clears to here from both; only acknowledging it (a reset)
                        leads back to normal

    [shelved]           by an operator, with an end
    [suppressed]        by design: the machine stands still
    [out-of-service]    by an operator, until it is put back
                        In these three the condition is followed and recorded, and nobody is told. On
                        the way out the alarm is unacknowledged if the condition still stands, else normal.

``TABLE`` is the whole of it: every state with every event. What it does not hold are facts, which come
from outside (``agent.monitoring.alarm``): whether the condition stands, whether the machine does,
when shelving ends.

Sources: ANSI/ISA-18.2-2016 and IEC 62682:2014, whose names these are. Left out of them: latched and
acknowledged apart from latched and not (one reset does both), and suppression by an operator (shelving).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final, Literal, TypeAlias

Transition: TypeAlias = Literal[
    "raised", "worsened", "explained", "cleared", "acknowledged", "reset", "shelved", "unshelved", "suppressed",
    "unsuppressed", "removed", "returned",
]


class AlarmState(Enum):
    """Where an alarm is in its life; the value is how records say it."""

    NORMAL = "normal"
    UNACKNOWLEDGED = "unacknowledged"
    ACKNOWLEDGED = "acknowledged"
    RETURNED = "returned-unacknowledged"
    LATCHED = "latched"
    SHELVED = "shelved"
    SUPPRESSED = "suppressed"
    OUT = "out-of-service"


class AlarmEvent(Enum):
    """What happens to an alarm. ``LATCH`` is the clearing of a latching one."""

    RAISE = "raise"
    WORSEN = "worsen"
    CLEAR = "clear"
    LATCH = "latch"
    ACKNOWLEDGE = "acknowledge"
    RESET = "reset"
    SHELVE = "shelve"
    UNSHELVE = "unshelve"
    SUPPRESS = "suppress"
    UNSUPPRESS = "unsuppress"
    REMOVE = "remove from service"
    RETURN = "return to service"


Next: TypeAlias = AlarmState | Literal["beneath"]

_E = AlarmEvent
_N, _U, _A, _R, _L, _S, _D, _O = AlarmState
_B: Final = "beneath"  # as the facts are: suppressed at standstill, else unacknowledged if it stands, else normal

_: Final = None  # nothing: the event means nothing there, the command is refused

_COLUMNS: Final = (_N, _U, _A, _R, _L, _S, _D, _O)
_ROWS: Final[tuple[tuple[AlarmEvent, Transition, tuple[Next | None, ...]], ...]] = (
    # event            transition        N   U   A   R   L   S   D   O
    (_E.RAISE,         "raised",        (_U,  _,  _, _B, _B, _S, _D, _O)),
    (_E.WORSEN,        "worsened",      ( _, _U, _U,  _,  _, _S, _D, _O)),
    (_E.CLEAR,         "cleared",       ( _, _R, _N,  _,  _, _S, _D, _O)),
    (_E.LATCH,         "cleared",       ( _, _L, _L,  _,  _, _S, _D, _O)),
    (_E.ACKNOWLEDGE,   "acknowledged",  ( _, _A,  _, _B,  _,  _,  _,  _)),
    (_E.RESET,         "reset",         ( _,  _,  _,  _, _B,  _,  _,  _)),
    (_E.SHELVE,        "shelved",       (_S, _S, _S, _S, _S, _S, _S,  _)),
    (_E.UNSHELVE,      "unshelved",     ( _,  _,  _,  _,  _, _B,  _,  _)),
    # what is over has nothing left to suppress: it waits for its acknowledgement through the standstill
    (_E.SUPPRESS,      "suppressed",    (_D, _D, _D,  _,  _,  _,  _,  _)),
    (_E.UNSUPPRESS,    "unsuppressed",  ( _,  _,  _,  _,  _,  _, _B,  _)),
    (_E.REMOVE,        "removed",       (_O, _O, _O, _O, _O, _O, _O,  _)),
    (_E.RETURN,        "returned",      ( _,  _,  _,  _,  _,  _,  _, _B)),
)  # fmt: skip

TABLE: Final[Mapping[tuple[AlarmState, AlarmEvent], tuple[Next, Transition | None]]] = {
    (state, event): (state, None) if following is None else (following, transition)
    for event, transition, row in _ROWS
    for state, following in zip(_COLUMNS, row, strict=True)
}
"""(state, event) -> (next state, transition); the transition is None where the event means nothing."""

ASKING: Final = frozenset({_U, _R, _L})
"""The states that ask a person to acknowledge."""
TOLD: Final = ASKING | {_A}
"""The states that people have been told of, and that are not over for them."""
AWAY: Final = frozenset({_S, _D, _O})
"""The states in which the condition is followed and recorded, and nobody is told."""
