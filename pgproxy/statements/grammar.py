"""Splits and names a client's SQL by PostgreSQL's own grammar; the front of the `grammar_*` modules.

What a kind of statement means is a table in `grammar_kinds`, what a statement mentions is in `grammar_facts`,
libpg_query is called in `grammar_parser`. Nothing is resolved: names are as written, and no statement is written anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from pgproxy.statements.grammar_copy import COPIES, with_copied
from pgproxy.statements.grammar_facts import GrammarFacts, check_identifiers, grammar_facts
from pgproxy.statements.grammar_inside import WITH_PARTS, with_parts
from pgproxy.statements.grammar_kinds import Kind, kind_of
from pgproxy.statements.grammar_parser import MAX_STATEMENT_BYTES, SyntaxProblem, encoded, parse_tree
from pgproxy.statements.model import Handling, RawStatement

_REMEMBERED_CHARACTERS = 16 * 1024

__all__ = [
    "MAX_STATEMENT_BYTES",
    "GrammarFacts",
    "SyntaxProblem",
    "check_identifiers",
    "grammar_facts",
    "split",
]


def split(sql: str, max_bytes: int = MAX_STATEMENT_BYTES) -> tuple[RawStatement, ...]:
    """The statements of a client's text, each with its class and how it is handled.

    Every `text` is an exact slice, leading comments included; nothing but comments and semicolons gives ().

    Raises:
        SyntaxProblem (42601): the grammar refuses it.
        TooManyBytes (54000): longer than `max_bytes` in UTF-8.
        NotUnderstood (42501): nested too deeply to be read.
    """
    return _remembered(sql, max_bytes) if len(sql) <= _REMEMBERED_CHARACTERS else _split(sql, max_bytes)


def _split(sql: str, max_bytes: int) -> tuple[RawStatement, ...]:
    source = encoded(sql, max_bytes)
    statements = parse_tree(sql, source).stmts
    if not statements:
        return ()
    is_ascii = len(source) == len(sql)
    found: list[RawStatement] = []
    previous_end = 0
    for raw in statements:
        start = _start_of(source, previous_end, raw.stmt_location)
        previous_end = raw.stmt_location + raw.stmt_len if raw.stmt_len else len(source)
        text = source[start:previous_end].decode()
        offset = start if is_ascii else len(source[:start].decode())
        kind = kind_of(raw.stmt)
        statement = RawStatement(
            text=text,
            character_offset=offset,
            statement_class=kind.statement_class,
            handling=kind.handling,
            node=kind.node,
            setting=kind.setting,
            refusal=kind.refusal,
            hint=kind.hint,
            forgets_statements=kind.forgets_statements,
            forgets=kind.forgets,
            cursor=kind.cursor,
            is_held=kind.is_held,
            is_binary=kind.is_binary,
            target=kind.target,
            prepared=kind.prepared,
            copy=kind.copy,
            code=kind.code,
            widens=kind.widens,
            moved_names=kind.moved_names,
            given_names=kind.given_names,
            truncates=kind.truncates,
            runs_alone=kind.runs_alone,
        )
        if kind.question:
            statement = replace(statement, inner=_asked(kind))
        elif kind.handling in WITH_PARTS:
            statement = with_parts(statement, split)
        elif kind.handling in COPIES:
            statement = with_copied(statement, split)
        found.append(statement)
    return tuple(found)


def _asked(kind: Kind) -> RawStatement:
    """The query that is analysed in a definition's stead, of the definition's class: rules speak of that."""
    asked = RawStatement(kind.question, 0, kind.statement_class, Handling.ANALYSE, "SelectStmt")
    return replace(asked, moves_tables=kind.moves, landing=kind.landing)


_remembered = lru_cache(maxsize=512)(_split)


def _start_of(source: bytes, previous_end: int, location: int) -> int:
    """Where a statement's slice begins: behind the last semicolon, at its first comment or word."""
    start = previous_end
    for position in _outside_comments(source, previous_end, location):
        if source[position] == ord(";"):
            start = position + 1
    while start < location and source[start : start + 1].isspace():
        start += 1
    return start


def _outside_comments(source: bytes, position: int, end: int) -> Iterator[int]:
    """Positions between two statements that are in no comment; block comments nest, as in the server's scanner."""
    while position < end:
        if source.startswith(b"--", position):
            ends = [found for mark in (b"\n", b"\r") if (found := source.find(mark, position, end)) >= 0]
            position = min(ends, default=end)
        elif source.startswith(b"/*", position):
            depth, position = 1, position + 2
            while depth and position < end:
                if source.startswith(b"/*", position):
                    depth, position = depth + 1, position + 2
                elif source.startswith(b"*/", position):
                    depth, position = depth - 1, position + 2
                else:
                    position += 1
        else:
            yield position
            position += 1
