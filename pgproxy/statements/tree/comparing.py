"""Whether two trees are of one meaning: equal but for where things stand in their texts."""

from __future__ import annotations

from typing import Any, Final

from pgproxy.statements.tree.reader import Node

_PLACES: Final = frozenset(("location", "stmt_location", "stmt_len", "list_start", "list_end"))


def are_equal(one: Node, other: Node) -> bool:
    """Every field of every node, places in the text left out. Iterative: a client decides how deep a tree is."""
    pending: list[tuple[Any, Any]] = [(one, other)]
    while pending:
        left, right = pending.pop()
        if isinstance(left, Node):
            if not isinstance(right, Node) or left.tag != right.tag or left.fields.keys() != right.fields.keys():
                return False
            pending += [(value, right.fields[name]) for name, value in left.fields.items() if name not in _PLACES]
        elif isinstance(left, list):
            if not isinstance(right, list) or len(left) != len(right):
                return False
            pending += zip(left, right, strict=True)
        elif left != right or type(left) is not type(right):
            return False
    return True
