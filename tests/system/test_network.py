"""The uplink cut by a reset and by a black hole, with windows going on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simulators.proxy import Proxy
from tests.broker import Broker
from tests.system.daemon import Daemon, Listener, Machine, eventually


class Link:
    """A daemon whose uplink runs through a proxy."""

    def __init__(self, folder: Path) -> None:
        self.sensors = Broker(folder / "sensors")
        self.uplink = Broker(folder / "uplink")
        self.sensors.start()
        self.uplink.start()
        self.proxy = Proxy(("127.0.0.1", self.uplink.port))
        self.proxy.start()
        self.daemon = Daemon(folder, self.sensors.port, self.proxy.port)
        self.machine = Machine(self.sensors.port)
        self.office = Listener(self.uplink.port)

    def windows(self) -> int:
        return len(self.office.of("window"))

    def close(self) -> None:
        self.daemon.close()
        self.machine.close()
        self.office.close()
        self.proxy.close()
        self.uplink.stop()
        self.sensors.stop()


@pytest.fixture
def link(tmp_path: Path) -> Iterator[Link]:
    made = Link(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("fault", ["cut", "blackhole"])
def test_windows_go_on_without_a_link_and_all_of_them_arrive_later(link: Link, fault: str) -> None:
    link.daemon.start()
    link.machine.run(60)
    eventually(lambda: link.windows() == 56, what="the windows before the fault")
    getattr(link.proxy, fault)()
    link.machine.run(100)
    eventually(lambda: link.daemon.log().count("uplink lost") == 1, within=40, what="the loss noticed")
    assert link.windows() == 56
    link.machine.run(100)
    link.proxy.restore()
    link.machine.run(10)
    eventually(lambda: link.windows() == 266, within=70, what="all windows after the fault")
    seqs = {body["seq"] for _, body in link.office.heard if "seq" in body}
    assert seqs == set(range(1, max(seqs) + 1))
    late = [body for body in link.office.of("window") if body["historical"]]
    assert len(late) >= 200
