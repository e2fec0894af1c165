"""A TCP proxy that does to a connection what networks do: cut it, swallow it, delay it.

``cut`` resets every connection and refuses new ones; ``blackhole`` keeps them, takes new ones, and
passes nothing on, as a failed modem does; ``delay`` holds every chunk back; ``restore`` ends all that
(connections that were cut stay cut).
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from typing import Final, Literal, Self

Mode = Literal["pass", "cut", "blackhole"]

_CHUNK: Final = 65_536
_JAMMED: Final = 0.005
_RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: close() sends RST


class Proxy:
    """Listens on 127.0.0.1 and forwards to ``target``; a context manager."""

    def __init__(self, target: tuple[str, int], port: int = 0) -> None:
        self._target = target
        self._mode: Mode = "pass"
        self._delay = 0.0
        self._lock = threading.Lock()  # guards _mode and _open, which three kinds of thread use
        self._open: set[socket.socket] = set()
        self._server = socket.create_server(("127.0.0.1", port))
        self.port: int = self._server.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, name="proxy", daemon=True)

    def start(self) -> None:
        """Begin to accept connections."""
        self._accepting.start()

    def cut(self) -> None:
        """RST to both ends of every connection, and to every new one."""
        with self._lock:
            self._mode = "cut"
            doomed = list(self._open)
            self._open.clear()
        for sock in doomed:
            _reset(sock)

    def blackhole(self) -> None:
        """Take everything, pass nothing on."""
        with self._lock:
            self._mode = "blackhole"

    def delay(self, seconds: float) -> None:
        """Hold every chunk back for so long."""
        self._delay = seconds

    def restore(self) -> None:
        """Pass everything on again. Connections from the blackhole are reset: what they swallowed
        is lost, and TCP would have noticed."""
        with self._lock:
            swallowed = list(self._open) if self._mode == "blackhole" else []
            self._open.difference_update(swallowed)
            self._mode, self._delay = "pass", 0.0
        for sock in swallowed:
            _reset(sock)

    def close(self) -> None:
        """Stop listening and end all connections."""
        self.cut()
        # a close alone does not wake a thread that waits in accept
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._accepting.join(5)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            with self._lock:
                mode = self._mode
                if mode == "blackhole":  # the target does not hear of it, nor the client of the target
                    self._open.add(near)
            if mode == "blackhole":
                continue
            if mode == "cut":
                _reset(near)
                continue
            try:
                far = socket.create_connection(self._target, timeout=5)
            except OSError:
                _reset(near)
                continue
            far.settimeout(None)
            with self._lock:
                refused = self._mode == "cut"  # meanwhile
                if not refused:
                    self._open |= {near, far}
            if refused:
                _reset(near)
                _reset(far)
                continue
            for source, sink in ((near, far), (far, near)):
                with contextlib.suppress(OSError):  # cut since: the thread will see it
                    sink.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(_CHUNK):
                if self._delay:
                    time.sleep(self._delay)
                self._pass_on(chunk, sink)
        # Only whoever takes a socket out of _open closes it: a FIN from here would overtake cut's RST.
        with self._lock:
            # a black hole swallows an end, too: its connections stay until restore or close
            ended = set() if self._mode == "blackhole" else self._open & {source, sink}
            self._open -= ended
        for sock in ended:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _pass_on(self, chunk: bytes, sink: socket.socket) -> None:
        left = memoryview(chunk)
        while left and self._mode == "pass":
            try:
                # A send that waits keeps the socket alive: a cut's RST would wait with it.
                left = left[sink.send(left, socket.MSG_DONTWAIT):]
            except BlockingIOError:
                time.sleep(_JAMMED)


def _reset(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        # shutdown wakes the thread that waits in recv; the reset goes out with the close
        sock.shutdown(socket.SHUT_RD)
    sock.close()
