"""Which objects a tree names. Only by the kind of a field (`nodes`), wherever it stands in the tree."""

from __future__ import annotations

from pgproxy.statements.model import Reached
from pgproxy.statements.tree.nodes import Kind, layouts
from pgproxy.statements.tree.reader import Node

_SETS: dict[Kind, str] = {
    "relation": "relations",
    "function": "functions",
    "operator": "operators",
    "operators": "operators",
    "type": "types",
    "types": "types",
}


def _oid_fields() -> dict[str, tuple[tuple[str, str, bool], ...]]:
    """Tag → (field, set, is a list) of every field that holds OIDs, over all versions."""
    found: dict[str, dict[str, tuple[str, str, bool]]] = {}
    for version in (15, 16, 17, 18):
        known = layouts(version)
        parts = [*known.nodes.items(), *(("RANGETBLENTRY", entry) for entry in known.table_entries.values())]
        for tag, layout in parts:
            for field in layout:
                if field.kind in _SETS:
                    is_list = field.kind in ("types", "operators")
                    found.setdefault(tag, {})[field.name] = (field.name, _SETS[field.kind], is_list)
    return {tag: tuple(fields.values()) for tag, fields in found.items()}


_OID_FIELDS = _oid_fields()


def reached(tree: Node) -> Reached:
    """Every relation, function, operator and type whose OID stands anywhere in the tree."""
    sets: dict[str, set[int]] = {"relations": set(), "functions": set(), "operators": set(), "types": set()}
    for node in tree.within():
        for name, which, is_list in _OID_FIELDS.get(node.tag, ()):
            oid = node.fields.get(name)
            if is_list:
                sets[which].update(oid or ())
            elif oid:
                sets[which].add(oid)
    return Reached(**{name: frozenset(oids - {0}) for name, oids in sets.items()})
