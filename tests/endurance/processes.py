"""The daemon, the collector and a sensor as a trial needs them: to be killed at any moment and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from tests.endurance.stream import Message

_PATIENCE: Final = 60.0


class Program:
    """``watchkeeper <arguments>``; its log is appended to ``log``. A death that nobody asked for is counted."""

    def __init__(self, log: Path, *arguments: str) -> None:
        self.log_path = log
        self.command = [sys.executable, "-m", "agent", *arguments]
        self.deaths = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it; does not wait for anything."""
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(self.command, stdout=log, stderr=log)

    def kill(self) -> None:
        """SIGKILL."""
        assert self._process is not None
        self.look()
        self._process.kill()
        self._process.wait()

    def look(self) -> None:
        """Notice that it died by itself, and start it again as a service manager would."""
        if self._process is not None and self._process.poll() is not None:
            self.deaths += 1
            self.start()

    def restart(self) -> None:
        """Kill it and start it again."""
        self.kill()
        self.start()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def log(self) -> str:
        """All that it has logged, over all starts."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""


class Publisher(threading.Thread):
    """A sensor that is sure of each message: it goes on when the broker has acknowledged it (QoS 1)."""

    def __init__(self, port: int, messages: Iterable[Message], pause: float = 0.0) -> None:
        super().__init__(name="publisher", daemon=True)
        self._port = port
        self._messages = messages
        self._pause = pause
        self.acknowledged: list[Message] = []
        self.failure: BaseException | None = None
        self._ending = threading.Event()
        self._between = threading.Lock()  # held while a message is under way, and by whoever wants none to be

    def run(self) -> None:
        """All messages, or until told to end."""
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"sensor-{os.getpid()}-{self._port}")
        client.reconnect_delay_set(1, 1)
        client.connect("127.0.0.1", self._port)
        client.loop_start()
        try:
            for message in self._messages:
                if self._ending.is_set():
                    return
                with self._between:
                    self._deliver(client, message)
                    self.acknowledged.append(message)
                time.sleep(self._pause)
        except BaseException as bug:  # noqa: BLE001 -- told by the trial, which reads it
            self.failure = bug
        finally:
            client.disconnect()
            client.loop_stop()

    def _deliver(self, client: mqtt.Client, message: Message) -> None:
        deadline = time.monotonic() + _PATIENCE
        info: mqtt.MQTTMessageInfo | None = None
        while time.monotonic() < deadline:
            if info is None and client.is_connected():
                info = client.publish(message.topic, message.payload, qos=1)
                if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
                    # paho keeps it all the same, and sends it when the broker is back
                    info.rc = MQTTErrorCode.MQTT_ERR_SUCCESS
            if info is not None:
                info.wait_for_publish(0.5)
                if info.is_published():
                    return
            else:
                time.sleep(0.02)
        raise TimeoutError(f"record {message.number} was not acknowledged within {_PATIENCE:g} s")

    @contextmanager
    def paused(self, settle: float) -> Iterator[None]:
        """No message is under way, nor was one in the last ``settle`` seconds: Mosquitto acknowledges a message
        before it has saved it, and what it loses then is nobody else's to find."""
        with self._between:
            time.sleep(settle)
            yield

    def end(self) -> None:
        """Stop after the message at hand."""
        self._ending.set()


def within(seconds: float, condition: Callable[[], Any]) -> bool:
    """Whether the condition came to hold in that time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return bool(condition())
