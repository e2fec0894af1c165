"""A socket that paho believes in, with a tap for PUBLISH packets.

paho keeps the life of the connection: CONNECT, TLS, SUBSCRIBE, keep-alive, its own publishes.
What arrives in numbers, PUBLISH packets of QoS 0 and 1, is cut out of the byte stream here,
many a read, and never goes through paho's per-packet code (three ``recv`` calls, an object and
several locks a message: measured as the ceiling of everything built on its callbacks). All
other packets are handed to paho unchanged.

::

    broker --> socket --> pull() --+-- PUBLISH ------> [Arrival, ...]
                                   '-- the rest -----> recv()  (paho reads here)

One thread uses a tap; it has no locks.
"""

from __future__ import annotations

import contextlib
import select
import ssl
from typing import Final, NamedTuple, Protocol

_READ: Final = 131072
_PUBLISH: Final = 0x30
_QOS: Final = 0x06
_QOS_1: Final = 0x02
_DUPLICATE: Final = 0x08
_RETAIN: Final = 0x01
_MOST_PROPERTIES: Final = 512
"""Bytes; more of them are not kept: whoever bounds the payloads that wait has bounded them, too."""
_SEND_PATIENCE: Final = 10.0


class Arrival(NamedTuple):
    """A PUBLISH as it came: ``packet_id`` 0 at QoS 0; ``duplicate`` and ``retained`` as the broker
    flagged it; ``properties`` of MQTT 5 with their length in front, empty where there are none."""

    topic: str
    payload: bytes
    packet_id: int
    duplicate: bool
    retained: bool = False
    properties: bytes = b""


class StreamSocket(Protocol):
    """What the tap needs of a socket; ``ssl.SSLSocket`` has it too."""

    def recv(self, size: int, /) -> bytes: ...

    def send(self, payload: bytes | bytearray, /) -> int: ...

    def fileno(self) -> int: ...

    def setblocking(self, flag: bool, /) -> None: ...  # noqa: FBT001

    def close(self) -> None: ...


class PublishTap:
    """Wraps a connected socket. ``properties``: whether packets carry MQTT 5 properties.

    A payload longer than ``max_payload`` bytes is cut there (plus one byte, so that whoever
    checks the length sees it), however long the message is: memory stays bounded.
    """

    def __init__(self, sock: StreamSocket, *, properties: bool, max_payload: int) -> None:
        self._socket = sock
        self._properties = properties
        self._max_payload = max_payload
        self._stream = b""
        self._others = bytearray()
        self._topics: dict[bytes, str] = {}
        self._ended = False
        self._discard = 0
        self._held: bytearray | None = None

    # -- what paho calls ---------------------------------------------------------------

    def recv(self, size: int) -> bytes:
        """Bytes of the packets that are paho's. Raises BlockingIOError when there are none now."""
        others = self._others
        if others:
            taken = bytes(others[:size])
            del others[:size]
            return taken
        if self._ended:
            return b""
        raise BlockingIOError

    def send(self, payload: bytes | bytearray) -> int:
        """Send all of it: packets of other senders must not come in between.

        What the kernel does not take at once is waited for; a peer that takes nothing for
        10 s is gone (OSError). Between ``hold`` and ``release`` it is only collected.
        """
        if self._held is not None:
            self._held += payload
            return len(payload)
        left = memoryview(payload)
        while left:
            try:
                left = left[self._socket.send(left) :]  # type: ignore[arg-type]
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                if not select.select([], [self._socket.fileno()], [], _SEND_PATIENCE)[1]:
                    reason = f"the peer has taken nothing for {_SEND_PATIENCE:.0f} s"
                    raise TimeoutError(reason) from None
        return len(payload)

    def fileno(self) -> int:
        """The socket's file descriptor."""
        return self._socket.fileno()

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 -- socket's signature
        """As the socket's."""
        self._socket.setblocking(flag)

    def close(self) -> None:
        """Close the socket."""
        with contextlib.suppress(OSError):
            self._socket.close()

    # -- what the sensor link calls ----------------------------------------------------

    def pending(self) -> int:
        """Bytes that wait here or in the TLS layer, where ``select`` does not see them."""
        inner = getattr(self._socket, "pending", None)
        return len(self._others) + (inner() if inner is not None else 0)

    def owes_paho(self) -> bool:
        """Whether paho has something to read (or the end of the connection to learn of)."""
        return bool(self._others) or self._ended

    def end(self) -> None:
        """Let paho find the connection ended."""
        self._ended = True

    def hold(self) -> None:
        """Collect what is sent from now on."""
        if self._held is None:
            self._held = bytearray()

    def release(self) -> None:
        """Send what was collected, in one go. Raises OSError."""
        held, self._held = self._held, None
        if held:
            self.send(held)

    def pull(self) -> list[Arrival]:
        """Read once and cut out the PUBLISH packets, in their order."""
        try:
            read = self._socket.recv(_READ)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return []
        except OSError:
            self._ended = True
            return []
        if not read:
            self._ended = True
            return []
        if self._discard:
            read = self._skip(read)
        self._stream = self._stream + read if self._stream else read
        try:
            return self._cut()
        except IndexError:
            # a PUBLISH that ends before its own header does: hang up, the broker will send again
            self._ended = True
            return []

    def _skip(self, read: bytes) -> bytes:
        gone = min(self._discard, len(read))
        self._discard -= gone
        return read[gone:]

    def _cut(self) -> list[Arrival]:  # noqa: C901, PLR0912, PLR0915 -- the hot loop: a call a packet would double it
        stream, at, size = self._stream, 0, len(self._stream)
        arrivals: list[Arrival] = []
        append, topics, properties, most = arrivals.append, self._topics, self._properties, self._max_payload
        while at + 1 < size:
            # the remaining length: 7 bits a byte, the lowest first (MQTT 5.0, 1.5.5)
            length, shift, body = 0, 0, at + 1
            complete = False
            while body < size and shift < 28:  # noqa: PLR2004 -- four bytes at most
                byte = stream[body]
                length |= (byte & 127) << shift
                shift += 7
                body += 1
                if byte < 128:  # noqa: PLR2004
                    complete = True
                    break
            if not complete:
                if shift >= 28:  # noqa: PLR2004 -- no such length: paho says so and hangs up
                    self._others += stream[at:]
                    at = size
                break
            end = body + length
            first = stream[at]
            is_publish = first & 0xF0 == _PUBLISH and first & _QOS in {0, _QOS_1}
            if end > size and not (is_publish and size - body > most + 65_600 + 128):
                break
            if not is_publish:
                self._others += stream[at:end]
                at = end
                continue
            topic_end = body + 2 + (stream[body] << 8 | stream[body + 1])
            name = stream[body + 2 : topic_end]
            topic = topics.get(name)
            if topic is None:
                topic = self._new_topic(name)
            start, packet_id = topic_end, 0
            if first & _QOS_1:
                packet_id = stream[start] << 8 | stream[start + 1]
                start += 2
            told = b""
            if properties:
                if stream[start]:
                    begin, start = start, _after_properties(stream, start)
                    if start - begin <= _MOST_PROPERTIES:
                        told = stream[begin:start]
                else:
                    start += 1
            again, kept = first & _DUPLICATE != 0, first & _RETAIN != 0
            if end - start > most:
                append(Arrival(topic, stream[start : start + most + 1], packet_id, again, kept, told))
                if end > size:
                    self._discard = end - size
                    at = size
                    break
            else:
                append(Arrival(topic, stream[start:end], packet_id, again, kept, told))
            at = end
        self._stream = stream[at:] if at else stream
        return arrivals

    def _new_topic(self, name: bytes) -> str:
        if len(self._topics) >= 10_000:  # noqa: PLR2004 -- a bound, not a tuning
            self._topics.clear()
        topic = self._topics[name] = name.decode("utf-8", errors="replace")
        return topic


def _after_properties(stream: bytes, at: int) -> int:
    length, shift = 0, 0
    while True:
        byte = stream[at]
        length |= (byte & 127) << shift
        shift += 7
        at += 1
        if byte < 128:  # noqa: PLR2004
            return at + length
