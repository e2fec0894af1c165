"""What of a write-ahead log was committed, even where SQLite would stop reading it.

SQLite reads the log up to the first frame whose checksum fails, and drops what follows without a word: right
after a power cut, where that frame belongs to the transaction that was being written. A flipped bit in
the middle looks the same to it, and costs every transaction since. Here they are told apart: every commit waits
until it is on the disk before the next is written, so that a power cut can tear the last transaction and
no other. Whole transactions behind a broken frame mean damage.

File format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log
"""

from __future__ import annotations

import functools
import struct
import sys
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.adapters.sqlite.carving import FRAME_HEADER, LOG_HEADER
from agent.adapters.sqlite.connection import PAGE_BYTES

_FRAME: Final = FRAME_HEADER + PAGE_BYTES
_PAIRS: Final = 1 + PAGE_BYTES // 8
_MAGIC: Final = 0x377F0682
_MOST_BYTES: Final = 64 * 1024 * 1024
_TORN_BY_A_POWER_CUT: Final = 1
_WORD: Final = 1 << 32

_Words = NDArray[np.uint32]


class WriteAheadLog(NamedTuple):
    """``frames``: how many from the beginning reach to the last that was committed. ``damaged``: SQLite would
    not read all of them."""

    frames: int
    damaged: bool


def survey(path: Path) -> WriteAheadLog:
    """Look through the log at ``path``, some ms a MB. Where there is none: no frames. Raises OSError."""
    try:
        if path.stat().st_size < LOG_HEADER + _FRAME:
            return WriteAheadLog(0, damaged=False)
        with path.open("rb") as stream:
            raw = stream.read(_MOST_BYTES)
    except FileNotFoundError:
        return WriteAheadLog(0, damaged=False)
    count = (len(raw) - LOG_HEADER) // _FRAME
    big = _is_big_endian(raw)
    frames = np.frombuffer(raw, np.uint8, count * _FRAME, LOG_HEADER).reshape(count, _FRAME)
    headers = np.ascontiguousarray(frames[:, :FRAME_HEADER]).view(">u4")
    stored = headers[:, 4:6].astype(np.uint32)
    told = struct.unpack(">2I", raw[24:32])
    whole = _whole_header(raw, big=big)
    before = np.vstack([np.array([told], np.uint32), stored[:-1]])
    salts = struct.unpack(">2I", raw[16:24]) if whole else tuple(headers[0, 2:4].tolist())
    of_this_log = (headers[:, 2:4] == np.array(salts, np.uint32)).all(axis=1)
    sound = of_this_log & (_sums(frames, before, big=big) == stored).all(axis=1)
    commits = sound & (headers[:, 1] != 0)
    first_broken = int(np.argmin(sound)) if whole and not sound.all() else (count if whole else 0)
    behind = np.flatnonzero(commits[first_broken:])
    if len(behind) > _TORN_BY_A_POWER_CUT:
        return WriteAheadLog(first_broken + int(behind[-1]) + 1, damaged=True)
    read = np.flatnonzero(commits[:first_broken])
    return WriteAheadLog(int(read[-1]) + 1 if len(read) else 0, damaged=False)


def _is_big_endian(raw: bytes) -> bool:
    """In which order the checksums take their words: the header says so, else it is this computer's."""
    (magic,) = struct.unpack(">I", raw[:4])
    return bool(magic & 1) if magic | 1 == _MAGIC | 1 else sys.byteorder == "big"


def _whole_header(raw: bytes, *, big: bool) -> bool:
    sum_0 = sum_1 = 0
    for first, second in struct.iter_unpack(">2I" if big else "<2I", raw[:24]):
        sum_0 = (sum_0 + first + sum_1) % _WORD
        sum_1 = (sum_1 + second + sum_0) % _WORD
    (magic,) = struct.unpack(">I", raw[:4])
    return magic | 1 == _MAGIC | 1 and (sum_0, sum_1) == struct.unpack(">2I", raw[24:32])


def _sums(frames: NDArray[np.uint8], before: _Words, *, big: bool) -> _Words:
    """Each frame's checksum, shape (n, 2), as it follows from that of the frame ``before``.

    The sums are linear in the words (modulo 2^32), so that all frames are one product of matrices.
    """
    summed = np.concatenate([frames[:, :8], frames[:, FRAME_HEADER:]], axis=1)
    words = summed.view(">u4" if big else "<u4").astype(np.uint32)
    of_words, of_before = _coefficients()
    product: _Words = words @ of_words + before @ of_before
    return product


@functools.cache
def _coefficients() -> tuple[_Words, _Words]:
    """What each word, and what the sums before them, add to the two sums: shapes (words, 2) and (2, 2).

    A step is s0 += a + s1; s1 += b + s0.
    """
    rows: list[tuple[int, int]] = []
    # the columns of the power of the step's matrix by which what has been summed so far goes on
    (a, b), (c, d) = (1, 0), (0, 1)
    for _ in range(_PAIRS):
        rows += [(b % _WORD, d % _WORD), ((a + b) % _WORD, (c + d) % _WORD)]
        a, b, c, d = (a + b) % _WORD, (a + 2 * b) % _WORD, (c + d) % _WORD, (c + 2 * d) % _WORD
    rows.reverse()
    return np.array(rows, np.uint32), np.array([[a, c], [b, d]], np.uint32)
