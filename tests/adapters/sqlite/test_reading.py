"""What people and scripts are told of the journal, while a daemon writes it or not."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from agent.adapters.sqlite.journal import SqliteJournal
from agent.adapters.sqlite.reading import read_alarms, read_status
from agent.errors import ConfigError
from agent.ports import Entry
from tests.adapters.sqlite.entries import SUMMARIES, T0, alarm, entry


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    """Two assets: the pump's alarm stands, the fan's has been cleared."""
    opened = SqliteJournal(tmp_path / "journal.db")
    boot = opened.begin_boot(T0)
    opened.commit([
        entry(boot, 1, score=1.0, probability=0.5, threshold=3.0, regime="running", state="normal",
              alarm=False, channel=None, features={"flow.mean": 2.0}),
        alarm(boot, 2, asset="fan", channel="drive-end", feature="rms", value=9.5, limit=7.1),
        alarm(boot, 3, channel=None, score=8.0),
        entry(boot, 4, score=8.0, probability=1e-9, threshold=3.0, regime="running", state="alarm",
              alarm=True, channel=None, features={"flow.mean": 1.0}),
        alarm(boot, 5, "cleared", asset="fan", channel="drive-end"),
        entry(boot, 6, "event", event="learned"),
    ])
    opened.commit((), settled=[(boot, 1), (boot, 2)])
    yield opened
    opened.close()


def test_status_tells_the_last_window_and_the_standing_alarms(journal: SqliteJournal) -> None:
    status = read_status(journal.path)
    assert [(w.asset, w.score, w.state, w.alarm, w.features) for w in status.windows] == [
        ("pump", 8.0, "alarm", True, {"flow.mean": 1.0})]
    assert [(a.asset, a.transition) for a in status.standing] == [("pump", "raised")]
    assert status.counts == {"window": 2, "alarm": 3, "event": 1}
    assert status.pending == {"window": 1, "alarm": 2, "event": 1}
    assert (status.boots, status.started) == (1, T0)
    assert status.size >= journal.path.stat().st_size
    assert "pump  alarm, running  score 8 of 3" in str(status)
    assert orjson.loads(orjson.dumps(status))["windows"][0]["asset"] == "pump"


def test_alarms_are_told_newest_first(journal: SqliteJournal) -> None:
    alarms = read_alarms(journal.path, 2)
    assert [(a.asset, a.channel, a.transition, a.delivered) for a in alarms] == [
        ("fan", "drive-end", "cleared", False), ("pump", None, "raised", False)]
    oldest = read_alarms(journal.path, 9)[-1]
    assert (oldest.body["feature"], oldest.delivered) == ("rms", True)
    assert "fan/drive-end  raised alarm  rms = 9.5" in str(oldest)


def test_an_alarm_is_told_through_its_whole_life(journal: SqliteJournal) -> None:
    def pump(seq: int, transition: str, state: str, **more: str) -> Entry:
        return alarm(1, seq, transition, alarm="bearing", state=state, **more)

    journal.commit([
        pump(7, "raised", "unacknowledged"),
        pump(8, "acknowledged", "acknowledged", actor="eva", reason="bearing ordered"),
        alarm(1, 9, "raised", alarm="seal", state="unacknowledged"),
        alarm(1, 10, "shelved", alarm="seal", state="shelved", until="2026-01-01T02:00:00Z", actor="eva"),
    ])
    standing = {line.alarm: line for line in read_status(journal.path).standing if line.alarm}
    assert {name: line.body["state"] for name, line in standing.items()} == {
        "bearing": "acknowledged", "seal": "shelved"}
    assert "pump/bearing  acknowledged alarm by eva (bearing ordered)" in str(standing["bearing"])
    assert "pump/seal  shelved alarm until 2026-01-01T02:00:00Z by eva" in str(standing["seal"])
    # shelving ends with nothing standing beneath it: nobody is told, and still it is over
    journal.commit([entry(1, 11, "event", event="alarm", alarm="seal", transition="unshelved", state="normal")])
    assert {line.alarm for line in read_status(journal.path).standing} == {None, "bearing"}
    assert [line.transition for line in read_alarms(journal.path, 2)] == ["shelved", "raised"]


def test_reading_holds_no_lock_on_the_writer(journal: SqliteJournal) -> None:
    reader = journal.reader()
    assert reader.newest() == (1, 6)
    journal.commit([entry(1, 7)])
    assert reader.newest() == (1, 7)
    assert [e.seq for e in reader.pending(9, SUMMARIES)] == [4, 7]
    reader.close()


def test_a_reader_cannot_write(journal: SqliteJournal) -> None:
    reader = journal.reader()
    reader.newest()
    assert reader._opened is not None
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader._opened.execute("DELETE FROM log")
    reader.close()


def test_where_there_is_no_journal_the_remedy_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Start the daemon"):
        read_status(tmp_path / "none.db")
    empty = tmp_path / "empty.db"
    empty.touch()
    with pytest.raises(ConfigError, match="no journal of this version"):
        read_alarms(empty)


AS_NOBODY = """
import os, sys, urllib.parse
from agent.adapters.sqlite.reading import read_status
if os.geteuid() == 0:
    os.setuid(65534)
print(os.access(os.path.dirname(sys.argv[1]), os.W_OK), read_status(sys.argv[1]).boots)
"""


def test_a_journal_in_a_folder_that_the_reader_cannot_write_is_readable() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.db"
        journal = SqliteJournal(path)
        journal.begin_boot(T0)
        journal.close()
        path.parent.chmod(0o555)
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, str(path)], capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
        path.parent.chmod(0o755)
        assert done.stdout.split() == ["False", "1"], done.stderr


def test_the_views_are_for_people(journal: SqliteJournal) -> None:
    reader = sqlite3.connect(journal.path)
    assert reader.execute("SELECT seq, asset, at, score, alarm FROM windows ORDER BY seq").fetchall() == [
        (1, "pump", "2023-11-14T22:13:21.000Z", 1.0, 0), (4, "pump", "2023-11-14T22:13:24.000Z", 8.0, 1)]
    raised = 'SELECT asset, transition, feature, "limit" FROM alarms WHERE seq = 2'
    assert reader.execute(raised).fetchall() == [("fan", "raised", "rms", 7.1)]
    assert reader.execute("SELECT kind, what FROM events").fetchall() == [("event", "learned")]
    reader.close()
