"""Topic filters match as MQTT 5.0, section 4.7, says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.monitoring.acquisition.topics import check_filter, covers, fewest, fill, matches, placeholders

LEVELS = st.sampled_from(["", "a", "b", "$sys"])
TOPICS = st.lists(LEVELS, min_size=1, max_size=4).map("/".join)
FILTERS = st.builds(
    lambda levels, end: "/".join([*levels, *end]),
    st.lists(st.sampled_from(["", "a", "b", "+", "$sys"]), min_size=1, max_size=3),
    st.sampled_from([[], ["#"]]),
)


@pytest.mark.parametrize(
    ("topic_filter", "topic", "caught"),
    [
        ("sport/tennis/player1/#", "sport/tennis/player1", ("",)),
        ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", ("score/wimbledon",)),
        ("#", "a/b", ("a/b",)),
        ("sport/tennis/+", "sport/tennis/player1", ("player1",)),
        ("sport/tennis/+", "sport/tennis/player1/ranking", None),
        ("sport/+", "sport", None),
        ("sport/+", "sport/", ("",)),
        ("+/+", "/finance", ("", "finance")),
        ("/+", "/finance", ("finance",)),
        ("+", "/finance", None),
        ("plant/+/pump/+/v", "plant/north/pump/7/v", ("north", "7")),
        ("#", "$SYS/uptime", None),
        ("+/monitor/Clients", "$SYS/monitor/Clients", None),
        ("$SYS/#", "$SYS/uptime", ("uptime",)),
        ("ACCOUNTS", "Accounts", None),
        ("a/b", "a/b", ()),
        ("a/b", "a/b/", None),
        ("a/b/c", "a/b", None),
    ],
)
def test_the_wildcards_catch_what_the_standard_says(
    topic_filter: str, topic: str, caught: tuple[str, ...] | None
) -> None:
    assert matches(topic_filter, topic) == caught


@pytest.mark.parametrize("topic_filter", ["a", "/", "+", "#", "a/+/b/#", "+/+", "$SYS/#", "räume/+"])
def test_good_filters_pass(topic_filter: str) -> None:
    assert check_filter(topic_filter) is None


@pytest.mark.parametrize(
    ("topic_filter", "reason"),
    [
        ("", "not empty"), ("a+/b", "whole level"), ("a/b#", "whole levels"), ("a/#/b", "only at the end"),
        ("a\0", "U+0000"), ("\ud800", "surrogates"), ("$share/group/a", "shared"),
        ("a" * 65_536, "65535 bytes"),
    ],
)  # fmt: skip
def test_bad_filters_are_told_why(topic_filter: str, reason: str) -> None:
    assert reason in (check_filter(topic_filter) or "")


@given(FILTERS, FILTERS, TOPICS)
def test_a_filter_that_covers_another_matches_all_that_it_matches(
    general: str, special: str, topic: str
) -> None:
    if covers(general, special) and matches(special, topic) is not None:
        assert matches(general, topic) is not None


@given(st.lists(FILTERS, max_size=5), TOPICS)
def test_the_fewest_filters_match_the_same_topics(filters: list[str], topic: str) -> None:
    kept = fewest(filters)
    assert any(matches(each, topic) is not None for each in kept) == any(
        matches(each, topic) is not None for each in filters
    )
    assert not any(covers(one, other) for one in kept for other in kept if one != other)


def test_a_template_is_filled_with_what_was_caught() -> None:
    assert fill("{2}-{1}-{2}", ("north", "7")) == "7-north-7"
    assert fill("pump", ()) == "pump"
    assert placeholders("{2}-{1}") == (2, 1)


@pytest.mark.parametrize("template", ["{0}", "{3}"])
def test_a_template_that_asks_for_more_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="more wildcards"):
        fill(template, ("north", "7"))
