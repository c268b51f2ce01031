"""What a client sends once it is logged in, COPY apart: simple and extended query, function call, termination.

`repr` never shows a parameter's value.

Source: PostgreSQL manual, "Message Formats"; `PostgresMain` and `exec_*_message` in backend/tcop/postgres.c.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal, cast

from pgproxy.wire import writer
from pgproxy.wire.reader import BodyReader

Kind = Literal["S", "P"]
"""Prepared statement or portal."""


@dataclass(frozen=True, slots=True)
class Query:
    """Query (F): the simple protocol, possibly several statements."""

    tag: ClassVar[bytes] = b"Q"
    query: str

    @classmethod
    def decode(cls, body: bytes | memoryview) -> Query:
        reader = BodyReader("Query", body)
        message = cls(reader.string())
        reader.expect_end()
        return message

    def encode(self) -> bytes:
        return writer.message(self.tag, writer.string(self.query))


@dataclass(frozen=True, slots=True)
class Parse:
    """Parse (F): prepare a statement; the name "" is the unnamed one."""

    tag: ClassVar[bytes] = b"P"
    statement_name: str
    query: str
    parameter_type_oids: tuple[int, ...] = ()
    """0, or fewer than there are parameters: the server finds out."""

    @classmethod
    def decode(cls, body: bytes | memoryview) -> Parse:
        reader = BodyReader("Parse", body)
        message = cls(reader.string(), reader.string(), reader.uint32s())
        reader.expect_end()
        return message

    def encode(self) -> bytes:
        return writer.message(
            self.tag,
            writer.string(self.statement_name),
            writer.string(self.query),
            writer.uint32s(self.parameter_type_oids),
        )


@dataclass(frozen=True, slots=True)
class Bind:
    """Bind (F): make a portal of a prepared statement and values."""

    tag: ClassVar[bytes] = b"B"
    portal: str
    statement: str
    parameter_formats: tuple[int, ...] = ()
    """None: all text; one: for all; else one for each. 0 is text, 1 binary."""
    parameters: tuple[bytes | None, ...] = field(default=(), repr=False)
    """None is NULL."""
    result_formats: tuple[int, ...] = ()
    """None, one or one for each column, as above."""

    @classmethod
    def decode(cls, body: bytes | memoryview) -> Bind:
        reader = BodyReader("Bind", body)
        message = cls(reader.string(), reader.string(), reader.int16s(), reader.values(), reader.int16s())
        reader.expect_end()
        return message

    def encode(self) -> bytes:
        return writer.message(
            self.tag,
            writer.string(self.portal),
            writer.string(self.statement),
            writer.int16s(self.parameter_formats),
            writer.values(self.parameters),
            writer.int16s(self.result_formats),
        )


@dataclass(frozen=True, slots=True)
class Describe:
    """Describe (F): answered by ParameterDescription (of a statement), then RowDescription or NoData."""

    tag: ClassVar[bytes] = b"D"
    kind: Kind
    name: str

    @classmethod
    def decode(cls, body: bytes | memoryview) -> Describe:
        reader = BodyReader("Describe", body)
        message = cls(_kind(reader), reader.string())
        reader.expect_end()
        return message

    def encode(self) -> bytes:
        return writer.message(self.tag, writer.letter(self.kind), writer.string(self.name))


@dataclass(frozen=True, slots=True)
class Close:
    """Close (F): forget a statement or portal; one that is not there is no error."""

    tag: ClassVar[bytes] = b"C"
    kind: Kind
    name: str

    @classmethod
    def decode(cls, body: bytes | memoryview) -> Close:
        reader = BodyReader("Close", body)
        message = cls(_kind(reader), reader.string())
        reader.expect_end()
        return message

    def encode(self) -> bytes:
        return writer.message(self.tag, writer.letter(self.kind), writer.string(self.name))


@dataclass(frozen=True, slots=True)
class Execute:
    """Execute (F): rows of a portal."""

    tag: ClassVar[bytes] = b"E"
    portal: str
    max_rows: int = 0
    """0 or less: all."""

    @classmethod
    def decode(cls, body: bytes | memoryview) -> Execute:
        reader = BodyReader("Execute", body)
        message = cls(reader.string(), reader.int32())
        reader.expect_end()
        return message

    def encode(self) -> bytes:
        return writer.message(self.tag, writer.string(self.portal), writer.int32(self.max_rows))


@dataclass(frozen=True, slots=True)
class Flush:
    """Flush (F): send what is ready."""

    tag: ClassVar[bytes] = b"H"

    @classmethod
    def decode(cls, body: bytes | memoryview) -> Flush:
        BodyReader("Flush", body).expect_end()
        return cls()

    def encode(self) -> bytes:
        return writer.message(self.tag)


@dataclass(frozen=True, slots=True)
class Sync:
    """Sync (F): end of a series of extended queries; answered by ReadyForQuery."""

    tag: ClassVar[bytes] = b"S"

    @classmethod
    def decode(cls, body: bytes | memoryview) -> Sync:
        BodyReader("Sync", body).expect_end()
        return cls()

    def encode(self) -> bytes:
        return writer.message(self.tag)


@dataclass(frozen=True, slots=True)
class Terminate:
    """Terminate (F): the client leaves."""

    tag: ClassVar[bytes] = b"X"

    @classmethod
    def decode(cls, body: bytes | memoryview) -> Terminate:
        BodyReader("Terminate", body).expect_end()
        return cls()

    def encode(self) -> bytes:
        return writer.message(self.tag)


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """FunctionCall (F): the fast path; answered by FunctionCallResponse."""

    tag: ClassVar[bytes] = b"F"
    function_oid: int
    argument_formats: tuple[int, ...] = ()
    arguments: tuple[bytes | None, ...] = field(default=(), repr=False)
    result_format: int = 0

    @classmethod
    def decode(cls, body: bytes | memoryview) -> FunctionCall:
        reader = BodyReader("FunctionCall", body)
        message = cls(reader.uint32(), reader.int16s(), reader.values(), reader.int16())
        reader.expect_end()
        return message

    def encode(self) -> bytes:
        return writer.message(
            self.tag,
            writer.uint32(self.function_oid),
            writer.int16s(self.argument_formats),
            writer.values(self.arguments),
            writer.int16(self.result_format),
        )


def _kind(reader: BodyReader) -> Kind:
    return cast(Kind, reader.letter("SP"))
