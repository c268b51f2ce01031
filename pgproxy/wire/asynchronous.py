"""What a server may say at any time: errors and notices, notifications, changed settings.

Source: PostgreSQL manual, "Asynchronous Operations", "Message Formats", "Error and Notice Message Fields".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from pgproxy.wire import writer
from pgproxy.wire.reader import BodyReader


@dataclass(frozen=True, slots=True)
class _FieldsMessage:
    """Fields by their one-character codes, in the server's order."""

    tag: ClassVar[bytes]
    fields: Mapping[str, str]

    @classmethod
    def of(cls, severity: str, sqlstate: str, message: str, *, detail: str = "", hint: str = "") -> Self:
        """A message of the proxy's own; an empty detail or hint is left out."""
        fields = {"S": severity, "V": severity, "C": sqlstate, "M": message, "D": detail, "H": hint}
        return cls({code: text for code, text in fields.items() if text or code not in "DH"})

    @classmethod
    def decode(cls, body: bytes | memoryview) -> Self:
        reader = BodyReader(cls.__name__, body)
        fields: dict[str, str] = {}
        while code := reader.uint8():
            # A field that comes twice could be read one way here and another way by the client.
            if code > 0x7F or chr(code) in fields:
                raise reader.malformed()
            fields[chr(code)] = reader.string()
        reader.expect_end()
        return cls(fields)

    def encode(self) -> bytes:
        fields = (writer.letter(code) + writer.string(text) for code, text in self.fields.items())
        return writer.message(self.tag, *fields, b"\0")

    def replaced(self, changes: Mapping[str, str | None]) -> Self:
        """With these fields set in their place, or at the end; None takes a field out."""
        fields = {**self.fields, **changes}
        return type(self)({code: text for code, text in fields.items() if text is not None})

    @property
    def severity(self) -> str:
        """In English where the server says so (9.6 and later), else as it was translated."""
        return self.fields.get("V") or self.fields.get("S", "")

    @property
    def sqlstate(self) -> str:
        return self.fields.get("C", "")

    @property
    def message(self) -> str:
        return self.fields.get("M", "")


@dataclass(frozen=True, slots=True)
class ErrorResponse(_FieldsMessage):
    """ErrorResponse (B)."""

    tag: ClassVar[bytes] = b"E"


@dataclass(frozen=True, slots=True)
class NoticeResponse(_FieldsMessage):
    """NoticeResponse (B)."""

    tag: ClassVar[bytes] = b"N"


@dataclass(frozen=True, slots=True)
class NotificationResponse:
    """NotificationResponse (B): a NOTIFY of a channel that the session listens to."""

    tag: ClassVar[bytes] = b"A"
    process_id: int
    channel: str
    payload: str

    @classmethod
    def decode(cls, body: bytes | memoryview) -> NotificationResponse:
        reader = BodyReader("NotificationResponse", body)
        message = cls(reader.int32(), reader.string(), reader.string())
        reader.expect_end()
        return message

    def encode(self) -> bytes:
        return writer.message(
            self.tag, writer.int32(self.process_id), writer.string(self.channel), writer.string(self.payload)
        )


@dataclass(frozen=True, slots=True)
class ParameterStatus:
    """ParameterStatus (B): the value of a setting that clients are told of."""

    tag: ClassVar[bytes] = b"S"
    name: str
    value: str

    @classmethod
    def decode(cls, body: bytes | memoryview) -> ParameterStatus:
        reader = BodyReader("ParameterStatus", body)
        message = cls(reader.string(), reader.string())
        reader.expect_end()
        return message

    def encode(self) -> bytes:
        return writer.message(self.tag, writer.string(self.name), writer.string(self.value))
