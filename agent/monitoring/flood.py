"""A flood: more alarms than a person can follow, said once as an alarm of the device's own.

::

    quiet ---- more than 10 alarms within 10 minutes ----> flood
      ^                                                      |
      '------ fewer than 5 alarms within 10 minutes ---------'

The figures are those of ISA-18.2 and EEMUA 191: an operator deals with about one alarm a minute.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

from agent.monitoring.alarm import Alarm, Change
from agent.monitoring.annunciator import record_of
from agent.monitoring.detection.state import Condition
from agent.monitoring.spec import AlarmSpec
from agent.monitoring.types import SECOND, Nanos

_SHARE: Final = 0.5  # of the limit: below this rate a flood is over
_NAMED: Final = 32  # so many assets are counted by name; under wildcards there may be any number
_OTHERS: Final = "others"


class Flood:
    """Counts the alarms of the whole device. Begins above ``limit`` alarms within ``seconds``.

    Memory is bounded: ``limit`` + 1 times, and a count for each of at most 33 names.
    """

    def __init__(self, limit: int = 10, seconds: float = 600.0, spec: AlarmSpec | None = None) -> None:
        if limit < 1 or seconds <= 0:
            raise ValueError(f"no rate: {limit} alarms in {seconds:g} s")
        self.alarm = Alarm("flood", spec or AlarmSpec(), "device")
        self._limit = limit
        self._span = round(seconds * SECOND)
        self._recent: deque[tuple[Nanos, str]] = deque(maxlen=limit + 1)
        self._assets: Counter[str] = Counter()

    @property
    def count(self) -> int:
        """How many alarms the flood has brought so far (after it: brought)."""
        return self._assets.total()

    @property
    def assets(self) -> list[tuple[str, int]]:
        """Which assets they were of, the most frequent first."""
        return self._assets.most_common()

    def note(self, asset: str, time: Nanos) -> Change | None:
        """Count an alarm that people were told of at ``time``, the device's clock.

        It is that clock and not the time of the readings: hours of alarms that arrive at once after
        an outage are a flood to whoever is told of them.
        """
        before = self.alarm.condition
        self._forget(time)
        self._recent.append((time, asset))
        change = self._judge(time)
        if self.alarm.condition is Condition.NORMAL:
            return change
        if before is Condition.NORMAL:
            self._assets = Counter()
            for _, name in self._recent:
                self._tally(name)
        else:
            self._tally(asset)
        return change

    def tick(self, time: Nanos) -> Change | None:
        """What time alone brings: a flood ebbs away, its shelving ends."""
        self._forget(time)
        return self._judge(time) or self.alarm.tick(time)

    def clock_stepped(self, offset: Nanos) -> None:
        """The device's clock was set by ``offset``: how long ago each alarm was has not changed."""
        self.alarm.clock_stepped(offset, readings=True)
        self._recent = deque(((time + offset, asset) for time, asset in self._recent), maxlen=self._limit + 1)

    def record(self, change: Change, asset: str = "") -> dict[str, Any]:
        """The body of the record that a transition leaves: with how many alarms, and of which assets."""
        told = [[name, count] for name, count in islice(self.assets, 10)]
        return record_of(change, asset, self.alarm) | {"count": self.count, "assets": told}

    def _forget(self, time: Nanos) -> None:
        """Drop what is too old, and what a clock that has been put back had dated ahead."""
        recent = self._recent
        while recent and recent[0][0] <= time - self._span:
            recent.popleft()
        while recent and recent[-1][0] > time:
            recent.pop()

    def _judge(self, time: Nanos) -> Change | None:
        now = len(self._recent)
        condition = self.alarm.condition
        if now > self._limit:
            condition = Condition.ALARM
        elif now < self._limit * _SHARE:
            condition = Condition.NORMAL
        return self.alarm.update(condition, time)

    def _tally(self, asset: str) -> None:
        known = asset in self._assets or len(self._assets) < _NAMED
        self._assets[asset if known else _OTHERS] += 1

    def to_json(self) -> dict[str, Any]:
        """What must survive a restart."""
        return {"alarm": self.alarm.to_json(), "recent": [list(seen) for seen in self._recent],
                "assets": dict(self._assets)}

    def restore(self, document: Mapping[str, Any]) -> None:
        """The inverse of ``to_json``. Raises ValueError where the document is no flood's."""
        try:
            recent = [(int(time), str(asset)) for time, asset in document["recent"]]
            assets = Counter({str(asset): int(count) for asset, count in document["assets"].items()})
            self.alarm.restore(document["alarm"])
        except (AttributeError, KeyError, TypeError) as unfit:
            raise ValueError(f"no snapshot of a flood: {unfit!r}") from unfit
        self._recent = deque(recent, maxlen=self._limit + 1)
        self._assets = assets
