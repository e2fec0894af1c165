"""Broker addresses: what is a URL of one, and what is said of what is not."""

from __future__ import annotations

import pytest

from agent.config.urls import BrokerAddress, broker_address


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://host", BrokerAddress("host", 1883, tls=False)),
        ("mqtts://host/", BrokerAddress("host", 8883, tls=True)),
        ("mqtt://[::1]:1884", BrokerAddress("::1", 1884, tls=False)),
    ],
)
def test_a_url_says_host_port_and_tls(url: str, address: BrokerAddress) -> None:
    assert broker_address(url) == address


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("host:1883", "begin with mqtt://"),
        ("mqtt://host:0", "1 to 65535"),
        ("mqtt://host:port", "1 to 65535"),
        ("mqtt://host/topic", "after the port"),
        ("mqtt://host?x=1", "after the port"),
        ("mqtt://[::1", "Invalid IPv6"),
    ],
)
def test_what_is_no_url_of_a_broker_is_said(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        broker_address(url)
