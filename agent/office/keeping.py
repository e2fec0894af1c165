"""One batch of messages, kept in one transaction: each record once, whatever came doubled or late.

::

    hold the devices -> put times right -> leave out what is covered -> add -> replace thinned
        -> rejections -> extend the streams -> what to receipt
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from agent.intake import (
    Arrival,
    ClockStep,
    Heard,
    Origin,
    Period,
    Place,
    Presence,
    Rejection,
    Stream,
    Stretch,
    Transaction,
)
from agent.office.reading import FLOOR_TIME, Read
from agent.office.streams import EMPTY, extended, numbers


class Kept(NamedTuple):
    """What came of a batch. ``rejected`` counts those of the database, too, ``stretches`` are of the streams that
    the batch concerns."""

    records: int
    rejected: int
    stretches: dict[Stream, Stretch]


def keep(transaction: Transaction, batch: Sequence[Read]) -> Kept:
    """Store a batch. Raises what the transaction raises; then none of it is stored."""
    arrivals = [message for message in batch if isinstance(message, Arrival)]
    rejections = [message for message in batch if isinstance(message, Rejection)]
    transaction.hold(_heard(batch))
    marked = numbers((*arrivals, *rejections))
    once, doubled = _once(arrivals)
    timely = _put_right(transaction, once)
    fresh = _uncovered(transaction, timely)
    plain = [arrival for arrival in fresh if not _is_thinned(arrival)]
    doubled += transaction.add(plain)
    # the widest last: it takes the place of the others
    for summary in sorted((a for a in fresh if _is_thinned(a)), key=_width):
        transaction.replace(summary)
    rejections += [_taken(arrival) for arrival in doubled]
    if rejections:
        transaction.reject(rejections)
    stretches = {}
    if marked:
        before = transaction.stretches(marked)
        stretches = {stream: extended(before.get(stream, EMPTY), stored) for stream, stored in marked.items()}
        transaction.advance(before, stretches)
    return Kept(len(arrivals) - len(doubled), len(rejections), stretches)


def _heard(batch: Iterable[Read]) -> dict[Origin, Heard]:
    """What the batch says of the devices themselves."""
    heard: dict[Origin, Heard] = {}
    for message in batch:
        if isinstance(message, Presence):
            known = heard.get(message.origin, Heard())
            seen = known.seen if message.retained or message.state == "offline" else message.received
            heard[message.origin] = known._replace(seen=seen, state=message.state, state_since=message.received)
        elif isinstance(message, Arrival):
            link = message.mark and message.mark.link
            known = heard.get(message.origin, Heard())
            heard[message.origin] = known._replace(seen=message.received, link=link or known.link)
    return heard


def _once(arrivals: Iterable[Arrival]) -> tuple[list[Arrival], list[Arrival]]:
    """Each place once, in the order of places; and those in whose place another stands in the same batch."""
    first: dict[tuple[Origin, Place], Arrival] = {}
    others: list[Arrival] = []
    for arrival in arrivals:
        place = (arrival.origin, arrival.place)
        known = first.setdefault(place, arrival)
        if known.payload == arrival.payload:
            continue
        if _is_thinned(arrival) or _is_thinned(known):
            first[place] = max(known, arrival, key=_width)
        else:
            others.append(arrival)
    # two collectors that store the same records must meet them in one order
    return sorted(first.values(), key=lambda arrival: (arrival.origin, arrival.place)), others


def _put_right(transaction: Transaction, arrivals: list[Arrival]) -> list[Arrival]:
    """The records, with the times that their device's clock has stamped wrong put right where it has told how."""
    told = [arrival.step for arrival in arrivals if arrival.step is not None]
    if told:
        transaction.remember(told)
    wrong = {arrival.origin for arrival in arrivals if arrival.at < FLOOR_TIME}
    if not wrong:
        return arrivals
    steps = sorted(transaction.steps(wrong), key=lambda step: step.before_seq)
    return [_moved(arrival, steps) if arrival.at < FLOOR_TIME else arrival for arrival in arrivals]


def _moved(arrival: Arrival, steps: Iterable[ClockStep]) -> Arrival:
    for step in steps:
        if (step.origin, step.boot) == (arrival.origin, arrival.boot) and arrival.seq < step.before_seq:
            period = arrival.period
            if period is not None:
                period = period._replace(begins=_later(period.begins, step), ends=_later(period.ends, step))
            return arrival._replace(at=_later(arrival.at, step), period=period)
    return arrival


def _later(time: datetime, step: ClockStep) -> datetime:
    try:
        return time + step.offset
    except OverflowError:
        return time


def _uncovered(transaction: Transaction, arrivals: list[Arrival]) -> list[Arrival]:
    """Without the summaries whose period a merged one speaks for that is stored already."""
    summaries = [arrival for arrival in arrivals if arrival.period is not None]
    if not summaries or not (merged := transaction.thinned(summaries)):
        return arrivals
    by_point: dict[tuple[Origin, str, str | None], list[Period]] = {}
    for origin, asset, period in merged:
        by_point.setdefault((origin, asset, period.channel), []).append(period)
    return [arrival for arrival in arrivals if not _is_covered(arrival, by_point)]


def _is_covered(
    arrival: Arrival, merged: dict[tuple[Origin, str, str | None], list[Period]]
) -> bool:
    period = arrival.period
    if period is None:
        return False
    return any(
        other.begins <= period.begins and period.ends <= other.ends and other.thinned >= period.thinned
        for other in merged.get((arrival.origin, arrival.asset, period.channel), ())
    )


def _is_thinned(arrival: Arrival) -> bool:
    return arrival.period is not None and arrival.period.thinned > 0


def _width(arrival: Arrival) -> tuple[float, int]:
    period = arrival.period
    return (0.0, 0) if period is None else ((period.ends - period.begins).total_seconds(), period.thinned)


def _taken(arrival: Arrival) -> Rejection:
    boot, seq = arrival.place
    return Rejection(
        topic=f"{arrival.origin.site}/{arrival.origin.device}/{arrival.kind}",
        payload=arrival.payload.encode(),
        reason=f"another record has its place, boot {boot} seq {seq}: "
               "was the device set up anew under its old name? Give it a new one",
        received=arrival.received,
        origin=arrival.origin,
        mark=arrival.mark,
        place=arrival.place,
    )
