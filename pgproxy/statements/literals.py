"""The literals of a statement's text by their byte offsets, and the same text with others in their places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from postgast.errors import PgQueryError

from pgproxy.errors import NotUnderstood, ProxyError
from pgproxy.statements.grammar_parser import parse_tree, spans

_STRINGS: Final = ("SCONST", "USCONST")
_NUMBERS: Final = ("ICONST", "FCONST")
_MINUS: Final = "ASCII_45"
_COMMENTS: Final = ("SQL_COMMENT", "C_COMMENT")
_OTHER_CONSTANTS: Final = ("BCONST", "XCONST")


@dataclass(frozen=True, slots=True)
class Literal:
    start: int
    end: int
    """In bytes; behind its last one."""
    value: str
    is_string: bool


@dataclass(frozen=True, slots=True)
class Spliced:
    text: str
    keeps_places: bool
    """What stands behind each literal stands where it stood, in characters."""


def literals_at(text: str, offsets: frozenset[int]) -> dict[int, Literal]:
    """The literals that begin at these bytes.

    Raises:
        NotUnderstood: at one of them is something else.
    """
    source = text.encode()
    found: dict[int, Literal] = {}
    tokens = [token for token in spans(text) if token[2] not in _COMMENTS]
    for at, (start, end, name) in enumerate(tokens):
        if start not in offsets:
            continue
        following = [token[2] for token in tokens[at + 1 : at + 3]]
        is_string = name in _STRINGS
        if name == "USCONST" and following == ["UESCAPE", "SCONST"]:
            end = tokens[at + 2][1]
        elif name == _MINUS and following[:1] and following[0] in _NUMBERS:
            end = tokens[at + 1][1]
        elif not is_string and name not in _NUMBERS:
            raise _no_literal()
        found[start] = Literal(start, end, _value(source[start:end].decode(), is_string=is_string), is_string)
    if found.keys() != offsets:
        raise _no_literal()
    return found


def _value(literal: str, *, is_string: bool) -> str:
    try:
        (statement,) = parse_tree(f"SELECT {literal}").stmts
        (target,) = statement.stmt.select_stmt.target_list
        constant = target.res_target.val.a_const
    except (ProxyError, ValueError):
        raise _no_literal() from None
    kind = constant.WhichOneof("val")
    if is_string and kind == "sval":
        return str(constant.sval.sval)
    if not is_string and kind == "ival":
        return str(constant.ival.ival)
    if not is_string and kind == "fval":
        return str(constant.fval.fval)
    raise _no_literal()


def spliced(text: str, values: Mapping[Literal, str]) -> Spliced:
    """The text with other values for some of its literals, each as the same kind of literal and in its place."""
    source = text.encode()
    parts: list[bytes] = []
    position = 0
    keeps_places = True
    for literal, value in sorted(values.items(), key=lambda item: item[0].start):
        written = quoted(value) if literal.is_string else value
        before = len(source[literal.start : literal.end].decode())
        keeps_places = keeps_places and len(written) <= before
        parts += [source[position : literal.start], written.ljust(before).encode()]
        position = literal.end
    return Spliced(b"".join((*parts, source[position:])).decode(), keeps_places)


def with_placeholders(text: str) -> str:
    """The text with `?` for every literal, and without comments: for readers who shall see no value.

    Raises:
        NotUnderstood: its literals cannot be told apart.
    """
    parts: list[bytes] = []
    position = 0
    after_uescape = False
    try:
        source = text.encode()
        tokens = spans(text)
    except (PgQueryError, UnicodeEncodeError):
        raise _no_literal() from None
    for start, end, name in tokens:
        parts.append(source[position:start])
        if name in _COMMENTS or after_uescape or name == "UESCAPE":
            parts.append(b" ")
        elif name in (*_STRINGS, *_NUMBERS, *_OTHER_CONSTANTS):
            parts.append(b"?")
        else:
            parts.append(source[start:end])
        after_uescape = name == "UESCAPE"
        position = end
    return b"".join((*parts, source[position:])).decode()


def quoted(value: str) -> str:
    """As a literal that is read the same whatever standard_conforming_strings says."""
    doubled = value.replace("'", "''")
    return f"'{doubled}'" if "\\" not in value else "E'" + doubled.replace("\\", "\\\\") + "'"


def _no_literal() -> NotUnderstood:
    return NotUnderstood(
        "not provably safe: a constant that is compared with tokens is no literal of its own in the text",
        detail="rule builtin.tokens",
        hint="Send it as a parameter, or as a plain literal.",
    )
