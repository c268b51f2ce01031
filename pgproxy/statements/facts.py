"""What the text says, for people and rules: sqlglot's reading where it has one, else libpg_query's.

sqlglot is a second pair of eyes, never the source of lineage: it reads a superset of many dialects and hides columns in
unexpected places, so its reading is compared (`agreement`), and no text is ever generated from it. It is the only
place that imports sqlglot; nothing sqlglot says or raises gets out.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import ErrorLevel

from pgproxy.statements.grammar_facts import GrammarFacts, grammar_facts
from pgproxy.statements.model import Facts, Handling, RawStatement, StatementClass

# Its warnings quote the statement, and with it values.
logging.getLogger("sqlglot").addHandler(logging.NullHandler())
logging.getLogger("sqlglot").propagate = False

MAX_WITNESS_CHARACTERS = 16 * 1024
"""sqlglot takes about 60 ms for a text of this length; a longer one is read by the grammar alone."""

_FEWEST_STEPS = 1_000
_STEPS_PER_TOKEN = 8

_KINDS: dict[StatementClass, tuple[type[exp.Expression], ...]] = {
    StatementClass.SELECT: (exp.Select, exp.SetOperation, exp.Subquery, exp.Values, exp.Table),
    StatementClass.INSERT: (exp.Insert,),
    StatementClass.UPDATE: (exp.Update,),
    StatementClass.DELETE: (exp.Delete,),
    StatementClass.MERGE: (exp.Merge,),
}

_MAX_NAME_BYTES = 63
_FOLDED = {ord(letter): ord(letter) + 32 for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
"""As the server folds a name that has no quotes: A to Z only."""
_CONSTANTS = re.compile(r"'[^']*'|\b[0-9.]+\b")


class _OutOfSteps(Exception):
    """Not one of sqlglot's own, which it catches to try another way."""


class _BoundedParser(Postgres.parser_class):  # type: ignore[valid-type,misc]
    """sqlglot's parser with a limit on how often it may move.

    It tries a nested text again and again, up to twice per level: 20 times ARRAY[ took 32 s, and its own limit on nodes
    does not count every try. Ordinary text takes one to six moves a token.
    """

    steps_left = 0

    def _advance(self, times: int = 1) -> None:
        self.steps_left -= 1
        if self.steps_left < 0:
            raise _OutOfSteps
        super()._advance(times)


_DIALECT = Postgres()


@dataclass(frozen=True, slots=True)
class Witness:
    """sqlglot's reading of one query, names folded as the server folds them."""

    tables: tuple[tuple[str, ...], ...]
    """Every relation, CTE references included."""
    columns: tuple[tuple[str, ...], ...]
    """Every column, and every name in a place where sqlglot is known to hide one."""
    output_count: int | None
    has_where: bool


def read_facts(raw: RawStatement) -> Facts:
    """What the statement says. Where the two readings differ the grammar's counts: rules must stay sound.

    Raises:
        SyntaxProblem, NotUnderstood: as `grammar.split`, for a `RawStatement` that `split` did not make.
    """
    grammar = grammar_facts(raw)
    witness = read_witness(raw)
    return Facts(
        statement_class=raw.feeds or raw.statement_class,
        tables=tuple(dict.fromkeys(str(name) for name in grammar.relations)),
        columns=tuple(dict.fromkeys(str(name) for name in grammar.columns)),
        has_where=grammar.has_where and (witness is None or witness.has_where),
        reason=leading_reason(raw.text),
        classes=_classes(raw, grammar),
        moves_tables=raw.moves_tables,
        landing=raw.landing,
    )


def facts_of_like(raw: RawStatement, like: RawStatement, facts: Facts) -> Facts | None:
    """The facts of a statement whose analysed tree differs from that of another in constants alone.

    A query's are the other's if text and grammar read the same in both; what changes rows is read anew. None: they
    differ, though they mean the same to the server, and the witness has to be heard again.
    """
    if replace(raw, text="", character_offset=0) != replace(like, text="", character_offset=0):
        return None
    if text_shape(raw.text) != text_shape(like.text):
        return None
    if grammar_facts(raw).without_places() != grammar_facts(like).without_places():
        return None
    if facts.classes == {StatementClass.SELECT}:
        return replace(facts, reason=leading_reason(raw.text))
    own = read_facts(raw)
    return own if replace(own, reason=facts.reason) == facts else None


def text_shape(text: str) -> str:
    """The text with most of its constants left out: plain strings and numbers. Recent ones are remembered."""
    return _remembered_shape(text) if len(text) <= MAX_WITNESS_CHARACTERS else _shape(text)


def _shape(text: str) -> str:
    return _CONSTANTS.sub("?", text)


_remembered_shape = lru_cache(maxsize=256)(_shape)


def read_witness(raw: RawStatement) -> Witness | None:
    """sqlglot's reading of a query; None where it has none. Recent ones are remembered."""
    if raw.handling is not Handling.ANALYSE or len(raw.text) > MAX_WITNESS_CHARACTERS:
        return None
    return _remembered(raw.text, raw.statement_class)


def leading_reason(text: str) -> str:
    """The text of the first comment before the statement that says `reason: …`."""
    position = 0
    while True:
        while position < len(text) and text[position].isspace():
            position += 1
        if text.startswith("--", position):
            end = text.find("\n", position)
            if end < 0:
                return ""
            position = end + 1
        elif text.startswith("/*", position):
            end = _comment_end(text, position)
            comment = text[position + 2 : end - 2].strip()
            if comment[:7].lower() == "reason:":
                return " ".join(comment[7:].split())
            position = end
        else:
            return ""


def _comment_end(text: str, position: int) -> int:
    """Behind a block comment; they nest. The grammar has accepted the text, so each one ends."""
    depth = 0
    while position < len(text):
        if text.startswith("/*", position):
            depth, position = depth + 1, position + 2
        elif text.startswith("*/", position):
            depth, position = depth - 1, position + 2
            if not depth:
                break
        else:
            position += 1
    return position


def _classes(raw: RawStatement, grammar: GrammarFacts) -> frozenset[StatementClass]:
    """Every class within; a query that only feeds another statement is no class of its own."""
    within = frozenset[StatementClass]() if raw.is_made else grammar.classes - {StatementClass.SELECT}
    return within | {raw.feeds or raw.statement_class}


@lru_cache(maxsize=64)
def _remembered(text: str, statement_class: StatementClass) -> Witness | None:
    try:
        tokens = _DIALECT.tokenize(text)
        parser = _BoundedParser(dialect=_DIALECT, error_level=ErrorLevel.IMMEDIATE)
        parser.steps_left = _FEWEST_STEPS + _STEPS_PER_TOKEN * len(tokens)
        statements = parser.parse(tokens, text)
        statement = statements[0] if len(statements) == 1 else None
        if not isinstance(statement, _KINDS.get(statement_class, ())):
            return None
        return _witness(statement)
    except Exception:
        # A witness that stumbles has seen nothing: `agreement` then counts it as unparsed. sqlglot documents
        # no set of exceptions, and deep texts exhaust its recursion.
        return None


def _witness(statement: exp.Expression) -> Witness:
    tables: list[tuple[str, ...]] = []
    columns: list[tuple[str, ...]] = []
    has_where = True
    for node in statement.walk():
        if isinstance(node, exp.Command):
            raise ValueError("opaque text")
        if isinstance(node, exp.Table):
            if isinstance(node.this, exp.Identifier):
                tables.append(tuple(_fold(part) for part in node.parts if isinstance(part, exp.Identifier)))
        elif isinstance(node, exp.Column):
            columns.append(tuple(_column_parts(node)))
        elif isinstance(node, exp.Lambda):
            columns.extend((_fold(name),) for name in node.expressions if isinstance(name, exp.Identifier))
        elif isinstance(node, exp.Var):
            columns.append((str(node.this).lower(),))
        elif isinstance(node, exp.Dot) and isinstance(node.this, exp.Parameter):
            columns.append((str(node.this.name).lower(), _fold(node.expression)))  # the operator @ before t.c
        elif isinstance(node, (exp.Update, exp.Delete)) and not isinstance(node.parent, exp.When):
            where = node.args.get("where")
            has_where = has_where and where is not None and _is_condition(where.this)
    return Witness(tuple(tables), tuple(columns), _output_count(statement), has_where)


def _column_parts(column: exp.Column) -> Iterator[str]:
    for part in column.parts:
        yield _fold(part) if isinstance(part, exp.Identifier) else "*"


def _fold(identifier: exp.Expression) -> str:
    name = str(identifier.this)
    if not identifier.args.get("quoted"):
        name = name.translate(_FOLDED)
    encoded = name.encode()
    return name if len(encoded) <= _MAX_NAME_BYTES else encoded[:_MAX_NAME_BYTES].decode(errors="ignore")


def _output_count(statement: exp.Expression) -> int | None:
    while isinstance(statement, (exp.SetOperation, exp.Subquery)):
        statement = statement.this
    if isinstance(statement, exp.Select):
        outputs = statement.expressions
    elif isinstance(statement, (exp.Insert, exp.Update, exp.Delete)):
        returning = statement.args.get("returning")
        outputs = returning.expressions if returning is not None else []
    else:
        return None
    return None if any(output.is_star for output in outputs) else len(outputs)


def _is_condition(condition: exp.Expression) -> bool:
    """Sees some rows and not others, as far as the form shows."""
    match condition:
        case exp.Paren():
            return _is_condition(condition.this)
        case exp.And():
            return any(_is_condition(side) for side in (condition.args["this"], condition.args["expression"]))
        case exp.Or():
            return all(_is_condition(side) for side in (condition.args["this"], condition.args["expression"]))
        case exp.EQ() | exp.GTE() | exp.LTE() | exp.NullSafeEQ():
            return condition.args["this"] != condition.args["expression"] and _mentions_column(condition)
        case _:
            return _mentions_column(condition)


def _mentions_column(condition: exp.Expression) -> bool:
    return condition.find(exp.Column, exp.Lambda, exp.Parameter, exp.Var) is not None
