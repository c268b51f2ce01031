"""Expressions of definitions that surely run no code of anybody's: literals, and simple tests of columns.

By name alone, so only what means the same under every search_path that a client can choose: clients make no functions
and no operators, and a domain that takes a type's name has only such a check itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from postgast import pg_query_pb2 as pb

_BUILTIN_TYPES = frozenset(
    (
        "bool int2 int4 int8 float4 float8 numeric money text varchar bpchar char name bytea bit varbit uuid"
        " oid regclass date time timetz timestamp timestamptz interval json jsonb jsonpath xml inet"
        " cidr macaddr macaddr8 point box circle line lseg path polygon tsvector tsquery"
        " int4range int8range numrange daterange tsrange tstzrange"
    ).split()
)
"""A cast to another type may be to a domain, whose CHECK is code."""

_DEFAULT_FUNCTIONS = frozenset(
    (
        "now clock_timestamp statement_timestamp transaction_timestamp timezone"
        " gen_random_uuid uuidv4 uuidv7 nextval random"
    ).split()
)
_SIMPLE_FUNCTIONS = frozenset(
    (
        "length char_length octet_length lower upper btrim ltrim rtrim abs sign ceil ceiling floor round trunc mod"
        " position strpos substring substr left right replace concat_ws starts_with date_part extract date_trunc"
        " num_nonnulls num_nulls array_length array_ndims cardinality array_position jsonb_typeof json_typeof"
        " jsonb_array_length isempty lower_inc upper_inc isfinite to_tsvector"
    ).split()
)
_SIMPLE_OPERATORS = frozenset(
    "= <> != < <= > >= + - * / % || ~ !~ ~* !~* ~~ !~~ ~~* !~~* @> <@ && ? ?| ?& -> ->> #> #>> ^ & | #".split()
)


def is_literal(node: Any) -> bool:
    """A constant, a cast of one to a built-in type, an array of them, or a function for defaults over them."""
    pending = [node]
    while pending:
        one = pending.pop()
        match one.WhichOneof("node"):
            case "a_const" | "sqlvalue_function":
                continue
            case "type_cast" if is_builtin_type(one.type_cast.type_name):
                pending.append(one.type_cast.arg)
            case "a_array_expr":
                pending += one.a_array_expr.elements
            case "a_expr" if not one.a_expr.HasField("lexpr") and _operator(one.a_expr) in ("-", "+"):
                pending.append(one.a_expr.rexpr)
            case "func_call" if _is_plain_call(one.func_call, _DEFAULT_FUNCTIONS):
                pending += one.func_call.args
            case _:
                return False
    return True


def is_simple(node: Any, columns: frozenset[str]) -> bool:
    """Operators and well-known functions over these columns and constants. Iterative: a client sets the depth."""
    pending = [node]
    while pending:
        one = pending.pop()
        match one.WhichOneof("node"):
            case "a_const" | "sqlvalue_function":
                continue
            case "column_ref":
                if names_of(one.column_ref.fields)[-1:] not in {(name,) for name in columns}:
                    return False
            case "type_cast":
                if not is_builtin_type(one.type_cast.type_name):
                    return False
                pending.append(one.type_cast.arg)
            case "a_expr":
                if _operator(one.a_expr) not in _SIMPLE_OPERATORS and one.a_expr.kind not in _NAMED_FORMS:
                    return False
                pending += [side for side in (one.a_expr.lexpr, one.a_expr.rexpr) if side.WhichOneof("node")]
            case "bool_expr":
                pending += one.bool_expr.args
            case "null_test":
                pending.append(one.null_test.arg)
            case "boolean_test":
                pending.append(one.boolean_test.arg)
            case "coalesce_expr":
                pending += one.coalesce_expr.args
            case "min_max_expr":
                pending += one.min_max_expr.args
            case "case_expr":
                case = one.case_expr
                pending += [*case.args, *(n for n in (case.arg, case.defresult) if n.WhichOneof("node"))]
            case "case_when":
                pending += [one.case_when.expr, one.case_when.result]
            case "a_array_expr":
                pending += one.a_array_expr.elements
            case "list":
                pending += one.list.items
            case "func_call":
                if not _is_plain_call(one.func_call, _SIMPLE_FUNCTIONS):
                    return False
                pending += one.func_call.args
            case _:
                return False
    return True


_NAMED_FORMS = frozenset({pb.AEXPR_BETWEEN, pb.AEXPR_NOT_BETWEEN, pb.AEXPR_BETWEEN_SYM, pb.AEXPR_NOT_BETWEEN_SYM})


def is_builtin_type(type_name: Any) -> bool:
    names = names_of(type_name.names)
    return names[-1] in _BUILTIN_TYPES and names[:-1] in ((), ("pg_catalog",))


def names_of(nodes: Iterable[Any]) -> tuple[str, ...]:
    return tuple(node.string.sval for node in nodes)


def _is_plain_call(call: Any, functions: frozenset[str]) -> bool:
    names = names_of(call.funcname)
    return names[-1] in functions and names[:-1] in ((), ("pg_catalog",)) and not call.HasField("agg_filter")


def _operator(expression: Any) -> str:
    names = names_of(expression.name)
    return names[0] if len(names) == 1 else ""
