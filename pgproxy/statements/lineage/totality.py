"""Which built-in functions fail for no value, and what a failure of the others tells.

Beyond what is said of a function here no value but these is thought of: infinity and NaN, the thousand integers next to
the limits of integer and bigint, and numbers, moments and texts near the limit of their type, which only a column that
holds them already can give. What could move an ordinary value to such a limit (a large constant, a second column that a
client fills) is told by `Size`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from pgproxy.statements.lineage.constants import deciding_interval, deciding_moment
from pgproxy.statements.lineage.flow import Size, Value, combined_size
from pgproxy.statements.lineage.ranges import (
    FLOAT4,
    FLOAT8,
    INT2,
    INT4,
    INT8,
    INTEGERS,
    NUMBERS,
    NUMERIC,
    Ranges,
    constant,
    digits_of,
    numeric_digits,
    whole,
)
from pgproxy.statements.model import ColumnId, UseKind
from pgproxy.statements.tree import Node

if TYPE_CHECKING:
    from pgproxy.statements.lineage.walk import Walk

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
    bool_or booland_statefunc cardinality count cume_dist dense_rank every first_value float4mi float4pl float8mi
    float8pl hashtext
    json_array_element json_array_element_text json_extract_path json_extract_path_text json_object_field
    json_object_field_text json_typeof jsonb_array_element jsonb_array_element_text jsonb_contained jsonb_contains
    jsonb_exists jsonb_exists_all jsonb_exists_any jsonb_extract_path jsonb_extract_path_text jsonb_object_field
    jsonb_object_field_text jsonb_typeof jsonb_pretty jsonb_strip_nulls lag last_value lead max min
    num_nonnulls num_nulls percent_rank pg_column_size pg_typeof rank
    """.split()
)
"""Floats: what is added to the largest one changes it by rounding only where it is large, too."""
_TOGETHER: Final = frozenset("avg stddev stddev_pop stddev_samp sum var_pop var_samp variance".split())
_OF_PAIRS: Final = re.compile(r"corr|covar_(pop|samp)|regr_\w+")
_OF_ORDER: Final = frozenset("mode percentile_cont percentile_disc".split())
_GROWING: Final = frozenset("array_agg json_agg jsonb_agg string_agg xmlagg".split())
_OBJECTS: Final = frozenset(("json_object_agg", "jsonb_object_agg"))
_ARITHMETIC: Final = re.compile(r"int(2|4|8|24|28|42|48|82|84)(pl|mi|mul)")
_STEP: Final = re.compile(r"int(4|8|24|28|42|48|82|84)(pl|mi)")
_UNBOUNDED_ARITHMETIC: Final = frozenset("float4mul float8mul numeric_add numeric_mul numeric_sub".split())
_DIVISION: Final = re.compile(r"(int(2|4|8|24|28|42|48|82|84)|float[48]|numeric_)(div|mod)|div|mod")
_OF_TEXT: Final = frozenset(
    """
    ascii bit_length btrim char_length character_length initcap length lower ltrim md5 octet_length position
    quote_ident quote_literal quote_nullable reverse rtrim sha224 sha256 sha384 sha512 starts_with strpos text translate
    upper bpchar name varchar
    """.split()
)
_OF_NUMBERS: Final = frozenset(
    "abs ceil ceiling float8abs floor int2um int4um int8um numeric_abs numeric_uminus round sign trunc".split()
)
_CONCATENATION: Final = frozenset("anytextcat concat concat_ws textanycat textcat".split())
_LIKE: Final = re.compile(r"(text|bpchar|name)(ic)?n?like")
_REGEX: Final = re.compile(r"(text|bpchar|name)(ic)?regex(eq|ne)")
_PLAIN_REGEX: Final = re.compile(r"[^\\\[\](){}*+?|]*")
_REGEX_WITHOUT_REFERENCES: Final = re.compile(r"([^\\]|\\[^0-9])*")
_PATTERN_FUNCTIONS: Final = frozenset("regexp_count regexp_like regexp_match regexp_replace regexp_substr".split())
_FORMAT: Final = re.compile(r"([^%]|%%|%(\d\$)?(-?\d{1,2})?[sL])*")
_NUMBER_FORMAT: Final = re.compile(r"(FM)?[$ ]?(MI|S)?[09,GD.]{1,40}(MI|S)?", re.IGNORECASE)
_SAME_EVERYWHERE: Final = frozenset(("UTC", "utc", "GMT"))
_BUILDERS: Final = frozenset("json_build_array json_build_object jsonb_build_array jsonb_build_object".split())
_LONGEST_FILLER: Final = 100
_PADDING: Final = 100
"""Characters of a padding that count as one part."""

_TEXT, _NAME, _BYTEA, _BPCHAR, _VARCHAR = 25, 19, 17, 1042, 1043
_UNKNOWN: Final = 705
"""A literal where a function takes any type."""
_TEXT_TYPES: Final = frozenset((_TEXT, _VARCHAR, _BPCHAR, _NAME, _BYTEA))
_DATE, _TIMESTAMP, _TIMESTAMPTZ, _INTERVAL, _BOOL, _UUID, _JSONB = 1082, 1114, 1184, 1186, 16, 2950, 3802
_MOMENTS: Final = frozenset((_DATE, _TIMESTAMP, _TIMESTAMPTZ))
_IN_JSON: Final = _TEXT_TYPES - {_BYTEA} | NUMBERS | _MOMENTS | {_BOOL, _UUID, _JSONB, _INTERVAL}
_WIDENING: Final = {
    "float4": frozenset((INT2, INT4, INT8)),
    "float8": frozenset((INT2, INT4, INT8, FLOAT4)),
    "numeric": frozenset((INT2, INT4, INT8)),
    "date": frozenset((_TIMESTAMP, _TIMESTAMPTZ)),
    "timestamp": frozenset((_TIMESTAMP,)),
    "timestamptz": frozenset((_TIMESTAMPTZ,)),
}
_MOMENT_CASTS: Final = {"timestamp": _MOMENTS, "timestamptz": _MOMENTS}
_DATE_PARTS: Final = frozenset(
    "century day decade dow doy epoch isodow isoyear millennium month quarter week year".split()
)
_TIME_PARTS: Final = frozenset("hour minute second milliseconds microseconds".split())
_TRUNCATIONS: Final = (_DATE_PARTS | _TIME_PARTS) - {"dow", "doy", "epoch", "isodow", "isoyear"}
_INTERVAL_PARTS: Final = _TIME_PARTS | set("century day decade epoch millennium month quarter year".split())
_SHIFTS: Final = re.compile(r"(date|timestamp|timestamptz)_(pl|mi)(_interval|i)")
_DIFFERENCES: Final = frozenset(("timestamp_mi", "timestamptz_mi"))
_NOW: Final = frozenset("clock_timestamp now statement_timestamp transaction_timestamp".split())

_MOST_PARTS, _MOST_TEXTS = 8, 64
"""With numbers of 30 digits, and shifts of 1,000 years, eight of them are short of each limit."""
_LARGEST_DIGITS: Final = 30
_LARGEST_STEP: Final = 1_000
_MONTHS, _DAYS = 12_000, 366_000
_MICROSECONDS_OF_DAY: Final = 86_400_000_000

_KEEPS_SIZE: Final = (
    _OF_TEXT
    | _CONCATENATION
    | _OF_NUMBERS
    | _UNBOUNDED_ARITHMETIC
    | _OF_ORDER
    | {"any_value", "avg", "max", "min", "string_agg", "sum"}
    | {
        "float4div",
        "float8div",
        "numeric_div",
        "numeric_mod",
        "mod",
        "div",
        "float8mi",
        "float8pl",
        "float4mi",
        "float4pl",
    }
    | set(_WIDENING)
    | {"left", "right", "substr", "substring", "split_part"}
    | {"format", "array_to_string", "encode", "to_char", "age", "timestamp_mi", "timestamptz_mi"}
    | {"date_trunc", "date_part", "extract", "timezone"}
)


class Totality:
    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._ranges = Ranges(walk)

    def failures(self, name: str, nodes: Sequence[Any], values: Sequence[Value]) -> list[UseKind | None]:
        """What a failure would tell of each argument: whether it is NULL, anything (RANGE), or nothing (None).

        Args:
            name: of a built-in function, or "".
        """
        if name and _DIVISION.fullmatch(name) and len(nodes) == 2:
            return list(self._division(name, nodes, values))
        if not name:
            kind: UseKind | None = UseKind.RANGE
        elif self._is_total(name, nodes, values):
            kind = None
        else:
            kind = UseKind.NULL_TEST if self._is_decided_by_constants(name, nodes, values) else UseKind.RANGE
        return [kind] * len(nodes)

    def grows(self, name: str, nodes: Sequence[Any]) -> bool:
        """An aggregate that fails for no value, but at 1 GB in all."""
        types = [self._type(node) for node in nodes]
        if name in _OBJECTS:
            return all(one in _IN_JSON for one in types) and types[0] != _JSONB
        if name == "array_agg":
            return all((found := self._walk.catalog.types.get(one)) is not None and not found.element for one in types)
        return name in _GROWING and (name != "jsonb_agg" or all(one in _IN_JSON for one in types))

    # Sizes

    def size(self, name: str, nodes: Sequence[Any], values: Sequence[Value]) -> Size | None:
        """Of a call's result."""
        return self._size_of_call(
            name, nodes, [self.size_of(node, value) for node, value in zip(nodes, values, strict=True)]
        )

    def _size_of_call(self, name: str, nodes: Sequence[Any], sizes: list[Size | None]) -> Size | None:
        if name in _KEEPS_SIZE or _SHIFTS.fullmatch(name):
            return combined_size([*sizes, Size()] if name == "sum" else sizes)
        growth, first = _growth(name, nodes), sizes[0] if sizes else None
        return None if growth is None or first is None else replace(first, parts=first.parts * growth)

    def size_of(self, node: Any, value: Value) -> Size | None:
        of = self._type(node)
        if of in INTEGERS or of == _BOOL:
            return Size(1, _columns(value))
        return value.size if value.sources else self._given_size(node)

    def stored_size(self, node: Node, value: Value) -> Size | None:
        """Of a column that a Var names."""
        digits = numeric_digits(node)
        if digits is not None and digits <= _LARGEST_DIGITS:
            return Size(1, _columns(value))
        if value.size is not None or not value.is_plain:
            return value.size
        of = self._type(node)
        return Size(1, _columns(value), of in (NUMERIC, FLOAT4, FLOAT8, _INTERVAL) or of in _MOMENTS)

    def _given_size(self, node: Any) -> Size | None:
        """Of an expression in which nothing is stored."""
        if not isinstance(node, Node):
            return None
        of = self._type(node)
        if of in INTEGERS or of == _BOOL or node.tag == "SQLVALUEFUNCTION":
            return Size()
        match node.tag:
            case "CONST":
                return Size() if node["constisnull"] or self._is_modest(node, of) else None
            case "PARAM" if int(node["paramkind"]) == 0 and self._walk.parameters is None and of in _TEXT_TYPES:
                return Size()
            case "FUNCEXPR" | "OPEXPR":
                is_operator = node.tag == "OPEXPR"
                oid = self._walk.catalog.operators.get(node["opno"], 0) if is_operator else node["funcid"]
                name, nodes = self._walk.functions.name(oid), node.nodes("args")
                if not nodes:
                    return Size() if name in _NOW else None
                return self._size_of_call(name, nodes, [self._given_size(one) for one in nodes])
            case "RELABELTYPE":
                return self._given_size(node["arg"])
        return None

    def _is_modest(self, node: Node, of: int) -> bool:
        if of in _TEXT_TYPES or of == _UNKNOWN:
            return True
        if of in NUMBERS:
            text = constant(node)
            if text is None or not re.fullmatch(r"-?[0-9.]+(e[+-]?\d\d?)?", text):
                return False
            return len(text) <= _LARGEST_DIGITS and abs(int(text.partition("e")[2] or 0)) <= _LARGEST_DIGITS
        if of == _INTERVAL:
            parts = deciding_interval(node)
            limits = (_MONTHS, _DAYS, _DAYS * _MICROSECONDS_OF_DAY)
            return parts is not None and all(abs(one) <= limit for one, limit in zip(parts, limits, strict=True))
        if of in _MOMENTS:
            moment = deciding_moment(node)
            return moment is not None and abs(moment) <= 10 * _DAYS * _MICROSECONDS_OF_DAY
        return False

    def _are_below(self, nodes: Sequence[Any], values: Sequence[Value], most: int) -> bool:
        size = combined_size(self.size_of(node, value) for node, value in zip(nodes, values, strict=True))
        return size is not None and (size.is_below(most) if most == _MOST_PARTS else size.parts <= most)

    # Functions

    def _is_total(self, name: str, nodes: Sequence[Any], values: Sequence[Value]) -> bool:
        if name in _ANY_TYPE or _COMPARISON.fullmatch(name):
            return True
        if not nodes:
            return False
        types = {self._type(node) for node, value in zip(nodes, values, strict=True) if value.sources}
        first, *others = nodes
        constants = [constant(node) for node in others]
        if _ARITHMETIC.fullmatch(name) or name in ("int2", "int4", "int8"):
            return self._fits(name, list(nodes)) or self._is_step(name, nodes, values)
        if name in _UNBOUNDED_ARITHMETIC:
            return self._are_below(nodes, values, _MOST_PARTS)
        if name in _TOGETHER:
            bounded = types <= NUMBERS - {NUMERIC} or self._are_below(nodes, values, _MOST_PARTS)
            return types <= NUMBERS | {_INTERVAL} and bounded
        if _OF_PAIRS.fullmatch(name):
            return types <= {FLOAT8}
        if name in _OF_ORDER:
            return types <= NUMBERS or name == "mode"
        if name == "nth_value":
            return not any(value.sources for value in values[1:])
        if name in _OF_NUMBERS:
            return types <= NUMBERS and None not in constants
        if name == "numeric" and others:
            return self._fits_modifier(first, whole(others[0]))
        if name in _WIDENING:
            return not others and self._widens(name, types, first, values[0])
        return self._is_total_of_text(name, types, nodes, values, constants) or self._is_total_of_time(
            name, types, nodes, values
        )

    def _is_total_of_text(
        self, name: str, types: set[int], nodes: Sequence[Any], values: Sequence[Value], constants: list[str | None]
    ) -> bool:
        first, *others = nodes
        are_texts = types <= _TEXT_TYPES
        if name in _CONCATENATION or name == "format":
            is_plain = name != "format" or _FORMAT.fullmatch(constant(first) or "%") is not None
            return is_plain and self._are_below_as_text(nodes, values)
        if name in ("bpchar", "varchar") and others:
            # Too long for a column it fails, as an explicit cast it is cut.
            return None not in constants and constants[-1] == "true" and are_texts
        if name == "length":
            return are_texts and not others
        if name in _OF_TEXT:
            return are_texts or (name == "text" and not others)
        if name in ("left", "right"):
            return types <= _TEXT_TYPES | {INT4}
        if name in ("substr", "substring") and self._type(others[0]) == INT4:
            length = self._ranges.of(others[1]) if len(others) == 2 else (0, 0)
            return types <= _TEXT_TYPES | {INT4} and length is not None and length[0] >= 0
        if name == "split_part":
            return types <= _TEXT_TYPES | {INT4} and whole(others[1]) not in (None, 0)
        if name in ("lpad", "rpad", "repeat", "replace"):
            return are_texts and self._grows_modestly(name, nodes, values)
        if name == "encode":
            return constants[0] in ("base64", "escape", "hex")
        if name == "convert_to":
            return (constants[0] or "").upper() in ("UTF8", "UTF-8")
        if name == "array_to_string":
            is_stored = values[0].is_plain or self._are_below(nodes[:1], values[:1], _MOST_PARTS)
            return is_stored and all(text is not None and len(text) <= _LONGEST_FILLER for text in constants)
        if name == "to_char" and types <= NUMBERS:
            return _NUMBER_FORMAT.fullmatch(constants[0] or "") is not None
        if name in ("to_json", "to_jsonb") or name in _BUILDERS:
            keys = nodes[::2] if name.endswith("_object") else ()
            return types <= _IN_JSON and all(constant(key) is not None for key in keys)
        if _LIKE.fullmatch(name):
            return all(text is not None and not text.endswith("\\") for text in constants)
        if _REGEX.fullmatch(name):
            return all(text is not None and _PLAIN_REGEX.fullmatch(text) is not None for text in constants)
        return False

    def _is_total_of_time(self, name: str, types: set[int], nodes: Sequence[Any], values: Sequence[Value]) -> bool:
        if name in ("age", "date_mi"):
            return types <= _MOMENTS
        if name in _DIFFERENCES:
            return self._are_below(nodes, values, _MOST_PARTS)
        if _SHIFTS.fullmatch(name):
            days = whole(nodes[1]) if name.endswith("i") else 0
            return days is not None and abs(days) <= _DAYS and self._are_below(nodes, values, _MOST_PARTS)
        if name in ("interval_um", "justify_days", "justify_hours"):
            return values[0].size is not None
        if len(nodes) != 2:
            return False
        part, of = constant(nodes[0]), self._type(nodes[1])
        if part is None or values[0].sources:
            return False
        if name == "timezone":
            return part in _SAME_EVERYWHERE and of in _MOMENTS and self._are_below(nodes, values, _MOST_PARTS)
        if name == "to_char":
            return False
        if name == "date_trunc":
            return of in (_TIMESTAMP, _TIMESTAMPTZ) and part in _TRUNCATIONS
        if name not in ("date_part", "extract"):
            return False
        if of == _INTERVAL:
            return part in _INTERVAL_PARTS
        return (of in _MOMENTS and part in _DATE_PARTS) or (of in (_TIMESTAMP, _TIMESTAMPTZ) and part in _TIME_PARTS)

    def _is_decided_by_constants(self, name: str, nodes: Sequence[Any], values: Sequence[Value]) -> bool:
        """A strict function that fails for every value or for none, by its other arguments."""
        first, *others = nodes
        types = {self._type(node) for node, value in zip(nodes, values, strict=True) if value.sources}
        constants = [constant(node) for node in others]
        if name == "to_char" and None not in constants:
            return types <= _MOMENTS | {_INTERVAL} or (types <= NUMBERS and "V" not in (constants[0] or "").upper())
        if name in ("timezone", "date_trunc", "date_part", "extract"):
            is_small = name in ("date_part", "extract") or self._are_below(nodes, values, _MOST_PARTS)
            return constant(first) is not None and types <= _MOMENTS | {_INTERVAL} and is_small
        if not types <= _TEXT_TYPES or None in constants:
            return False
        if name in ("substr", "substring", "split_part") and INT4 in (self._type(node) for node in others):
            return True
        is_pattern = bool(_REGEX.fullmatch(name)) or name in _PATTERN_FUNCTIONS or name == "substring"
        if not is_pattern or values[0].sources == frozenset():
            return False
        if name == "regexp_replace" and not self._grows_modestly(name, nodes, values):
            return False
        return _REGEX_WITHOUT_REFERENCES.fullmatch(constants[0] or "") is not None

    # Parts of the answers

    def _division(
        self, name: str, nodes: Sequence[Any], values: Sequence[Value]
    ) -> tuple[UseKind | None, UseKind | None]:
        """By an integer but zero it makes no number larger; by zero it fails for each that is not NULL."""
        dividend, divisor = nodes
        all_types = {self._type(dividend), self._type(divisor)}
        if not all_types <= NUMBERS:
            return UseKind.RANGE, UseKind.RANGE
        are_integers = all_types <= set(INTEGERS)
        if self._is_never_zero(divisor) and (are_integers or self._are_below(nodes, values, _MOST_PARTS)):
            return None, None
        is_whole = self._is_whole(divisor)
        of_dividend = self._are_below([dividend], [values[0]], _MOST_PARTS) or self._type(dividend) in INTEGERS
        return (UseKind.NULL_TEST if is_whole and of_dividend else UseKind.RANGE), UseKind.RANGE

    def _is_never_zero(self, node: Any) -> bool:
        """A constant, and not -1 either: the least integer has no opposite."""
        node = self._uncast(node)
        text = constant(node) if self._type(node) in NUMBERS else None
        return text is not None and Decimal(text) not in (0, -1)

    def _is_whole(self, node: Any) -> bool:
        """An integer, or one made into another kind of number, or NULL for zero."""
        node = self._uncast(node)
        while isinstance(node, Node) and node.tag == "NULLIFEXPR":
            node = self._uncast(node.nodes("args")[0])
        return self._type(node) in INTEGERS

    def _uncast(self, node: Any) -> Any:
        """Without casts that make another kind of number of it, but not another number."""
        while isinstance(node, Node) and node.tag == "FUNCEXPR" and len(node.nodes("args")) == 1:
            if self._walk.functions.name(node["funcid"]) not in ("numeric", "float4", "float8"):
                break
            node = node.nodes("args")[0]
        return node

    def _fits(self, name: str, nodes: list[Any]) -> bool:
        """Whether the result is in its type's range, whatever the operands."""
        found = self._ranges.call(name, nodes)
        if found is None:
            return False
        limits = INTEGERS[_result_type(name)]
        return limits[0] <= found[0] and found[1] <= limits[1]

    def _is_step(self, name: str, nodes: Sequence[Any], values: Sequence[Value]) -> bool:
        """A stored integer, and a small constant more or less: too large only for what is that near to the limit."""
        if not _STEP.fullmatch(name) or len(nodes) != 2:
            return False
        for node, value, other in ((nodes[0], values[0], nodes[1]), (nodes[1], values[1], nodes[0])):
            if value.is_plain and self._type(node) in (INT4, INT8):
                step = whole(other)
                return step is not None and abs(step) <= _LARGEST_STEP
        return False

    def _fits_modifier(self, node: Any, modifier: int | None) -> bool:
        found = self._ranges.of(node)
        if modifier is None or modifier < 0 or found is None:
            return False
        limit: int = 10 ** digits_of(modifier) - 1
        return -limit <= found[0] - 1 and found[1] + 1 <= limit

    def _widens(self, name: str, types: set[int], node: Any, value: Value) -> bool:
        if types <= _WIDENING[name]:
            return True
        if name in _MOMENT_CASTS:
            return types <= _MOMENTS and self._are_below([node], [value], _MOST_PARTS)
        if name == "numeric":
            return types <= {FLOAT4, FLOAT8}
        return name == "float8" and types == {NUMERIC} and self._are_below([node], [value], _MOST_PARTS)

    def _are_below_as_text(self, nodes: Sequence[Any], values: Sequence[Value]) -> bool:
        """Everything is a text of modest size, or of a type whose text is short."""
        short = NUMBERS | _MOMENTS | {_BOOL, _UUID, _INTERVAL}
        pairs = [(node, value) for node, value in zip(nodes, values, strict=True) if self._type(node) not in short]
        return self._are_below([node for node, _ in pairs], [value for _, value in pairs], _MOST_TEXTS)

    def _grows_modestly(self, name: str, nodes: Sequence[Any], values: Sequence[Value]) -> bool:
        size = self.size(name, nodes, values)
        return size is not None and size.parts <= _MOST_TEXTS

    def _type(self, node: Any) -> int:
        return int(self._walk.expressions.type_of(node))


def _result_type(name: str) -> int:
    """Of integer arithmetic, and of casts to integers."""
    found = _ARITHMETIC.fullmatch(name)
    digits = name[3:] if found is None else found[1]
    return {"2": INT2, "4": INT4, "8": INT8}[max(digits)]


def _growth(name: str, nodes: Sequence[Any]) -> int | None:
    """How many times as long as its first argument a text becomes; None: not known."""
    if name in ("repeat", "lpad", "rpad"):
        count = whole(nodes[1])
        return None if count is None else max(count, 1) if name == "repeat" else 1 + max(count, 0) // _PADDING
    if name not in ("replace", "regexp_replace"):
        return None
    old, new = (constant(node) for node in nodes[1:3])
    if old is None or new is None:
        return None
    # A pattern may match between all characters, and the new text may repeat the match.
    return 1 + len(new) if name == "regexp_replace" else max(-(-len(new) // len(old)), 1) if old else 1


def _columns(value: Value) -> frozenset[ColumnId]:
    return frozenset(source.column for source in value.sources)
