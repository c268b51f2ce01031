"""Splits and names a client's SQL by PostgreSQL's own grammar (libpg_query): the only module that calls `postgast`.

What a kind of statement means is a table in `grammar_kinds`; what a statement mentions is in `grammar_facts`. Nothing
is resolved here: names are as written, and no statement is ever written anew.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, ClassVar

from google.protobuf.message import DecodeError
from postgast.errors import PgQueryError
from postgast.parse import parse

from pgproxy.errors import NotUnderstood, ProxyError, TooManyBytes
from pgproxy.statements.grammar_depth import may_nest_too_deeply
from pgproxy.statements.grammar_kinds import kind_of
from pgproxy.statements.model import RawStatement

MAX_STATEMENT_BYTES = 1 << 20

_SHALLOW_BYTES = 16 * 1024
"""A text up to this size cannot nest deeper than an ordinary thread's stack carries: a level costs the client at least
two bytes ("+1") and libpg_query about 400 bytes of stack (measured: an 8 MiB stack ends at 21,460 levels)."""

_STACK_BYTES_PER_TEXT_BYTE = 320

_thread_size_lock = threading.Lock()


class SyntaxProblem(ProxyError):
    """The grammar does not accept the text; as the server would say it."""

    sqlstate: ClassVar[str] = "42601"

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position
        """1-based, in characters of the whole text; 0 unknown."""


def split(sql: str, max_bytes: int = MAX_STATEMENT_BYTES) -> tuple[RawStatement, ...]:
    """The statements of a client's text, each with its class and how it is handled.

    Every `text` is an exact slice, leading comments included; nothing but comments and semicolons gives ().

    Raises:
        SyntaxProblem (42601): the grammar refuses it.
        TooManyBytes (54000): longer than `max_bytes` in UTF-8.
        NotUnderstood (42501): nested too deeply to be read.
    """
    source = _encoded(sql, max_bytes)
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
        found.append(
            RawStatement(
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
            )
        )
    return tuple(found)


def parse_tree(sql: str, source: bytes | None = None) -> Any:
    """libpg_query's parse tree as its protobuf message.

    Raises:
        SyntaxProblem, NotUnderstood: as `split`.
    """
    source = _encoded(sql, MAX_STATEMENT_BYTES) if source is None else source
    if len(source) > _SHALLOW_BYTES and may_nest_too_deeply(sql):
        raise _too_deep()
    try:
        return parse(sql) if len(source) <= _SHALLOW_BYTES else _parse_on_deep_stack(sql, len(source))
    except PgQueryError as problem:
        position = len(source[: problem.cursorpos - 1].decode(errors="ignore")) + 1 if problem.cursorpos > 0 else 0
        raise SyntaxProblem(problem.message, position) from None
    except DecodeError:
        raise _too_deep() from None


def _too_deep() -> NotUnderstood:
    return NotUnderstood(
        "not provably safe: the statement is nested too deeply to be read",
        detail="rule builtin.depth",
        hint="Write it with fewer levels of nested expressions, joins or subqueries.",
    )


def _encoded(sql: str, max_bytes: int) -> bytes:
    if len(sql) > max_bytes:
        raise _too_long(max_bytes)
    try:
        source = sql.encode()
    except UnicodeEncodeError:
        source = b"\0"
    if len(source) > max_bytes:
        raise _too_long(max_bytes)
    if b"\0" in source:
        # C would read a shorter statement than the one that is sent.
        raise NotUnderstood("not provably safe: the statement is not valid text", detail="rule builtin.text")
    return source


def _too_long(max_bytes: int) -> TooManyBytes:
    return TooManyBytes(
        f"the statement is longer than {max_bytes} bytes",
        detail="rule builtin.statement_bytes",
        hint="Send the values as parameters, or in several statements.",
    )


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


def _parse_on_deep_stack(sql: str, source_bytes: int) -> Any:
    """Parse where the deepest nesting that fits in the text cannot overflow the stack and end the process.

    `may_nest_too_deeply` has bounded the time; that the process survives does not rest on a second lexer.
    """
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(parse(sql))
        except (PgQueryError, DecodeError) as problem:
            outcome.append(problem)

    with _thread_size_lock:
        before = threading.stack_size((source_bytes * _STACK_BYTES_PER_TEXT_BYTE // 4096 + 2048) * 4096)
        try:
            thread = threading.Thread(target=run, name="libpg_query")
            thread.start()
        finally:
            threading.stack_size(before)
    thread.join()
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]


def _allow_deep_trees() -> None:
    """Let protobuf decode trees deeper than 100 messages: 45 concatenations or joins reach that."""
    try:
        from google._upb._message import SetAllowOversizeProtos
    except ImportError:  # another protobuf backend: deep statements are refused instead
        return
    SetAllowOversizeProtos(True)


_allow_deep_trees()
