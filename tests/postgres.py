"""A real PostgreSQL on a loopback port of its own, to be killed and started again."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Self

import psycopg

from tests.broker import free_port


def _programs() -> Path:
    """Debian keeps them off the PATH, a folder for each version."""
    found = [Path(path) for path in (shutil.which("postgres"),) if path]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    assert found, "install the package postgresql (make test does)"
    return found[-1].resolve().parent


def _owner() -> dict[str, Any]:
    """It refuses to run as root."""
    if os.getuid() != 0:
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


class Postgres:
    """A cluster in a temporary folder. ``durable``: with fsync, which only a power cut can miss."""

    def __init__(self, *, durable: bool = False) -> None:
        self._bin = _programs()
        self._owner = _owner()
        # not below pytest's folders, which only root may enter
        self._folder = Path(tempfile.mkdtemp(prefix="watchkeeper-postgres-"))
        if self._owner:
            os.chown(self._folder, self._owner["user"], self._owner["group"])
        self.port = free_port()
        self._fsync = "on" if durable else "off"
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0
        self._run("initdb", "-D", str(self._folder / "cluster"), "-U", "keeper", "-A", "trust", "--no-sync",
                  "--no-instructions", "-E", "UTF8", "--locale=C")

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run([self._bin / program, *arguments], cwd=self._folder, capture_output=True, check=False,
                              text=True, **self._owner)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self, within: float = 20.0) -> None:
        """Start, and wait until it answers; tried again while a killed one's processes still leave."""
        deadline = time.monotonic() + within
        while True:
            if self._process is None or self._process.poll() is not None:
                with (self._folder / "log").open("ab") as log:
                    self._process = subprocess.Popen(
                        [self._bin / "postgres", "-D", str(self._folder / "cluster"), "-p", str(self.port),
                         "-k", str(self._folder), "-h", "127.0.0.1", "-c", f"fsync={self._fsync}"],
                        cwd=self._folder, stdout=log, stderr=log, **self._owner)
            try:
                self.ask("SELECT 1")
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        """SIGKILL."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def database(self) -> str:
        """The URL of a database of its own."""
        self._databases += 1
        name = f"fleet{self._databases}"
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return f"postgresql://keeper@127.0.0.1:{self.port}/{name}"

    def _address(self, database: str) -> str:
        return f"host=127.0.0.1 port={self.port} user=keeper dbname={database} connect_timeout=2"

    def ask(self, query: str, url: str = "") -> list[tuple[Any, ...]]:
        """What a query gives, in the database of a URL."""
        with psycopg.connect(url or self._address("postgres")) as connection:
            return connection.execute(query.encode()).fetchall()

    def log(self) -> str:
        """What it has said."""
        return (self._folder / "log").read_text(errors="replace")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
