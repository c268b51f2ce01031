"""Where one message ends and the next begins, on a stream cut anywhere.

A message is a type byte, a length that counts itself but not the type, and a body. Nothing here looks into a body.
Both scanners keep at most one incomplete message; they refuse a type or a length that cannot be before they keep any
byte of its body. After an error a scanner is of no more use: the stream has lost its boundaries.

The StartupMessage and its kin have no type byte and are no business of these scanners (`startup.decode_first`).

Source: PostgreSQL manual, "Messaging Overview" and "Message Formats"; `SocketBackend` in backend/tcop/postgres.c and
libpq/libpq.h for the limits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from struct import Struct

from pgproxy.errors import MalformedMessage, TooManyBytes

HEADER_BYTES = 5
SMALL_MESSAGE_BYTES = 10_000
LARGE_MESSAGE_BYTES = 0x3FFF_FFFE
"""A little under 1 GiB: the largest message a server takes, and about the largest it sends."""
PASSWORD_MESSAGE_BYTES = 65_535
STREAMED_BYTES = 1 << 16

_LENGTH_MAXIMUM = 0x7FFF_FFFF

_read_header = Struct("!BI").unpack_from


def session_limits(large_bytes: int = LARGE_MESSAGE_BYTES) -> dict[int, int]:
    """What a client may send once it is logged in: type → greatest length.

    Args:
        large_bytes: for the messages that carry statements and data; the others are at most 10,000 bytes.
    """
    return dict.fromkeys(b"QPBFd", large_bytes) | dict.fromkeys(b"CDEHSXcf", min(SMALL_MESSAGE_BYTES, large_bytes))


LOGIN_LIMITS: Mapping[int, int] = {ord("p"): PASSWORD_MESSAGE_BYTES, ord("X"): SMALL_MESSAGE_BYTES}
"""What a client may send before it is logged in."""

BACKEND_TYPES = frozenset(b"123ACDEGHIKNRSTVWZcdnstv")
"""Every message of a server, protocol 3.0 to 3.2."""

BULK_TYPES = frozenset(b"Dd")
"""DataRow and CopyData: the types that come by the million."""

_TAGS = tuple(bytes((code,)) for code in range(256))


@dataclass(frozen=True, slots=True)
class Frame:
    """One whole message."""

    tag: bytes
    """The type, one byte."""
    data: bytes = field(repr=False)
    """Header and body."""

    @property
    def body(self) -> bytes:
        return self.data[HEADER_BYTES:]


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive messages of one type; of any type but DataRow and CopyData always exactly one, and whole.

    Only a run with `remaining` or `is_continuation` is not whole messages, and only where the scanner streams. Nothing
    may be sent to the client between a run with `remaining` and the end of that message.
    """

    tag: bytes
    """The type, one byte."""
    data: bytes = field(repr=False)
    """The messages as they came, headers included, or a part of one."""
    count: int = 1
    """How many messages end in `data`."""
    remaining: int = 0
    """Bytes of the last message that are still to come."""
    is_continuation: bool = False
    """`data` begins inside the message whose `remaining` was last told."""

    @property
    def body(self) -> bytes:
        """Of a run of exactly one whole message."""
        return self.data[HEADER_BYTES:]

    def frames(self) -> Iterator[Frame]:
        """The messages one by one; of a run of whole messages."""
        at = 0
        for _ in range(self.count):
            end = at + 1 + _read_header(self.data, at)[1]
            yield Frame(self.tag, self.data[at:end])
            at = end


class FrontendScanner:
    """Bytes of a client in, whole messages out.

    Args:
        limits: type → greatest length (the length word counts itself); a type that is not in it is refused.
    """

    def __init__(self, limits: Mapping[int, int] | None = None) -> None:
        self._limits = session_limits() if limits is None else limits
        self._carry = bytearray()
        self._needed = HEADER_BYTES

    def feed(self, data: bytes) -> list[Frame]:
        """The messages that end in `data`, in order.

        Raises:
            MalformedMessage (08P01): a type the client may not send, or a length out of its limits. Nothing of `data`
                is delivered then.
        """
        carry = self._carry
        if carry:
            carry += data
            if len(carry) < self._needed:
                return []
            data = bytes(carry)
            carry.clear()
        frames: list[Frame] = []
        at, size = 0, len(data)
        needed = HEADER_BYTES
        while at < size:
            code = data[at]
            limit = self._limits.get(code)
            if limit is None:
                raise MalformedMessage(f"invalid frontend message type {code}")
            if size - at < HEADER_BYTES:
                break
            length = _read_header(data, at)[1]
            if not 4 <= length <= limit:
                raise MalformedMessage("invalid message length")
            end = at + 1 + length
            if end > size:
                needed = 1 + length
                break
            frames.append(Frame(_TAGS[code], data[at:end]))
            at = end
        if at < size:
            carry += data[at:] if at else data
        self._needed = needed
        return frames


class BackendScanner:
    """Bytes of a server in, runs of messages out: rows cost one header read each.

    Args:
        gather_bytes: the longest message that is kept until it is whole.
        stream_from_bytes: a DataRow or CopyData of at least this length is handed on as it arrives instead of being
            kept; None: never. May be set at any time and counts for messages that begin after.
    """

    def __init__(self, *, gather_bytes: int = LARGE_MESSAGE_BYTES, stream_from_bytes: int | None = None) -> None:
        self.stream_from_bytes = stream_from_bytes
        self._gather_bytes = gather_bytes
        self._carry = bytearray()
        self._size = 0
        self._streamed = b""
        self._remaining = 0

    @property
    def is_between_messages(self) -> bool:
        """No message has begun that has not ended."""
        return not self._carry and not self._remaining

    def feed(self, data: bytes) -> list[Run]:
        """What of `data` can be handed on, in order.

        Raises:
            MalformedMessage (08P01): an unknown type or an impossible length. Nothing of `data` is delivered then.
            TooManyBytes (54000): a message over `gather_bytes` that is not streamed.
        """
        runs: list[Run] = []
        at = 0
        if self._remaining:
            at = self._continue(data, runs)
        elif len(self._carry) >= HEADER_BYTES:
            at = self._complete(data, runs)
        elif self._carry:
            data = bytes(self._carry) + data
            self._carry.clear()
        size = len(data)
        last_header = size - HEADER_BYTES
        while at <= last_header:
            code, length = _read_header(data, at)
            end = at + 1 + length
            if not 4 <= length <= _LENGTH_MAXIMUM or code not in BACKEND_TYPES:
                raise _malformed(code)
            if end > size:
                break
            start, count = at, 1
            at = end
            if code in BULK_TYPES:
                while at <= last_header:
                    next_code, length = _read_header(data, at)
                    end = at + 1 + length
                    if next_code != code or end > size or length < 4:
                        break
                    at = end
                    count += 1
            runs.append(Run(_TAGS[code], data[start:at], count))
        if at < size:
            self._begin(data[at:], runs)
        return runs

    def _begin(self, part: bytes, runs: list[Run]) -> None:
        """A message that begins in this chunk and does not end in it; `part` may be less than its header."""
        code = part[0]
        if code not in BACKEND_TYPES:
            raise _malformed(code)
        if len(part) >= HEADER_BYTES:
            length = _read_header(part)[1]
            if code in BULK_TYPES and self.stream_from_bytes is not None and length >= self.stream_from_bytes:
                self._streamed = _TAGS[code]
                self._remaining = 1 + length - len(part)
                runs.append(Run(self._streamed, part, 0, self._remaining))
                return
            if length > self._gather_bytes:
                raise TooManyBytes("a message of the server is longer than this proxy may keep")
            self._size = 1 + length
        self._carry += part

    def _complete(self, data: bytes, runs: list[Run]) -> int:
        """Add to the message that is kept what belongs to it. Returns where in `data` the next one begins."""
        carry = self._carry
        at = self._size - len(carry)
        carry += data[:at]
        if len(carry) < self._size:
            return len(data)
        runs.append(Run(_TAGS[carry[0]], bytes(carry)))
        carry.clear()
        return at

    def _continue(self, data: bytes, runs: list[Run]) -> int:
        """Hand on what belongs to the message that is streamed. Returns where in `data` the next one begins."""
        part = data[: self._remaining]
        self._remaining -= len(part)
        if part:
            runs.append(Run(self._streamed, part, 0 if self._remaining else 1, self._remaining, True))
        return len(part)


def _malformed(code: int) -> MalformedMessage:
    if code not in BACKEND_TYPES:
        return MalformedMessage(f"invalid backend message type {code}")
    return MalformedMessage("invalid message length")
