"""A statement as a reviewer reads it: broken into lines at its clauses, words marked by kind.

Nothing is added, dropped or moved but white space between words, so what is read is what runs; the text exactly as it
was sent is shown beside it. This is typography: what a statement means is not looked at here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from pgproxy.web.markup import Html, joined, tag

Kind = Literal["space", "comment", "string", "name", "word", "number", "parameter", "sign"]

_TOKEN: Final = re.compile(
    r"""
    (?P<space>[ \t\n\r\f\v]+)
  | (?P<comment>--[^\n\r]*|/\*)
  | (?P<string>(?:[eE]'(?:[^'\\]|''|\\.)*|(?:[bBxXnN]|[uU]&)?'(?:[^']|'')*)(?:'|\Z)
      |(?P<dollar>\$(?:[^\W\d]\w*)?\$).*?(?:(?P=dollar)|\Z))
  | (?P<name>(?:[uU]&)?"(?:[^"]|"")*(?:"|\Z))
  | (?P<parameter>\$\d+)
  | (?P<number>(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)
  | (?P<word>[^\W\d][\w$]*)
  | (?P<sign>.)
    """,
    re.VERBOSE | re.DOTALL,
)

KEYWORDS: Final = frozenset(
    """
    abort add all alter analyze and any array as asc begin between both by call cascade case cast check close cluster
    collate column comment commit concurrently constraint copy create cross current cursor database deallocate declare
    default delete desc discard distinct do drop each else end except execute exists explain extension false fetch
    filter first following for foreign from full function grant group having ilike in index inner insert intersect into
    is isolation join key language last lateral left level like limit listen local lock materialized merge move natural
    not notify null nulls of off offset on only or order outer over partition policy preceding prepare primary
    privileges procedure program public reassign recursive references refresh reindex release rename reset restrict
    returning revoke right role rollback row rows savepoint schema select sequence server set show similar some start
    statement stdin stdout subscription table tablesample temp temporary then to transaction trigger true truncate type
    union unique unlogged update user using vacuum values variadic view when where window with without zone
    """.split()
)

_CLAUSES: Final = frozenset(
    "from where group having order limit offset fetch union intersect except returning values set window using".split()
)
"""Begin a line where they stand outside parentheses."""
_AFTER: Final = {"using": frozenset(("merge",)), "set": frozenset(("update", "merge", "insert"))}
"""These do so only in such statements."""
_JOINS: Final = frozenset(("join", "left", "right", "full", "inner", "cross", "natural"))
_LONG: Final = 60
"""A shorter statement stays on one line."""


@dataclass(frozen=True, slots=True)
class Token:
    kind: Kind
    text: str

    @property
    def word(self) -> str:
        return self.text.lower() if self.kind == "word" else ""


def tokens(sql: str) -> Iterator[Token]:
    """All of the text, in order; what is not closed goes to the end."""
    at = 0
    while at < len(sql):
        found = _TOKEN.match(sql, at)
        assert found is not None and found.lastgroup is not None
        end = found.end()
        kind = next(name for name, text in found.groupdict().items() if text is not None and name != "dollar")
        if found["comment"] == "/*":
            end = _comment_end(sql, at)
        yield Token(kind, sql[at:end])  # type: ignore[arg-type]
        at = end


def laid_out(sql: str) -> str:
    """The statement with line breaks where clauses begin; nothing but white space differs."""
    return "".join(one.text for one in _laid_out(sql))


HIGHLIGHTED_CHARACTERS: Final = 100_000


def highlighted(sql: str) -> Html:
    """Laid out, and its words marked; a very long text is as it was sent, and plain."""
    return joined(sql) if len(sql) > HIGHLIGHTED_CHARACTERS else joined(*(_marked(one) for one in _laid_out(sql)))


def _marked(token: Token) -> str:
    if token.kind in ("space", "sign"):
        return token.text
    if token.kind == "word":
        return tag("b", token.text) if token.word in KEYWORDS else token.text
    return tag("span", token.text, class_=f"sql-{token.kind}")


def _laid_out(sql: str) -> Iterator[Token]:
    found = list(tokens(sql.strip(" \t\n\r\f\v")))
    is_long = len(sql) > _LONG or "\n" in sql
    depth, first, last = 0, "", ""
    pending = ""
    for number, token in enumerate(found):
        if token.kind == "space":
            is_break = number and found[number - 1].text.startswith("--")
            pending = "\n" if is_break else " "
            continue
        if token.kind == "comment" and token.text.startswith("--") and "\n" in sql:
            pending = pending and "\n"
        if token.text in ("(", "["):
            depth += 1
        elif token.text in (")", "]"):
            depth = max(0, depth - 1)
        first = first or token.word
        if is_long and not depth and pending == " " and _begins_line(token.word, first, last):
            pending = "\n" if token.word not in ("and", "or") else "\n  "
        if last == ";" and pending:
            pending, first = "\n", token.word
        if pending:
            yield Token("space", pending)
            pending = ""
        yield token
        last = token.word or token.text


def _begins_line(word: str, first: str, last: str) -> bool:
    if word in ("and", "or"):
        return True
    if word in _JOINS:
        return last not in _JOINS and last != "outer"
    if word == "select":
        return last not in ("", "(", "all", "distinct")
    if word == "from":
        return first not in ("copy", "delete", "revoke", "fetch", "move") and last != "distinct"
    if word not in _CLAUSES:
        return False
    return first in _AFTER.get(word, (first,))


def _comment_end(sql: str, start: int) -> int:
    """Comments nest."""
    depth = 0
    for found in re.compile(r"/\*|\*/").finditer(sql, start):
        depth += 1 if found[0] == "/*" else -1
        if not depth:
            return found.end()
    return len(sql)
