"""The real daemon as a process of its own, with a configuration as a user would write it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from simulators.demo.story import BEARING, PUMP

CONFIGURATION: Final = """\
# Two pumps, as the demo watches them.

[device]
id = "gateway-1"
site = "plant"
state_dir = "state"

[sensors]
url = "mqtt://127.0.0.1:{sensors}"
protocol = "3.1.1"                        # what the embedded broker speaks

[uplink]
url = "mqtt://127.0.0.1:{uplink}"
protocol = "3.1.1"
windows = true
keepalive = 5                             # s; a dead link is noticed within seven

[assets.{pump}]                           # by its process telemetry
profile = "process"
topic = "plant/{pump}/telemetry"
time = "/ts"
time_unit = "ms"
rate = 1.0
learning = {{ samples = 300 }}              # five minutes; at home you would give it a day
running = {{ channel = "speed", above = 1350 }}

[assets.{pump}.channels]
pressure = {{ value = "/pressure", unit = "bar" }}
flow = {{ value = "/flow", unit = "l/min" }}
current = {{ value = "/current", unit = "A" }}
temperature = {{ value = "/temperature", unit = "degC" }}
vibration = {{ value = "/vibration", unit = "mm/s" }}
speed = {{ value = "/speed", unit = "rpm" }}
load = {{ value = "/load", unit = "%", role = "operating" }}

[assets.{bearing}]                           # by the vibration of a bearing
profile = "waveform"
time = "/ts"
time_unit = "ms"
learning = {{ samples = 60 }}
running = {{ channel = "speed", above = 1900 }}
model = {{ path = "bearing-bands" }}

[assets.{bearing}.channels]
vibration = {{ topic = "plant/{bearing}/vibration", value = "/values", unit = "g", rate = 25600 }}
speed = {{ topic = "plant/{bearing}/telemetry", value = "/speed", unit = "rpm", rate = 1.0 }}
"""

_CONNECTED: Final = ("sensor broker connected", "uplink connected")
_START_WITHIN: Final = 20.0
_LEAVE_WITHIN: Final = 10.0


class Footprint(NamedTuple):
    """Of the daemon's process: MB at its largest, and s of processor time so far."""

    peak_mb: float
    processor: float


class Daemon:
    """``watchkeeper run`` on a configuration in ``folder``; a context manager that leaves nothing
    behind. Its log goes to ``daemon.log`` there."""

    def __init__(self, folder: Path, sensors: int, uplink: int) -> None:
        self.log = folder / "daemon.log"
        self._configuration = folder / "watchkeeper.toml"
        self._configuration.write_text(
            CONFIGURATION.format(sensors=sensors, uplink=uplink, pump=PUMP, bearing=BEARING))
        self._process: subprocess.Popen[bytes] | None = None
        # the user's own device must not lay its settings over these
        self._environment = {
            name: value for name, value in os.environ.items() if not name.startswith("WATCHKEEPER_")}

    def __enter__(self) -> Self:
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 -- this very interpreter, this very project
                self._command("run"), stdout=log, stderr=subprocess.STDOUT, env=self._environment)
        return self

    def __exit__(self, *_: object) -> None:
        if self.running():
            self._started.kill()
            self._started.wait()

    def wait_until_connected(self) -> None:
        """To both brokers. Raises OSError, with what it logged last, where that does not happen."""
        deadline = time.monotonic() + _START_WITHIN
        while not all(event in self.log.read_text(errors="replace") for event in _CONNECTED):
            if not self.running() or time.monotonic() > deadline:
                raise OSError("the daemon did not connect to its brokers:\n" + self.last_words())
            time.sleep(0.05)

    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> tuple[int | None, float]:
        """SIGTERM: (exit code, s until it was gone); None where it did not leave."""
        begun = time.monotonic()
        self._started.terminate()
        try:
            code: int | None = self._started.wait(_LEAVE_WITHIN)
        except subprocess.TimeoutExpired:
            code = None
        return code, time.monotonic() - begun

    def status(self) -> dict[str, Any] | None:
        """What ``watchkeeper status`` says of the journal; None where it cannot be read."""
        said = subprocess.run(  # noqa: S603 -- as above
            self._command("status", "--json"), capture_output=True, env=self._environment, check=False)
        if said.returncode != 0:
            return None
        status: dict[str, Any] = json.loads(said.stdout)
        return status

    def footprint(self) -> Footprint | None:
        """What the process has needed; None where there is no /proc to tell."""
        folder = Path("/proc") / str(self._started.pid)
        try:
            lines = (folder / "status").read_text().splitlines()
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        peak = next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)
        ticks = int(fields[11]) + int(fields[12])  # utime and stime: proc(5), counted after the name
        return Footprint(peak * 1024 / 1e6, ticks / os.sysconf("SC_CLK_TCK"))

    def last_words(self) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])

    @property
    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the daemon is a context manager, and was not entered")
        return self._process

    def _command(self, name: str, *options: str) -> list[str]:
        return [sys.executable, "-m", "agent", name, "--config", str(self._configuration), *options]
