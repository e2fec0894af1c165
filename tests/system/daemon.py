"""The daemon as a process of its own, and a listener upstream, for tests of the whole."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

TELEMETRY = """
[device]
id = "test-1"
site = "lab"
state_dir = "{state}"

[sensors]
url = "mqtt://127.0.0.1:{sensors}"
qos = 1

{uplink}

[assets.pump]
topic = "plant/pump/telemetry"
time = "/ts"
time_unit = "ms"
rate = 1.0
window = {{ seconds = 5, stride = 1 }}
learning = {{ samples = 40 }}

[assets.pump.channels]
pressure = {{ value = "/pressure", unit = "bar" }}
flow = {{ value = "/flow", unit = "l/min" }}
"""

UPLINK = """
[uplink]
url = "mqtt://127.0.0.1:{port}"
keepalive = 5
windows = true
"""


def eventually(condition: Callable[[], Any], within: float = 15.0, what: str = "") -> Any:
    """Wait until the condition holds; its value. Fails with what was waited for."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.02)
    message = f"not within {within} s: {what or condition}"
    raise AssertionError(message)


class Daemon:
    """``watchkeeper run`` on a configuration in a folder."""

    def __init__(self, folder: Path, sensors: int, uplink: int | None, text: str = TELEMETRY) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.state.mkdir(exist_ok=True)
        self.config = folder / "watchkeeper.toml"
        self.log_path = folder / "daemon.log"
        block = UPLINK.format(port=uplink) if uplink else ""
        self.config.write_text(text.format(state=self.state, sensors=sensors, uplink=block))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, injected: str = "") -> None:
        """Start it and wait until it has subscribed. ``injected``: code that runs first, to plant a bug."""
        said = len(self.log())
        command = ["run", "--config", str(self.config)]
        main = f"import sys; from agent.cli import main; {injected}; sys.exit(main({command!r}))"
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *(["-c", main] if injected else ["-m", "agent", *command])],
                stderr=log, stdout=log)
        eventually(lambda: "sensor broker connected" in self.log()[said:] or self.exited, what="daemon connected")
        assert not self.exited, self.log()

    @property
    def exited(self) -> bool:
        """Whether the process has ended."""
        return self.process is not None and self.process.poll() is not None

    def log(self) -> str:
        """All that it has logged, over all starts."""
        return self.log_path.read_text() if self.log_path.exists() else ""

    def kill(self) -> None:
        """SIGKILL, as the kernel does when memory is short."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> tuple[int, float]:
        """SIGTERM; (exit code, seconds until it was gone)."""
        assert self.process is not None
        begun = time.monotonic()
        self.process.terminate()
        code = self.process.wait(10)
        return code, time.monotonic() - begun

    def close(self) -> None:
        """End it however it is."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Listener:
    """Hears everything of the devices at a broker, at QoS 1, over reconnects."""

    def __init__(self, port: int, topic: str = "watchkeeper/#") -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self._lock = threading.Lock()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"listener-{port}", clean_session=False)
        self._client.on_connect = lambda client, *_: client.subscribe(topic, 1)
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 1)
        subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert subscribed.wait(5)

    def _on_message(self, _: Any, __: Any, message: mqtt.MQTTMessage) -> None:
        text = message.payload.decode()
        body = json.loads(text) if text.startswith("{") else {"text": text}
        with self._lock:
            self.heard.append((message.topic, body))

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The records of this kind, in order of arrival, first copies only."""
        seen: dict[tuple[int, int], dict[str, Any]] = {}
        with self._lock:
            for topic, body in self.heard:
                if topic.endswith(f"/{kind}") and "seq" in body:
                    seen.setdefault((body["boot"], body["seq"]), body)
        return list(seen.values())

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()


class Machine:
    """Publishes one pump's telemetry with event times of its own choosing, at QoS 1."""

    def __init__(self, port: int, topic: str = "plant/pump/telemetry") -> None:
        self._topic = topic
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self.second = 1_700_000_000

    def run(self, seconds: int, *, fault: float = 0.0) -> None:
        """So many seconds of running, as fast as the broker takes them; ``fault`` in bar."""
        self._wait()
        sent = []
        for _ in range(seconds):
            ripple = ((self.second * 7919) % 101) / 101 - 0.5
            body = {"ts": self.second * 1000, "pressure": round(4.0 + 0.05 * ripple + fault, 4),
                    "flow": round(30.0 + 0.3 * ripple, 4)}
            sent.append(self._client.publish(self._topic, json.dumps(body), qos=1))
            self.second += 1
        for info in sent:
            info.wait_for_publish(20)

    def _wait(self) -> None:
        eventually(self._client.is_connected, what="the machine connected")

    def send(self, payload: bytes, topic: str | None = None) -> None:
        """One payload of any kind."""
        self._wait()
        self._client.publish(topic or self._topic, payload, qos=1).wait_for_publish(20)

    def keep(self, payload: bytes, topic: str) -> None:
        """One payload that the broker retains."""
        self._wait()
        self._client.publish(topic, payload, qos=1, retain=True).wait_for_publish(20)

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()
