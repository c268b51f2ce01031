"""The types that generated statements are made of: their SQL names, constants, and shapes of expressions by hand.

A shape is a text with holes: `{text}` is an expression of that kind, `{sub:int}` a scalar subquery, `{query:int}` a
query of one such column, `{any}` an expression of whatever kind. Functions and operators of the catalog are in
`builtins`; here is what has a syntax of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    sql: str
    """Its type."""
    constants: tuple[str, ...]
    """As the text of a parameter; `'text'::type` is the literal."""


_KINDS = (
    Kind("bool", "boolean", ("true", "false")),
    Kind("int", "integer", ("0", "1", "3", "7", "-2")),
    Kind("bigint", "bigint", ("0", "4", "12")),
    Kind("numeric", "numeric", ("0", "2.5", "-1", "1000")),
    Kind("float", "double precision", ("0.5", "3", "-2")),
    Kind("text", "text", ("p2", "x", "", "name3", "5", "UTF8", "day", "sha256", "$.a")),
    Kind("date", "date", ("1990-01-01", "2024-02-29")),
    Kind("timestamp", "timestamp", ("2024-02-29 12:00", "1999-12-31 23:59:59")),
    Kind("timestamptz", "timestamptz", ("2024-02-29 12:00+00", "2026-01-02 03:04+00")),
    Kind("interval", "interval", ("1 day", "2 hours 3 minutes", "1 month")),
    Kind("jsonb", "jsonb", ('{"a": 1}', "[1, 2]", '"x"', '{"k": {"n": "1"}}')),
    Kind("json", "json", ('{"a": 1}', "[1, 2]", '{"k": {"n": "1"}}')),
    Kind("texts", "text[]", ("{t1}", "{a,b,NULL}", "{}")),
    Kind("ints", "integer[]", ("{1,2,3}", "{}", "{7}")),
    Kind("ranges", "int4range", ("[1,5)", "[3,100)", "empty")),
    Kind("multirange", "int4multirange", ("{[1,5),[7,9)}", "{}")),
    Kind("days", "daterange", ("[1990-01-01,2000-01-01)",)),
    Kind("bytea", "bytea", (r"\x00ff", r"\x616263")),
    Kind("uuid", "uuid", ("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",)),
    Kind("inet", "inet", ("192.0.2.7", "10.0.0.0/8")),
    Kind("mood", "public.mood", ("sad", "ok", "happy")),
    Kind("tsvector", "tsvector", ("a:1 b:2",)),
    Kind("tsquery", "tsquery", ("a & b", "name3")),
    Kind("jsonpath", "jsonpath", ("$.a", "$.* ? (@ > 1)", "$.k.n", "strict $.zzz")),
    Kind("time", "time", ("12:34:56",)),
    Kind("oid", "oid", ("0", "1259")),
    Kind("point", "point", ("(1,2)",)),
    Kind("bits", "bit(4)", ("1010",)),
)
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _KINDS}

ELEMENTS: Mapping[str, str] = {"int": "ints", "text": "texts"}
"""Kinds that polymorphic arguments stand for, and their arrays."""

TOTAL: Mapping[str, tuple[str, ...]] = {
    "text": (
        "({text} || {text})",
        "lower({text})",
        "upper({text})",
        "coalesce({text}, {text})",
        "nullif({text}, {text})",
        "greatest({text}, {text})",
        "(case when {bool} then {text} else {text} end)",
        "md5({text})",
        '({text} collate "C")',
        "{int}::text",
        "{numeric}::text",
        "{date}::text",
        "trim(both ' ' from {text})",
        "left({text}, 2)",
        "(array[{text}, {text}])[1]",
        "(row({text}, {int})).f1",
        "{sub:text}",
    ),
    "int": ("length({text})", "coalesce({int}, {int})", "cardinality({texts})", "least({int}, {int})", "{sub:int}"),
    "numeric": ("coalesce({numeric}, {numeric})", "greatest({numeric}, {numeric})", "{int}::numeric", "abs({numeric})"),
    "bool": ("({text} is null)", "({int} = {int})", "({text} = {text})", "(not {bool})", "({int} is not null)"),
    "date": ("coalesce({date}, {date})", "{timestamp}::date"),
    "jsonb": ("to_jsonb({text})", "jsonb_build_array({any}, {int})", "coalesce({jsonb}, {jsonb})", "({jsonb} -> 'k')"),
    "json": ("to_json({text})", "coalesce({json}, {json})"),
    "texts": ("array[{text}, {text}]", "array({query:text})", "coalesce({texts}, {texts})", "({texts} || {texts})"),
    "ints": ("array[{int}, {int}]", "array({query:int})"),
    "uuid": ("coalesce({uuid}, {uuid})",),
    "mood": ("greatest({mood}, {mood})",),
}
"""Expressions that fail for no value, or nearly so: a masked column may stand in them under the strictest rules."""

PARTIAL: Mapping[str, tuple[str, ...]] = {
    "text": (
        "substring({text} from {int} for 3)",
        "substring({text} similar '%#\"a#\"%' escape '#')",
        "overlay({text} placing {text} from 2)",
        "({jsonb} ->> 'k')",
        "({jsonb} #>> '{{k,n}}')",
        "({texts})[1]",
        "{any}::text",
        "to_char({numeric}, '999D9')",
        "format('%s-%s', {any}, {text})",
        "concat_ws('-', {text}, {any})",
        "(case {text} when {text} then {text} end)",
        "(row({any}, {text})).f2",
        "(select v from (values ({text})) s(v))",
        "({jsonb})['k']['n']::text",
    ),
    "int": (
        "({int} / {int})",
        "({int} + {int})",
        "(case when {bool} then {int} end)",
        "({numeric})::int",
        "({text})::int",
        "position({text} in {text})",
        "extract(year from {date})::int",
        "({ints})[1]",
        "({int} % 3)",
    ),
    "bigint": ("({int})::bigint", "({bigint} * {int})"),
    "numeric": ("({numeric} * {int})", "({numeric} / {int})", "extract(epoch from {timestamptz})", "({text})::numeric"),
    "float": ("({numeric})::float8", "sqrt({float})", "({int})::float8"),
    "bool": (
        "({text} like {text})",
        "({text} ilike 'N%')",
        "({text} similar to '(n|p)%')",
        "({text} ~ '^n')",
        "({int} < {int})",
        "({numeric} between {numeric} and {numeric})",
        "({bool} and {bool})",
        "({bool} or {bool})",
        "({text} is distinct from {text})",
        "({int} in ({int}, {int}))",
        "({text} = any({texts}))",
        "({int} > all({ints}))",
        "({int} in {inquery:int})",
        "({text} not in {inquery:text})",
        "({int} < any {inquery:int})",
        "exists {inquery:int}",
        "(row({int}, {text}) = row({int}, {text}))",
        "(row({int}, {text}) < ({int}, {text}))",
        "(({int}, {text}) in {inquery:int,text})",
        "({bool} is true)",
        "({jsonb} @> {jsonb})",
        "({jsonb} ? 'k')",
        "({jsonb} @? '$.k')",
        "({ranges} @> {int})",
        "({mood} > {mood})",
        "({date} overlaps_fix)",
    ),
    "date": ("({date} + {int})", "({text})::date", "lower({days})"),
    "timestamp": ("({timestamptz} at time zone 'UTC')", "({date})::timestamp", "({timestamp} + {interval})"),
    "timestamptz": ("({timestamp} at time zone 'UTC')", "date_trunc('month', {timestamptz})"),
    "interval": ("({timestamp} - {timestamp})", "make_interval(days => {int})"),
    "jsonb": (
        "({jsonb} - 'k')",
        "jsonb_build_object('k', {any})",
        "jsonb_set({jsonb}, '{{k}}', {jsonb})",
        "({jsonb} || {jsonb})",
        "({text})::jsonb",
        "jsonb_path_query_first({jsonb}, '$.k')",
    ),
    "json": ("json_build_object('k', {any})", "row_to_json(row({any}, {text}))"),
    "texts": ("array_append({texts}, {text})", "string_to_array({text}, '-')", "({texts})[1:2]"),
    "ranges": ("int4range({int}, {int})",),
    "days": ("daterange({date}, {date})",),
    "bytea": ("({text})::bytea", "convert_to({text}, 'UTF8')"),
    "inet": ("({text})::inet",),
    "uuid": ("({text})::uuid",),
    "mood": ("({text})::public.mood",),
    "tsvector": ("to_tsvector('simple', {text})",),
    "tsquery": ("plainto_tsquery('simple', {text})",),
}
PARTIAL = {kind: tuple(one for one in shapes if "overlaps_fix" not in one) for kind, shapes in PARTIAL.items()}

SINCE: Mapping[int, Mapping[str, tuple[str, ...]]] = {
    16: {
        "bool": ("({text} is json)", "({json} is json object)"),
        "json": ("json_array({any}, {text})", "json_object('k': {any})"),
    },
    17: {
        "text": ("json_value({jsonb}, '$.k' default 'none' on error)", "json_serialize({json})"),
        "jsonb": ("json_query({jsonb}, '$.k' with wrapper)",),
        "bool": ("json_exists({jsonb}, '$.k')",),
        "json": ("json_scalar({text})", "json({text})"),
    },
}
"""Syntax of newer versions."""
