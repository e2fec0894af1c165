"""The whole demo, played faster, as a process without a terminal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

from simulators.demo.story import BEARING, PUMP
from tests.simulators.demo.pages import Page

_SPEED = "90"


def _demo(folder: Path, *options: str) -> subprocess.Popen[str]:
    """Its temporary files in ``folder`` too, so that its processes can be told from others'."""
    return subprocess.Popen(
        [sys.executable, "-m", "simulators", "demo", "--report", str(folder / "report"), *options],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "TMPDIR": str(folder), "WATCHKEEPER_DEVICE__ID": "the-users-own"})


def _left_behind(folder: Path) -> list[str]:
    lines = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            lines.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue  # it has ended meanwhile
    return [line for line in lines if str(folder) in line]


def test_the_demo_shows_all_of_it_and_leaves_a_page_that_agrees_with_what_was_heard(tmp_path: Path) -> None:
    demo = _demo(tmp_path, "--speed", _SPEED)
    said, _ = demo.communicate(timeout=120)
    assert demo.returncode == 0, said
    assert "All of it happened." in said
    assert "  NO  " not in said
    report = tmp_path / "report"
    heard = [json.loads(line) for line in (report / "heard.jsonl").read_text().splitlines()]
    records = {(one["body"]["boot"], one["body"]["seq"]): one["body"]
               for one in heard if one["side"] == "upstream" and "seq" in one["body"]}
    assert sorted(records) == [(1, seq) for seq in range(1, len(records) + 1)]
    assert {body["device"] for body in records.values()} == {"gateway-1"}
    scores = Counter(body["asset"] for body in records.values()
                     if body["kind"] == "window" and body["score"] is not None)
    page = Page((report / "index.html").read_text())
    assert page.counts[f"Scores of {PUMP} over time"]["score"] == scores[PUMP] > 1000
    assert page.counts[f"Scores of {BEARING} over time"]["score"] == scores[BEARING] > 200
    arrivals = page.counts["When each record happened and when it was heard upstream"]
    assert sum(arrivals.values()) == len(records)
    # one raised and cleared, one raised; severity may rise on the way
    alarms = {one["body"]["seq"] for one in heard if one["side"] == "upstream" and one["kind"] == "alarm"}
    assert arrivals["alarms"] == len(alarms) >= 3
    assert page.foreign == []
    assert 'id = "gateway-1"' in (report / "watchkeeper.toml").read_text()
    assert _left_behind(tmp_path) == []


def test_a_demo_that_is_told_to_end_leaves_no_process_behind(tmp_path: Path) -> None:
    demo = _demo(tmp_path)
    assert demo.stdout is not None
    assert "Learning what is normal" in demo.stdout.readline()
    assert len(_left_behind(tmp_path)) >= 2  # the demo itself and the daemon
    demo.send_signal(signal.SIGTERM)
    demo.communicate(timeout=20)
    assert demo.returncode == 128 + signal.SIGTERM
    assert _left_behind(tmp_path) == []


def test_a_speed_that_is_none_is_refused(tmp_path: Path) -> None:
    demo = _demo(tmp_path, "--speed", "0")
    said, _ = demo.communicate(timeout=20)
    assert demo.returncode == 2
    assert "greater than 0" in said


def test_a_demo_without_its_extra_says_what_to_install(tmp_path: Path) -> None:
    without = ("import sys; sys.modules['iotcore'] = None; from simulators.__main__ import main; "
               "sys.exit(main(['demo', '--report', sys.argv[1]]))")
    said = subprocess.run(
        [sys.executable, "-c", without, str(tmp_path)], capture_output=True, text=True, check=False)
    assert said.returncode == 1
    assert "iotcore: pip install '.[demo]'" in said.stderr
