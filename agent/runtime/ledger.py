"""Which messages may be acknowledged: in the order of arrival, each when its turn has come.

A message that only filled an open window is settled once absorbed; one that led to records
waits for their commit, and all later ones wait behind it (MQTT asks for acknowledgements in
order: MQTT 5.0, 4.6).
"""

from __future__ import annotations

from collections import deque


class Ledger:
    """Tokens in order of arrival, each with the commit it waits for (``mark``, 0 for none)."""

    def __init__(self) -> None:
        self._owed: deque[tuple[int, int]] = deque()
        self._committed = 0

    def __len__(self) -> int:
        return len(self._owed)

    def absorbed(self, token: int, mark: int = 0) -> None:
        """The message is worked in; its records, if any, are in the commit ``mark``."""
        self._owed.append((token, mark))

    def committed(self, mark: int) -> None:
        """All commits up to ``mark`` are on the disk."""
        self._committed = max(self._committed, mark)

    def ready(self) -> list[int]:
        """The tokens that may be acknowledged now, in order; they leave the ledger."""
        owed, done = self._owed, self._committed
        tokens = []
        while owed and owed[0][1] <= done:
            tokens.append(owed.popleft()[0])
        return tokens
