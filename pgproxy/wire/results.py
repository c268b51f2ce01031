"""What a server answers to queries, COPY apart.

Rows are opaque here: `masking.rewrite` reads them, and only the proxy's own one-value answers are taken apart
(`only_value`). Source: PostgreSQL manual, "Message Formats".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from pgproxy.errors import MalformedMessage
from pgproxy.wire import writer
from pgproxy.wire.framing import HEADER_BYTES
from pgproxy.wire.reader import BodyReader


@dataclass(frozen=True, slots=True)
class FieldDescription:
    """One column of a RowDescription."""

    name: str
    table_oid: int
    """0: not a plain column of a table."""
    attnum: int
    """0: not a plain column; below 0: a system column."""
    type_oid: int
    typlen: int
    """Below 0: of variable length."""
    typmod: int
    """-1: none."""
    format: int = 0
    """0 text, 1 binary; where a statement is described, 0 only says that it is not known yet."""


@dataclass(frozen=True, slots=True)
class RowDescription:
    """RowDescription (B)."""

    tag: ClassVar[bytes] = b"T"
    fields: tuple[FieldDescription, ...]

    def __hash__(self) -> int:
        """Few descriptions have the same names: the rest only has to be equal."""
        return hash(tuple(column.name for column in self.fields))

    @classmethod
    def decode(cls, body: bytes | memoryview) -> RowDescription:
        reader = BodyReader("RowDescription", body)
        fields = tuple(
            FieldDescription(
                reader.string(),
                reader.uint32(),
                reader.int16(),
                reader.uint32(),
                reader.int16(),
                reader.int32(),
                reader.int16(),
            )
            for _ in range(reader.uint16())
        )
        reader.expect_end()
        return cls(fields)

    def encode(self) -> bytes:
        return writer.message(
            self.tag,
            writer.uint16(len(self.fields)),
            *(
                writer.string(column.name)
                + writer.pack(
                    "IhIhih",
                    column.table_oid,
                    column.attnum,
                    column.type_oid,
                    column.typlen,
                    column.typmod,
                    column.format,
                )
                for column in self.fields
            ),
        )

    def with_formats(self, formats: Sequence[int]) -> RowDescription:
        """As the rows of a portal will come that was bound with these result formats: none, one or one for each.

        Raises:
            MalformedMessage (08P01): another number of formats; the server would have refused the Bind.
        """
        width = len(self.fields)
        if len(formats) <= 1:
            formats = tuple(formats or (0,)) * width
        if len(formats) != width:
            raise MalformedMessage(f"{len(formats)} result formats for {width} columns")
        return RowDescription(
            tuple(replace(column, format=number) for column, number in zip(self.fields, formats, strict=True))
        )

    def renamed(self, names: Sequence[str]) -> RowDescription:
        """With these column names. Raises MalformedMessage (08P01): not one for each column."""
        if len(names) != len(self.fields):
            raise MalformedMessage(f"{len(names)} names for {len(self.fields)} columns")
        return RowDescription(
            tuple(replace(column, name=name) for column, name in zip(self.fields, names, strict=True))
        )


@dataclass(frozen=True, slots=True)
class DataRow:
    """DataRow (B): one row, not taken apart."""

    tag: ClassVar[bytes] = b"D"
    body: bytes = field(repr=False)

    @classmethod
    def decode(cls, body: bytes | memoryview) -> DataRow:
        return cls(bytes(body))

    @classmethod
    def of(cls, values: Sequence[bytes | None]) -> DataRow:
        """A row of the proxy's own; None is NULL."""
        return cls(writer.values(values))

    def encode(self) -> bytes:
        return writer.message(self.tag, self.body)

    def values(self) -> tuple[bytes | None, ...]:
        """For rows of the proxy's own queries. Raises MalformedMessage (08P01)."""
        reader = BodyReader("DataRow", self.body)
        values = reader.values()
        reader.expect_end()
        return values


def only_value(frame: bytes) -> bytes:
    """The value of a row of one column, from one whole DataRow message.

    Raises:
        MalformedMessage (08P01): no such row, or NULL.
    """
    row = DataRow(frame[HEADER_BYTES:])
    match row.values():
        case (bytes() as value,) if row.encode() == frame:
            return value
        case _:
            raise MalformedMessage("malformed DataRow message")


@dataclass(frozen=True, slots=True)
class CommandComplete:
    """CommandComplete (B)."""

    tag: ClassVar[bytes] = b"C"
    command: str
    """The command tag: "SELECT 5", "INSERT 0 1", "CREATE TABLE"."""

    @classmethod
    def decode(cls, body: bytes | memoryview) -> CommandComplete:
        reader = BodyReader("CommandComplete", body)
        message = cls(reader.string())
        reader.expect_end()
        return message

    def encode(self) -> bytes:
        return writer.message(self.tag, writer.string(self.command))

    @property
    def rows(self) -> int | None:
        """How many rows it says; None: this command counts none."""
        count = self.command.rpartition(" ")[2]
        return int(count) if count.isascii() and count.isdigit() else None


@dataclass(frozen=True, slots=True)
class ReadyForQuery:
    """ReadyForQuery (B)."""

    tag: ClassVar[bytes] = b"Z"
    status: str
    """I: idle, T: in a transaction, E: in a failed transaction."""

    @classmethod
    def decode(cls, body: bytes | memoryview) -> ReadyForQuery:
        reader = BodyReader("ReadyForQuery", body)
        message = cls(reader.letter("ITE"))
        reader.expect_end()
        return message

    def encode(self) -> bytes:
        return writer.message(self.tag, writer.letter(self.status))


@dataclass(frozen=True, slots=True)
class ParameterDescription:
    """ParameterDescription (B): the types of a prepared statement's parameters."""

    tag: ClassVar[bytes] = b"t"
    type_oids: tuple[int, ...]

    @classmethod
    def decode(cls, body: bytes | memoryview) -> ParameterDescription:
        reader = BodyReader("ParameterDescription", body)
        message = cls(reader.uint32s())
        reader.expect_end()
        return message

    def encode(self) -> bytes:
        return writer.message(self.tag, writer.uint32s(self.type_oids))


@dataclass(frozen=True, slots=True)
class FunctionCallResponse:
    """FunctionCallResponse (B)."""

    tag: ClassVar[bytes] = b"V"
    value: bytes | None = field(repr=False)
    """None is NULL."""

    @classmethod
    def decode(cls, body: bytes | memoryview) -> FunctionCallResponse:
        reader = BodyReader("FunctionCallResponse", body)
        message = cls(reader.value())
        reader.expect_end()
        return message

    def encode(self) -> bytes:
        return writer.message(self.tag, writer.value(self.value))


@dataclass(frozen=True, slots=True)
class ParseComplete:
    """ParseComplete (B)."""

    tag: ClassVar[bytes] = b"1"

    @classmethod
    def decode(cls, body: bytes | memoryview) -> ParseComplete:
        BodyReader("ParseComplete", body).expect_end()
        return cls()

    def encode(self) -> bytes:
        return writer.message(self.tag)


@dataclass(frozen=True, slots=True)
class BindComplete:
    """BindComplete (B)."""

    tag: ClassVar[bytes] = b"2"

    @classmethod
    def decode(cls, body: bytes | memoryview) -> BindComplete:
        BodyReader("BindComplete", body).expect_end()
        return cls()

    def encode(self) -> bytes:
        return writer.message(self.tag)


@dataclass(frozen=True, slots=True)
class CloseComplete:
    """CloseComplete (B)."""

    tag: ClassVar[bytes] = b"3"

    @classmethod
    def decode(cls, body: bytes | memoryview) -> CloseComplete:
        BodyReader("CloseComplete", body).expect_end()
        return cls()

    def encode(self) -> bytes:
        return writer.message(self.tag)


@dataclass(frozen=True, slots=True)
class NoData:
    """NoData (B): what was described returns no rows."""

    tag: ClassVar[bytes] = b"n"

    @classmethod
    def decode(cls, body: bytes | memoryview) -> NoData:
        BodyReader("NoData", body).expect_end()
        return cls()

    def encode(self) -> bytes:
        return writer.message(self.tag)


@dataclass(frozen=True, slots=True)
class PortalSuspended:
    """PortalSuspended (B): Execute reached its number of rows."""

    tag: ClassVar[bytes] = b"s"

    @classmethod
    def decode(cls, body: bytes | memoryview) -> PortalSuspended:
        BodyReader("PortalSuspended", body).expect_end()
        return cls()

    def encode(self) -> bytes:
        return writer.message(self.tag)


@dataclass(frozen=True, slots=True)
class EmptyQueryResponse:
    """EmptyQueryResponse (B): in the place of CommandComplete."""

    tag: ClassVar[bytes] = b"I"

    @classmethod
    def decode(cls, body: bytes | memoryview) -> EmptyQueryResponse:
        BodyReader("EmptyQueryResponse", body).expect_end()
        return cls()

    def encode(self) -> bytes:
        return writer.message(self.tag)
