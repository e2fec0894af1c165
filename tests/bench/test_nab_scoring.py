"""NAB's scoring: its arithmetic on small cases, and the published scores of a published detector."""

from __future__ import annotations

import csv
import gzip
import json
import os
from math import erfc
from pathlib import Path

import numpy as np
import pytest

from tests.bench.nab import files, main, times, windows_of
from tests.bench.nab_scoring import FileScore, Window, normalised, probation, score, sigmoid

DATA = Path(os.environ.get("WATCHKEEPER_DATA", Path(__file__).parents[3] / "shared" / "data")) / "nab"
WINDOWS = [Window(400, 499), Window(700, 749)]


def test_saying_nothing_costs_each_window() -> None:
    assert score([], WINDOWS, 1000) == FileScore(-2.0, 2, 0, 0)
    assert normalised([score([], WINDOWS, 1000)]) == 0.0


def test_every_window_at_its_first_row_is_a_hundred() -> None:
    assert normalised([score([400, 700], WINDOWS, 1000)]) == pytest.approx(100.0)


def test_only_the_earliest_detection_in_a_window_counts() -> None:
    assert score([430, 440, 499], WINDOWS, 1000) == score([430], WINDOWS, 1000)
    assert score([499], WINDOWS, 1000).score < score([430], WINDOWS, 1000).score


def test_a_detection_in_the_middle_of_a_window_is_worth_its_sigmoid() -> None:
    found = score([450, 700], WINDOWS, 1000).score
    assert found == pytest.approx(1.0 + sigmoid(-0.5) / sigmoid(-1.0))
    assert sigmoid(-0.5) == pytest.approx(0.84828, abs=1e-5)  # as the benchmark's own comment says


def test_false_detections_cost_by_their_distance_to_the_window_before() -> None:
    quiet = score([400, 700], WINDOWS, 1000).score
    assert quiet - score([300, 400, 700], WINDOWS, 1000).score == pytest.approx(0.11)  # before the first: all
    near = quiet - score([400, 501, 700], WINDOWS, 1000).score
    far = quiet - score([400, 600, 700], WINDOWS, 1000).score
    assert 0.0 < near < 0.01
    assert far == pytest.approx(-0.11 * sigmoid(101 / 99))
    assert quiet - score([400, 700, 900], WINDOWS, 1000).score == pytest.approx(0.11)  # three widths behind


def test_nothing_counts_in_the_probation_of_a_file() -> None:
    assert (probation(1000), probation(22_695)) == (150, 750)
    assert score([0, 149], WINDOWS, 1000) == score([], WINDOWS, 1000)
    assert score([150], WINDOWS, 1000).false == 1


def test_normal_files_alone_have_no_normalised_score() -> None:
    assert normalised([score([500], [], 1000)]) is None


def test_a_bench_over_normal_files_only_prints_no_score(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "combined_windows.json").write_text('{"artificial/flat.csv": []}')
    (tmp_path / "artificial").mkdir()
    rows = "".join(f"2014-04-01 {hour:02d}:{minute:02d}:00,45.0\n" for hour in range(24) for minute in range(0, 60, 5))
    (tmp_path / "artificial" / "flat.csv").write_text("timestamp,value\n" + rows)
    assert main(["--data", str(tmp_path), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert (figures["normalised"], figures["files"], figures["windows"]) == (None, 1, 0)


def test_without_files_the_bench_says_that_it_did_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path), "--json"]) == 0
    assert "not run" in capsys.readouterr().err


def windowed_gaussian(values: list[float]) -> list[float]:
    """The benchmark's baseline ``windowedGaussian``: one minus the Gaussian tail of a value among the
    last 6400, which move on by 100; published with 12 digits."""
    window: list[float] = []
    step: list[float] = []
    mean, deviation, scores = 0.0, 1.0, []
    for value in values:
        tail = 0.5 * erfc(abs(value - mean) / deviation / 1.4142) if window else 1.0
        scores.append(float(f"{1.0 - tail:.12g}"))
        if len(window) < 6400:
            window.append(value)
        else:
            step.append(value)
            if len(step) < 100:
                continue
            window, step = window[100:] + step, []
        mean, deviation = float(np.mean(window)), float(np.std(window)) or 1e-6
    return scores


@pytest.mark.parametrize("name", [
    "realAWSCloudwatch/ec2_cpu_utilization_fe7f93.csv",
    "realAWSCloudwatch/ec2_network_in_5abac7.csv",
    "realAdExchange/exchange-4_cpm_results.csv",
    "realKnownCause/rogue_agent_key_hold.csv",
    "realTraffic/speed_7578.csv",
])
def test_a_published_detector_gets_its_published_score(name: str) -> None:
    found = files(DATA)
    if name not in found or not (DATA / "published_standard_scores.csv").exists():
        return  # the benchmark's files are not here
    with (DATA / "published_standard_scores.csv").open() as stream:
        published = {row["file"]: row for row in csv.DictReader(stream)}[name]
    path, labelled = found[name]
    rows = times(path)
    windows = windows_of(labelled, rows)
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as stream:
        values = [float(row["value"]) for row in csv.DictReader(stream)]
    said = [row for row, value in enumerate(windowed_gaussian(values)) if value >= 1.0]
    assert score(said, windows, len(rows)).score == pytest.approx(float(published["windowedGaussian"]), abs=1e-3)
    assert score([], windows, len(rows)).score == float(published["null"])
