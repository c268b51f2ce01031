"""Probes of an execution: the constants of its text and the parameters of its Bind, charged before it runs.

So are the processes that it signals, which are given in the same way: they must be its identity's own.

What is counted is a keyed digest of the column and of the value's text, so `'5'` as a literal, as a text parameter and
as a binary one are the same probe wherever the type's values can be read here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence

from pgproxy.errors import NotUnderstood, ProxyError, StatementDenied
from pgproxy.masking.keys import Draw
from pgproxy.policy.comparisons import Comparison
from pgproxy.policy.probes import Probe
from pgproxy.policy.subject import subject_of
from pgproxy.session.actions import Log
from pgproxy.session.admission import has_masks
from pgproxy.session.constant_values import ArgumentValues, ParameterValues, ServerChoice, Values
from pgproxy.session.context import SessionContext
from pgproxy.session.prepared import Verdict
from pgproxy.session.refusing import refuse_here
from pgproxy.session.state import SessionState
from pgproxy.statements.model import Constant, Output
from pgproxy.wire.query import Bind

DIGEST_BYTES = 16
_PROCESS = re.compile(rb"\s*[0-9]{1,10}\s*")


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
    choice = ServerChoice.of(state)
    values: Values = ParameterValues(bind, verdict.parameter_types, understanding.catalog.types, settings, choice)
    if arguments is not None:
        given = ParameterValues(bind, arguments.parameter_types, understanding.catalog.types, settings, choice)
        outputs: tuple[Output, ...] = ()
        if arguments.understanding is not None:
            outputs = arguments.understanding.own(arguments.parameter_types, arguments.row).lineage.outputs
        values = ArgumentValues(outputs, given, verdict.parameter_types)
    check_signals(signals, values, context)
    probes = probes_of(compared, values, context.keys.draw("probes"))
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


def probes_of(comparisons: Sequence[Comparison], values: Values, draw: Draw) -> set[Probe]:
    """Raises NotUnderstood."""
    probes: set[Probe] = set()
    for one in comparisons:
        column = one.column.encode()
        for constant in one.constants:
            for text in values.different(constant):
                digest = draw(column + b"\0" + text)[:DIGEST_BYTES]
                probes.add(Probe(one.column, digest, one.is_limited_by_default))
    return probes
