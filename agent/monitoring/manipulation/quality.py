"""The first look at samples: what is doubtful is flagged and counted, what is unusable taken out.

Times are judged by where they come from. A time that the sender wrote is compared with the ones
before: an earlier one is out of order, the same one with the same values a duplicate. A time of
arrival cannot tell either (messages of one burst arrive at one moment, and in order), so there
only a clock that was set back shows. Nominal spacing is the channel's ``rate``; without one
(single records now and then) no gap is called.
"""

from __future__ import annotations

from math import inf, isfinite, nan
from typing import ClassVar, Final

import numpy as np

from agent.monitoring.spec import ChannelSpec, TimeUnit
from agent.monitoring.types import SECOND, Block, FloatArray, Nanos, Quality

_OUT_OF_ORDER, _DUPLICATE, _GAP = int(Quality.OUT_OF_ORDER), int(Quality.DUPLICATE), int(Quality.GAP)
_STUCK, _OUT_OF_RANGE = int(Quality.STUCK), int(Quality.OUT_OF_RANGE)
_NOT_A_NUMBER: Final = int(Quality.NOT_A_NUMBER)

_GOOD: Final = Quality.GOOD
_FLAGS: Final = tuple(Quality(bits) for bits in range(256))
"""Bits -> flags, made once: arithmetic on enumerations costs as much as all the rest."""

_LARGEST: Final = 1e150
"""Beyond it nothing is a measurement, and squares, and sums of them, would be no numbers any more."""

_BELIEVED_AFTER: Final = 10
_SENT_AGAIN: Final = 1000
"""Blocks, at most, that a broker is believed to send again after a restart."""
_NEVER: Final[Nanos] = -(2**63)
_MISSED_PERIODS: Final = 1.5
"""How much later than expected a sample may be, in periods, before a gap is called."""

_RESOLUTION: Final[dict[TimeUnit, Nanos]] = {
    "s": 1_000_000, "ms": 1_000_000, "us": 1_000, "ns": 0, "iso8601": 1_000_000,
}  # fmt: skip
"""What a written time may be off by its rounding alone: fast waveforms are spaced more finely
than milliseconds, and seconds and ISO 8601 are mostly written with three decimals."""


class QualityGate:
    """Checks one channel's blocks in the order of their arrival."""

    __slots__ = (
        "_behind", "_counts", "_high", "_known", "_last", "_last_values", "_low", "_newest", "_reach",
        "_run", "_sent_again", "_start", "_stuck_after", "_trusted",
    )  # fmt: skip
    MOVING: ClassVar[tuple[str, ...]] = ("_behind", "_counts", "_last", "_newest", "_run", "_start")

    def __init__(self, spec: ChannelSpec) -> None:
        low, high = spec.valid or (-_LARGEST, _LARGEST)
        # Finite bounds: the one comparison with them finds NaN and infinity as well.
        self._low, self._high = max(low, -_LARGEST), min(high, _LARGEST)
        # One sample alone is not equal to anything.
        self._stuck_after = max(spec.stuck_after, 2) if spec.stuck_after else 0
        self._trusted = spec.source.time is not None or spec.source.codec in ("senml-json", "senml-cbor")
        resolution = _RESOLUTION[spec.source.time_unit] if self._trusted else 0
        self._reach = (1 + _MISSED_PERIODS) * SECOND / spec.rate + resolution if spec.rate else inf
        self._newest: Nanos = _NEVER
        self._start: Nanos = _NEVER
        self._last = nan
        self._last_values: FloatArray | None = None
        self._run = 0
        self._behind = 0
        self._known: Nanos = _NEVER
        self._sent_again = 0
        self._counts = dict.fromkeys(
            (_OUT_OF_ORDER, _DUPLICATE, _GAP, _STUCK, _OUT_OF_RANGE, _NOT_A_NUMBER), 0
        )

    def counts(self) -> dict[str, int]:
        """How often each flag was raised, by its name in lower case: samples, but gaps as such."""
        return {(Quality(flag).name or "").lower(): count for flag, count in self._counts.items()}

    @property
    def timed_by_arrival(self) -> bool:
        """Whether the device's clock says when a sample was taken, and not its sender."""
        return not self._trusted

    def resume(self) -> None:
        """After a restart: a broker sends again what was taken and not yet acknowledged. What is no newer than
        the newest sample was taken, and is left out without a word."""
        if self._trusted:
            self._known, self._sent_again = self._start, 0

    def begin_anew(self) -> None:
        """What comes next has nothing to do with what came before in time; the counts stay."""
        self._newest = self._start = _NEVER
        self._last, self._last_values = nan, None
        self._run = self._behind = 0

    def check(self, block: Block) -> tuple[Block | None, Quality]:
        """The block as it may be used, and its flags; None where nothing of it may be.

        Samples out of the valid range and such that are no number become NaN, on a copy; a
        block of good samples is handed on as it is. Evenly spaced blocks that begin before the
        newest one and duplicates are dropped; a single sample out of order is handed on, for
        the window to take or to call late.
        """
        values = block.values
        if values.size != 1:
            if block.times is not None:
                return self._check_uneven(block)
            if block.time <= self._known and self._is_sent_again():
                return None, _GOOD
            return self._check_even(block)
        value = values.item()
        if self.passes(block.time, value):
            return block, _GOOD
        flags, keep = self._judge(block.time, value)
        return (block if keep else None), _FLAGS[flags]

    def passes(self, time: Nanos, value: float) -> bool:
        """Whether nothing at all is doubtful about the next sample, which then counts as checked; one of
        which something is changes nothing here, and is for ``check``."""
        if (
            self._low <= value <= self._high
            and 0 < time - self._newest <= self._reach
            and (value != self._last or not self._stuck_after)
        ):
            self._newest = self._start = time
            self._last = value
            self._run = 1
            self._behind = 0
            return True
        return False

    def _judge(self, time: Nanos, value: float) -> tuple[int, bool]:
        """The flags of one sample, counted, and whether it may be used."""
        flags = 0
        ahead = time - self._newest
        if time <= self._known and self._is_sent_again():
            return 0, False
        if ahead == 0 and self._trusted and value == self._last:
            return self._count(_DUPLICATE), False
        if ahead < 0:
            flags |= self._count(_OUT_OF_ORDER)
            followed = not self._trusted or self._is_set_back()
        else:
            self._behind = 0
            followed = True
            if ahead > self._reach and self._newest != _NEVER:
                flags |= self._count(_GAP)
        if followed:
            self._newest = self._start = time
            self._run = self._run + 1 if value == self._last else 1
            self._last = value
            if 0 < self._stuck_after <= self._run:
                flags |= self._count(_STUCK)
        if self._low <= value <= self._high:
            return flags, True
        return flags | self._count(_OUT_OF_RANGE if isfinite(value) else _NOT_A_NUMBER), False

    def _is_sent_again(self) -> bool:
        """Of what is no newer: whether it is believed. Too much of it is a clock that was set back meanwhile."""
        self._sent_again += 1
        if self._sent_again > _SENT_AGAIN:
            self._known = _NEVER
        return self._known != _NEVER

    def _is_set_back(self) -> bool:
        """Whether so much has come from before the newest that the sender's clock must have been
        set back (or was once far ahead): then it is followed."""
        self._behind += 1
        if self._behind < _BELIEVED_AFTER:
            return False
        self._behind = 0
        return True

    def _check_even(self, block: Block) -> tuple[Block | None, Quality]:
        """A block of evenly spaced samples: its order is judged by where it begins, for written
        times are rounded, and a block may seem to begin shortly before the last one ended."""
        values, start = block.values, block.time
        count = values.size
        length = round((count - 1) * (SECOND / block.rate)) if block.rate else 0
        end = start + length
        flags = 0
        if not self._trusted:
            if end < self._newest:
                flags = self._count(_OUT_OF_ORDER, count)
        elif start < self._start:
            flags = self._count(_OUT_OF_ORDER, count)
            if not self._is_set_back():
                return None, _FLAGS[flags]
        elif start == self._start and self._repeats(values):
            return None, _FLAGS[self._count(_DUPLICATE, count)]
        elif end < self._newest:
            end = self._newest
        # Arrival varies by more than a period of a fast waveform, a lost block by its whole length.
        slack = 0 if self._trusted else length // 2
        if start - self._newest > self._reach + slack and self._newest != _NEVER:
            flags |= self._count(_GAP)
        self._start, self._newest, self._last_values = start, end, values
        self._behind = 0
        if self._stuck_after:
            flags |= self._follow_runs(values)
        self._last = values.item(count - 1)
        # The extremes alone tell whether all is well: argmin and argmax stop at the first NaN,
        # and are several times faster than min, max or isfinite over the block.
        lowest, highest = values.item(values.argmin()), values.item(values.argmax())
        if self._low <= lowest and highest <= self._high:
            return block, (_FLAGS[flags] if flags else _GOOD)
        return self._blank(block, flags)

    def _repeats(self, values: FloatArray) -> bool:
        last = self._last_values
        return last is not None and np.array_equal(values, last, equal_nan=True)

    def _follow_runs(self, values: FloatArray) -> int:
        """Count the samples of this block at which a run of equal ones is long enough; the flag."""
        before = self._run if values.item(0) == self._last else 0
        least = self._stuck_after - 1
        equal = values[1:] == values[:-1]
        if not before and not equal.any():
            self._run = 1
            return 0
        starts = np.flatnonzero(~equal) + 1
        runs = np.diff(starts, prepend=0, append=values.size)
        stuck = int(np.maximum(runs[1:] - least, 0).sum())
        first = int(runs[0]) + before
        stuck += max(first - least, 0) - max(before - least, 0)
        self._run = first if runs.size == 1 else int(runs[-1])
        return self._count(_STUCK, stuck) if stuck else 0

    def _blank(self, block: Block, flags: int) -> tuple[Block | None, Quality]:
        """The block with NaN for what may not be used; None where nothing is left."""
        values = block.values
        finite = np.isfinite(values)
        # In double precision, as a single sample is: the bounds are not rounded to float32.
        exact = values.astype(np.float64, copy=False)
        usable = (exact >= self._low) & (exact <= self._high)
        good = int(np.count_nonzero(usable))
        numbers = int(np.count_nonzero(finite))
        if numbers < values.size:
            flags |= self._count(_NOT_A_NUMBER, values.size - numbers)
        if good < numbers:
            flags |= self._count(_OUT_OF_RANGE, numbers - good)
        if not good:
            return None, _FLAGS[flags]
        blanked = values.copy()
        blanked[~usable] = nan
        return block._replace(values=blanked), _FLAGS[flags]

    def _check_uneven(self, block: Block) -> tuple[Block | None, Quality]:
        """Samples with a time each: judged one by one, as if each had come alone."""
        assert block.times is not None  # noqa: S101 -- narrowed by the caller
        values, times = block.values, block.times
        if times[-1] <= self._known and self._is_sent_again():
            return None, _GOOD
        flags = 0
        kept, usable = [], []
        for number, (time, value) in enumerate(zip(times.tolist(), values.tolist(), strict=True)):
            found, good = self._judge(time, value)
            flags |= found
            if not found & _DUPLICATE:
                kept.append(number)
                usable.append(good)
        if not any(usable):
            return None, _FLAGS[flags]
        if len(kept) == values.size and all(usable):
            return block, _FLAGS[flags]
        if len(kept) < values.size:
            values, times = values[kept], times[kept]
        if not all(usable):
            values = np.where(usable, values, nan)
        if len(kept) == 1:
            return Block(block.asset, block.channel, int(times[0]), values), _FLAGS[flags]
        return block._replace(time=int(times[0]), values=values, times=times), _FLAGS[flags]

    def _count(self, flag: int, samples: int = 1) -> int:
        self._counts[flag] += samples
        return flag
