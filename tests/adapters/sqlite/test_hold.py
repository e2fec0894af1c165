"""A journal has one holder, and none once that process is gone, however it went."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.adapters.sqlite.hold import held
from agent.errors import ConfigError

HOLDER = """
import sys, time
from pathlib import Path
from agent.adapters.sqlite.hold import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def holder(path: Path, seconds: float) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(path), str(seconds)],
                               stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_what_another_process_holds_is_refused_until_that_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with holder(path, 60) as process:
        with pytest.raises(ConfigError, match="a running daemon holds"), held(path):
            raise AssertionError("held twice")
        process.kill()
        process.wait()
        with held(path):
            assert not path.exists(), "holding makes no journal"


def test_a_short_holder_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with holder(path, 0.3):
        begun = time.monotonic()
        with held(path, patience=10):
            assert time.monotonic() - begun < 10


def test_one_journal_in_a_folder_does_not_keep_the_other(tmp_path: Path) -> None:
    with held(tmp_path / "a.db"), held(tmp_path / "b.db"):
        assert {path.name for path in tmp_path.iterdir()} == {"a.db.lock", "b.db.lock"}


def test_a_folder_that_cannot_be_is_the_configuration_s_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be made"), held(tmp_path / "file" / "journal.db"):
        raise AssertionError("held nothing")
