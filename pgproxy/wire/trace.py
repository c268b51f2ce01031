"""One line for one message, for people who look for a fault: type, length, shape, never content.

Texts and values appear only as their sizes, a password not even so. Numbers (OIDs, formats, counts, process ids) and
the kind of a Describe or Close are shown, and of an error its SQLSTATE.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Literal, Protocol, Self

from pgproxy.errors import MalformedMessage
from pgproxy.wire import asynchronous, authentication, copying, query, results, startup
from pgproxy.wire.framing import HEADER_BYTES


class Message(Protocol):
    """What every class of this package is."""

    @classmethod
    def decode(cls, body: bytes | memoryview) -> Self: ...

    def encode(self) -> bytes: ...


FROM_CLIENT: Mapping[bytes, type[Message]] = {
    message.tag: message
    for message in (
        query.Query,
        query.Parse,
        query.Bind,
        query.Describe,
        query.Close,
        query.Execute,
        query.Flush,
        query.Sync,
        query.Terminate,
        query.FunctionCall,
        copying.CopyData,
        copying.CopyDone,
        copying.CopyFail,
    )
}
"""By type; the answers to authentication (p) are no one class."""

FROM_SERVER: Mapping[bytes, type[Message]] = {
    message.tag: message
    for message in (
        startup.NegotiateProtocolVersion,
        startup.BackendKeyData,
        results.RowDescription,
        results.DataRow,
        results.CommandComplete,
        results.ReadyForQuery,
        results.ParameterDescription,
        results.FunctionCallResponse,
        results.ParseComplete,
        results.BindComplete,
        results.CloseComplete,
        results.NoData,
        results.PortalSuspended,
        results.EmptyQueryResponse,
        copying.CopyInResponse,
        copying.CopyOutResponse,
        copying.CopyBothResponse,
        copying.CopyData,
        copying.CopyDone,
        asynchronous.ErrorResponse,
        asynchronous.NoticeResponse,
        asynchronous.NotificationResponse,
        asynchronous.ParameterStatus,
    )
}
"""By type; Authentication (R) is found by its code."""

SHOWN = frozenset(("kind", "status"))
"""Texts that are one letter of the protocol's own."""


def decode(sender: Literal["F", "B"], frame: bytes) -> Message:
    """The message that a whole frame is.

    Args:
        sender: F for the client's (frontend), B for the server's (backend).

    Raises:
        MalformedMessage (08P01): also for type p, whose class only the request before it tells.
    """
    tag, body = frame[:1], frame[HEADER_BYTES:]
    if sender == "B" and tag == authentication.AUTHENTICATION_TAG:
        return authentication.decode_authentication(body)
    kind = (FROM_CLIENT if sender == "F" else FROM_SERVER).get(tag)
    if kind is None:
        raise MalformedMessage("a message of unknown type")
    return kind.decode(body)


def line(sender: Literal["F", "B"], frame: bytes) -> str:
    """Such as `F 36 Bind portal=0B statement=2B parameter_formats=[1] parameters=[4B NULL] result_formats=[1]`."""
    if sender == "F" and frame[:1] == authentication.PASSWORD_TAG:
        return "F password"
    try:
        message: Any = decode(sender, frame)
    except MalformedMessage as error:
        return f"{sender} {len(frame)} {error.message}"
    shown = [f"{field.name}={_shape(getattr(message, field.name), field.name)}" for field in fields(message)]
    return " ".join((sender, str(len(frame)), type(message).__name__, *shown))


def _shape(value: object, name: str = "") -> str:
    match value:
        case None:
            return "NULL"
        case int():
            return str(value)
        case str() if name in SHOWN:
            return value
        case str():
            return f"{len(value.encode('utf-8', 'surrogateescape'))}B"
        case bytes():
            return f"{len(value)}B"
        case tuple():
            return f"[{' '.join(map(_shape, value))}]"
        case Mapping():
            return " ".join(text if code == "C" else code + _shape(text) for code, text in value.items())
        case results.FieldDescription():
            return f"({_shape(value.name)} {value.table_oid} {value.attnum} {value.type_oid} {value.format})"
        case _:
            return type(value).__name__
