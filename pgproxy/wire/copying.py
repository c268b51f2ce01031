"""COPY: how it begins in each direction, its data, its ends.

CopyData, CopyDone go both ways, CopyFail only to the server. Source: PostgreSQL manual, "COPY Operations", "Message
Formats".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Self

from pgproxy.wire import writer
from pgproxy.wire.reader import BodyReader


@dataclass(frozen=True, slots=True)
class _CopyResponse:
    tag: ClassVar[bytes]
    format: int
    """0 text or csv, 1 binary."""
    column_formats: tuple[int, ...]

    @classmethod
    def decode(cls, body: bytes | memoryview) -> Self:
        reader = BodyReader(cls.__name__, body)
        message = cls(reader.uint8(), reader.int16s())
        reader.expect_end()
        return message

    def encode(self) -> bytes:
        return writer.message(self.tag, writer.uint8(self.format), writer.int16s(self.column_formats))


@dataclass(frozen=True, slots=True)
class CopyInResponse(_CopyResponse):
    """CopyInResponse (B): the client sends data."""

    tag: ClassVar[bytes] = b"G"


@dataclass(frozen=True, slots=True)
class CopyOutResponse(_CopyResponse):
    """CopyOutResponse (B): the server sends data."""

    tag: ClassVar[bytes] = b"H"


@dataclass(frozen=True, slots=True)
class CopyBothResponse(_CopyResponse):
    """CopyBothResponse (B): both do; streaming replication only."""

    tag: ClassVar[bytes] = b"W"


@dataclass(frozen=True, slots=True)
class CopyData:
    """CopyData (F, B). From a server one row or less; a client cuts where it likes."""

    tag: ClassVar[bytes] = b"d"
    data: bytes = field(repr=False)

    @classmethod
    def decode(cls, body: bytes | memoryview) -> CopyData:
        return cls(bytes(body))

    def encode(self) -> bytes:
        return writer.message(self.tag, self.data)


@dataclass(frozen=True, slots=True)
class CopyDone:
    """CopyDone (F, B)."""

    tag: ClassVar[bytes] = b"c"

    @classmethod
    def decode(cls, body: bytes | memoryview) -> CopyDone:
        BodyReader("CopyDone", body).expect_end()
        return cls()

    def encode(self) -> bytes:
        return writer.message(self.tag)


@dataclass(frozen=True, slots=True)
class CopyFail:
    """CopyFail (F): the server ends the COPY with an error that quotes the reason."""

    tag: ClassVar[bytes] = b"f"
    reason: str

    @classmethod
    def decode(cls, body: bytes | memoryview) -> CopyFail:
        reader = BodyReader("CopyFail", body)
        message = cls(reader.string())
        reader.expect_end()
        return message

    def encode(self) -> bytes:
        return writer.message(self.tag, writer.string(self.reason))
