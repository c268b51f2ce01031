"""psql scripts cut into statements: comments, every kind of quotes, meta-commands, COPY data. Nothing runs here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_PIECE = re.compile(
    r"""
    --[^\n]*
    | (?P<comment>/\*)
    | [eE]'(?:[^'\\]|\\.|'')*'
    | '(?:[^']|'')*'
    | "(?:[^"]|"")*"
    | (?P<dollar>\$(?:[^\W\d]\w*)?\$)
    | \\(?P<meta>[^\n]*)
    | (?P<open>\() | (?P<close>\)) | (?P<end>;)
    | [^\W\d]\w*
    """,
    re.VERBOSE | re.DOTALL,
)
_COPY_IN = re.compile(r"\s*copy\b.*\bfrom\s+stdin\b", re.IGNORECASE | re.DOTALL)
_DATA_END = re.compile(r"\n\\\.[^\n]*")
_BODY = re.compile(r"\bbegin\s+atomic\b", re.IGNORECASE)
_BODY_END = re.compile(r"\bend\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, or one meta-command where `sql` is empty."""

    sql: str
    meta: str = ""
    """The meta-command that ends the statement, or stands alone, without its backslash."""
    data: bytes = b""
    """What follows COPY … FROM stdin."""


def statements(text: str) -> Iterator[Statement]:
    """In the order of the script. A script that is cut off gives what there is."""
    at = start = depth = 0
    while found := _PIECE.search(text, at):
        at = found.end()
        match found.lastgroup:
            case "comment":
                at = _comment_end(text, at)
            case "dollar":
                close = text.find(found["dollar"], at)
                at = len(text) if close < 0 else close + len(found["dollar"])
            case "open":
                depth += 1
            case "close":
                depth -= 1
            case "meta" if text.startswith("\\;", found.start()):
                at = found.start() + 2
                yield Statement(text[start : found.start()].strip())
                start = at
            case "meta":
                sql = text[start : found.start()].strip()
                ends = found["meta"].startswith(("g", "crosstabview"))
                if ends and sql:
                    yield Statement(sql, found["meta"])
                    start, depth = at, 0
                elif not _is_comment(sql):
                    text = text[: found.start()] + text[at:]
                    at = found.start()
                else:
                    yield Statement("", found["meta"])
                    start = at
            case "end" if depth <= 0:
                sql = text[start : found.start()].strip()
                if _BODY.search(sql) and not _BODY_END.search(sql):
                    continue
                data = b""
                if _COPY_IN.match(_without_comments(sql)):
                    line = text.find("\n", at) + 1
                    found_end = _DATA_END.search(text, line - 1)
                    # A COPY that is meant to fail has no data: what follows are statements.
                    if found_end and ";\n" not in text[line : found_end.start()]:
                        data, at = text[line : found_end.start() + 1].encode(), found_end.end()
                yield Statement(sql, data=data)
                start, depth = at, 0
    if sql := text[start:].strip():
        yield Statement(sql)


def with_variables(sql: str, variables: dict[str, str]) -> str:
    """psql's `:name`, `:'name'` and `:"name"`; unknown ones stay."""

    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2] or found[3]
        if name not in variables:
            return found[0]
        quote = "'" if found[1] else '"' if found[2] else ""
        return quote + variables[name].replace(quote or "\0", quote * 2) + quote

    return re.sub(r"""(?<![:\w]):(?:'(\w+)'|"(\w+)"|([^\W\d]\w*))""", value, sql)


def _comment_end(text: str, at: int) -> int:
    depth = 1
    for found in re.finditer(r"/\*|\*/", text[at:]):
        depth += 1 if found[0] == "/*" else -1
        if not depth:
            return at + found.end()
    return len(text)


def _without_comments(sql: str) -> str:
    return re.sub(r"--[^\n]*|/\*.*?\*/", " ", sql, flags=re.DOTALL).strip()


def _is_comment(sql: str) -> bool:
    return not _without_comments(sql)
