"""The texts that a statement executes by functions that it calls, as statements of their own.

The server analyses each in the statement's own transaction, as it does a statement of the client's, before anything
runs. A text is one query, or EXPLAIN of one; what is not stays unknown, and what executes it is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from pgproxy.catalog.model import Catalog
from pgproxy.errors import NotUnderstood, ProxyError
from pgproxy.session.understanding import Announced, ReadText
from pgproxy.statements.grammar import split
from pgproxy.statements.grammar_facts import check_identifiers
from pgproxy.statements.lineage import may_execute_texts, texts_in
from pgproxy.statements.model import Handling, RawStatement
from pgproxy.statements.tree import read_tree

TEXTS: Final = 16
"""How many texts of one statement are analysed."""

UNREADABLE_TEXT: Final = NotUnderstood(
    "not provably safe: the SQL that a function of this statement executes cannot be analysed",
    detail="rule builtin.function",
    hint="Send that SQL as a statement of its own: it says what is wrong with it.",
)


def unread_texts(announcement: Announced, catalog: Catalog, server_encoding: str) -> list[str]:
    """The texts that are to be analysed next.

    Args:
        catalog: of what the announcement needs.
        server_encoding: constants in a tree are written in it.
    """
    functions = (catalog.functions.get(oid) for oid in announcement.reached.functions)
    if not any(function is not None and may_execute_texts(function) for function in functions):
        return []
    found = texts_in(announcement.tree(), catalog) - announcement.texts.keys()
    readable = [text for text in sorted(found) if text.isascii() or server_encoding == "UTF8"]
    return readable[: max(0, TEXTS - len(announcement.texts))]


def statement_in(text: str) -> tuple[RawStatement, RawStatement] | None:
    """The one statement of a text, and the query in it: itself or what it explains; None: it is something else."""
    try:
        raws = split(text)
        for raw in raws:
            check_identifiers(raw)
    except ProxyError:
        return None
    if len(raws) != 1:
        return None
    (raw,) = raws
    query = raw.inner if raw.handling is Handling.WRAP and raw.node == "ExplainStmt" else raw
    return (raw, query) if query is not None and query.handling is Handling.ANALYSE else None


def with_text(announcement: Announced, text: str, trees: Sequence[bytes], server_version: int) -> Announced:
    """The announcement with what the server announced for the query in a text; no trees: it has none.

    Raises:
        NotUnderstood: the tree cannot be read.
    """
    found = statement_in(text)
    read = None
    if found is not None and len(trees) == 1:
        raw, query = found
        read = ReadText(raw, query, read_tree(trees[0], server_version))
    return replace(announcement, texts={**announcement.texts, text: read})
