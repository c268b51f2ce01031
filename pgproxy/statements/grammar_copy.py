"""COPY from or to the client: how its rows are written, and which SELECT or INSERT it is to an analysis.

`COPY (query)` has the query inside. `COPY table` has none, so the text of one is made here; it is analysed and never
executed. What the analysis has to leave out or add then (generated columns, columns that are not named) is `copied`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pgproxy.statements.grammar_parser import marks, parse_tree
from pgproxy.statements.model import Handling, RawStatement
from pgproxy.wire.copyrows import CopyFormat

COPIES = frozenset((Handling.COPY_OUT, Handling.COPY_IN))

_TRUE = frozenset(("true", "on", "1"))
_FALSE = frozenset(("false", "off", "0"))
_OF_COPY_FROM = frozenset(
    ("freeze", "force_not_null", "force_null", "default", "on_error", "log_verbosity", "reject_limit")
)
"""Options that the server itself refuses in COPY TO."""
_UTF8 = frozenset(("utf8", "unicode"))


class UnknownOption(Exception):
    """An option, or a value of one, that this reading does not know; its name."""


def written_format(message: Any) -> CopyFormat:
    """The format of a COPY TO (a `CopyStmt` of libpg_query). Raises UnknownOption."""
    options: dict[str, Any] = {}
    for node in message.options:
        options[node.def_elem.defname] = node.def_elem.arg
    unread = options.keys() - {
        "format", "delimiter", "null", "header", "quote", "escape", "force_quote", "encoding", *_OF_COPY_FROM,
    }  # fmt: skip
    if unread:
        raise UnknownOption(min(unread).upper())
    name = _text(options, "format", "text")
    if name not in ("text", "csv", "binary"):
        raise UnknownOption("FORMAT")
    encoding = _text(options, "encoding", "utf8")
    if "".join(letter for letter in encoding.lower() if letter.isalnum()) not in _UTF8:
        raise UnknownOption("ENCODING")
    quote = _byte(options, "quote", '"')
    form = CopyFormat(
        name,  # type: ignore[arg-type] # mypy does not narrow by `in`
        delimiter=_byte(options, "delimiter", "," if name == "csv" else "\t"),
        null=_text(options, "null", "" if name == "csv" else "\\N").encode(),
        quote=quote,
        escape=_byte(options, "escape", quote.decode()),
        has_header=_boolean(options, "header"),
        force_quote=tuple(_names(options, "force_quote")),
    )
    if name == "text" and not form.has_readable_null:
        raise UnknownOption("NULL")
    return form


def with_copied(statement: RawStatement, split: Callable[[str], tuple[RawStatement, ...]]) -> RawStatement:
    """The COPY with the statement that decides it: its query, proven by its parse tree, or one made for the table."""
    message = parse_tree(statement.text).stmts[0].stmt.copy_stmt  # from its own text: locations count from there
    if not message.HasField("query"):
        (made,) = split(_made_text(message))
        inner = replace(made, character_offset=statement.character_offset, is_made=True)
        return replace(statement, inner=replace(inner, feeds=statement.statement_class, copy=statement.copy))
    source = statement.text.encode()
    start, end = _first_parentheses(statement.text)
    text = source[start:end].decode()
    trees = parse_tree(" " * start + text).stmts
    (inner,) = split(text)
    if len(trees) != 1 or trees[0].stmt != message.query or inner.handling is not Handling.ANALYSE:
        refusal = "What is inside cannot be used by an identity with masked columns."
        return replace(statement, handling=Handling.REFUSE, refusal=refusal, hint="A SELECT inside would pass.")
    offset = statement.character_offset + len(source[:start].decode()) + inner.character_offset
    inner = replace(inner, character_offset=offset, feeds=statement.statement_class, copy=statement.copy)
    return replace(statement, inner=inner)


def _first_parentheses(text: str) -> tuple[int, int]:
    """The byte offsets of what is within the first parentheses of a text that the grammar accepts."""
    start, depth = 0, 0
    for mark, end in marks(text):
        if mark == "(":
            depth += 1
            start = start or end
        elif mark == ")":
            depth -= 1
            if not depth:
                return start, end - 1
    return 0, 0


def _made_text(message: Any) -> str:
    """For `COPY table`: a SELECT of, or an INSERT into, the columns that it takes."""
    relation = message.relation
    table = ".".join(_quoted(part) for part in (relation.catalogname, relation.schemaname, relation.relname) if part)
    columns = ", ".join(_quoted(node.string.sval) for node in message.attlist)
    if not message.is_from:
        return f"SELECT {columns or '*'} FROM ONLY {table}"  # noqa: S608 - quoted, and never executed
    if not columns:
        return f"INSERT INTO {table} DEFAULT VALUES RETURNING *"  # noqa: S608
    values = ", ".join(["NULL"] * len(message.attlist))
    return f"INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE VALUES ({values})"  # noqa: S608


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(options: dict[str, Any], option: str, default: str) -> str:
    if option not in options:
        return default
    value = options[option]
    match value.WhichOneof("node"):
        case "string":
            return str(value.string.sval)
        case "integer":
            return str(value.integer.ival)
        case "boolean":
            return "true" if value.boolean.boolval else "false"
        case _:
            raise UnknownOption(option.upper())


def _byte(options: dict[str, Any], option: str, default: str) -> bytes:
    text = _text(options, option, default)
    if len(text) != 1 or not text.isascii() or text in "\r\n":
        raise UnknownOption(option.upper())
    return text.encode()


def _boolean(options: dict[str, Any], option: str) -> bool:
    if option not in options or options[option].WhichOneof("node") is None:
        return option in options
    text = _text(options, option, "").lower()
    if text not in _TRUE | _FALSE:
        raise UnknownOption(option.upper())
    return text in _TRUE


def _names(options: dict[str, Any], option: str) -> list[str]:
    if option not in options:
        return []
    value = options[option]
    match value.WhichOneof("node"):
        case "a_star":
            return ["*"]
        case "list":
            return [node.string.sval for node in value.list.items]
        case _:
            raise UnknownOption(option.upper())
