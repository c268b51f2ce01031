"""The type of an expression, as far as its node says it."""

from __future__ import annotations

from typing import Any, Final

from pgproxy.catalog.model import Catalog
from pgproxy.statements.tree import Node

_TEXT, _VARCHAR = 25, 1043
SAME_TEXT: Final = frozenset((_TEXT, _VARCHAR))
"""A relabelling between these changes no byte of the value, in text or binary format."""

_BOOLEAN: Final = 16
_TYPE_FIELD: Final = {
    "AGGREF": "aggtype",
    "ARRAYCOERCEEXPR": "resulttype",
    "ARRAYEXPR": "array_typeid",
    "CASEEXPR": "casetype",
    "CASETESTEXPR": "typeId",
    "COALESCEEXPR": "coalescetype",
    "COERCETODOMAIN": "resulttype",
    "COERCEVIAIO": "resulttype",
    "CONST": "consttype",
    "CONVERTROWTYPEEXPR": "resulttype",
    "DISTINCTEXPR": "opresulttype",
    "FIELDSELECT": "resulttype",
    "FIELDSTORE": "resulttype",
    "FUNCEXPR": "funcresulttype",
    "MERGESUPPORTFUNC": "msftype",
    "MINMAXEXPR": "minmaxtype",
    "NEXTVALUEEXPR": "typeId",
    "NULLIFEXPR": "opresulttype",
    "OPEXPR": "opresulttype",
    "PARAM": "paramtype",
    "RELABELTYPE": "resulttype",
    "ROWEXPR": "row_typeid",
    "SQLVALUEFUNCTION": "type",
    "SUBSCRIPTINGREF": "refrestype",
    "VAR": "vartype",
    "WINDOWFUNC": "wintype",
    "XMLEXPR": "type",
}
_BOOLEAN_TAGS: Final = frozenset(
    "BOOLEXPR BOOLEANTEST JSONISPREDICATE NULLTEST ROWCOMPAREEXPR SCALARARRAYOPEXPR".split()
)
_THROUGH: Final = {
    "COLLATEEXPR": "arg",
    "JSONVALUEEXPR": "formatted_expr",
    "NAMEDARGEXPR": "arg",
    "RETURNINGEXPR": "retexpr",
}
_SUBLINK_EXPRESSION, _SUBLINK_ARRAY = 4, 6
_INTEGER: Final = 23


def expression_type(node: Any, catalog: Catalog) -> int:
    """The type's OID; 0 where the node does not say."""
    while isinstance(node, Node):
        field = _TYPE_FIELD.get(node.tag)
        if field is not None:
            return int(node[field])
        if node.tag in _BOOLEAN_TAGS:
            return _BOOLEAN
        if node.tag == "GROUPINGFUNC":
            return _INTEGER
        if node.tag in ("JSONCONSTRUCTOREXPR", "JSONEXPR"):
            returning = node["returning"]
            return int(returning["typid"]) if isinstance(returning, Node) else 0
        if node.tag == "SUBLINK":
            return _sublink_type(node, catalog)
        node = node[_THROUGH[node.tag]] if node.tag in _THROUGH else None
    return 0


def _sublink_type(node: Node, catalog: Catalog) -> int:
    kind = node["subLinkType"]
    if kind not in (_SUBLINK_EXPRESSION, _SUBLINK_ARRAY):
        return _BOOLEAN
    selected = next((entry["expr"] for entry in node["subselect"].nodes("targetList") if not entry["resjunk"]), None)
    element = expression_type(selected, catalog)
    if kind == _SUBLINK_EXPRESSION or not element:
        return element
    arrays = (one.oid for one in catalog.types.values() if one.element == element and one.kind == "b")
    return next(arrays, 0)
