"""Reading the fields of one message body: the one place where bounds are checked.

Every read either returns a whole field or raises; no message class looks at an offset. Text is UTF-8 where it is, and
any other bytes survive (`surrogateescape`): decoding and encoding again gives the same bytes.

Source: PostgreSQL manual, "Message Data Types".
"""

from __future__ import annotations

from struct import Struct

from pgproxy.errors import MalformedMessage

_INT16 = Struct("!h")
_UINT16 = Struct("!H")
_INT32 = Struct("!i")
_UINT32 = Struct("!I")


class BodyReader:
    """Reads a body from front to back.

    Args:
        message: name of the message, for the error.
        body: without type and length; not kept longer than the reader.
    """

    __slots__ = ("_at", "_body", "_message")

    def __init__(self, message: str, body: bytes | memoryview) -> None:
        self._message = message
        self._body = bytes(body)
        self._at = 0

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        start = self._at
        end = start + size
        if size < 0 or end > len(self._body):
            raise self.malformed()
        self._at = end
        return self._body[start:end]

    def rest(self) -> bytes:
        """All that is left, possibly nothing."""
        return self.take(len(self._body) - self._at)

    def uint8(self) -> int:
        return self.take(1)[0]

    def int16(self) -> int:
        return int(_INT16.unpack(self.take(2))[0])

    def uint16(self) -> int:
        """Counts are read so, as the server does."""
        return int(_UINT16.unpack(self.take(2))[0])

    def int32(self) -> int:
        return int(_INT32.unpack(self.take(4))[0])

    def uint32(self) -> int:
        """OIDs."""
        return int(_UINT32.unpack(self.take(4))[0])

    def string(self) -> str:
        """Text up to the next zero byte, which is taken too."""
        end = self._body.find(b"\0", self._at)
        if end < 0:
            raise self.malformed()
        text = self._body[self._at : end]
        self._at = end + 1
        return text.decode("utf-8", "surrogateescape")

    def letter(self, allowed: str) -> str:
        """One byte that must be one of `allowed`."""
        letter = chr(self.uint8())
        if letter not in allowed:
            raise self.malformed()
        return letter

    def value(self) -> bytes | None:
        """A length and that many bytes; None is NULL, of length -1."""
        size = self.int32()
        return None if size == -1 else self.take(size)

    def int16s(self) -> tuple[int, ...]:
        """A count and that many format codes."""
        return tuple(self.int16() for _ in range(self.uint16()))

    def uint32s(self) -> tuple[int, ...]:
        """A count and that many OIDs."""
        return tuple(self.uint32() for _ in range(self.uint16()))

    def values(self) -> tuple[bytes | None, ...]:
        """A count and that many values."""
        return tuple(self.value() for _ in range(self.uint16()))

    def is_at_end(self) -> bool:
        return self._at == len(self._body)

    def expect_end(self) -> None:
        """Stray bytes are an error."""
        if not self.is_at_end():
            raise self.malformed()

    def malformed(self) -> MalformedMessage:
        """For a message that sees what no read can: a code without meaning, a field twice."""
        return MalformedMessage(f"malformed {self._message} message")
