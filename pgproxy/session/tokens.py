"""Tokens on their way upstream: literals of a statement's text, parameters of a Bind.

A statement is decided as the client wrote it. Where literals are tokens the server then gets the text with the real
values in their places, and what it makes of that must be the same tree but for those constants.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from pgproxy.errors import NotUnderstood
from pgproxy.masking.turning import TurningBack
from pgproxy.policy.decision import Decision
from pgproxy.policy.tokens import Token
from pgproxy.session.prepared import Verdict
from pgproxy.session.state import SessionState
from pgproxy.statements.literals import Spliced, literals_at, spliced
from pgproxy.statements.model import RawStatement
from pgproxy.statements.tree import read_tree
from pgproxy.statements.tree.comparing import are_equal
from pgproxy.wire.formats.codec import TEXT_FORMAT
from pgproxy.wire.query import Bind

_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?")


def with_real_literals(state: SessionState, verdict: Verdict, text: str, bytes_before: int = 0) -> Spliced:
    """A text that holds the statement, with the real values of its tokens.

    Args:
        bytes_before: where in the text that which the server announced begins.

    Raises:
        NotUnderstood, StatementDenied.
    """
    tokens = {token.location + bytes_before: token for token in literal_tokens(verdict.decision)}
    turning = _turning(state, verdict)
    found = literals_at(text, frozenset(tokens))
    real = {
        literal: turning.real(tokens[at], tokens[at].type_oid, literal.value.encode(), TEXT_FORMAT).decode()
        for at, literal in found.items()
    }
    return spliced(text, real)


def with_real_literals_inside(state: SessionState, outer: RawStatement, inner: Verdict) -> Spliced:
    """The text of a statement with the real values of the tokens in the one inside, which was analysed by itself.

    Raises:
        NotUnderstood, StatementDenied.
    """
    assert inner.raw is not None
    before = outer.text[: inner.raw.character_offset - outer.character_offset]
    return with_real_literals(state, inner, outer.text, len(before.encode()))


def with_real_arguments(state: SessionState, execute: RawStatement, prepared: Verdict) -> Spliced | None:
    """The text of an EXECUTE with the real values of the tokens among its arguments; None: it has none.

    Raises:
        NotUnderstood, StatementDenied.
    """
    tokens = parameter_tokens(prepared.decision)
    if not tokens:
        return None
    turning = _turning(state, prepared)
    places: dict[int, Token] = {}
    for token in tokens:
        place = execute.literals.get(token.parameter - 1)
        if place is None:
            raise NotUnderstood(
                f"{token.column} shows tokens, and an argument of EXECUTE that is turned back for it is no literal",
                detail=f"rule builtin.tokens: {token.column}",
                hint="Give a literal without a cast, or execute the statement by the protocol.",
            )
        places[place] = token
    values = {}
    for at, literal in literals_at(execute.text, frozenset(places)).items():
        token = places[at]
        type_oid = prepared.parameter_types[token.parameter - 1]
        real = turning.real(token, type_oid, literal.value.encode(), TEXT_FORMAT).decode()
        if not literal.is_string and not _NUMBER.fullmatch(real):
            raise NotUnderstood(
                f"{token.column} shows tokens, and the number given for one stands for no number",
                detail=f"rule builtin.tokens: {token.column}",
                hint="Give it as a string literal.",
            )
        values[literal] = real
    return spliced(execute.text, values)


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
    tokens = parameter_tokens(verdict.decision)
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


def parameter_tokens(decision: Decision | None) -> tuple[Token, ...]:
    return () if decision is None else tuple(token for token in decision.tokens if not token.is_literal)


def check_no_tokens(verdict: Verdict) -> None:
    """What shows the constants of a statement, or keeps them in a definition, has none that are turned back.

    Raises:
        NotUnderstood.
    """
    tokens = () if verdict.decision is None else verdict.decision.tokens
    if tokens:
        raise NotUnderstood(
            f"{tokens[0].column} shows tokens, which cannot be turned back in this kind of statement",
            detail=f"rule builtin.tokens: {tokens[0].column}",
            hint="Send the query itself, not under EXPLAIN ANALYZE, EXPLAIN EXECUTE or in a definition.",
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
