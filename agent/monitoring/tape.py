"""The last samples of an asset as they came, on a tape without end: evidence is cut from it.

::

    take --> loose: messages as they came --> together: some hundred messages as one --> gone
                                              when they are too old, or too many

``take`` is asked for every message and only keeps a reference. Now and then it is looked at what has become
too old; single samples that are still wanted are put together: an array of one takes 200 bytes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from math import ceil, floor
from typing import Final, NamedTuple

import numpy as np

from agent.monitoring.spec import AssetSpec, EvidenceSpec
from agent.monitoring.types import SECOND, Block, FloatArray, Nanos

_LOOK_AT: Final = 16_384
_MESSAGE: Final = 64
"""What a message weighs beside its samples: some 250 loose ones of single samples are looked at."""
_FEW: Final = 128
"""Messages of single samples that may stay loose."""


class _Together(NamedTuple):
    """So many ``samples`` of all channels, the last message of them at ``end``."""

    blocks: Sequence[Block]
    samples: int
    end: Nanos


class Tape:
    """An asset's last samples: at most as many as an alarm may tell, and for as long as its context goes back.

    What came last is always there, however much it is.
    """

    def __init__(self, spec: AssetSpec, evidence: EvidenceSpec) -> None:
        window, rates = spec.window, [channel.rate for channel in spec.channels if channel.rate]
        width = window.seconds or (window.count / min(rates) if window.count and rates else 0.0)
        # a window is complete a little after its end, and the grid's last cell may be open
        self._span = round((evidence.context + 2 * width + spec.lateness) * SECOND)
        self._most = evidence.max_bytes  # samples: four bytes each, compressed to a quarter at best
        self._together: deque[_Together] = deque()
        self._count = 0
        self._loose: list[Sequence[Block]] = []
        self._weight = 0

    def take(self, blocks: Sequence[Block]) -> None:
        """Keep the blocks of one message."""
        self._loose.append(blocks)
        self._weight += blocks[0].values.size + _MESSAGE
        if self._weight > _LOOK_AT:
            self._look()

    def _look(self) -> None:
        horizon = self._loose[-1][-1].time - self._span
        if self._weight == len(self._loose) * (_MESSAGE + 1):  # single samples, nothing else
            wanted = [blocks for blocks in self._loose if blocks[0].time >= horizon]
            if len(wanted) <= _FEW:
                if len(wanted) < len(self._loose):
                    self._together.clear()
                    self._count = 0
                self._loose, self._weight = wanted, len(wanted) * (_MESSAGE + 1)
                return
        self._put_together()
        together = self._together
        while len(together) > 1 and (together[0].end < horizon or self._count - together[0].samples >= self._most):
            self._count -= together.popleft().samples

    def _put_together(self) -> None:
        """The loose messages as one."""
        single: dict[str, list[Block]] = {}
        blocks: list[Block] = []
        count = 0
        for message in self._loose:
            for block in message:
                if (size := block.values.size) > 1:
                    blocks.append(block)
                    count += size
                else:
                    single.setdefault(block.channel, []).append(block)
        for channel, found in single.items():
            times = np.array([block.time for block in found], dtype=np.int64)
            values = np.array([block.values.item() for block in found])
            blocks.append(Block(found[0].asset, channel, found[0].time, values, None, times))
            count += len(found)
        end = max(_end(block) for block in self._loose[-1])
        self._together.append(_Together(blocks, count, end))
        self._count += count
        self._loose, self._weight = [], 0

    def between(self, channel: str, start: Nanos, end: Nanos) -> list[Block]:
        """A channel's samples from ``start`` to ``end``, both included, in pieces without a gap."""
        if self._loose:
            self._put_together()
        found = [
            piece for together in self._together for block in together.blocks
            if block.channel == channel and (piece := _cut(block, start, end)) is not None
        ]
        return _joined(sorted(found, key=lambda block: block.time))


def _end(block: Block) -> Nanos:
    """When its last sample was taken."""
    if block.times is not None:
        return int(block.times[-1])
    return block.time + (round((block.values.size - 1) * SECOND / block.rate) if block.rate else 0)


def _cut(block: Block, start: Nanos, end: Nanos) -> Block | None:
    """The part of a block that lies between; None where there is none."""
    values = block.values
    if block.times is not None or not block.rate:
        times = block.times if block.times is not None else np.full(values.size, block.time, dtype=np.int64)
        inside = (times >= start) & (times <= end)
        if not inside.any():
            return None
        return block._replace(time=int(times[inside][0]), values=values[inside], times=times[inside])
    # half a sample on either side: the ends of a record are rounded
    first = max(0, ceil((start - block.time) * block.rate / SECOND - 0.5))
    last = min(values.size, floor((end - block.time) * block.rate / SECOND + 0.5) + 1)
    if first >= last:
        return None
    return block._replace(time=block.time + round(first * SECOND / block.rate), values=values[first:last])


def _joined(blocks: Iterable[Block]) -> list[Block]:
    """Neighbours as one: evenly spaced ones where one begins as the other ends (give or take half its length,
    for arrival varies), and all that have times of their own."""
    joined: list[Block] = []
    runs: list[list[Block]] = []
    for block in blocks:
        before = runs[-1][-1] if runs else None
        if before is not None and _follows(before, block):
            runs[-1].append(block)
        else:
            runs.append([block])
    for run in runs:
        values: FloatArray = np.concatenate([block.values for block in run]) if len(run) > 1 else run[0].values
        if run[0].times is None:
            joined.append(run[0]._replace(values=values))
            continue
        times = np.concatenate([block.times for block in run if block.times is not None])
        order = np.argsort(times, kind="stable")
        joined.append(_evenly(run[0]._replace(time=int(times[order[0]]), values=values[order], times=times[order])))
    return joined


def _follows(before: Block, block: Block) -> bool:
    if before.times is not None or block.times is not None:
        return before.times is not None and block.times is not None
    if before.rate != block.rate or not before.rate:
        return False
    length = before.values.size * SECOND / before.rate
    slack = max(before.values.size, block.values.size) * SECOND / before.rate / 2
    return abs(block.time - (before.time + length)) <= slack


def _evenly(block: Block) -> Block:
    """With a rate in place of times where they say the same."""
    assert block.times is not None  # noqa: S101 -- narrowed by the caller
    if block.times.size < 2:  # noqa: PLR2004
        return block
    steps = np.diff(block.times)
    step = int(steps[0])
    return block._replace(rate=SECOND / step, times=None) if step > 0 and (steps == step).all() else block
