"""Fixtures of the system tests: two real brokers, a machine, a daemon process, a listener."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.broker import Broker
from tests.system.daemon import Daemon, Listener, Machine


@dataclass
class Plant:
    """Everything between a sensor and the office."""

    sensors: Broker
    uplink: Broker
    daemon: Daemon
    machine: Machine
    office: Listener
    local: Listener


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    """A plant whose daemon is configured but not yet started."""
    sensors = Broker(tmp_path / "sensors", persistence=True)
    uplink = Broker(tmp_path / "uplink", persistence=True)
    sensors.start()
    uplink.start()
    made = Plant(
        sensors=sensors,
        uplink=uplink,
        daemon=Daemon(tmp_path, sensors.port, uplink.port),
        machine=Machine(sensors.port),
        office=Listener(uplink.port),
        local=Listener(sensors.port),
    )
    yield made
    made.daemon.close()
    made.machine.close()
    made.office.close()
    made.local.close()
    uplink.stop()
    sensors.stop()
