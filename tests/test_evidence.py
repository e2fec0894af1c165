"""``watchkeeper evidence``: an alarm's samples out of the journal, as files that ``replay`` and numpy read again."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from agent import cli
from agent.adapters.sqlite.journal import SqliteJournal
from agent.config.settings import Replay
from agent.evidence import write
from agent.monitoring.evidence import pieces_of
from agent.monitoring.spec import EvidenceSpec
from agent.monitoring.types import Record
from agent.ports import Entry
from agent.replay import read_rows
from tests.monitoring.plant import MOTOR, PUMP, T0, learned
from tests.monitoring.test_evidence import LIMITED, limited, record

MAPPING = Replay(asset=None, separator=",", time_column=None, time_unit="iso8601", columns={}, channel=None, rate=None,
                 start=None)


def pump() -> dict[str, Any]:
    plant = learned()
    return only(plant.run(70) + plant.run(10, flow=-3.0))


def motor() -> dict[str, Any]:
    monitor = limited()
    for second in (1, 2):
        monitor.observe(record(second, 0.1), T0)
    return only(monitor.observe(record(3, 3.0), T0) + monitor.owed())


def only(records: list[Record]) -> dict[str, Any]:
    (body,) = (orjson.loads(orjson.dumps(one.body)) for one in records if one.kind == "evidence")
    found: dict[str, Any] = body
    return found


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "journal.db"
    opened = SqliteJournal(path)
    boot = opened.begin_boot(T0)
    opened.commit([
        Entry(boot, number, "evidence", body["asset"], T0, orjson.dumps(body))
        for number, body in enumerate((motor(), pump()), 1)])
    opened.close()
    return path


def test_telemetry_is_a_table_that_replay_reads(tmp_path: Path) -> None:
    body = pump()
    path = write(body, tmp_path / "new" / "folder")
    assert path.suffix == ".csv"
    with path.open(newline="") as file:
        assert next(csv.reader(file)) == ["time", "pressure", "flow"]
    rows = list(read_rows(MAPPING, PUMP, path))
    for place, piece in enumerate(pieces_of(body)):
        assert [row[place].time for row in rows] == piece.times.tolist()
        np.testing.assert_array_equal([np.float32(row[place].values[0]) for row in rows], piece.values)


def test_a_waveform_is_arrays_that_replay_reads(tmp_path: Path) -> None:
    path = write(motor(), tmp_path)
    assert path.suffix == ".npz"
    spec = replace(MOTOR, channels=MOTOR.channels[:1])
    rows = [block for (block,) in read_rows(MAPPING, spec, path)]
    assert [block.time for block in rows] == [record(second, 0.1).time for second in (1, 2, 3)]
    np.testing.assert_array_equal(rows[2].values, record(3, 3.0).values)
    assert rows[0].rate == record(1, 0.1).rate


def test_a_record_cut_at_its_beginning_is_left_out_of_the_arrays(tmp_path: Path) -> None:
    monitor = limited(replace(LIMITED, evidence=EvidenceSpec(context=0.95)))
    monitor.observe(record(1, 1.5), T0)
    body = only(monitor.observe(record(2, 3.0), T0) + monitor.owed())
    assert [piece["count"] < 2560 for piece in body["channels"]] == [True, False]
    with np.load(write(body, tmp_path)) as arrays:
        assert arrays["values"].shape == (1, 2560)


def test_the_command_lists_and_writes(journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["evidence", "--journal", str(journal)]) == 0
    newest, oldest = capsys.readouterr().out.splitlines()
    assert "pump/condition  samples: 65 of pressure, 65 of flow" in newest
    assert "motor/drive end  samples: 7680 of drive end" in oldest
    assert cli.main(["evidence", "motor", "--journal", str(journal), "--output", str(tmp_path / "out")]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert [str(path) for path in (tmp_path / "out").iterdir()] == [line]
    assert Path(line).name.startswith("motor-drive-end-2023-11-14T")


def test_a_folder_that_cannot_be_written_is_named(journal: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert cli.main(["evidence", "--journal", str(journal), "--output", str(tmp_path / "file")]) == 78
