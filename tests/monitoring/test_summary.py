"""Summaries of a period: what they add up, when they close, and that a restart changes nothing about them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.monitoring.spec import AssetSpec, ChannelSpec
from agent.monitoring.summary import Summaries
from agent.monitoring.types import SECOND, Nanos, Record

MINUTE = 60 * SECOND
SPEC = AssetSpec(
    id="pump", profile="process", channels=(ChannelSpec(name="flow", topic="t"),), summary_period=60, stale_after=30.0)


def window(second: float, **more: Any) -> Record:
    body = {"asset": "pump", "channel": None, "score": 1.0, "health": 90.0, "state": "normal", "alarm": False,
            "features": {"flow.mean": 5.0}} | more
    return Record("window", "pump", round(second * SECOND), body)


def closed(records: list[Record]) -> list[dict[str, Any]]:
    """The bodies of the summaries that these windows lead to."""
    summaries = Summaries()
    return [dict(summary.body) for record in records
            if (summary := summaries.take(record, SPEC, record.time)) is not None]


def test_a_summary_holds_the_figures_of_its_period() -> None:
    scores = [float(score) for score in np.random.default_rng(1).gamma(2.0, size=59)]
    windows = [window(second + 1, score=score, health=100.0 - second, features={"flow.mean": score, "flow.std": None})
               for second, score in enumerate(scores)]
    windows[30] = window(31, score=None, health=None, state="warning", alarm=True, quality={"gap": 2})
    (summary,) = closed([*windows, window(61)])
    told = [score for place, score in enumerate(scores) if place != 30]
    assert (summary["start"], summary["end"]) == ("1970-01-01T00:00:00.000000Z", "1970-01-01T00:01:00.000000Z")
    assert (summary["windows"], summary["alarm_windows"]) == (59, 1)
    assert summary["score"] == {
        "count": 58, "min": min(told), "mean": pytest.approx(np.mean(told)), "max": max(told),
        "p95": pytest.approx(np.quantile(told, 0.95))}
    assert summary["health"] == {"min": 42.0, "mean": pytest.approx(100 - np.mean([*range(30), *range(31, 59)])),
                                 "max": 100.0, "last": 42.0}
    assert summary["states"] == {"normal": 58, "warning": 1}
    assert summary["quality"] == {"gap": 2}


def test_features_are_those_of_the_period_and_what_is_missing_does_not_count() -> None:
    windows = [window(second, features={"a": float(second), "b": None if second % 2 else -1.0, "c": None})
               for second in range(1, 41)]
    (summary,) = closed([*windows, window(61)])
    assert summary["features"] == {"a": {"min": 1.0, "mean": 20.5, "max": 40.0},
                                   "b": {"min": -1.0, "mean": -1.0, "max": -1.0}}


@pytest.mark.parametrize(("second", "ends"), [(60, 0), (60.001, 1), (3600, 1)])
def test_a_window_belongs_to_the_period_in_which_it_ends(second: float, ends: int) -> None:
    assert len(closed([window(1), window(second)])) == ends


def test_a_clock_that_was_put_back_ends_the_period_too() -> None:
    assert [summary["windows"] for summary in closed([window(601), window(602), window(5), window(66)])] == [2, 1]


def test_a_stream_that_has_ended_is_summed_up_when_nothing_more_is_to_be_expected() -> None:
    summaries = Summaries()
    summaries.take(window(10), SPEC, 1_000 * SECOND)
    assert summaries.tick({"pump": SPEC}, 1_090 * SECOND) == []
    (summary,) = summaries.tick({"pump": SPEC}, 1_091 * SECOND)
    assert summary.body["windows"] == 1
    assert summaries.tick({"pump": SPEC}, 9_999 * SECOND) == []


def test_of_an_asset_that_is_watched_no_longer_the_period_ends_at_once() -> None:
    summaries = Summaries()
    summaries.take(window(10), SPEC, SECOND)
    assert len(summaries.tick({}, SECOND)) == 1


@pytest.mark.parametrize(("offset", "told"), [(1_700_000_000, 1), (-1_000, 1), (2, 0)])
def test_when_the_clock_is_set_the_periods_that_it_timed_are_over(offset: int, told: int) -> None:
    summaries = Summaries()
    summaries.take(window(10), SPEC, 58 * SECOND)
    assert len(summaries.clock_stepped(offset * SECOND)) == told


def test_periods_that_senders_timed_go_on_when_the_clock_is_set() -> None:
    summaries = Summaries()
    summaries.take(window(1_700_000_010), SPEC, 10 * SECOND)
    assert summaries.clock_stepped(1_700_000_000 * SECOND) == []
    assert summaries.take(window(1_700_000_011), SPEC, 1_700_000_011 * SECOND) is None


def test_very_many_windows_do_not_need_very_much_memory_and_the_quantile_stays_near() -> None:
    spec = replace(SPEC, summary_period=86_400)
    summaries, rng = Summaries(), np.random.default_rng(2)
    scores = rng.exponential(size=30_000)
    for place, score in enumerate(scores):
        assert summaries.take(window(1 + place, score=float(score)), spec, 0) is None
    (period,) = summaries._open.values()
    assert len(period._sample) <= 4096
    (summary,) = summaries.tick({}, 0)
    assert summary.body["score"]["count"] == 30_000
    assert summary.body["score"]["p95"] == pytest.approx(np.quantile(scores, 0.95), rel=0.1)


STEPS = st.lists(
    st.tuples(st.sampled_from([1, 1, 1, 7, 40, 300]), st.floats(0, 9), st.sampled_from([None, "vibration"])),
    min_size=1, max_size=60)


@given(STEPS, st.sets(st.integers(0, 60)))
def test_restarts_at_any_window_change_no_summary(
    steps: list[tuple[int, float, str | None]], restarts: set[int]
) -> None:
    def run(restarts: set[int]) -> list[bytes]:
        summaries = Summaries()
        log: list[Record] = []
        time: Nanos = 0
        for place, (step, score, channel) in enumerate(steps):
            time += step * SECOND
            record = window(time / SECOND, score=score, channel=channel, features={"a": score, "b": -score})
            log.append(Record("window", "pump", time, orjson.loads(orjson.dumps(record.body))))
            if (summary := summaries.take(record, SPEC, time)) is not None:
                log.append(summary)
            if place in restarts:
                summaries = Summaries()
                summaries.resume(log, SPEC)
        return [orjson.dumps(record.body) for record in log if record.kind == "summary"]

    assert run(restarts) == run(set())
