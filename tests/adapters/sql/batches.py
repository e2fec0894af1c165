"""Batches of what devices send, read and kept as the collector does."""

from __future__ import annotations

import json
from typing import Any

from agent.adapters.sql.store import SqlStore
from agent.office.keeping import Kept, keep
from agent.office.reading import Read, read
from agent.ports import Delivery
from tests.fleet import PREFIX, on_its_way

RECEIVED = 1_800_000_000_000_000_000


def message(document: dict[str, Any], number: int | None = None, stream: str = "live", link: str = "1.1") -> Read:
    """A document as the collector reads it; with a ``number`` it asks for a receipt."""
    payload = json.dumps(document).encode() if number is None else on_its_way(document, link, stream, number)
    topic = f"{PREFIX}/v1/lab/{document['device']}/{document['kind']}"
    return read(Delivery(topic, payload, RECEIVED, 1), PREFIX)


def put(store: SqlStore, *messages: Read) -> Kept:
    """Keep a batch."""
    with store.transaction() as transaction:
        return keep(transaction, messages)


def numbers(kept: Kept) -> dict[str, int]:
    """Up to which number each stream is stored."""
    return {stream.name: stretch.number for stream, stretch in kept.stretches.items()}
