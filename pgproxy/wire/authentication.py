"""Authentication messages: what a server asks for and what a client answers.

All requests of a server share the type R and differ by a code, all answers of a client share the type p and differ by
what was asked: an answer is decoded by the class that fits the request. What the messages mean, and which of them are
spoken, is `login`'s business.

Source: PostgreSQL manual, "Message Formats"; include/libpq/protocol.h.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from pgproxy.errors import MalformedMessage
from pgproxy.wire import writer
from pgproxy.wire.reader import BodyReader

OK = 0
KERBEROS_V5 = 2
CLEARTEXT_PASSWORD = 3
MD5_PASSWORD = 5
GSS = 7
GSS_CONTINUE = 8
SSPI = 9
SASL = 10
SASL_CONTINUE = 11
SASL_FINAL = 12

AUTHENTICATION_TAG = b"R"
PASSWORD_TAG = b"p"


def authentication_frame(code: int, payload: bytes = b"") -> bytes:
    """An Authentication message of this code, whatever its payload."""
    return writer.message(AUTHENTICATION_TAG, writer.int32(code), payload)


def password_frame(body: bytes) -> bytes:
    """A client's answer, whatever was asked."""
    return writer.message(PASSWORD_TAG, body)


# From the server -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AuthenticationOk:
    """AuthenticationOk (B)."""

    tag: ClassVar[bytes] = AUTHENTICATION_TAG
    code: ClassVar[int] = OK

    @classmethod
    def decode(cls, body: bytes | memoryview) -> AuthenticationOk:
        _asked("AuthenticationOk", body, cls.code).expect_end()
        return cls()

    def encode(self) -> bytes:
        return authentication_frame(self.code)


@dataclass(frozen=True, slots=True)
class AuthenticationKerberosV5:
    """AuthenticationKerberosV5 (B): no server sends it any more."""

    tag: ClassVar[bytes] = AUTHENTICATION_TAG
    code: ClassVar[int] = KERBEROS_V5

    @classmethod
    def decode(cls, body: bytes | memoryview) -> AuthenticationKerberosV5:
        _asked("AuthenticationKerberosV5", body, cls.code).expect_end()
        return cls()

    def encode(self) -> bytes:
        return authentication_frame(self.code)


@dataclass(frozen=True, slots=True)
class AuthenticationCleartextPassword:
    """AuthenticationCleartextPassword (B): answered by PasswordMessage."""

    tag: ClassVar[bytes] = AUTHENTICATION_TAG
    code: ClassVar[int] = CLEARTEXT_PASSWORD

    @classmethod
    def decode(cls, body: bytes | memoryview) -> AuthenticationCleartextPassword:
        _asked("AuthenticationCleartextPassword", body, cls.code).expect_end()
        return cls()

    def encode(self) -> bytes:
        return authentication_frame(self.code)


@dataclass(frozen=True, slots=True)
class AuthenticationMD5Password:
    """AuthenticationMD5Password (B): answered by PasswordMessage."""

    tag: ClassVar[bytes] = AUTHENTICATION_TAG
    code: ClassVar[int] = MD5_PASSWORD
    salt: bytes
    """4 bytes."""

    @classmethod
    def decode(cls, body: bytes | memoryview) -> AuthenticationMD5Password:
        reader = _asked("AuthenticationMD5Password", body, cls.code)
        message = cls(reader.take(4))
        reader.expect_end()
        return message

    def encode(self) -> bytes:
        if len(self.salt) != 4:
            raise MalformedMessage("an md5 salt has 4 bytes")
        return authentication_frame(self.code, self.salt)


@dataclass(frozen=True, slots=True)
class AuthenticationGSS:
    """AuthenticationGSS (B): answered by GSSResponse."""

    tag: ClassVar[bytes] = AUTHENTICATION_TAG
    code: ClassVar[int] = GSS

    @classmethod
    def decode(cls, body: bytes | memoryview) -> AuthenticationGSS:
        _asked("AuthenticationGSS", body, cls.code).expect_end()
        return cls()

    def encode(self) -> bytes:
        return authentication_frame(self.code)


@dataclass(frozen=True, slots=True)
class AuthenticationGSSContinue:
    """AuthenticationGSSContinue (B): GSSAPI or SSPI data."""

    tag: ClassVar[bytes] = AUTHENTICATION_TAG
    code: ClassVar[int] = GSS_CONTINUE
    data: bytes = field(repr=False)

    @classmethod
    def decode(cls, body: bytes | memoryview) -> AuthenticationGSSContinue:
        return cls(_asked("AuthenticationGSSContinue", body, cls.code).rest())

    def encode(self) -> bytes:
        return authentication_frame(self.code, self.data)


@dataclass(frozen=True, slots=True)
class AuthenticationSSPI:
    """AuthenticationSSPI (B): answered by GSSResponse."""

    tag: ClassVar[bytes] = AUTHENTICATION_TAG
    code: ClassVar[int] = SSPI

    @classmethod
    def decode(cls, body: bytes | memoryview) -> AuthenticationSSPI:
        _asked("AuthenticationSSPI", body, cls.code).expect_end()
        return cls()

    def encode(self) -> bytes:
        return authentication_frame(self.code)


@dataclass(frozen=True, slots=True)
class AuthenticationSASL:
    """AuthenticationSASL (B): answered by SASLInitialResponse."""

    tag: ClassVar[bytes] = AUTHENTICATION_TAG
    code: ClassVar[int] = SASL
    mechanisms: tuple[str, ...]
    """Names, the server's first choice first."""

    @classmethod
    def decode(cls, body: bytes | memoryview) -> AuthenticationSASL:
        reader = _asked("AuthenticationSASL", body, cls.code)
        mechanisms = []
        while name := reader.string():
            mechanisms.append(name)
        reader.expect_end()
        return cls(tuple(mechanisms))

    def encode(self) -> bytes:
        if "" in self.mechanisms:
            raise MalformedMessage("a SASL mechanism without a name")
        return authentication_frame(self.code, b"".join(map(writer.string, self.mechanisms)) + b"\0")


@dataclass(frozen=True, slots=True)
class AuthenticationSASLContinue:
    """AuthenticationSASLContinue (B): answered by SASLResponse."""

    tag: ClassVar[bytes] = AUTHENTICATION_TAG
    code: ClassVar[int] = SASL_CONTINUE
    data: bytes = field(repr=False)

    @classmethod
    def decode(cls, body: bytes | memoryview) -> AuthenticationSASLContinue:
        return cls(_asked("AuthenticationSASLContinue", body, cls.code).rest())

    def encode(self) -> bytes:
        return authentication_frame(self.code, self.data)


@dataclass(frozen=True, slots=True)
class AuthenticationSASLFinal:
    """AuthenticationSASLFinal (B): AuthenticationOk follows without an answer."""

    tag: ClassVar[bytes] = AUTHENTICATION_TAG
    code: ClassVar[int] = SASL_FINAL
    data: bytes = field(repr=False)

    @classmethod
    def decode(cls, body: bytes | memoryview) -> AuthenticationSASLFinal:
        return cls(_asked("AuthenticationSASLFinal", body, cls.code).rest())

    def encode(self) -> bytes:
        return authentication_frame(self.code, self.data)


Authentication = (
    AuthenticationOk
    | AuthenticationKerberosV5
    | AuthenticationCleartextPassword
    | AuthenticationMD5Password
    | AuthenticationGSS
    | AuthenticationGSSContinue
    | AuthenticationSSPI
    | AuthenticationSASL
    | AuthenticationSASLContinue
    | AuthenticationSASLFinal
)

_BY_CODE: dict[int, type[Authentication]] = {
    kind.code: kind
    for kind in (
        AuthenticationOk,
        AuthenticationKerberosV5,
        AuthenticationCleartextPassword,
        AuthenticationMD5Password,
        AuthenticationGSS,
        AuthenticationGSSContinue,
        AuthenticationSSPI,
        AuthenticationSASL,
        AuthenticationSASLContinue,
        AuthenticationSASLFinal,
    )
}


def decode_authentication(body: bytes | memoryview) -> Authentication:
    """The message of type R that this is. Raises MalformedMessage (08P01) also for an unknown code."""
    reader = BodyReader("Authentication", body)
    kind = _BY_CODE.get(reader.int32())
    if kind is None:
        raise reader.malformed()
    return kind.decode(body)


def _asked(message: str, body: bytes | memoryview, code: int) -> BodyReader:
    reader = BodyReader(message, body)
    if reader.int32() != code:
        raise reader.malformed()
    return reader


# From the client -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PasswordMessage:
    """PasswordMessage (F): the password, or "md5" and its hash."""

    tag: ClassVar[bytes] = PASSWORD_TAG
    password: str = field(repr=False)

    @classmethod
    def decode(cls, body: bytes | memoryview) -> PasswordMessage:
        reader = BodyReader("PasswordMessage", body)
        message = cls(reader.string())
        reader.expect_end()
        return message

    def encode(self) -> bytes:
        return password_frame(writer.string(self.password))


@dataclass(frozen=True, slots=True)
class SASLInitialResponse:
    """SASLInitialResponse (F): the mechanism that the client chose and its first message."""

    tag: ClassVar[bytes] = PASSWORD_TAG
    mechanism: str
    data: bytes | None = field(repr=False)
    """None: the client leaves the first message to a SASLResponse."""

    @classmethod
    def decode(cls, body: bytes | memoryview) -> SASLInitialResponse:
        reader = BodyReader("SASLInitialResponse", body)
        message = cls(reader.string(), reader.value())
        reader.expect_end()
        return message

    def encode(self) -> bytes:
        return password_frame(writer.string(self.mechanism) + writer.value(self.data))


@dataclass(frozen=True, slots=True)
class SASLResponse:
    """SASLResponse (F)."""

    tag: ClassVar[bytes] = PASSWORD_TAG
    data: bytes = field(repr=False)

    @classmethod
    def decode(cls, body: bytes | memoryview) -> SASLResponse:
        return cls(BodyReader("SASLResponse", body).rest())

    def encode(self) -> bytes:
        return password_frame(self.data)


@dataclass(frozen=True, slots=True)
class GSSResponse:
    """GSSResponse (F): GSSAPI or SSPI data."""

    tag: ClassVar[bytes] = PASSWORD_TAG
    data: bytes = field(repr=False)

    @classmethod
    def decode(cls, body: bytes | memoryview) -> GSSResponse:
        return cls(BodyReader("GSSResponse", body).rest())

    def encode(self) -> bytes:
        return password_frame(self.data)
