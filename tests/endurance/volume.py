"""A small disk of its own for a journal, and what can go wrong with it; and system calls that fail as on a broken one.

Both need root: loop devices and mounts, and ptrace of the daemon.
"""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Self

_PROGRAMS: Final = ("mkfs.ext4", "losetup", "mount", "umount", "fsfreeze", "strace")
_SYNCS: Final = "fsync,fdatasync"
_WRITES: Final = "pwrite64,ftruncate"


def require() -> None:
    """Raises AssertionError, with a text for people, where a disk cannot be made to fail here."""
    assert os.geteuid() == 0, "disks are made to fail by root only (loop devices, mounts, strace): run it as root"
    for program in _PROGRAMS:
        found = subprocess.run(["which", program], capture_output=True, check=False)
        assert found.returncode == 0, f"{program} is missing: apt-get install e2fsprogs mount util-linux strace"


def run(*command: str) -> str:
    """What a command says, which must succeed; its words in the error otherwise."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()}"
    return done.stdout.strip()


class Volume:
    """An ext4 file system of ``megabytes`` on a loop device, mounted at ``path``."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.path = folder / "volume"
        self._image = folder / "volume.img"
        self._megabytes = megabytes
        self._device = ""

    def __enter__(self) -> Self:
        self.path.mkdir(parents=True)
        with self._image.open("wb") as image:
            image.truncate(self._megabytes * 1_048_576)
        run("mkfs.ext4", "-q", "-m", "0", str(self._image))
        self._device = run("losetup", "--find", "--show", str(self._image))
        self.mount()
        return self

    def __exit__(self, *_: object) -> None:
        for _attempt in range(50):
            if subprocess.run(["umount", str(self.path)], capture_output=True, check=False).returncode == 0:
                break
            time.sleep(0.1)
        else:
            run("umount", "--lazy", str(self.path))
        run("losetup", "--detach", self._device)
        self._image.unlink()

    def mount(self, *, readonly: bool = False) -> None:
        """Mount it anew; nobody may have a file of it open."""
        with suppress(AssertionError):
            run("umount", str(self.path))
        run("mount", "-o", "ro" if readonly else "rw", self._device, str(self.path))

    def writable(self) -> None:
        """From read-only to writable, whoever reads it."""
        run("mount", "-o", "remount,rw", str(self.path))

    @contextmanager
    def full(self) -> Iterator[None]:
        """No block is free."""
        filler = self.path / "filler"
        try:
            with suppress(OSError), filler.open("wb", buffering=0) as stream:
                for size in (1_048_576, 4096, 1):
                    with suppress(OSError):
                        while stream.write(b"\0" * size):
                            pass
            os.sync()
            yield
        finally:
            filler.unlink()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Whoever writes waits, for as long as this lasts: a disk that does not answer."""
        run("fsfreeze", "--freeze", str(self.path))
        try:
            yield
        finally:
            run("fsfreeze", "--unfreeze", str(self.path))


@contextmanager
def failing(pid: int, error: str, *paths: Path) -> Iterator[None]:
    """Writes and syncs of these files fail with ``error`` (``EIO`` ...) in a running process."""
    with _injected(pid, f"{_WRITES},{_SYNCS}:error={error}", paths):
        yield


@contextmanager
def slow(pid: int, seconds: float, *paths: Path) -> Iterator[None]:
    """Each sync of these files takes so much longer in a running process; without ``paths``: of any file."""
    with _injected(pid, f"{_SYNCS}:delay_exit={round(seconds * 1e6)}", paths):
        yield


@contextmanager
def _injected(pid: int, injection: str, paths: tuple[Path, ...]) -> Iterator[None]:
    filters = [word for path in paths for word in ("-P", str(path))]
    tracer = subprocess.Popen(
        ["strace", "-f", "-q", "-p", str(pid), "-e", f"trace={injection.partition(':')[0]}",
         "-e", f"inject={injection}", *filters, "-o", "/dev/null"],
        stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 5
        while not _traced(pid):
            assert tracer.poll() is None, "strace could not attach: ptrace is forbidden here"
            assert time.monotonic() < deadline, "strace did not attach within 5 s"
            time.sleep(0.01)
        yield
    finally:
        tracer.terminate()
        tracer.wait(10)


def _traced(pid: int) -> bool:
    """Whether every thread of it has a tracer."""
    with suppress(FileNotFoundError):
        return all(
            "TracerPid:\t0\n" not in (task / "status").read_text()
            for task in Path(f"/proc/{pid}/task").iterdir())
    return False


def flip(path: Path, rng: random.Random, bits: int) -> None:
    """Turn over so many bits of a file, at random places."""
    size = path.stat().st_size
    if not size:
        return
    with path.open("r+b", buffering=0) as stream:
        for _ in range(bits):
            place = rng.randrange(size)
            stream.seek(place)
            byte = stream.read(1)[0]
            stream.seek(place)
            stream.write(bytes([byte ^ 1 << rng.randrange(8)]))


def garble(path: Path, rng: random.Random, size: int = 4096) -> None:
    """Overwrite a stretch of a file with nonsense."""
    length = path.stat().st_size
    with path.open("r+b", buffering=0) as stream:
        stream.seek(rng.randrange(max(1, length)))
        stream.write(rng.randbytes(size))


def truncate(path: Path, rng: random.Random) -> None:
    """Cut a file off at a random place."""
    os.truncate(path, rng.randrange(path.stat().st_size + 1))
