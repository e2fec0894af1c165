"""The kernel's own count of what this process has written."""

from __future__ import annotations

import os
from pathlib import Path

from agent.adapters.flash import bytes_written


def test_what_is_written_and_synced_to_a_disk_is_counted(tmp_path: Path) -> None:
    before = bytes_written()
    assert before is not None
    with (tmp_path / "file").open("wb") as stream:
        stream.write(b"x" * 1_000_000)
        stream.flush()
        os.fsync(stream.fileno())
    after = bytes_written()
    assert after is not None
    written = after - before
    # pages; of a file system in memory, where the tests' folder may be, nothing
    assert written == 0 or 1_000_000 <= written < 1_100_000


def test_a_kernel_that_does_not_say_is_no_error(tmp_path: Path) -> None:
    assert bytes_written(tmp_path / "none") is None
    (tmp_path / "io").write_text("rchar: 5\n")
    assert bytes_written(tmp_path / "io") is None
    (tmp_path / "io").write_text("rchar: 5\nwrite_bytes: 4096\ncancelled_write_bytes: 1\n")
    assert bytes_written(tmp_path / "io") == 4096
