"""Values that an INSERT takes from a sequence: a new one for each row, so they are counted by rows.

A client may have set the sequence: such a value is its guess as much as a constant would be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pgproxy.statements.lineage.flow import Value
from pgproxy.statements.model import Constant, Lasts
from pgproxy.statements.tree import Node

if TYPE_CHECKING:
    from pgproxy.statements.lineage.walk import Walk

_SUBQUERY_ENTRY, _VALUES_ENTRY = 1, 5
"""rtekind (nodes/parsenodes.h, RTEKind)."""
_SELECT: Final = 1
_CONVERSIONS: Final = frozenset(("int2", "int4", "int8", "numeric", "text"))
_MOST: Final = 10_000


def next_in_values(node: Any, walk: Walk, place: tuple[int, int]) -> Value | None:
    """An item of VALUES that an INSERT has for its own, if it comes from a sequence.

    Args:
        place: of the item, among the rows and in its row.
    """
    if not _is_next(node, walk):
        return None
    return Value(constants=frozenset((Constant(f"\0next {place}", lasts=Lasts.ROW),)))


def next_for_rows(node: Any, walk: Walk, query: Node) -> Value | None:
    """What an INSERT puts into a column, if for each of its rows it comes from a sequence; None also where nobody knows
    how many those are."""
    rows = _most_rows(query) if _is_next(node, walk) else None
    if rows is None:
        return None
    return Value(constants=frozenset(Constant(f"\0next {row}", lasts=Lasts.ROW) for row in range(rows)))


def _is_next(node: Any, walk: Walk) -> bool:
    """nextval, or what an identity column has for it, in the column's type."""
    if walk.parameters is not None:  # nobody knows how often a function's body runs
        return False
    while isinstance(node, Node):
        match node.tag:
            case "NEXTVALUEEXPR":
                return True
            case "RELABELTYPE" | "COERCETODOMAIN":
                node = node["arg"]
            case "FUNCEXPR" if walk.functions.name(node["funcid"]) in _CONVERSIONS and len(node.nodes("args")) == 1:
                node = node["args"][0]
            case _:
                return node.tag == "FUNCEXPR" and walk.functions.name(node["funcid"]) == "nextval"
    return False


def _most_rows(query: Node) -> int | None:
    """How many rows a query has at most, as far as VALUES say."""
    if query["hasTargetSRFs"] or query["groupingSets"] or query["setOperations"] is not None:
        return None
    count = 1
    for item in query["jointree"].nodes("fromlist"):
        rows = _most_rows_of_entry(query.nodes("rtable")[item["rtindex"] - 1]) if item.tag == "RANGETBLREF" else None
        if rows is None or count * rows > _MOST:
            return None
        count *= rows
    return count


def _most_rows_of_entry(entry: Node) -> int | None:
    if entry["rtekind"] == _VALUES_ENTRY:
        return len(entry["values_lists"])
    if entry["rtekind"] == _SUBQUERY_ENTRY:
        subquery = entry["subquery"]
        return _most_rows(subquery) if subquery["commandType"] == _SELECT else None
    return None
