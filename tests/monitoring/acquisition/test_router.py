"""The router finds who listens to a topic."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.monitoring.acquisition.router import Router, asset_id
from agent.monitoring.spec import AssetSpec, ChannelSpec, DecodeLimits, Source
from tests.monitoring.acquisition.channels import NOW


def asset(name: str, *topics: str) -> AssetSpec:
    channels = tuple(
        ChannelSpec(name=f"c{number}", topic=topic, source=Source(value=f"/c{number}"))
        for number, topic in enumerate(topics)
    )
    return AssetSpec(id=name, profile="process", channels=channels)


def router(*assets: AssetSpec) -> Router:
    return Router(assets, DecodeLimits())


def test_a_feed_decodes_all_channels_of_its_topic() -> None:
    feeds = router(asset("pump", "p/a", "p/a", "p/b")).route("p/a")
    assert [feed.asset_id for feed in feeds] == ["pump"]
    blocks = feeds[0].decode(b'{"c0":1,"c1":2,"c2":3}', NOW)
    assert [(block.asset, block.channel) for block in blocks] == [("pump", "c0"), ("pump", "c1")]


def test_each_match_of_a_template_is_an_asset_of_its_own() -> None:
    routes = router(asset("{1}.{2}", "plant/+/pump/+/v"))
    first, second = (routes.route(f"plant/North Hall/pump/{number}/v")[0] for number in (1, 2))
    assert (first.asset_id, second.asset_id) == ("north-hall.1", "north-hall.2")
    assert first.decode(b'{"c0":1}', NOW)[0].asset == "north-hall.1"
    assert first.spec is second.spec


def test_two_assets_may_share_a_topic() -> None:
    assert [feed.asset_id for feed in router(asset("one", "t"), asset("two", "+")).route("t")] == [
        "one",
        "two",
    ]


def test_a_topic_of_no_asset_has_no_feeds() -> None:
    assert router(asset("one", "t")).route("u") == ()


def test_a_topic_is_looked_up_once() -> None:
    routes = router(asset("one", "#"))
    assert routes.route("t") is routes.route("t")


def test_the_memory_for_topics_is_bounded_and_the_oldest_goes() -> None:
    routes = router(asset("one", "#"))
    oldest = routes.route("0")
    for number in range(1, 10_000):
        routes.route(str(number))
    assert routes.route("0") is oldest
    newest = routes.route("10000")
    assert routes.route("0") is not oldest
    assert routes.route("10000") is newest


def test_filters_that_others_cover_are_not_subscribed() -> None:
    assert router(asset("one", "a/b", "c"), asset("two", "a/+", "c", "a/b/d")).filters() == (
        "c",
        "a/+",
        "a/b/d",
    )


def test_an_id_that_asks_for_more_wildcards_is_refused() -> None:
    with pytest.raises(ValueError, match="more wildcards"):
        router(asset("{2}", "a/+")).route("a/b")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Pump 7", "pump-7"),
        ("--a_b", "a_b"),
        ("", "unnamed"),
        ("räume", "r-ume"),
        ("x" * 70, "x" * 64),
        ("a/b", "a-b"),
    ],
)
def test_any_text_is_made_a_valid_id(text: str, expected: str) -> None:
    assert asset_id(text) == expected


@given(st.text())
def test_every_id_is_valid_and_stays_as_it_is(text: str) -> None:
    made = asset_id(text)
    assert re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,63}", made)
    assert asset_id(made) == made


def test_an_asset_is_found_by_its_very_id_and_not_by_a_template() -> None:
    pump = asset("pump", "p/a")
    routes = router(asset("{1}", "plant/+/v"), pump)
    assert routes.asset("pump") is pump
    assert routes.asset("{1}") is None
    assert routes.asset("fan") is None
