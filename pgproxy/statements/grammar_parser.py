"""PostgreSQL's own grammar (libpg_query), safely: the only module that calls `postgast`.

A client decides how long and how deep a text is; nothing it sends may end the process, stop it for seconds, or be read
otherwise than the server reads it.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, ClassVar

from google.protobuf.message import DecodeError
from postgast import pg_query_pb2 as pb
from postgast.deparse import deparse
from postgast.errors import PgQueryError
from postgast.parse import parse
from postgast.plpgsql import parse_plpgsql
from postgast.scan import scan

from pgproxy.errors import NotUnderstood, ProxyError, TooManyBytes
from pgproxy.statements.grammar_depth import may_nest_too_deeply

MAX_STATEMENT_BYTES = 1 << 20

_SHALLOW_BYTES = 16 * 1024
"""A text up to this size cannot nest deeper than an ordinary thread's stack carries: a level costs the client at least
two bytes ("+1") and libpg_query about 400 bytes of stack (measured: an 8 MiB stack ends at 21,460 levels)."""

_STACK_BYTES_PER_TEXT_BYTE = 320

_COMMENTS = (pb.SQL_COMMENT, pb.C_COMMENT)

_thread_size_lock = threading.Lock()


class SyntaxProblem(ProxyError):
    """The grammar does not accept the text; as the server would say it."""

    sqlstate: ClassVar[str] = "42601"

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position
        """1-based, in characters of the whole text; 0 unknown."""


def parse_tree(sql: str, source: bytes | None = None) -> Any:
    """libpg_query's parse tree as its protobuf message, which nobody may change.

    Raises:
        SyntaxProblem, NotUnderstood: the grammar refuses the text; it nests too deeply.
    """
    source = encoded(sql, MAX_STATEMENT_BYTES) if source is None else source
    if len(source) > _SHALLOW_BYTES and may_nest_too_deeply(sql):
        raise _too_deep()
    try:
        return _parsed(sql) if len(source) <= _SHALLOW_BYTES else _parse_on_deep_stack(sql, len(source))
    except PgQueryError as problem:
        position = len(source[: problem.cursorpos - 1].decode(errors="ignore")) + 1 if problem.cursorpos > 0 else 0
        raise SyntaxProblem(problem.message, position) from None
    except DecodeError:
        raise _too_deep() from None


_parsed = lru_cache(maxsize=4)(parse)
"""The statement of a text that holds no other is split, and then read for what it mentions."""


_PROMISES = re.compile(r'(?:,\{\}\})+(?=,\{"PLpgSQL_var":\{"refname":"found")')
"""libpg_query writes one brace too many for each TG_ variable."""


def parse_function(source: str, header: str) -> Any:
    """libpg_query's JSON of the PL/pgSQL function: `datums` and `action`.

    Args:
        header: arguments and result as in CREATE FUNCTION.

    Raises:
        NotUnderstood: it cannot be read, or is long.
    """
    if "$pgproxy$" in source or len(encoded(source, MAX_STATEMENT_BYTES)) > _SHALLOW_BYTES:
        raise _too_deep()
    try:
        functions = parse_plpgsql(f"CREATE FUNCTION f{header} LANGUAGE plpgsql AS $pgproxy${source}$pgproxy$")
    except PgQueryError:
        raise NotUnderstood("the body of a function cannot be read") from None
    except json.JSONDecodeError as problem:
        repaired = _PROMISES.sub(lambda found: ",{}" * (len(found[0]) // 4), problem.doc, count=1)
        try:
            functions = json.loads(repaired)
        except json.JSONDecodeError:
            raise NotUnderstood("the body of a function cannot be read") from None
    return functions[0]["PLpgSQL_function"]


def parameters(header: str) -> list[tuple[str, bool]]:
    """The parameters of a function with this header (`parse_function`): name, and whether a call gives it."""
    (statement,) = parse(f"CREATE FUNCTION f{header} LANGUAGE plpgsql AS ''").stmts
    found = [one.function_parameter for one in statement.stmt.create_function_stmt.parameters]
    return [(one.name, one.mode not in (pb.FUNC_PARAM_OUT, pb.FUNC_PARAM_TABLE)) for one in found]


def tokens(sql: str) -> list[tuple[str, int, int]]:
    """The words and signs of a text, comments left out, each with the bytes where it begins and ends.

    Raises:
        NotUnderstood: it has some that the grammar does not know.
    """
    source = sql.encode()
    try:
        found = [token for token in scan(sql).tokens if token.token not in _COMMENTS]
    except PgQueryError:
        raise NotUnderstood("a text that cannot be read word by word") from None
    return [(source[token.start : token.end].decode(errors="replace"), token.start, token.end) for token in found]


def keyword_of(word: str) -> str:
    """What kind of keyword a word of plain letters is ("RESERVED_KEYWORD"); "": none."""
    (token,) = scan(word).tokens
    return "" if token.keyword_kind == pb.NO_KEYWORD else pb.KeywordKind.Name(token.keyword_kind)


def marks(sql: str) -> Iterator[tuple[str, int]]:
    """The tokens of a text that the grammar accepts, comments left out: single-byte ones as they are, others as "".

    Each with the byte offset behind it.
    """
    for token in scan(sql).tokens:
        if token.token not in _COMMENTS:
            yield chr(token.token) if token.token < 128 else "", token.end


def spans(sql: str) -> list[tuple[int, int, str]]:
    """Every token of a text that the grammar accepts: first byte, the byte behind it, name ("SCONST", "ASCII_45")."""
    return [(token.start, token.end, pb.Token.Name(token.token)) for token in scan(sql).tokens]


def deparsed(query: Any) -> str:
    """The text of a query that was built as a tree, proven by reading it again; "" where it reads otherwise.

    Args:
        query: a SelectStmt of libpg_query.
    """
    tree = pb.ParseResult(stmts=[pb.RawStmt(stmt=pb.Node(select_stmt=query))])
    try:
        text = deparse(tree)
        (read,) = parse(text).stmts
    except (PgQueryError, DecodeError, ValueError):
        return ""
    return text if _without_locations(read.stmt.select_stmt) == _without_locations(query) else ""


def _without_locations(message: Any) -> Any:
    copy = type(message)()
    copy.CopyFrom(message)
    pending = [copy]
    while pending:
        one = pending.pop()
        for field, value in one.ListFields():
            if field.name in ("location", "list_start", "list_end", "rexpr_list_start", "rexpr_list_end"):
                one.ClearField(field.name)
            elif field.message_type is not None:
                pending.extend(value if field.is_repeated else (value,))
    return copy


def _too_deep() -> NotUnderstood:
    return NotUnderstood(
        "not provably safe: the statement is nested too deeply to be read",
        detail="rule builtin.depth",
        hint="Write it with fewer levels of nested expressions, joins or subqueries.",
    )


def encoded(sql: str, max_bytes: int) -> bytes:
    """The text as UTF-8, within the limit and without NUL.

    Raises:
        TooManyBytes, NotUnderstood.
    """
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
