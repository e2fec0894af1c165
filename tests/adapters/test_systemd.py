"""What the service manager hears on a real datagram socket, and what it hands over."""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.adapters.systemd import SystemdNotifier, credential, watchdog_interval
from agent.errors import ConfigError
from agent.ports import Notifier


class ServiceManager:
    """The listening end of NOTIFY_SOCKET."""

    def __init__(self, address: str) -> None:
        self.environ = {"NOTIFY_SOCKET": address}
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.settimeout(0.05)

    def heard(self) -> list[dict[str, str]]:
        """The datagrams so far, each as its assignments."""
        datagrams: list[dict[str, str]] = []
        while True:
            try:
                text = self.socket.recv(4096).decode()
            except TimeoutError:
                return datagrams
            datagrams.append(dict(line.split("=", 1) for line in text.split("\n")))


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ServiceManager]:
    address = str(tmp_path / "notify") if request.param == "path" else f"@watchkeeper-{uuid.uuid4()}"
    listening = ServiceManager(address)
    yield listening
    listening.socket.close()


def test_the_service_manager_hears_of_a_life_from_start_to_stop(manager: ServiceManager) -> None:
    notifier: Notifier = SystemdNotifier(manager.environ)
    notifier.ready()
    notifier.watchdog()
    notifier.status("connected; 3 assets")
    notifier.stopping()
    assert manager.heard() == [
        {"READY": "1"}, {"WATCHDOG": "1"}, {"STATUS": "connected; 3 assets"}, {"STOPPING": "1"}]


def test_a_reload_says_when_it_began_on_the_monotonic_clock(manager: ServiceManager) -> None:
    notifier = SystemdNotifier(manager.environ)
    before = time.monotonic() * 1e6 - 1
    notifier.reloading()
    after = time.monotonic() * 1e6
    (said,) = manager.heard()
    assert said["RELOADING"] == "1"
    assert before <= int(said["MONOTONIC_USEC"]) <= after


def test_a_status_goes_out_when_it_changes_and_stays_one_assignment(manager: ServiceManager) -> None:
    notifier = SystemdNotifier(manager.environ)
    notifier.status("learning pump 10%")
    notifier.status("learning pump 10%")
    notifier.status("learning pump 20%\nMAINPID=1")
    assert manager.heard() == [{"STATUS": "learning pump 10%"}, {"STATUS": "learning pump 20% MAINPID=1"}]


def test_without_a_notify_socket_nothing_is_said_and_nothing_fails(manager: ServiceManager) -> None:
    notifier = SystemdNotifier({})
    notifier.ready()
    notifier.status("connected")
    assert manager.heard() == []


def test_a_service_manager_that_went_away_is_heard_of_again_when_it_is_back(tmp_path: Path) -> None:
    manager = ServiceManager(str(tmp_path / "notify"))
    notifier = SystemdNotifier(manager.environ)
    manager.socket.close()
    notifier.watchdog()
    (tmp_path / "notify").unlink()
    notifier.watchdog()
    back = ServiceManager(str(tmp_path / "notify"))
    notifier.watchdog()
    assert back.heard() == [{"WATCHDOG": "1"}]
    back.socket.close()


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "500000"}, 0.5),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "-1"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_this_process_s_own_or_none(environ: dict[str, str], seconds: float | None) -> None:
    assert watchdog_interval(environ) == seconds


def test_a_credential_is_read_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "uplink").write_text(" se cret \r\n")
    assert credential("uplink", {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == " se cret "


@pytest.mark.parametrize("name", ["absent", "", ".", "..", "../outside"])
def test_a_credential_that_was_not_given_is_none(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "credentials"
    folder.mkdir()
    (tmp_path / "outside").write_text("not a credential")
    assert credential(name, {"CREDENTIALS_DIRECTORY": str(folder)}) is None
    assert credential(name, {}) is None


def test_a_credential_that_is_no_text_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "uplink").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        credential("uplink", {"CREDENTIALS_DIRECTORY": str(tmp_path)})
