"""Whether two trees are of one meaning: equal but for where things stand in their texts."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from pgproxy.statements.tree.reader import Node

_PLACES: Final = frozenset(("location", "stmt_location", "stmt_len", "list_start", "list_end"))


def are_equal(one: Node, other: Node, replaced: Collection[int] = ()) -> bool:
    """Every field of every node, places in the text left out. Iterative: a client decides how deep a tree is.

    Args:
        replaced: where, in the text of the first, literals stand whose values may differ.
    """
    pending: list[tuple[Any, Any]] = [(one, other)]
    while pending:
        left, right = pending.pop()
        if isinstance(left, Node):
            if not isinstance(right, Node) or left.tag != right.tag or _said(left) != _said(right):
                return False
            left_out = _PLACES
            if replaced and left.tag == "CONST" and left["location"] in replaced:
                left_out = _PLACES | {"constvalue"}
            pending += [(left.fields[name], right.fields[name]) for name in _said(left) if name not in left_out]
        elif isinstance(left, list):
            if not isinstance(right, list) or len(left) != len(right):
                return False
            pending += zip(left, right, strict=True)
        elif left != right or type(left) is not type(right):
            return False
    return True


def _said(node: Node) -> set[str]:
    """The server's own fields: a tree that was traced has marks too, as "(decides)"."""
    return {name for name in node.fields if not name.startswith("(")}
