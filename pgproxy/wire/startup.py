"""What a connection begins with: the packets without a type, and what the server says of version and cancel key.

Protocol 3.0 and 3.2. Version 3.1 was never used by a server; one that knows 3.2 takes it as it is, with the short
cancel key of 3.0, and so does `negotiate`.

Source: PostgreSQL manual, "Start-up", "Protocol Versions", "Message Formats"; backend/tcop/backend_startup.c,
include/libpq/pqcomm.h.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from pgproxy.errors import MalformedMessage
from pgproxy.wire import writer
from pgproxy.wire.reader import BodyReader

TLS_HANDSHAKE_BYTE = 0x16
"""First byte of a connection that begins with TLS; as a length it would be far over the limit."""
ALPN_PROTOCOL = "postgresql"

MIN_STARTUP_BYTES = 8
MAX_STARTUP_BYTES = 10_004
"""Of a packet without a type; both limits count its length word, as the packet itself does."""
MAX_CANCEL_KEY_BYTES = 256

MAJOR = 3
LATEST_MINOR = 2
LONG_KEY_MINOR = 2
"""From this minor version on a cancel key may be longer than 4 bytes."""
PROTOCOL_OPTION_PREFIX = "_pq_."

_REQUEST_MAJOR = 1234
_CANCEL_MINOR = 5678
_SSL_MINOR = 5679
_GSSENC_MINOR = 5680


@dataclass(frozen=True, slots=True)
class SSLRequest:
    """SSLRequest (F): answered with one byte, S or N."""

    tag: ClassVar[bytes] = b""

    @classmethod
    def decode(cls, body: bytes | memoryview) -> SSLRequest:
        _request("SSLRequest", body, _SSL_MINOR).expect_end()
        return cls()

    def encode(self) -> bytes:
        return writer.message(self.tag, _version(_REQUEST_MAJOR, _SSL_MINOR))


@dataclass(frozen=True, slots=True)
class GSSENCRequest:
    """GSSENCRequest (F): answered with one byte, G or N."""

    tag: ClassVar[bytes] = b""

    @classmethod
    def decode(cls, body: bytes | memoryview) -> GSSENCRequest:
        _request("GSSENCRequest", body, _GSSENC_MINOR).expect_end()
        return cls()

    def encode(self) -> bytes:
        return writer.message(self.tag, _version(_REQUEST_MAJOR, _GSSENC_MINOR))


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """CancelRequest (F): on a connection of its own; nothing is answered."""

    tag: ClassVar[bytes] = b""
    process_id: int
    secret: bytes = field(repr=False)
    """1 to 256 bytes; 4 in protocol 3.0."""

    @classmethod
    def decode(cls, body: bytes | memoryview) -> CancelRequest:
        reader = _request("CancelRequest", body, _CANCEL_MINOR)
        return cls(reader.int32(), _cancel_key(reader))

    def encode(self) -> bytes:
        return writer.message(
            self.tag, _version(_REQUEST_MAJOR, _CANCEL_MINOR), writer.int32(self.process_id), self.secret
        )


@dataclass(frozen=True, slots=True)
class StartupMessage:
    """StartupMessage (F): protocol version, then names and values."""

    tag: ClassVar[bytes] = b""
    major: int
    minor: int
    parameters: Mapping[str, str]
    """In the client's order. Of a name that comes twice the last value counts, as for the server."""

    @classmethod
    def decode(cls, body: bytes | memoryview) -> StartupMessage:
        reader = BodyReader("StartupMessage", body)
        major, minor = reader.uint16(), reader.uint16()
        if major != MAJOR:
            raise MalformedMessage(
                f"unsupported frontend protocol {major}.{minor}: use {MAJOR}.0 to {MAJOR}.{LATEST_MINOR}"
            )
        parameters: dict[str, str] = {}
        while name := reader.string():
            parameters[name] = reader.string()
        reader.expect_end()
        return cls(major, minor, parameters)

    def encode(self) -> bytes:
        if "" in self.parameters:
            raise MalformedMessage("a startup parameter without a name")
        names_and_values = (writer.string(text) for item in self.parameters.items() for text in item)
        return writer.message(self.tag, _version(self.major, self.minor), *names_and_values, b"\0")


StartupPacket = SSLRequest | GSSENCRequest | CancelRequest | StartupMessage


def decode_first(body: bytes | memoryview) -> StartupPacket:
    """A packet without a type. `body`: what follows its length word.

    Raises:
        MalformedMessage (08P01): none of them, or a protocol other than 3.
    """
    reader = BodyReader("startup", body)
    match reader.uint16(), reader.uint16():
        case (1234, 5678):
            return CancelRequest.decode(body)
        case (1234, 5679):
            return SSLRequest.decode(body)
        case (1234, 5680):
            return GSSENCRequest.decode(body)
        case _:
            return StartupMessage.decode(body)


@dataclass(frozen=True, slots=True)
class NegotiateProtocolVersion:
    """NegotiateProtocolVersion (B): the version that is spoken and the protocol options that are not known."""

    tag: ClassVar[bytes] = b"v"
    major: int
    minor: int
    unknown_options: tuple[str, ...] = ()

    @classmethod
    def decode(cls, body: bytes | memoryview) -> NegotiateProtocolVersion:
        reader = BodyReader("NegotiateProtocolVersion", body)
        major, minor, count = reader.uint16(), reader.uint16(), reader.uint32()
        options = []
        for _ in range(count):
            options.append(reader.string())
        reader.expect_end()
        return cls(major, minor, tuple(options))

    def encode(self) -> bytes:
        return writer.message(
            self.tag,
            _version(self.major, self.minor),
            writer.uint32(len(self.unknown_options)),
            *map(writer.string, self.unknown_options),
        )


@dataclass(frozen=True, slots=True)
class Negotiated:
    """What is spoken after a StartupMessage."""

    minor: int
    answer: NegotiateProtocolVersion | None
    """To be sent before authentication; None where the client gets what it asked for."""

    @property
    def has_long_keys(self) -> bool:
        """The client takes cancel keys of more than 4 bytes."""
        return self.minor >= LONG_KEY_MINOR


def negotiate(message: StartupMessage) -> Negotiated:
    """The version to speak with this client: the lower of its own and 3.2. No protocol option is known."""
    minor = min(message.minor, LATEST_MINOR)
    unknown = tuple(name for name in message.parameters if name.startswith(PROTOCOL_OPTION_PREFIX))
    if minor == message.minor and not unknown:
        return Negotiated(minor, None)
    return Negotiated(minor, NegotiateProtocolVersion(MAJOR, minor, unknown))


@dataclass(frozen=True, slots=True)
class BackendKeyData:
    """BackendKeyData (B): what a CancelRequest for this session has to say."""

    tag: ClassVar[bytes] = b"K"
    process_id: int
    secret: bytes = field(repr=False)
    """4 bytes in protocol 3.0, up to 256 in 3.2."""

    @classmethod
    def decode(cls, body: bytes | memoryview) -> BackendKeyData:
        reader = BodyReader("BackendKeyData", body)
        return cls(reader.int32(), _cancel_key(reader))

    def encode(self) -> bytes:
        return writer.message(self.tag, writer.int32(self.process_id), self.secret)


def _version(major: int, minor: int) -> bytes:
    return writer.uint16(major) + writer.uint16(minor)


def _request(message: str, body: bytes | memoryview, minor: int) -> BodyReader:
    reader = BodyReader(message, body)
    if (reader.uint16(), reader.uint16()) != (_REQUEST_MAJOR, minor):
        raise reader.malformed()
    return reader


def _cancel_key(reader: BodyReader) -> bytes:
    secret = reader.rest()
    if not 1 <= len(secret) <= MAX_CANCEL_KEY_BYTES:
        raise reader.malformed()
    return secret
