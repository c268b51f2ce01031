"""Probes of an execution: the constants of its text and the parameters of its Bind, charged before it runs.

So are the processes that it signals, which are given in the same way: they must be its identity's own.

What is counted is a keyed digest of the column and of the value's text, so `'5'` as a literal, as a text parameter and
as a binary one are the same probe wherever the type's values can be read here.
"""

from __future__ import annotations

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product

from pgproxy.catalog.model import Type
from pgproxy.errors import NotUnderstood, ProxyError, StatementDenied
from pgproxy.masking.keys import Draw
from pgproxy.policy.comparisons import Comparison
from pgproxy.policy.probes import Probe
from pgproxy.policy.subject import subject_of
from pgproxy.session.actions import Log
from pgproxy.session.admission import has_masks
from pgproxy.session.context import SessionContext
from pgproxy.session.prepared import Verdict
from pgproxy.session.refusing import refuse_here
from pgproxy.session.state import SessionState
from pgproxy.statements.model import Constant, Output
from pgproxy.wire.formats import arrays, builtin, oids
from pgproxy.wire.formats.codec import BINARY_FORMAT, TEXT_FORMAT, UNPARSEABLE
from pgproxy.wire.query import Bind

DIGEST_BYTES = 16
_PROCESS = re.compile(rb"\s*[0-9]{1,10}\s*")
MOST_COMBINATIONS = 10_000


def is_charged(
    state: SessionState,
    verdict: Verdict,
    bind: Bind | None,
    arguments: Verdict | None = None,
    *,
    shows_tokens: bool = False,
) -> bool:
    """Count what this execution compares masked columns with; False: it was refused, and nothing was counted.

    It is refused by a limit, or since it signals a session that is not its identity's own.

    Args:
        verdict: of the statement itself, not of one that holds or names it.
        bind: where its parameters come from; None: it has none.
        arguments: of EXECUTE, as if they were selected; what of `bind` is in them counts.
        shows_tokens: its tokens are not turned back, but taken for the values that they say.
    """
    try:
        _charge(state, verdict, bind, arguments, shows_tokens=shows_tokens)
    except ProxyError as error:
        refuse_here(state, error)
        return False
    return True


def _charge(
    state: SessionState, verdict: Verdict, bind: Bind | None, arguments: Verdict | None, *, shows_tokens: bool
) -> None:
    decision, understanding = verdict.decision, verdict.understanding
    if understanding is None:
        return
    signals = understanding.lineage.signals
    compared = () if decision is None else decision.comparisons
    if decision is not None and shows_tokens:
        compared += decision.shown_tokens
    if not (compared or signals):
        return
    context, settings = state.context, state.formats.now()
    values: Values = ParameterValues(bind, verdict.parameter_types, understanding.catalog.types, settings)
    if arguments is not None:
        given = ParameterValues(bind, arguments.parameter_types, understanding.catalog.types, settings)
        outputs: tuple[Output, ...] = ()
        if arguments.understanding is not None:
            outputs = arguments.understanding.own(arguments.parameter_types, arguments.row).lineage.outputs
        values = ArgumentValues(outputs, given, verdict.parameter_types)
    check_signals(signals, values, context)
    new = f"{context.now()!r} {context.probes.number()}".encode()
    probes = probes_of(compared, values, context.keys.draw("probes"), new)
    _charge_probes(state, probes)


class RowCounter:
    """The rows of one COPY FROM, charged as they stream: each different line of its data is a probe.

    A line break inside a quoted value makes two of one; that errs on the safe side.
    """

    def __init__(self, state: SessionState, counted: Sequence[Comparison]) -> None:
        self._state = state
        self._counted = counted
        self._draw = state.context.keys.draw("probes")
        self._line = hashlib.sha256()

    def begin(self, *, is_binary: bool) -> None:
        """Raises NotUnderstood."""
        if is_binary:
            raise NotUnderstood(
                f"{self._counted[0].column} is masked, and rows in binary format cannot be counted",
                detail="rule builtin.probes: each value that is written into a masked column counts",
                hint="COPY in text or csv format would pass.",
            )

    def take(self, data: bytes) -> None:
        """Data of the client, cut anywhere, before it goes upstream. Raises LimitReached, ApprovalRequired."""
        lines = data.replace(b"\r", b"\n").split(b"\n")
        probes: set[Probe] = set()
        for line in lines[:-1]:
            self._line.update(line)
            probes.update(self._probes())
            self._line = hashlib.sha256()
        self._line.update(lines[-1])
        self._charge(probes)

    def end(self) -> None:
        """A last line need not end."""
        self._charge(set(self._probes()))

    def _probes(self) -> Iterator[Probe]:
        line = self._line.digest()
        if line != _EMPTY_LINE:
            for one in self._counted:
                yield Probe(one.column, self._draw(b"row " + line)[:DIGEST_BYTES], one.is_limited_by_default)

    def _charge(self, probes: set[Probe]) -> None:
        _charge_probes(self._state, probes)


_EMPTY_LINE = hashlib.sha256().digest()


def _charge_probes(state: SessionState, probes: set[Probe]) -> None:
    context = state.context
    limits = subject_of(context.identity, context.rules()).limits
    for name in context.probes.charge(context.identity, limits, probes, context.now()) if probes else ():
        state.act(Log("observed", (("rule", name), ("would", "refuse: the limit is used up"))))


def check_signals(signals: Iterable[Constant], values: Values, context: SessionContext) -> None:
    """An identity with masked columns may only signal sessions of its own.

    Raises:
        StatementDenied.
    """
    for signal in signals if has_masks(context) else ():
        for text in values.different(signal):
            process = int(text) if _PROCESS.fullmatch(text) else 0
            if process != context.process_id and context.senders.get(process) != context.identity:
                raise StatementDenied(
                    "a session of another identity, or not of this proxy, cannot be cancelled or ended",
                    detail="rule builtin.signal",
                    hint="pg_cancel_backend and pg_terminate_backend would pass for sessions of the same identity.",
                )


def probes_of(comparisons: Sequence[Comparison], values: Values, draw: Draw, new: bytes = b"") -> set[Probe]:
    """
    Args:
        new: what no other execution has: it tells what this one takes from sequences.

    Raises:
        NotUnderstood.
    """
    probes: set[Probe] = set()
    for one in comparisons:
        column = one.column.encode()
        for constant in one.constants:
            ways = [b"\0" + new + constant.text.encode()] if constant.is_new else values.different(constant)
            for text in ways:
                digest = draw(column + b"\0" + text)[:DIGEST_BYTES]
                probes.add(Probe(one.column, digest, one.is_limited_by_default))
    return probes


class Values(ABC):
    """What $1, $2, … stand for in one execution."""

    @abstractmethod
    def texts(self, number: int) -> list[bytes] | None:
        """The different values of $number, as texts: one, those of an array's elements, none for NULL.
        None: it stands for nothing yet.

        Raises NotUnderstood.
        """

    def different(self, constant: Constant) -> list[bytes]:
        """The different values that this constant is. Raises NotUnderstood."""
        form = constant.text.encode("utf-8", "surrogateescape")
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


class ParameterValues(Values):
    """The parameters of a Bind.

    Args:
        types: of the parameters, as the server settled on them.
        settings: ParameterStatus values.
    """

    def __init__(
        self, bind: Bind | None, types: Sequence[int], catalog: Mapping[int, Type], settings: Mapping[str, str]
    ) -> None:
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
