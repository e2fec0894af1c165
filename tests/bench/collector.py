"""Records a second that the collector stores, what it takes of memory, and how soon a device has its receipt.

::

    python -m tests.bench.collector [--records 20000] [--rounds 3]

A broker holds summaries of ten devices for a collector that is away; it comes, and what is measured is the time
from its connection until its database has the last one. Two bounds beside it: paho that only counts the same
messages, and ``executemany`` of the same rows in the same pieces without any broker. PostgreSQL and SQLite
both with fsync. Ratios travel between computers, records a second do not.
"""

from __future__ import annotations

import argparse
import json
import re
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import psycopg
import sqlalchemy as sa
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.broker import Broker
from tests.endurance.processes import Program
from tests.fleet import NOON, PREFIX, FakeDevice, eventually, on_its_way, summary
from tests.postgres import Postgres

DEVICES: Final = 10
_PIECE: Final = 500
_PATIENCE: Final = 300.0
_LOOK: Final = 0.02
"""s from one look into the database to the next: a look costs the collector something, too."""
_SINGLE: Final = 200
_COLUMNS: Final = ("site", "device", "boot", "seq", "kind", "asset", "at", "received", "historical", "payload")
_FILTER: Final = f"$share/collectors/{PREFIX}/v1/+/+/summary"
_TABLE: Final = (
    "CREATE TABLE bare (site TEXT, device TEXT, boot BIGINT, seq BIGINT, kind TEXT, asset TEXT, at TEXT,"
    " received TEXT, historical BOOLEAN, payload {document}, PRIMARY KEY (site, device, boot, seq))")
_STORED: Final = "SELECT coalesce(sum(number), 0) FROM streams"
_INSERT: Final = "INSERT INTO bare VALUES ({values}) ON CONFLICT DO NOTHING"


class Message(NamedTuple):
    """What a device publishes: its name, its place and the payload."""

    device: str
    seq: int
    payload: bytes


class Run(NamedTuple):
    """One drain. ``rss_mb``: the most that the collector took."""

    per_second: float
    rss_mb: float


def messages(count: int) -> list[Message]:
    """Summaries of five minutes, the devices in turn, each numbered in its own stream."""
    made = []
    for number in range(count):
        device, seq = f"d-{number % DEVICES}", number // DEVICES + 1
        body = summary(seq, start=NOON + timedelta(minutes=5 * seq), device=device)
        made.append(Message(device, seq, on_its_way(body, "1.1", "live", seq)))
    return made


def publish(port: int, sent: Sequence[Message]) -> None:
    """All of them, and wait until the broker has them."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="fleet", protocol=mqtt.MQTTv5)
    client.max_inflight_messages_set(1000)
    client.connect("127.0.0.1", port)
    client.loop_start()
    infos = [client.publish(f"{PREFIX}/v1/lab/{message.device}/summary", message.payload, qos=1) for message in sent]
    for info in infos:
        info.wait_for_publish(_PATIENCE)
    client.disconnect()
    client.loop_stop()


def bare_paho(port: int, sent: Sequence[Message]) -> float:
    """Messages a second that paho counts, out of a session that the broker has kept."""
    heard = 0

    def count(*_: Any) -> None:
        nonlocal heard
        heard += 1

    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bare", protocol=mqtt.MQTTv5)
    subscribed: list[bool] = []
    client.on_subscribe = lambda *_: subscribed.append(True)
    client.on_message = count
    with _linked(client, port):
        client.subscribe(_FILTER, 1)
        while not subscribed:
            client.loop(0.1)
    publish(port, sent)
    with _linked(client, port):
        begun = time.perf_counter()
        while heard < len(sent):
            client.loop(0.1)
        return len(sent) / (time.perf_counter() - begun)


@contextmanager
def _linked(client: mqtt.Client, port: int) -> Iterator[None]:
    """Connected with a session that lasts, and as much in flight as the collector asks for."""
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = 600
    properties.ReceiveMaximum = 1000
    client.connect("127.0.0.1", port, clean_start=False, properties=properties)
    while not client.is_connected():
        client.loop(0.1)
    yield
    client.disconnect()
    client.loop(0.1)


def collected(folder: Path, port: int, url: str, sent: Sequence[Message]) -> Run:
    """The collector's drain of the same messages into a database that is empty."""
    program = Program(folder / "collector.log", "collect", "--broker", f"mqtt://127.0.0.1:{port}", "--to", url)
    program.start()
    assert eventually(lambda: "broker connected" in program.log(), 30.0), program.log()
    time.sleep(0.5)  # subscribed, and the tables laid out
    assert program.stop() == 0
    publish(port, sent)
    said = len(program.log())
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
    program.start()
    try:
        with engine.connect() as connection:
            _wait(connection, len(sent), program)
        ended = time.time()
        peak = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{program.pid}/status").read_text())
        assert peak is not None
    finally:
        program.stop()
        engine.dispose()
    lines = (json.loads(line) for line in program.log()[said:].splitlines())
    begun = next(line["timestamp"] for line in lines if line["event"] == "broker connected")
    seconds = ended - datetime.fromisoformat(begun).timestamp()
    return Run(len(sent) / seconds, int(peak[1]) / 1024)


def rows(sent: Sequence[Message]) -> list[tuple[Any, ...]]:
    """The columns of the collector's table, made beforehand."""
    at = NOON.isoformat()
    return [("lab", message.device, 1, message.seq, "summary", "pump", at, at, False, message.payload.decode())
            for message in sent]


def bare_sqlite(path: Path, table: Sequence[tuple[Any, ...]]) -> float:
    """Rows a second of ``executemany``, a commit for each piece."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(_TABLE.format(document="TEXT"))

        def store(piece: Sequence[tuple[Any, ...]]) -> None:
            connection.executemany(_INSERT.format(values=", ".join("?" * len(_COLUMNS))), piece)
            connection.commit()

        return _pieces(table, store)


def bare_postgres(url: str, table: Sequence[tuple[Any, ...]]) -> float:
    """The same with psycopg, into JSONB."""
    with psycopg.connect(url) as connection:
        connection.execute(_TABLE.format(document="JSONB").encode())
        connection.commit()
        insert = _INSERT.format(values=", ".join(["%s"] * len(_COLUMNS))).encode()

        def store(piece: Sequence[tuple[Any, ...]]) -> None:
            with connection.cursor() as cursor:
                cursor.executemany(insert, piece)
            connection.commit()

        return _pieces(table, store)


def _pieces(table: Sequence[tuple[Any, ...]], store: Callable[[Sequence[tuple[Any, ...]]], object]) -> float:
    begun = time.perf_counter()
    for first in range(0, len(table), _PIECE):
        store(table[first:first + _PIECE])
    return len(table) / (time.perf_counter() - begun)


def receipt_latency(folder: Path, port: int, url: str) -> tuple[float, float]:
    """How long after publishing a record an idle collector's receipt is there, ms: (p50, p99)."""
    program = Program(folder / "latency.log", "collect", "--broker", f"mqtt://127.0.0.1:{port}", "--to", url)
    program.start()
    waits = []
    try:
        with FakeDevice(port, "single") as device:
            assert eventually(lambda: device.hellos, 30.0), program.log()
            for number in range(1, _SINGLE + 1):
                begun = time.perf_counter()
                device.send(summary(number, start=NOON + timedelta(minutes=5 * number), device="single"))
                while device.stored() < number:
                    time.sleep(0.0005)
                    assert time.perf_counter() - begun < 30.0, program.log()
                waits.append(1000.0 * (time.perf_counter() - begun))
    finally:
        program.stop()
    cuts = statistics.quantiles(waits, n=100)
    return statistics.median(waits), cuts[98]


def _wait(connection: sa.Connection, count: int, program: Program) -> None:
    deadline = time.monotonic() + _PATIENCE
    while (stored := connection.scalar(sa.text(_STORED))) < count:
        assert time.monotonic() < deadline, f"{stored} of {count}: {program.log()}"
        time.sleep(_LOOK)


def main(arguments: list[str] | None = None) -> None:
    """Print the figures: medians over the rounds, contestants in turn."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--records", type=int, default=20_000, help="a drain (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="medians are of so many (%(default)s)")
    options = parser.parse_args(arguments)
    sent = messages(options.records)
    table = rows(sent)
    figures: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="watchkeeper-bench-") as name, Postgres(durable=True) as postgres:
        for turn in range(options.rounds):
            folder = Path(name) / str(turn)
            with Broker(folder / "broker") as broker:
                figures.setdefault("paho counts", []).append(bare_paho(broker.port, sent))
            figures.setdefault("executemany sqlite", []).append(bare_sqlite(folder / "bare.db", table))
            figures.setdefault("executemany postgresql", []).append(bare_postgres(postgres.database(), table))
            path, url = folder / "fleet.db", postgres.database()
            for kind, to in (("sqlite", f"sqlite:///{path}"), ("postgresql", url)):
                with Broker(folder / f"broker-{kind}") as broker:
                    run = collected(folder / f"broker-{kind}", broker.port, to, sent)
                    p50, p99 = receipt_latency(folder / f"broker-{kind}", broker.port, to)
                figures.setdefault(f"collector {kind}", []).append(run.per_second)
                for what, figure in (("rss", run.rss_mb), ("p50", p50), ("p99", p99)):
                    figures.setdefault(f"{what} {kind}", []).append(figure)
    _print({what: statistics.median(each) for what, each in figures.items()}, len(sent), len(sent[0].payload))


def _print(median: dict[str, float], records: int, size: int) -> None:
    print(f"{records} summaries of {size} bytes from {DEVICES} devices")
    print(f"{'':26}{'records/s':>10}{'x paho':>8}{'x executemany':>15}{'RSS MB':>8}{'receipt p50 / p99 ms':>22}")
    print(f"{'paho, counts only':26}{median['paho counts']:10.0f}{1.0:8.2f}")
    for kind in ("sqlite", "postgresql"):
        bare, stored = median[f"executemany {kind}"], median[f"collector {kind}"]
        print(f"{'executemany ' + kind:26}{bare:10.0f}{'':8}{1.0:15.2f}")
        print(f"{'collector ' + kind:26}{stored:10.0f}{stored / median['paho counts']:8.2f}{stored / bare:15.2f}"
              f"{median['rss ' + kind]:8.0f}{median['p50 ' + kind]:13.1f} / {median['p99 ' + kind]:.1f}")


if __name__ == "__main__":
    main()
