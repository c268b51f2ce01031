"""The large object functions that libpq calls by FunctionCall, and the session's own large objects.

A large object may hold a copy of anything, so a session with masks reaches those alone that it made itself, by
FunctionCall: what is in them came from the client. An OID does not say whose object it is, for it may be given again;
the version of its row in pg_largeobject_metadata does. SQL's ways to large objects are `lineage`'s, and refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from pgproxy.errors import NotUnderstood, StatementDenied
from pgproxy.session.recent import Recent
from pgproxy.wire.query import FunctionCall

MAX_OBJECTS = 10_000
"""Own objects that a session remembers, and descriptors; the least recently used goes first."""

BINARY_FORMATS = (1,)

_WIDTHS = {"int4": 4, "oid": 4, "int8": 8}


class Concerns(Enum):
    """What a function is about, by its first argument."""

    NO_OBJECT = 1
    """The object is made by the call."""
    OBJECT = 2
    DESCRIPTOR = 3


@dataclass(frozen=True, slots=True)
class LargeObjectFunction:
    name: str
    types: tuple[str, ...]
    """Of its arguments, in pg_catalog."""
    concerns: Concerns

    @property
    def is_guarded(self) -> bool:
        """Runs only where the object is still the session's own. A descriptor of one that is gone can be closed."""
        return self.concerns is not Concerns.NO_OBJECT and self.name != "lo_close"

    @property
    def is_confirmed(self) -> bool:
        """Its answer counts only if the object is still the same one after the call."""
        return self.is_guarded and self.name != "lo_unlink"


_MAKES, _OBJECT, _DESCRIPTOR = Concerns.NO_OBJECT, Concerns.OBJECT, Concerns.DESCRIPTOR

FUNCTIONS: Mapping[int, LargeObjectFunction] = {
    957: LargeObjectFunction("lo_creat", ("int4",), _MAKES),
    715: LargeObjectFunction("lo_create", ("oid",), _MAKES),
    952: LargeObjectFunction("lo_open", ("oid", "int4"), _OBJECT),
    964: LargeObjectFunction("lo_unlink", ("oid",), _OBJECT),
    953: LargeObjectFunction("lo_close", ("int4",), _DESCRIPTOR),
    954: LargeObjectFunction("loread", ("int4", "int4"), _DESCRIPTOR),
    955: LargeObjectFunction("lowrite", ("int4", "bytea"), _DESCRIPTOR),
    956: LargeObjectFunction("lo_lseek", ("int4", "int4", "int4"), _DESCRIPTOR),
    958: LargeObjectFunction("lo_tell", ("int4",), _DESCRIPTOR),
    1004: LargeObjectFunction("lo_truncate", ("int4", "int4"), _DESCRIPTOR),
    3170: LargeObjectFunction("lo_lseek64", ("int4", "int8", "int4"), _DESCRIPTOR),
    3171: LargeObjectFunction("lo_tell64", ("int4",), _DESCRIPTOR),
    3172: LargeObjectFunction("lo_truncate64", ("int4", "int8"), _DESCRIPTOR),
}
"""By OID, which is the same in every server."""


@dataclass(frozen=True, slots=True)
class OwnObject:
    """Both as the server sends them in binary format."""

    oid: bytes
    version: bytes
    """xmin of its row in pg_largeobject_metadata."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call that may be tried."""

    function: LargeObjectFunction
    arguments: tuple[bytes, ...] = field(repr=False)
    of: OwnObject | None
    """What it reads or changes; None: it makes one."""


class OwnObjects:
    """What the session made, and which of it each descriptor stands for."""

    def __init__(self) -> None:
        self._versions: Recent[bytes, bytes] = Recent(MAX_OBJECTS)
        self._opened: Recent[bytes, bytes] = Recent(MAX_OBJECTS)
        """Descriptor → OID."""

    def made(self, oid: bytes, version: bytes) -> None:
        self._versions.keep(oid, version)

    def opened(self, descriptor: bytes, oid: bytes) -> None:
        self._opened.keep(descriptor, oid)

    def closed(self, descriptor: bytes) -> None:
        self._opened.drop(descriptor)

    def transaction_ended(self) -> None:
        """The server closes all descriptors."""
        self._opened = Recent(MAX_OBJECTS)

    def call(self, message: FunctionCall) -> Call:
        """Raises StatementDenied."""
        function = FUNCTIONS.get(message.function_oid)
        if function is None:
            raise NotUnderstood(
                "a function call message cannot be analysed",
                detail="rule builtin.function_call",
                hint="Call the function in a SELECT.",
            )
        arguments = _arguments(function, message)
        if function.concerns is Concerns.NO_OBJECT:
            return Call(function, arguments, None)
        if function.concerns is Concerns.OBJECT:
            return Call(function, arguments, self._own(arguments[0]))
        oid = self._opened.get(arguments[0])
        if oid is None:
            descriptor = int.from_bytes(arguments[0], signed=True)
            raise not_own(f"descriptor {descriptor} stands for no large object that this session made")
        return Call(function, arguments, self._own(oid))

    def _own(self, oid: bytes) -> OwnObject:
        version = self._versions.get(oid)
        if version is None:
            raise not_own_object(oid)
        return OwnObject(oid, version)


def not_own_object(oid: bytes) -> StatementDenied:
    return not_own(f"large object {int.from_bytes(oid)} was not made by this session")


def not_own(message: str) -> StatementDenied:
    return StatementDenied(
        message,
        detail="rule builtin.function_call: large objects may hold copies of masked values",
        hint="Make it by libpq's lo_creat or lo_create in this session. In a transaction at REPEATABLE READ or "
        "SERIALIZABLE only what the transaction made itself passes.",
    )


def _arguments(function: LargeObjectFunction, message: FunctionCall) -> tuple[bytes, ...]:
    """Raises NotUnderstood: they are not such as libpq sends."""
    given = tuple(one for one in message.arguments if one is not None)
    formats = message.argument_formats
    is_binary = message.result_format == 1 and bool(formats) and set(formats) == {1}
    has_formats_for_all = len(formats) in (1, len(given))
    is_complete = len(given) == len(message.arguments) == len(function.types)
    if not (is_binary and has_formats_for_all and is_complete) or any(
        len(one) != _WIDTHS.get(type_name, len(one)) for one, type_name in zip(given, function.types, strict=True)
    ):
        raise NotUnderstood(
            f"a function call message for {function.name} with other arguments than libpq sends",
            detail="rule builtin.function_call",
            hint=f"Send {', '.join(function.types)} in binary format, and ask for a result in binary format.",
        )
    return given
