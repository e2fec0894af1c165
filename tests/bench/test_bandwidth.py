"""What goes upstream is a small share of what the sensors say: the bandwidth's figure in its short form."""

from __future__ import annotations

import pytest

from tests.bench.bandwidth import configured, measured, packet_bytes, report


def test_three_hours_go_upstream_in_a_fiftieth_and_everything_of_importance_is_there() -> None:
    traffic = measured(configured(), 3.0)
    assert traffic.bytes_up(windows=False) < traffic.bytes_in / 50
    assert {"summary", "alarm", "event", "evidence", "health"} <= traffic.sent.keys()
    assert traffic.sent["summary"].messages == pytest.approx(2 * 3 * 12, abs=2)
    assert traffic.sent["health"].messages == pytest.approx(3 * 12, abs=2)
    assert traffic.bytes_up(windows=True) > 10 * traffic.bytes_up(windows=False)
    for kind in traffic.sent:
        assert kind in report(traffic)


@pytest.mark.parametrize(("rest", "length"), [(127, 1), (128, 2), (16_383, 2), (16_384, 3)])
def test_the_length_of_a_packet_takes_so_many_bytes_itself(rest: int, length: int) -> None:
    topic = "plant/x/summary"
    assert packet_bytes(topic, rest - len(topic) - 5) == 1 + length + rest  # MQTT 5.0, 1.5.5
