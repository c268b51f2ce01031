"""Between which whole numbers a number lies, as far as its expression says it: from types, constants and the like.

NaN and infinity lie nowhere and are not thought of here: no row tells by them what another value is.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from pgproxy.statements.lineage.constants import deciding_text
from pgproxy.statements.tree import Node

if TYPE_CHECKING:
    from pgproxy.statements.lineage.walk import Walk

Range = tuple[int, int]

INT2, INT4, INT8, FLOAT4, FLOAT8, NUMERIC = 21, 23, 20, 700, 701, 1700
INTEGERS: Final = {
    INT2: (-(1 << 15), (1 << 15) - 1),
    INT4: (-(1 << 31), (1 << 31) - 1),
    INT8: (-(1 << 63), (1 << 63) - 1),
}
NUMBERS: Final = frozenset((INT2, INT4, INT8, FLOAT4, FLOAT8, NUMERIC))

_LENGTHS: Final = frozenset(
    "ascii cardinality char_length character_length length octet_length position strpos".split()
)
_LENGTH: Final = (0, (1 << 30) - 1)
_PARTS_OF_TIME: Final = frozenset(
    "century day decade dow doy isodow isoyear millennium minute month quarter second week year".split()
)
_OF_TIME: Final = (-2_147_483_646, 2_147_483_646)
_CASTS: Final = frozenset("float4 float8 int2 int4 int8 numeric".split())
_ROUNDINGS: Final = frozenset("ceil ceiling floor round trunc".split())
_SUMS: Final = re.compile(r"(?:int(?:[248]|24|28|42|48|82|84)|numeric_)(pl|mi|mul|add|sub|div|mod)")
_ONE_OF: Final = frozenset("any_value avg first_value last_value max min".split())
_DEPTH: Final = 12
"""Of expressions inside each other; deeper only the type counts."""


class Ranges:
    def __init__(self, walk: Walk) -> None:
        self._walk = walk

    def of(self, node: Any, depth: int = _DEPTH) -> Range | None:
        """None: not known."""
        if not isinstance(node, Node):
            return None
        by_type = INTEGERS.get(self._walk.expressions.type_of(node))
        found = self._found(node, depth) if depth else None
        if found is None or by_type is None:
            return by_type if found is None else found
        return max(found[0], by_type[0]), min(found[1], by_type[1])

    def call(self, name: str, nodes: list[Any], depth: int = _DEPTH) -> Range | None:
        """The result of that built-in function, were its type without limits."""
        if not nodes:
            return None
        if name in _LENGTHS:
            return _LENGTH
        if name in ("date_part", "extract"):
            return _OF_TIME if constant(nodes[0]) in _PARTS_OF_TIME else None
        first = self.of(nodes[0], depth - 1)
        if first is None:
            return None
        low, high = first
        if name in _CASTS:
            return low - 1, high + 1
        if name in _ROUNDINGS:
            places = whole(nodes[1]) if len(nodes) == 2 else 0
            return (low - 1, high + 1) if places is not None and places >= 0 else None
        if name in ("int2um", "int4um", "int8um", "numeric_uminus"):
            return -high, -low
        return self._sum(name, first, nodes, depth)

    def _sum(self, name: str, first: Range, nodes: list[Any], depth: int) -> Range | None:
        found = _SUMS.fullmatch(name)
        second = self.of(nodes[1], depth - 1) if found is not None and len(nodes) == 2 else None
        if found is None or second is None:
            return None
        (low, high), (other_low, other_high) = first, second
        match found[1]:
            case "pl" | "add":
                return low + other_low, high + other_high
            case "mi" | "sub":
                return low - other_high, high - other_low
            case "mul":
                corners = [one * other for one in first for other in second]
                return min(corners), max(corners)
            case "div" if other_low >= 1:
                return min(low, 0), max(high, 0)
            case "mod" if other_low >= 1:
                return -other_high, other_high
        return None

    def _found(self, node: Node, depth: int) -> Range | None:
        match node.tag:
            case "CONST":
                text = None if node["constisnull"] else deciding_text(node)
                number = None if text is None or self._walk.expressions.type_of(node) not in NUMBERS else Decimal(text)
                return None if number is None or not number.is_finite() else (math.floor(number), math.ceil(number))
            case "VAR" if (digits := numeric_digits(node)) is not None:
                return -(10**digits), 10**digits
            case "FUNCEXPR":
                return self.call(self._walk.functions.name(node["funcid"]), node.nodes("args"), depth)
            case "OPEXPR":
                oid = self._walk.catalog.operators.get(node["opno"], 0)
                return self.call(self._walk.functions.name(oid), node.nodes("args"), depth)
            case "AGGREF" if self._walk.functions.name(node["aggfnoid"]) in _ONE_OF and node["aggkind"] == "n":
                return self.of(node.nodes("args")[0]["expr"], depth - 1)
            case "WINDOWFUNC" if self._walk.functions.name(node["winfnoid"]) in _ONE_OF:
                return self.of(node.nodes("args")[0], depth - 1)
            case "COALESCEEXPR":
                ranges = [self.of(one, depth - 1) for one in node.nodes("args")]
                known = [one for one in ranges if one is not None]
                return (min(known)[0], max(high for _, high in known)) if len(known) == len(ranges) else None
        return None


def numeric_digits(node: Node) -> int | None:
    """How many digits before the point the type of a numeric column lets it have; None: not said."""
    modifier = -1
    if node.tag == "VAR" and node["vartype"] == NUMERIC:
        modifier = int(node["vartypmod"])
    return None if modifier < 0 else digits_of(modifier)


def digits_of(modifier: int) -> int:
    """Of numeric(precision, scale). Source: PostgreSQL src/backend/utils/adt/numeric.c, make_numeric_typmod."""
    precision, scale = (modifier - 4) >> 16 & 0xFFFF, ((modifier - 4 & 0x7FF) ^ 1024) - 1024
    return max(precision - scale, 0)


def constant(node: Any) -> str | None:
    """The text of a constant; None for anything else, and for NULL."""
    return deciding_text(node) if isinstance(node, Node) and node.tag == "CONST" and not node["constisnull"] else None


def whole(node: Any) -> int | None:
    """A constant integer."""
    text = constant(node) if isinstance(node, Node) and node.tag == "CONST" and node["consttype"] in INTEGERS else None
    return None if text is None else int(text)
