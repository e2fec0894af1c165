"""The log: JSON for machines, a console for people, never a secret, never a storm."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from agent import log
from agent.config.settings import Log

CANARY = "canary-7f3a"
JSON = Log(level="info", format="json")


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """The log as it was before."""
    yield
    structlog.reset_defaults()


def _lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_line_of_json_that_says_who_when_and_how_grave() -> None:
    stream = io.StringIO()
    log.configure(JSON, stream=stream, environ={})
    log.get_logger("agent.here").warning("broker lost", broker="mqtt://a", seconds=1.5)
    (event,) = _lines(stream)
    assert event.pop("timestamp").endswith("Z")
    assert event == {"event": "broker lost", "level": "warning", "module": "agent.here", "broker": "mqtt://a",
                     "seconds": 1.5}


def test_off_a_terminal_auto_is_json_and_console_is_text() -> None:
    auto, console = io.StringIO(), io.StringIO()
    log.configure(stream=auto, environ={})
    log.get_logger("a").info("said")
    log.configure(Log(level="info", format="console"), stream=console, environ={})
    log.get_logger("a").info("said", asset="pump")
    assert _lines(auto)[0]["event"] == "said"
    assert "said" in console.getvalue()
    assert "asset=pump" in console.getvalue()
    assert "{" not in console.getvalue()


def test_what_is_less_important_than_the_level_is_left_out_also_after_a_reload() -> None:
    stream = io.StringIO()
    logger = log.get_logger("a")
    log.configure(JSON, stream=stream, environ={})
    logger.debug("one")
    log.configure(Log(level="debug", format="json"), stream=stream, environ={})
    logger.debug("two")
    assert [event["event"] for event in _lines(stream)] == ["two"]


def test_journald_gets_the_priority_in_front(tmp_path: Path) -> None:
    with (tmp_path / "journal").open("w") as stream:
        found = os.fstat(stream.fileno())
        log.configure(JSON, stream=stream, environ={"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"})
        log.get_logger("a").error("broken")
        log.get_logger("a").info("mended")
    grave, light = (tmp_path / "journal").read_text().splitlines()
    assert grave.startswith('<3>{"')
    assert light.startswith('<6>{"')


def test_another_stream_than_journalds_gets_plain_json(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as stream:
        log.configure(JSON, stream=stream, environ={"JOURNAL_STREAM": "1:2"})
        log.get_logger("a").info("said")
    assert json.loads((tmp_path / "file").read_text())["event"] == "said"


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_secret_is_written(form: Any) -> None:
    stream = io.StringIO()
    log.configure(Log(level="info", format=form), stream=stream, environ={})
    logger = log.get_logger("a")
    logger.info("connecting", url=f"mqtts://user:{CANARY}@host", password=CANARY,
                broker={"api_key": CANARY, "urls": [f"mqtt://{CANARY}@host"]})
    try:
        int(f"mqtt://user:{CANARY}@host")
    except ValueError:
        logger.exception("failed")
    assert CANARY not in stream.getvalue()
    assert "failed" in stream.getvalue()
    assert "***@host" in stream.getvalue()


def test_a_storm_of_one_event_is_counted_and_said_a_minute_later() -> None:
    now = 0.0
    limit = log.RateLimit(burst=2, clock=lambda: now)
    passed = []
    for second in range(70):
        now = float(second)
        try:
            passed.append(dict(limit(None, "warning", {"event": "malformed", "second": second})))
        except structlog.DropEvent:
            continue
    assert passed == [
        {"event": "malformed", "second": 0},
        {"event": "malformed", "second": 1},
        {"event": "malformed", "second": 60, "suppressed": 58},
        {"event": "malformed", "second": 61},
    ]


def test_a_storm_hides_neither_other_events_nor_other_assets_nor_what_is_critical() -> None:
    limit = log.RateLimit(burst=1, clock=lambda: 0.0)
    limit(None, "warning", {"event": "storm", "asset": "a"})
    with pytest.raises(structlog.DropEvent):
        limit(None, "warning", {"event": "storm", "asset": "a"})
    assert limit(None, "warning", {"event": "storm", "asset": "b"})
    assert limit(None, "warning", {"event": "calm", "asset": "a"})
    assert limit(None, "critical", {"event": "storm", "asset": "a"})


def test_the_kinds_that_are_counted_stay_bounded() -> None:
    limit = log.RateLimit(burst=1, clock=lambda: 0.0, kinds=3)
    for number in range(10):
        assert limit(None, "info", {"event": f"event {number}"})
    assert limit(None, "info", {"event": "event 0"})  # forgotten, hence new
    with pytest.raises(structlog.DropEvent):
        limit(None, "info", {"event": "event 9"})


def test_a_log_that_cannot_be_written_does_not_end_the_daemon() -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream:
        log.configure(JSON, stream=stream, environ={})
        os.close(reader)
        log.get_logger("a").info("nobody listens")
        log.get_logger("a").info("still nobody")
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def test_a_bug_is_logged_with_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        os.environ["GONE"]
    except KeyError:
        log.report_bug()
    event = json.loads(capsys.readouterr().err)
    assert event["level"] == "critical"
    assert "KeyError: 'GONE'" in event["exception"]


def test_the_log_takes_rich_neither_first_nor_later() -> None:
    script = ("import importlib.util, sys; from agent import log; import structlog; log.configure(); "
              "log.get_logger('a').info('x'); loaded = 'rich' in sys.modules; "
              "print(loaded, importlib.util.find_spec('rich') is not None)")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded, there = done.stdout.split()
    assert loaded == "False"
    assert there == "True", "rich is a dependency of the tests; without it this test shows nothing"
