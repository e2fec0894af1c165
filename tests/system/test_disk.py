"""A daemon at work on a disk that fails: the short form of ``make diskfaults``. Needs root."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.endurance.diskfaults import trial


@pytest.mark.parametrize("faults", [
    ["disk full", "EIO", "bits flipped at rest", "garbage written while running"],
    ["no answer", "deleted while running", "read-only at the start"],
])
def test_whatever_the_disk_does_the_daemon_lives_alarms_go_on_and_the_journal_recovers(
    faults: list[str], tmp_path: Path
) -> None:
    told: list[dict[str, Any]] = []
    assert trial(tmp_path, faults, seed=2, told=told.append) == []
    assert [one["fault"] for one in told] == faults
    assert all(one["alarms"] for one in told)
