"""The proxy does to real connections what it says: pass, reset, swallow, delay, restore."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from simulators.proxy import Proxy
from tests.broker import Broker


class Echo:
    """A TCP server that says again what it hears."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._server.getsockname()
        self.resets = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=self._server.accept()[:1], daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with sock:
            try:
                while heard := sock.recv(65_536):
                    sock.sendall(heard)
            except ConnectionResetError:
                self.resets += 1


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[Proxy]:
    with Proxy(echo.address) as running:
        yield running


def connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=5)


def soon(true: Callable[[], bool], within: float = 5.0) -> bool:
    """Whether it becomes true in time."""
    deadline = time.monotonic() + within
    while not true() and time.monotonic() < deadline:
        time.sleep(0.005)
    return true()


def exchange(sock: socket.socket, said: bytes = b"ahoy") -> bytes:
    sock.sendall(said)
    return sock.recv(100)


def test_what_is_said_arrives_and_is_answered(proxy: Proxy) -> None:
    with connect(proxy) as sock:
        assert exchange(sock) == b"ahoy"
        assert exchange(sock, b"again") == b"again"


def test_an_end_at_one_side_is_an_end_at_the_other(proxy: Proxy) -> None:
    with connect(proxy) as sock:
        exchange(sock)
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b""


def test_a_cut_resets_both_ends(proxy: Proxy, echo: Echo) -> None:
    with connect(proxy) as sock:
        exchange(sock)
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            sock.recv(1)
    assert soon(lambda: echo.resets == 1)


def test_a_cut_resets_a_connection_that_is_jammed(proxy: Proxy, echo: Echo) -> None:
    with connect(proxy) as sock:
        sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            sock.sendall(bytes(100_000_000))  # nobody takes what comes back, until every buffer is full
        proxy.cut()
        assert soon(lambda: echo.resets == 1)


def test_while_cut_new_connections_are_reset_until_it_is_restored(proxy: Proxy) -> None:
    proxy.cut()
    with pytest.raises(ConnectionResetError), connect(proxy) as sock:
        sock.recv(1)
    proxy.restore()
    with connect(proxy) as sock:
        assert exchange(sock) == b"ahoy"


def test_a_black_hole_keeps_connections_and_answers_nothing(proxy: Proxy) -> None:
    with connect(proxy) as old:
        exchange(old)
        proxy.blackhole()
        with connect(proxy) as new:
            for sock in (old, new):
                sock.settimeout(0.1)
                with pytest.raises(TimeoutError):
                    exchange(sock)


def test_a_black_hole_swallows_the_end_of_a_connection() -> None:
    server = socket.create_server(("127.0.0.1", 0))
    with server, Proxy(server.getsockname()) as proxy, connect(proxy) as near:
        far, _ = server.accept()
        proxy.blackhole()
        far.close()
        near.settimeout(0.1)
        with pytest.raises(TimeoutError):
            near.recv(1)
        proxy.restore()
        with pytest.raises(ConnectionResetError):
            near.recv(1)


def test_a_black_hole_takes_connections_even_where_the_target_is_away(echo: Echo) -> None:
    echo.close()
    with Proxy(echo.address) as proxy:
        proxy.blackhole()
        with connect(proxy) as sock:
            sock.settimeout(0.1)
            with pytest.raises(TimeoutError):
                exchange(sock)
            proxy.restore()
            with pytest.raises(ConnectionResetError):
                sock.recv(1)


def test_after_a_black_hole_what_it_swallowed_is_a_reset_and_not_a_hole_in_the_stream(proxy: Proxy) -> None:
    with connect(proxy) as swallowed:
        exchange(swallowed)
        proxy.blackhole()
        swallowed.sendall(b"lost")
        proxy.restore()
        with pytest.raises(ConnectionResetError):
            swallowed.recv(1)
    with connect(proxy) as fresh:
        assert exchange(fresh) == b"ahoy"


def test_a_delay_holds_each_direction_back(proxy: Proxy) -> None:
    with connect(proxy) as sock:
        exchange(sock)
        proxy.delay(0.1)
        begun = time.monotonic()
        assert exchange(sock) == b"ahoy"
        assert 0.2 <= time.monotonic() - begun < 1.0
        proxy.restore()
        begun = time.monotonic()
        exchange(sock)
        assert time.monotonic() - begun < 0.1


def test_a_target_that_is_away_is_a_reset(echo: Echo) -> None:
    echo.close()
    with Proxy(echo.address) as proxy, pytest.raises(ConnectionResetError), connect(proxy) as sock:
        sock.recv(1)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 -- a listing, no paths


def test_a_closed_proxy_leaves_no_port_no_thread_and_no_open_file(echo: Echo) -> None:
    files, threads = open_files(), threading.active_count()
    for trouble in (Proxy.cut, Proxy.blackhole, Proxy.restore):
        with Proxy(echo.address) as proxy, connect(proxy) as ended, connect(proxy) as old:
            exchange(ended)
            ended.close()
            exchange(old)
            trouble(proxy)
            with contextlib.suppress(OSError):
                connect(proxy).close()
        with pytest.raises(ConnectionRefusedError):
            connect(proxy)
    assert soon(lambda: threading.active_count() == threads)
    assert soon(lambda: open_files() == files)


def test_an_mqtt_client_is_cut_from_a_real_broker_and_comes_back(broker: Broker) -> None:
    came, went = threading.Semaphore(0), threading.Semaphore(0)
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.on_connect = lambda *_: came.release()
    client.on_disconnect = lambda *_: went.release()
    client.reconnect_delay_set(1, 1)
    with Proxy(("127.0.0.1", broker.port)) as proxy:
        client.connect("127.0.0.1", proxy.port)
        client.loop_start()
        assert came.acquire(timeout=5)
        proxy.cut()
        assert went.acquire(timeout=5)
        proxy.restore()
        assert came.acquire(timeout=5)
        client.disconnect()
        client.loop_stop()
