"""Whether an expression can fail for some stored values and not for others: success is an answer, too.

`1 / (ascii(ssn) - 48)` tells by its error what the column holds, even where its result never comes out. So each call
with stored columns in it counts as a use of them, unless it is known here that it fails for no value, or for all. What
can grow a value without a bound fails at 1 GB, so it is not here. With constants that a strict function may refuse,
an error would tell NULL apart: they are checked, and parameters, whose values are not known yet, do not pass.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from pgproxy.statements.lineage.constants import deciding_text
from pgproxy.statements.lineage.flow import Value
from pgproxy.statements.lineage.types import expression_type
from pgproxy.statements.model import Form, Use, UseKind
from pgproxy.statements.tree import Node

if TYPE_CHECKING:
    from pgproxy.statements.lineage.entries import Scope
    from pgproxy.statements.lineage.walk import Walk

ERROR, AGGREGATE_ERROR = "error", "aggregate_error"
ERRORS: Final = frozenset((ERROR, AGGREGATE_ERROR))
"""Contexts of uses: by whether the expression is over single values, or over aggregates of them alone."""

_COMPARISON: Final = re.compile(
    r"""
    ( array | bit | bool | bpchar | bytea | cash | char | date | enum | float[48] | float48 | float84 | int[248]
    | int(24|28|42|48|82|84) | interval | jsonb | macaddr8? | multirange | name | network | numeric | oid | pg_lsn
    | range | record | text | tid | time | timestamp | timestamptz | timetz | uuid | varbit | xid8? )
    _? (eq|ne|lt|le|gt|ge) ( _(date|timestamp|timestamptz) | text | name )?
    | name(eq|ne|lt|le|gt|ge)text | text(eq|ne|lt|le|gt|ge)name
    """,
    re.VERBOSE,
)
_ANY_TYPE: Final = frozenset(
    """
    any_value array_length array_lower array_ndims array_upper arraycontained arraycontains arrayoverlap bool_and
    bool_or booland_statefunc cardinality count every first_value hashtext json_array_element
    json_array_element_text json_extract_path json_extract_path_text json_object_field json_object_field_text
    json_typeof jsonb_array_element jsonb_array_element_text jsonb_contained jsonb_contains jsonb_exists
    jsonb_exists_all jsonb_exists_any jsonb_extract_path jsonb_extract_path_text jsonb_object_field
    jsonb_object_field_text jsonb_typeof lag last_value lead max min num_nonnulls num_nulls pg_column_size
    pg_typeof
    """.split()
)
_NUMBERS_TOGETHER: Final = frozenset(
    "avg stddev stddev_pop stddev_samp sum var_pop var_samp variance percentile_cont percentile_disc mode".split()
)
"""No argument of theirs but numbers; to overflow they need more rows than a statement can make."""
_OF_TEXT: Final = frozenset(
    """
    ascii bit_length btrim char_length character_length initcap length lower ltrim md5 octet_length position reverse
    rtrim sha224 sha256 sha384 sha512 starts_with strpos translate upper text bpchar varchar name
    """.split()
)
_OF_NUMBERS: Final = frozenset("abs ceil ceiling float8abs floor numeric_abs numeric_uminus round sign trunc".split())
_CONCATENATION: Final = frozenset("anytextcat concat concat_ws textanycat textcat".split())
_LIKE: Final = re.compile(r"(text|bpchar|name)(ic)?n?like")
_REGEX: Final = re.compile(r"(text|bpchar|name)(ic)?regex(eq|ne)")
_PLAIN_REGEX: Final = re.compile(r"[^\\\[\](){}*+?|]*")

_TEXT_TYPES: Final = frozenset((25, 1043, 1042, 19, 17))
"""text, varchar, bpchar, name, bytea."""
_NUMBER_TYPES: Final = frozenset((21, 23, 20, 700, 701, 1700))
_INT2, _INT4, _INT8, _FLOAT4, _FLOAT8, _NUMERIC = 21, 23, 20, 700, 701, 1700
_DATE, _TIMESTAMP, _TIMESTAMPTZ = 1082, 1114, 1184
_WIDENING: Final = {
    "date": frozenset((_TIMESTAMP, _TIMESTAMPTZ)),
    "float4": frozenset((_INT2, _INT4, _INT8)),
    "float8": frozenset((_INT2, _INT4, _INT8, _FLOAT4, _NUMERIC)),
    "int4": frozenset((_INT2,)),
    "int8": frozenset((_INT2, _INT4)),
    "numeric": frozenset((_INT2, _INT4, _INT8)),
}
_DATE_PARTS: Final = frozenset(
    "century day decade dow doy epoch isodow isoyear millennium month quarter week year".split()
)
_TIME_PARTS: Final = frozenset("hour minute second milliseconds microseconds".split())
_TRUNCATIONS: Final = (_DATE_PARTS | _TIME_PARTS) - {"dow", "doy", "epoch", "isodow", "isoyear"}


class Failures:
    def __init__(self, walk: Walk) -> None:
        self._walk = walk

    def call(
        self, oid: int, nodes: Sequence[Any], arguments: Sequence[Value], scope: Scope, *, is_aggregate: bool = False
    ) -> None:
        """A call of that function with these arguments."""
        if any(value.sources for value in arguments):
            name = self._walk.functions.name(oid)
            if not self._never_fails(name, nodes, arguments, scope):
                self.note(*arguments, is_aggregate=is_aggregate)

    def operator(self, oid: int, nodes: Sequence[Any], arguments: Sequence[Value], scope: Scope) -> None:
        self.call(self._walk.catalog.operators.get(oid, 0), nodes, arguments, scope)

    def note(self, *values: Value, is_aggregate: bool = False) -> None:
        """An expression over these values that may fail. A count tells no more than itself."""
        for value in values:
            for source in value.sources:
                if source.form is not Form.COUNT:
                    is_over_many = is_aggregate or source.form is Form.AGGREGATE
                    context = AGGREGATE_ERROR if is_over_many else ERROR
                    self._walk.uses.add(Use(source.column, UseKind.RANGE, context, json_path=source.json_path))

    def array(self, entries: Sequence[Node], outputs: Sequence[Value]) -> None:
        """ARRAY(SELECT …): of arrays it fails where their dimensions differ."""
        selected = next((entry["expr"] for entry in entries if not entry["resjunk"]), None)
        found = self._walk.catalog.types.get(self._type(selected))
        if found is None or found.element:
            self.note(*outputs)

    def _never_fails(self, name: str, nodes: Sequence[Any], arguments: Sequence[Value], scope: Scope) -> bool:
        if not name:
            return False
        if name in _ANY_TYPE or _COMPARISON.fullmatch(name):
            return True
        if name in _CONCATENATION:
            return all(self._is_bounded(node, scope) for node in nodes)
        types = {self._type(node) for node, value in zip(nodes, arguments, strict=True) if value.sources}
        first, *others = nodes
        constants = [_constant(node) for node in others]
        if name == "nth_value":
            return not any(value.sources for value in arguments[1:])
        if name in _NUMBERS_TOGETHER:
            return types <= _NUMBER_TYPES or name == "mode"
        if name in ("bpchar", "varchar") and others:
            # Too long for a column it fails, as an explicit cast it is cut.
            return None not in constants and constants[-1] == "true" and types <= _TEXT_TYPES
        if name == "length":
            return types <= _TEXT_TYPES and not others
        if name in _OF_TEXT:
            return types <= _TEXT_TYPES or (name == "text" and not others)
        if name in _OF_NUMBERS:
            return types <= {_FLOAT4, _FLOAT8, _NUMERIC} and None not in constants
        if name in _WIDENING:
            return types <= _WIDENING[name] and not others
        if name in ("left", "right", "substr", "substring", "split_part"):
            return types <= _TEXT_TYPES and self._is_part(name, others, constants)
        if _LIKE.fullmatch(name):
            return all(text is not None and not text.endswith("\\") for text in constants)
        if _REGEX.fullmatch(name):
            return all(text is not None and _PLAIN_REGEX.fullmatch(text) is not None for text in constants)
        return self._is_part_of_time(name, _constant(first), nodes)

    def _is_part(self, name: str, others: Sequence[Any], constants: Sequence[str | None]) -> bool:
        numbers = others[1:] if name == "split_part" else others
        texts = constants[1:] if name == "split_part" else constants
        if not all(text is not None and self._type(node) == _INT4 for node, text in zip(numbers, texts, strict=True)):
            return False
        if name == "split_part":
            return texts != ["0"]
        return len(texts) < 2 or not str(texts[1]).startswith("-")

    def _is_part_of_time(self, name: str, part: str | None, nodes: Sequence[Any]) -> bool:
        if part is None or len(nodes) != 2:
            return False
        of = self._type(nodes[1])
        if name == "date_trunc":
            return of in (_TIMESTAMP, _TIMESTAMPTZ) and part in _TRUNCATIONS
        if name not in ("date_part", "extract"):
            return False
        return (of in (_DATE, _TIMESTAMP, _TIMESTAMPTZ) and part in _DATE_PARTS) or (
            of in (_TIMESTAMP, _TIMESTAMPTZ) and part in _TIME_PARTS
        )

    def _is_bounded(self, node: Any, scope: Scope) -> bool:
        """Whether it is no longer than what is stored and what the statement itself says."""
        while isinstance(node, Node) and node.tag in ("RELABELTYPE", "COERCEVIAIO", "COLLATEEXPR"):
            node = node["arg"]
        if not isinstance(node, Node):
            return False
        if node.tag == "VAR":
            sources = self._walk.entries.value(scope, node).sources
            return bool(sources) and all(source.form in (Form.COPY, Form.WHOLE) for source in sources)
        if node.tag in ("OPEXPR", "FUNCEXPR"):
            oid = self._walk.catalog.operators.get(node["opno"], 0) if node.tag == "OPEXPR" else node["funcid"]
            is_concatenation = self._walk.functions.name(oid) in _CONCATENATION
            return is_concatenation and all(self._is_bounded(part, scope) for part in node.nodes("args"))
        return node.tag == "CONST" or (
            node.tag == "PARAM" and int(node["paramkind"]) == 0 and self._walk.parameters is None
        )

    def _type(self, node: Any) -> int:
        return self._walk.expressions.base_type(expression_type(node, self._walk.catalog))


def _constant(node: Any) -> str | None:
    """The text of a constant; None for anything else, and for NULL."""
    return deciding_text(node) if isinstance(node, Node) and node.tag == "CONST" and not node["constisnull"] else None
