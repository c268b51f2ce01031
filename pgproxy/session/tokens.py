"""Tokens on their way upstream: literals of a statement's text, parameters of a Bind.

A statement is decided as the client wrote it. Where literals are tokens the server then gets the text with the real
values in their places, and what it makes of that must be the same tree but for those constants.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pgproxy.errors import NotUnderstood
from pgproxy.masking.turning import TurningBack
from pgproxy.policy.decision import Decision
from pgproxy.policy.tokens import Token
from pgproxy.session.prepared import Verdict
from pgproxy.session.state import SessionState
from pgproxy.statements.literals import Spliced, literals_at, spliced
from pgproxy.statements.tree import read_tree
from pgproxy.statements.tree.comparing import are_equal
from pgproxy.wire.formats.codec import TEXT_FORMAT
from pgproxy.wire.query import Bind


def with_real_literals(state: SessionState, verdict: Verdict) -> Spliced:
    """The statement's text with the real values of its tokens.

    Raises:
        NotUnderstood, StatementDenied.
    """
    tokens = {token.location: token for token in literal_tokens(verdict.decision)}
    raw, turning = verdict.raw, _turning(state, verdict)
    assert raw is not None
    found = literals_at(raw.text, frozenset(tokens))
    real = {
        literal: turning.real(tokens[at], tokens[at].type_oid, literal.value.encode(), TEXT_FORMAT).decode()
        for at, literal in found.items()
    }
    return spliced(raw.text, real)


def check_same_tree(verdict: Verdict, before: bytes, trees: Sequence[bytes], version: int) -> None:
    """The server reads the text with the real values as it read the client's. Raises NotUnderstood."""
    replaced = frozenset(token.location for token in literal_tokens(verdict.decision))
    if len(trees) == 1 and are_equal(read_tree(before, version), read_tree(trees[0], version), replaced):
        return
    raise NotUnderstood(
        "not provably safe: the statement changed its meaning while its tokens were turned back",
        detail="rule builtin.tokens",
        hint="Send it again.",
    )


def with_real_parameters(state: SessionState, verdict: Verdict, bind: Bind) -> Bind | None:
    """The Bind with the real values of its tokens; None: it has none. Raises NotUnderstood, StatementDenied."""
    tokens = [] if verdict.decision is None else [one for one in verdict.decision.tokens if not one.is_literal]
    if not tokens:
        return None
    turning = _turning(state, verdict)
    parameters, formats = list(bind.parameters), bind.parameter_formats
    for token in tokens:
        index = token.parameter - 1
        value = parameters[index] if index < len(parameters) else None
        if value is not None:
            format_code = formats[index] if len(formats) > 1 else formats[0] if formats else TEXT_FORMAT
            parameters[index] = turning.real(token, verdict.parameter_types[index], value, format_code)
    return replace(bind, parameters=tuple(parameters))


def literal_tokens(decision: Decision | None) -> tuple[Token, ...]:
    return () if decision is None else tuple(token for token in decision.tokens if token.is_literal)


def check_no_tokens(verdict: Verdict, *, also_literals: bool = True) -> None:
    """What shows the text of a statement, or binds it by other ways, has none that are turned back.

    Args:
        also_literals: False: its literals are real values upstream already.

    Raises:
        NotUnderstood.
    """
    tokens = () if verdict.decision is None else verdict.decision.tokens
    found = next((token for token in tokens if also_literals or not token.is_literal), None)
    if found is not None:
        raise NotUnderstood(
            f"{found.column} shows tokens, which cannot be turned back in this kind of statement",
            detail=f"rule builtin.tokens: {found.column}",
            hint="Send the query itself, not under EXPLAIN, DECLARE, PREPARE, COPY or CREATE.",
        )


def check_same_tokens(before: Verdict, now: Verdict) -> None:
    """What was turned back is what the statement, decided again, has to be turned back. Raises NotUnderstood."""
    old = () if before.decision is None else before.decision.tokens
    new = () if now.decision is None else now.decision.tokens
    if old != new:
        raise NotUnderstood(
            "not provably safe: other values are tokens by now than when this statement was prepared",
            detail="rule builtin.tokens",
            hint="Prepare it again.",
        )


def _turning(state: SessionState, verdict: Verdict) -> TurningBack:
    assert verdict.understanding is not None
    return TurningBack(state.context.keys, verdict.understanding.catalog.types, state.formats.now())
