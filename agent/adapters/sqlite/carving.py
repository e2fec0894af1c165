"""Rows read from the bytes of a damaged file, page by page, without SQLite.

One flipped bit in a header, the schema or an inner node makes SQLite refuse all that lies behind it.
The rows themselves are in the leaves of the b-trees, each leaf complete in itself: here every page of
the file, and of its write-ahead log, is looked at for what it holds, and a row counts when its own
checksum holds. So damage costs the rows that it hit, and no others.

Rows that were deleted may come back, from pages that were not used again since; a newer copy of a row
and an older one may both be found. File format: https://www.sqlite.org/fileformat2.html, sections 1.5,
1.6, 2.1 and 4.1.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from agent.adapters.sqlite.connection import PAGE_BYTES

Value: TypeAlias = int | float | bytes | None
Row: TypeAlias = tuple[int, list[Value]]
"""A row's id, and its columns as they are stored; text is bytes."""

FRAME_HEADER: Final = 24
LOG_HEADER: Final = 32
_LEAF: Final = 0x0D
_MOST_CELLS: Final = 1000
_LARGEST: Final = 4 * 1024 * 1024
_LARGEST_LOCAL: Final = PAGE_BYTES - 35
_LEAST_LOCAL: Final = (PAGE_BYTES - 12) * 32 // 255 - 23
_INTEGER_BYTES: Final = (0, 1, 2, 3, 4, 6, 8)
_REAL, _ZERO, _ONE, _TEXT = 7, 8, 9, 12

# A leaf is one number, so that those of a large journal need little memory and sort by themselves:
# the id of its last row, whether it lies in the log (its copy there is the newer one), its offset.
Leaf: TypeAlias = int
_OFFSET_BITS: Final = 41
_LOGGED: Final = 1 << _OFFSET_BITS

class Remains:
    """What is left of a journal: its file, and its write-ahead log as far as ``frames``.

    Parameters
    ----------
    file, log
        Open descriptors; None where there is no such file. They stay the caller's.
    frames
        How many frames of the log hold what was committed.
    """

    def __init__(self, file: int | None, log: int | None, frames: int) -> None:
        self._file = file
        self._log = log
        self._frames = frames
        self._logged: dict[int, int] = {}

    def leaves(self) -> list[Leaf]:
        """The pages that hold rows of a table, those with the newest rows first."""
        found: list[Leaf] = []
        for frame in range(self._frames if self._log is not None else 0):
            offset = LOG_HEADER + frame * (FRAME_HEADER + PAGE_BYTES)
            header = _read(self._log, offset, 4)
            if len(header) == 4:  # noqa: PLR2004
                (number,) = struct.unpack(">I", header)
                self._logged[number] = offset + FRAME_HEADER
                found += _leaf(_read(self._log, offset + FRAME_HEADER, PAGE_BYTES), offset + FRAME_HEADER | _LOGGED)
        size = 0 if self._file is None else os.fstat(self._file).st_size
        # the first page has the schema, and no rows of ours
        for offset in range(PAGE_BYTES, size, PAGE_BYTES):
            found += _leaf(_read(self._file, offset, PAGE_BYTES), offset)
        found.sort(reverse=True)
        return found

    def rows(self, leaf: Leaf) -> Iterator[Row]:
        """The rows of one page, the newest first, as far as they can be read: nothing says yet that they are true,
        and one may be given twice."""
        page = _read(self._log if leaf & _LOGGED else self._file, leaf & (_LOGGED - 1), PAGE_BYTES)
        for cell in reversed(_cells(page)):
            try:
                size, at = _varint(page, cell)
                identifier, at = _varint(page, at)
                if size <= _LARGEST_LOCAL:
                    yield identifier, _columns(page[at : at + size])
                elif size <= _LARGEST:
                    local = _LEAST_LOCAL + (size - _LEAST_LOCAL) % (PAGE_BYTES - 4)
                    local = local if local <= _LARGEST_LOCAL else _LEAST_LOCAL
                    (beyond,) = struct.unpack_from(">I", page, at + local)
                    for logged in ({}, self._logged) if self._logged else ({},):
                        yield identifier, _columns(page[at : at + local] + self._overflow(beyond, size - local, logged))
            except (IndexError, struct.error):
                continue

    def _overflow(self, number: int, left: int, logged: Mapping[int, int]) -> bytes:
        """The rest of a long row, from the chain of pages that begins at ``number``; those that are ``logged``
        from the log."""
        pieces: list[bytes] = []
        while left > 0 and number:
            offset = logged.get(number)
            page = (_read(self._file, (number - 1) * PAGE_BYTES, PAGE_BYTES) if offset is None
                    else _read(self._log, offset, PAGE_BYTES))
            if len(page) < PAGE_BYTES:
                break
            (number,) = struct.unpack_from(">I", page)
            pieces.append(page[4 : 4 + left])
            left -= len(pieces[-1])
        return b"".join(pieces)


def _leaf(page: bytes, where: int) -> list[Leaf]:
    """A page as a leaf, where it is one."""
    cells = _cells(page)
    if not cells:
        return []
    try:
        last, _ = _varint(page, _varint(page, cells[-1])[1])
    except IndexError:
        last = 0
    return [last << _OFFSET_BITS + 1 | where]


def _read(file: int | None, offset: int, size: int) -> bytes:
    """What the disk still gives of it."""
    if file is None:
        return b""
    try:
        return os.pread(file, size, offset)
    except OSError:
        return b""


def _cells(page: bytes) -> tuple[int, ...]:
    """Where the rows of a page begin; none where it is no leaf of a table."""
    if len(page) < PAGE_BYTES or page[0] != _LEAF:
        return ()
    count = page[3] << 8 | page[4]
    return struct.unpack_from(f">{count}H", page, 8) if count <= _MOST_CELLS else ()


def _columns(record: bytes) -> list[Value]:
    header, at = _varint(record, 0)
    body = header
    values: list[Value] = []
    while at < header:
        kind, at = _varint(record, at)
        if kind >= _TEXT:
            size = (kind - _TEXT) // 2
            values.append(record[body : body + size])
        elif kind in {_ZERO, _ONE}:
            size = 0
            values.append(kind - _ZERO)
        elif kind == _REAL:
            size = 8
            values.append(struct.unpack_from(">d", record, body)[0])
        else:
            size = _INTEGER_BYTES[kind]
            values.append(int.from_bytes(record[body : body + size], "big", signed=True) if size else None)
        body += size
    return values


def _varint(page: bytes, at: int) -> tuple[int, int]:
    """A number of one to nine bytes, and where the next one begins."""
    byte = page[at]
    if byte < 0x80:  # noqa: PLR2004 -- by far the most
        return byte, at + 1
    value = byte & 0x7F
    for at in range(at + 1, at + 8):  # noqa: B020, PLR1704
        byte = page[at]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:  # noqa: PLR2004
            return value, at + 1
    return value << 8 | page[at + 1], at + 2
