"""A boot begins whether or not the journal can be opened, and its number is stored when it can."""

from __future__ import annotations

from pathlib import Path

from agent.adapters.sqlite.opening import Memory, Opening
from agent.monitoring.types import Snapshot
from agent.ports import Entry
from tests.adapters.sqlite.entries import T0, entry


def opening(path: Path) -> Opening:
    return Opening(path, 4 * 1_048_576, ("summary", "alarm"), lambda: T0)


def lived(path: Path) -> None:
    """One run that has left something."""
    journal = opening(path).at_start()
    assert journal is not None
    journal.commit([entry(1, 1)], [Snapshot("pump", {"n": 1})])
    journal.close()


def test_a_boot_on_a_healthy_disk_takes_the_next_number_and_counts_from_one(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    lived(path)
    second = opening(path)
    journal = second.at_start()
    assert journal is not None
    assert (second.boot, second.after) == (2, 0)
    memory = second.recall()
    assert memory is not None
    assert memory.snapshots == {"pump": {"n": 1}}
    assert list(memory.last_times) == ["pump"]
    journal.close()


def test_without_a_disk_a_boot_goes_by_the_next_number_and_a_place_of_its_own_and_both_are_kept_later(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "state"
    lived(folder / "journal.db")
    folder.rename(tmp_path / "away")
    folder.touch()  # a file where the folder should be: nothing can be opened
    blind, other = opening(folder / "journal.db"), opening(folder / "journal.db")
    assert blind.at_start() is None
    assert other.at_start() is None
    assert blind.boot == 1
    for one in (blind, other):
        assert 0 < one.after < 2**39
        assert one.after % 2**20 == 0
    assert blind.after != other.after

    folder.unlink()
    (tmp_path / "away").rename(folder)
    journal = blind()
    assert blind.boot == 1
    journal.commit([Entry(blind.boot, blind.after + 1, "event", "pump", T0, b"{}")])
    journal.close()
    third = opening(folder / "journal.db")
    last = third.at_start()
    assert last is not None
    assert third.boot == 2
    last.close()


def test_a_number_that_was_only_known_beside_the_file_is_counted_on_from(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    lived(path)
    path.unlink()
    path.mkdir()  # nothing that SQLite opens
    blind = opening(path)
    assert blind.at_start() is None
    assert blind.boot == 2
    assert blind.recall() is None


def test_where_there_is_no_file_nothing_was_learned(tmp_path: Path) -> None:
    assert opening(tmp_path / "none" / "journal.db").recall() == Memory({}, {}, ())
