"""The collector as a process, with a real broker and real databases that are killed under it."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
import structlog

from agent.adapters.sqlite.depth import depth_of
from agent.cli import main
from agent.collect import Options, collect
from agent.errors import EXIT_CONFIG, EXIT_UNAVAILABLE, EXIT_USAGE, Unavailable
from tests.broker import Broker, free_port
from tests.endurance.processes import Program
from tests.fleet import FakeDevice, eventually, record, summary
from tests.postgres import Postgres
from tests.system.daemon import TELEMETRY, Daemon, Machine

Start = Callable[..., Program]


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Broker]:
    """A broker that keeps sessions over its own death."""
    with Broker(tmp_path / "broker", persistence=True) as running:
        yield running


@pytest.fixture
def start(tmp_path: Path, upstream: Broker) -> Iterator[Start]:
    """Starts collectors; waits until they have subscribed."""
    started: list[Program] = []

    def begin(url: str, name: str = "one", *more: str) -> Program:
        program = Program(tmp_path / f"{name}.log", "collect", "--broker", f"mqtt://127.0.0.1:{upstream.port}",
                          "--to", url, "--name", name, *more)
        started.append(program)
        program.start()
        assert eventually(lambda: "broker connected" in program.log()), program.log()
        return program

    yield begin
    for program in started:
        program.stop()


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()


def test_what_a_device_sends_is_kept_and_receipted_and_sigterm_leaves_in_order(
    start: Start, upstream: Broker, tmp_path: Path
) -> None:
    table = tmp_path / "fleet.db"
    collector = start(f"sqlite:///{table}")
    with FakeDevice(upstream.port) as device, FakeDevice(upstream.port, "d-2") as other:
        for seq in range(1, 201):
            device.send(summary(seq))
        other.send(record(1, "alarm", device="d-2", transition="raised"), "alarm")
        device.publish("event", b"no record")
        device.publish("state", b"online", retain=True)
        assert eventually(lambda: device.stored() == 200 and other.stored("alarm") == 1)
        assert {receipt["link"] for receipt in device.receipts} == {"1.1"}
        # the last is cumulative, and says where it is in the log
        assert device.receipts[-1]["receipts"]["live"] == {"number": 200, "boot": 1, "seq": 200}
        assert eventually(lambda: rows(table, "SELECT state FROM devices WHERE state = 'online'"))
    assert collector.stop() == 0
    assert "a message was rejected" in collector.log()
    assert rows(table, "SELECT count(*), count(DISTINCT seq) FROM summaries") == [(200, 200)]
    assert rows(table, "SELECT payload FROM rejected") == [("no record",)]


def test_a_collector_and_a_broker_that_are_killed_cost_nothing(
    start: Start, upstream: Broker, tmp_path: Path
) -> None:
    table = tmp_path / "fleet.db"
    with FakeDevice(upstream.port) as device:
        collector = start(f"sqlite:///{table}")
        assert eventually(lambda: device.hellos == 1)
        collector.kill()
        for seq in range(1, 51):
            device.send(record(seq))
        start(f"sqlite:///{table}")
        assert eventually(lambda: device.stored() == 50 and device.hellos == 2)
        for seq in range(51, 151):
            device.send(record(seq))
            if seq == 100:
                upstream.restart()
        assert eventually(lambda: device.stored() == 150, 20)
    assert rows(table, "SELECT count(*) FROM records") == [(150,)]


def test_while_the_database_is_locked_or_away_nothing_is_receipted_and_then_all_of_it(
    start: Start, upstream: Broker, postgres: Postgres
) -> None:
    url = postgres.database()
    collector = start(url)
    with FakeDevice(upstream.port) as device:
        with psycopg.connect(url) as other:
            other.execute("LOCK TABLE records IN ACCESS EXCLUSIVE MODE")
            for seq in range(1, 51):
                device.send(record(seq))
            time.sleep(1.0)
            assert device.stored() == 0
        assert eventually(lambda: device.stored() == 50), collector.log()
        postgres.kill()
        for seq in range(51, 101):
            device.send(record(seq))
        assert eventually(lambda: "the database is away" in collector.log())
        time.sleep(0.5)
        assert device.stored() == 50
        postgres.start()
        assert eventually(lambda: device.stored() == 100, 20), collector.log()
    assert postgres.ask("SELECT count(*) FROM records", url) == [(100,)]
    assert "broker lost" not in collector.log()
    assert collector.stop() == 0


def test_two_collectors_share_the_work_and_one_may_be_killed(
    start: Start, upstream: Broker, postgres: Postgres
) -> None:
    url = postgres.database()
    first, second = start(url, "one"), start(url, "two")
    with FakeDevice(upstream.port) as device:
        for seq in range(1, 601):
            device.send(record(seq))
            if seq == 300:
                assert eventually(lambda: device.stored() > 100)
                first.restart()
        assert eventually(lambda: device.stored() == 600, 20), device.stored()
    assert postgres.ask("SELECT count(*), count(DISTINCT seq) FROM records", url) == [(600, 600)]
    assert postgres.ask("SELECT number FROM streams", url) == [(600,)]
    assert postgres.ask("SELECT count(*) FROM arrivals", url) == [(0,)]
    assert (first.stop(), second.stop()) == (0, 0)
    # both have worked
    assert all('"records":0,' not in program.log() for program in (first, second))


def test_when_a_collector_does_not_come_back_devices_are_asked_to_send_again(
    start: Start, upstream: Broker, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/fleet.db"
    with FakeDevice(upstream.port) as device:
        gone, _ = start(url, "one", "--session-expiry", "1s"), start(url, "two", "--session-expiry", "1s")
        assert eventually(lambda: device.hellos == 2)
        gone.kill()
        for seq in range(1, 21):
            device.send(record(seq))
        assert eventually(lambda: device.hellos == 3)
        # what the broker had for the one that is gone went with its session
        device.link = "1.2"
        for seq in range(1, 21):
            device.send(record(seq))
        assert eventually(lambda: device.stored() == 20)
    assert rows(tmp_path / "fleet.db", "SELECT count(*) FROM records") == [(20,)]


RECEIPTED = TELEMETRY.replace("{uplink}", """
[uplink]
url = "mqtt://127.0.0.1:{port}"
delivery = "receipt"
windows = true

[summaries]
period = 10
""")


def _undelivered(journal: Path) -> int | None:
    depth = depth_of(journal)
    return None if depth is None else depth.undelivered


def test_the_whole_log_of_a_daemon_stands_in_the_table_once_though_all_but_the_disk_are_killed(
    start: Start, upstream: Broker, tmp_path: Path
) -> None:
    table = tmp_path / "fleet.db"
    collector = start(f"sqlite:///{table}")
    with Broker(tmp_path / "sensors", persistence=True) as sensors:
        daemon = Daemon(tmp_path, sensors.port, None, RECEIPTED.replace("{port}", str(upstream.port)))
        machine = Machine(sensors.port)
        try:
            daemon.start()
            machine.run(120)
            collector.restart()
            machine.run(60, fault=2.0)
            daemon.kill()
            daemon.start()
            machine.run(60)
            upstream.restart()
            machine.run(60)
            journal = daemon.state / "journal.db"
            assert eventually(lambda: _undelivered(journal) == 0, 30), daemon.log()
            logged = {(boot, seq): (kind, json.loads(payload))
                      for boot, seq, kind, payload in rows(journal, "SELECT boot, seq, kind, payload FROM log")}
            assert {"summary", "event", "alarm", "window"} <= {kind for kind, _ in logged.values()}
            assert daemon.stop()[0] == 0
        finally:
            daemon.close()
            machine.close()
    found = rows(table, "SELECT boot, seq, kind, payload FROM records")
    kept = {(boot, seq): (kind, json.loads(payload)) for boot, seq, kind, payload in found}
    assert len(kept) == len(found)
    assert {place: kept.get(place) for place in logged} == logged
    assert rows(table, "SELECT reason FROM rejected") == []


@pytest.fixture
def _unconfigured() -> Iterator[None]:
    """The log as it was."""
    yield
    structlog.reset_defaults()


@pytest.mark.usefixtures("_unconfigured")
@pytest.mark.parametrize(("arguments", "said"), [
    ("--broker http://h", "mqtt://"),
    ("--broker mqtt://h --to mysql://h/f", "neither SQLite nor PostgreSQL"),
    ("--broker mqtt://h --prefix a/#", "topic"),
    ("--broker mqtt://h --group a/b", "group"),
    ("--broker mqtt://h --username u --password-file /absent", "password_file"),
    ("--broker mqtts://h --ca-file /absent", "ca_file"),
])
def test_what_only_a_person_can_mend_ends_it_with_78(
    arguments: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["collect", *arguments.split()]) == EXIT_CONFIG
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_broker_is_needed_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["collect"])
    assert left.value.code == EXIT_USAGE
    assert "--broker" in capsys.readouterr().err


@pytest.mark.usefixtures("_unconfigured")
def test_a_database_that_is_away_at_the_start_is_waited_for_and_not_for_ever() -> None:
    options = Options(broker="mqtt://127.0.0.1", to="postgresql://k@127.0.0.1:1/f", prefix="w", group="", name="n")
    with pytest.raises(Unavailable, match="the database cannot be reached"):
        collect(options, patience=0.0)


def test_a_broker_that_is_away_at_the_start_ends_it_with_69(tmp_path: Path) -> None:
    arguments = ["collect", "--broker", f"mqtt://127.0.0.1:{free_port()}", "--to", f"sqlite:///{tmp_path}/fleet.db"]
    code = ("import sys; from agent import collect, cli; given = collect.collect;"
            "collect.collect = lambda options: given(options, patience=0.5);"
            f"sys.exit(cli.main({arguments!r}))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, "cannot be reached" in done.stderr) == (EXIT_UNAVAILABLE, True), done.stderr
