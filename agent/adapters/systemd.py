"""What the service manager is told and what it hands over: sd_notify, watchdog, credentials.

Sources: sd_notify(3), sd_watchdog_enabled(3), systemd.exec(5) (CREDENTIALS_DIRECTORY).
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from agent.errors import ConfigError, Problem

_SEND_WITHIN: Final = 1.0
"""Seconds that a busy service manager may hold the main thread up."""


class SystemdNotifier:
    """Says by datagram what the daemon is about; says nothing where nobody asked to be told.

    A service manager that is away for a moment (it re-executes itself on upgrades) is no reason
    to end: what could not be sent is lost, and the next watchdog ping comes within seconds.

    Parameters
    ----------
    environ
        Where ``NOTIFY_SOCKET`` is looked up: a path, or an abstract address that begins with @.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._status = ""

    def ready(self) -> None:
        """The start, or a reload, is done."""
        self._send("READY=1")

    def reloading(self) -> None:
        """A reload begins. The time tells it from an earlier one (Type=notify-reload asks for it)."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={now}")

    def stopping(self) -> None:
        """The daemon is leaving in order."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """One line for ``systemctl status``; sent when it differs from the line before."""
        line = " ".join(text.split())  # a line break would begin another assignment
        if line != self._status:
            self._status = line
            self._send(f"STATUS={line}")

    def watchdog(self) -> None:
        """There was progress."""
        self._send("WATCHDOG=1")

    def _send(self, state: str) -> None:
        if not self._address:
            return
        # a socket for each datagram, as sd_notify does: once a second, and nothing to close
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.settimeout(_SEND_WITHIN)
            try:
                sender.sendto(state.encode(), self._address)
            except OSError:
                return


def watchdog_interval(environ: Mapping[str, str] = os.environ) -> float | None:
    """Seconds within which the service manager wants to hear of progress; None if it does not.

    Ping at half of it. A setting meant for another process (``WATCHDOG_PID``) does not count.
    """
    for_process = environ.get("WATCHDOG_PID")
    if for_process is not None and for_process != str(os.getpid()):
        return None
    microseconds = environ.get("WATCHDOG_USEC", "")
    if not (microseconds.isascii() and microseconds.isdecimal()) or int(microseconds) == 0:
        return None
    return int(microseconds) / 1e6


def credential(name: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """The credential that the unit's LoadCredential= or SetCredential= gave, less one line end.

    None where the service was given none of this name. Raises ConfigError where it was given
    one that is no UTF-8 text or cannot be read.
    """
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if folder is None or name in {"", ".", ".."} or "/" in name:
        return None
    path = Path(folder) / name
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "it is not UTF-8 text"
        raise ConfigError((
            Problem(str(path), name, "", f"the credential cannot be read: {reason}",
                    "Look at the file that LoadCredential= names in the unit."),
        )) from None
    return text.removesuffix("\n").removesuffix("\r")
