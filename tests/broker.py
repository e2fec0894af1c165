"""A real Mosquitto on a loopback port of its own, to be stopped, killed and started again."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path
from typing import Self

# Started by root it would become another user, who cannot write into the folder; others stay who they are.
_CONFIGURATION = """\
user root
listener {port} 127.0.0.1
allow_anonymous true
log_dest file {folder}/mosquitto.log
log_type error
log_type warning
log_type notice
log_type information
max_queued_messages 100000
set_tcp_nodelay true
{persistence}
{extra}
"""
_PERSISTENCE = """\
persistence true
persistence_location {folder}/
autosave_on_changes true
autosave_interval 1
"""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Broker:
    """Mosquitto with its files in ``folder``. ``extra``: further lines of its configuration.

    With ``persistence`` sessions and queued messages outlive ``kill``.
    """

    def __init__(
        self, folder: Path, *, port: int | None = None, persistence: bool = False, extra: str = ""
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = port or free_port()
        self._configuration = folder / "mosquitto.conf"
        self._configuration.write_text(_CONFIGURATION.format(
            port=self.port,
            folder=folder,
            persistence=_PERSISTENCE.format(folder=folder) if persistence else "",
            extra=extra,
        ))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until it listens."""
        self._process = subprocess.Popen(["mosquitto", "-c", str(self._configuration)])
        deadline = time.monotonic() + 10.0
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.01)
            else:
                return
        raise AssertionError(f"mosquitto does not listen: {self.log()}")

    def stop(self) -> None:
        """SIGTERM: it closes its connections and saves."""
        self._end(kill=False)

    def kill(self) -> None:
        """SIGKILL."""
        self._end(kill=True)

    def restart(self) -> None:
        """Kill it and start it again on the same port."""
        self.kill()
        self.start()

    def log(self) -> str:
        """What it has logged."""
        path = self.folder / "mosquitto.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _end(self, *, kill: bool) -> None:
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            if kill:
                process.kill()
            else:
                process.terminate()
            process.wait(10)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
