"""What is stored of each stream, in the tables ``streams`` (up to the first gap) and ``arrivals`` (beyond it).

In the common case, all in order, ``arrivals`` is empty and a batch costs one row of ``streams`` a stream.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa

from agent.adapters.sql.tables import arrivals, devices, of, streams
from agent.intake import Origin, Place, Stream, Stretch

_KEY: Final = ("site", "device", "link", "stream")


def load(connection: sa.Connection, wanted: Collection[Stream]) -> dict[Stream, Stretch]:
    """What is stored of those of the streams of which something is."""
    origins = {stream.origin for stream in wanted}
    links = {stream.link for stream in wanted}
    beyond: dict[Stream, dict[int, Place]] = {}
    for row in connection.execute(sa.select(arrivals).where(of(arrivals, origins), arrivals.c.link.in_(links))):
        beyond.setdefault(_stream(row), {})[row.number] = row.boot, row.seq
    known = {
        _stream(row): (row.number, (row.boot, row.seq))
        for row in connection.execute(sa.select(streams).where(of(streams, origins), streams.c.link.in_(links)))
    }
    return {stream: Stretch(*known[stream], beyond.get(stream, {})) for stream in wanted if stream in known}


def save(
    connection: sa.Connection,
    insert: Callable[[sa.Table], Any],
    before: Mapping[Stream, Stretch],
    after: Mapping[Stream, Stretch],
) -> None:
    """Write what differs. ``insert``: the dialect's own, which knows of conflicts."""
    moved = sorted((stream, stretch) for stream, stretch in after.items() if stretch != before.get(stream))
    if not moved:
        return
    now = datetime.fromtimestamp(time.time(), UTC)
    fresh = insert(streams)
    connection.execute(
        fresh.on_conflict_do_update(
            index_elements=list(streams.primary_key),
            set_={name: fresh.excluded[name] for name in ("number", "boot", "seq", "moved")}),
        [{**_key(stream), "number": number, "boot": boot, "seq": seq, "moved": now}
         for stream, (number, (boot, seq), _) in moved])
    closed = [
        {**{f"of_{name}": value for name, value in _key(stream).items()}, "up_to": stretch.number}
        for stream, stretch in moved if stream in before and before[stream].beyond
    ]
    if closed:
        connection.execute(
            sa.delete(arrivals).where(
                *(arrivals.c[name] == sa.bindparam(f"of_{name}") for name in _KEY),
                arrivals.c.number <= sa.bindparam("up_to")),
            closed)
    ahead = [
        {**_key(stream), "number": number, "boot": boot, "seq": seq}
        for stream, stretch in moved for number, (boot, seq) in stretch.beyond.items()
        if stream not in before or number not in before[stream].beyond
    ]
    if ahead:
        connection.execute(insert(arrivals).on_conflict_do_nothing(), ahead)


def forget(connection: sa.Connection, before: datetime) -> None:
    """Streams of links over which the device does not speak any more, once they have not moved since ``before``."""
    past = connection.execute(
        sa.select(streams.c.site, streams.c.device, streams.c.link)
        .join(devices, sa.and_(devices.c.site == streams.c.site, devices.c.device == streams.c.device))
        .where(streams.c.link != devices.c.link)
        .group_by(streams.c.site, streams.c.device, streams.c.link)
        .having(sa.func.max(streams.c.moved) < before)).all()
    for row in past:
        for table in (arrivals, streams):
            connection.execute(sa.delete(table).where(
                table.c.site == row.site, table.c.device == row.device, table.c.link == row.link))


def _key(stream: Stream) -> dict[str, str]:
    return {"site": stream.origin.site, "device": stream.origin.device, "link": stream.link, "stream": stream.name}


def _stream(row: Any) -> Stream:
    return Stream(Origin(row.site, row.device), row.link, row.stream)
