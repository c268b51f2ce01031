"""What the constants of one execution stand for: those of its text, its parameters, and what the server puts in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from pgproxy.catalog.model import Type
from pgproxy.errors import NotUnderstood
from pgproxy.session.state import SessionState
from pgproxy.statements.model import Constant, Lasts, Output
from pgproxy.wire.formats import arrays, builtin, oids
from pgproxy.wire.formats.codec import BINARY_FORMAT, TEXT_FORMAT, UNPARSEABLE
from pgproxy.wire.query import Bind

MOST_COMBINATIONS: Final = 10_000
_SECONDS_OF_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class ServerChoice:
    """What tells values of the server's in one execution from those in others."""

    number: bytes
    """No other execution has it."""
    day: bytes
    """Of its CURRENT_DATE, more or less: the day of UTC and the time zone. The number where that is not known."""

    @classmethod
    def of(cls, state: SessionState) -> ServerChoice:
        now, zone = state.context.now(), state.formats.now().get("TimeZone", "")
        number = f"\0{now!r} {state.context.probes.number()}".encode()
        days = {int(moment // _SECONDS_OF_DAY) for moment in (now, state.idle_at)}  # its transaction began in between
        is_known = len(days) == 1 and not state.formats.is_unknown
        return cls(number, f"\0{days.pop()} {zone}".encode() if is_known else number)

    def mark(self, lasts: Lasts) -> bytes:
        match lasts:
            case Lasts.FOREVER:
                return b""
            case Lasts.DAY:
                return self.day
        return self.number


class Values(ABC):
    """What $1, $2, … stand for in one execution."""

    def __init__(self, choice: ServerChoice) -> None:
        self.choice = choice

    @abstractmethod
    def texts(self, number: int) -> list[bytes] | None:
        """The different values of $number, as texts: one, those of an array's elements, none for NULL.
        None: it stands for nothing yet.

        Raises NotUnderstood.
        """

    def different(self, constant: Constant) -> list[bytes]:
        """The different values that this constant is. Raises NotUnderstood."""
        form = constant.text.encode("utf-8", "surrogateescape") + self.choice.mark(constant.lasts)
        if not constant.parameters:
            return [form]
        given: list[list[bytes]] = []
        for number in constant.parameters:
            texts = self.texts(number)
            if texts is None:
                return []
            given.append(texts)
        if not form:
            return given[0]
        count = 1
        for texts in given:
            count *= len(texts) or 1
        if count > MOST_COMBINATIONS:
            raise _unreadable(constant.parameters[0])
        # Of an expression NULL may make a value, too: coalesce, concat.
        ways = product(*(texts or [b"\0NULL"] for texts in given))
        return [b"\0".join((form, *(str(len(text)).encode() + b" " + text for text in way))) for way in ways]


def parameter_texts(
    state: SessionState, bind: Bind | None, types: Sequence[int], catalog: Mapping[int, Type]
) -> tuple[str | None, ...]:
    """The parameters of a Bind for people."""
    if bind is None:
        return ()
    return ParameterValues(bind, types, catalog, state.formats.now(), ServerChoice.of(state)).whole_texts()


class ParameterValues(Values):
    """The parameters of a Bind.

    Args:
        types: of the parameters, as the server settled on them.
        settings: ParameterStatus values.
    """

    def __init__(
        self,
        bind: Bind | None,
        types: Sequence[int],
        catalog: Mapping[int, Type],
        settings: Mapping[str, str],
        choice: ServerChoice,
    ) -> None:
        super().__init__(choice)
        self._parameters = () if bind is None else bind.parameters
        self._formats = () if bind is None else bind.parameter_formats
        self._types = types
        self._catalog = catalog
        self._settings = settings

    def texts(self, number: int) -> list[bytes] | None:
        index = number - 1
        if index >= len(self._parameters):  # a Bind that the server refuses, or only asks for a statement's meaning
            return None
        value = self._parameters[index]
        type_oid = self._types[index] if index < len(self._types) else 0
        return [] if value is None else self.texts_of(value, type_oid, self._format(index), number)

    def whole_texts(self) -> tuple[str | None, ...]:
        """Of each parameter for people; what has no text here as \\x…; None: NULL."""
        return tuple(
            None if value is None else self._whole_text(at, value) for at, value in enumerate(self._parameters)
        )

    def _whole_text(self, index: int, value: bytes) -> str:
        type_oid = self._base(self._types[index]) if index < len(self._types) else 0
        format_code = self._format(index)
        codec = builtin.codec(type_oid, self._settings)
        try:
            if format_code == BINARY_FORMAT:
                if codec is None:
                    return "\\x" + value.hex()
                value = codec.to_text(codec.decoder(format_code)(value))
            return value.decode()
        except (*UNPARSEABLE, UnicodeDecodeError):
            return "\\x" + value.hex()

    def texts_of(self, value: bytes, type_oid: int, format_code: int, number: int) -> list[bytes]:
        """Of one value of a type. Raises NotUnderstood."""
        type_oid = self._base(type_oid)
        element, delimiter = self.element(type_oid)
        if not element:
            return [self._text(value, type_oid, format_code)]
        found: list[bytes] = []

        def note(one: bytes) -> bytes:
            found.append(self._text(one, element, format_code))
            return one

        try:
            if format_code == BINARY_FORMAT:
                arrays.map_binary(value, note)
            else:
                arrays.map_text(value, note, delimiter)
        except UNPARSEABLE:
            raise _unreadable(number) from None
        return found

    def _format(self, index: int) -> int:
        if len(self._formats) > 1:
            return self._formats[index]
        return self._formats[0] if self._formats else 0

    def _text(self, value: bytes, type_oid: int, format_code: int) -> bytes:
        codec = builtin.codec(type_oid, self._settings)
        if codec is None or codec.same_in_both:
            return value
        try:
            return codec.to_text(codec.decoder(format_code)(value))
        except UNPARSEABLE:
            return b"\0" + value

    def _base(self, type_oid: int) -> int:
        for _ in range(32):
            found = self._catalog.get(type_oid)
            if found is None or not found.base:
                return type_oid
            type_oid = found.base
        return type_oid

    def element(self, type_oid: int) -> tuple[int, bytes]:
        found = self._catalog.get(type_oid)
        if found is not None:
            return self._base(found.element) if found.element else 0, found.delimiter.encode()
        return oids.ELEMENT_OF_ARRAY.get(type_oid, 0), b","


class ArgumentValues(Values):
    """The arguments of EXECUTE, an output of a query each.

    Args:
        given: what parameters in the arguments stand for.
        types: of the prepared statement's parameters.
    """

    def __init__(self, outputs: Sequence[Output], given: ParameterValues, types: Sequence[int]) -> None:
        super().__init__(given.choice)
        self._outputs = outputs
        self._given = given
        self._types = types

    def texts(self, number: int) -> list[bytes] | None:
        index = number - 1
        constants = self._outputs[index].constants if index < len(self._outputs) else None
        if constants is None:
            raise _unreadable(number)
        element, _ = self._given.element(self._types[index])
        is_array_as_text = element and not self._given.element(self._outputs[index].type_oid)[0]
        if not is_array_as_text:
            return [text for constant in constants for text in self._given.different(constant)]
        found: list[bytes] = []
        for constant in constants:
            if constant.parameters or constant.text.startswith("\0"):
                raise _unreadable(number)
            value = constant.text.encode("utf-8", "surrogateescape")
            found += self._given.texts_of(value, self._types[index], TEXT_FORMAT, number)
        return found


def _unreadable(number: int) -> NotUnderstood:
    return NotUnderstood(
        f"parameter ${number} holds values that cannot be counted",
        detail="rule builtin.probes: each value that is compared with a masked column counts",
        hint="Send an array as {a,b,c}, or each value as a parameter of its own.",
    )
