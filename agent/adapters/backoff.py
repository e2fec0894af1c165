"""How long to wait before trying again: exponential backoff with full jitter."""

from __future__ import annotations

import random
from collections.abc import Callable


class Backoff:
    """Delays drawn evenly from 0 to a ceiling that doubles with each attempt.

    A fleet that lost its broker at one moment then comes back spread over time, where equal
    delays would bring it back in waves ("full jitter": M. Brooker, AWS Architecture Blog,
    "Exponential Backoff And Jitter", 2015).

    Parameters
    ----------
    first, most
        The ceiling of the first delay and of all delays, s.
    draw
        Gives numbers from [0, 1).
    """

    def __init__(
        self, first: float, most: float, draw: Callable[[], float] = random.random
    ) -> None:
        self._first = first
        self._most = most
        self._draw = draw
        self._ceiling = first

    def next(self) -> float:
        """The delay before the next attempt, s."""
        ceiling = self._ceiling
        self._ceiling = min(self._most, ceiling * 2.0)
        return self._draw() * ceiling

    def reset(self) -> None:
        """The peer has proved to be well: begin from ``first`` again."""
        self._ceiling = self._first
