"""Which table, index and ALTER TABLE definitions touch no data and make no code: an allow-list over the parse tree.

Each function answers "" where the definition is harmless, else the construct that is not, as the start of a sentence.
What is stored with a table runs later without being named in any statement's tree and compares what is copied into it
(CHECK), or quotes stored values when it fails (UNIQUE over existing rows), or answers whether a value exists (FOREIGN
KEY): so only what is surely none of these.
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
_ATTRIBUTES = frozenset(
    {
        pb.CONSTR_NULL,
        pb.CONSTR_NOTNULL,
        pb.CONSTR_IDENTITY,
        pb.CONSTR_ATTR_DEFERRABLE,
        pb.CONSTR_ATTR_NOT_DEFERRABLE,
        pb.CONSTR_ATTR_DEFERRED,
        pb.CONSTR_ATTR_IMMEDIATE,
        pb.CONSTR_ATTR_ENFORCED,
        pb.CONSTR_ATTR_NOT_ENFORCED,
    }
)
_KEYS = frozenset({pb.CONSTR_PRIMARY, pb.CONSTR_UNIQUE})
_CONSTRAINT_NAMES = {
    pb.CONSTR_CHECK: "CHECK",
    pb.CONSTR_DEFAULT: "a DEFAULT that is not a literal",
    pb.CONSTR_EXCLUSION: "EXCLUDE",
    pb.CONSTR_FOREIGN: "REFERENCES",
    pb.CONSTR_GENERATED: "a generated column",
    pb.CONSTR_PRIMARY: "PRIMARY KEY",
    pb.CONSTR_UNIQUE: "UNIQUE",
}
_PLAIN_ALTERATIONS = frozenset({pb.AT_DropColumn, pb.AT_DropNotNull, pb.AT_DropConstraint})


def table_harm(create: Any) -> str:
    """CREATE TABLE: plain columns; NULL, DEFAULT, identity, PRIMARY KEY and UNIQUE."""
    for is_there, construct in (
        (create.inh_relations, "INHERITS or PARTITION OF"),
        (create.HasField("partbound"), "PARTITION OF"),
        (create.HasField("partspec"), "PARTITION BY"),
        (create.HasField("of_typename"), "OF type"),
        (create.access_method not in ("", "heap"), "USING another access method"),
    ):
        if is_there:
            return f"CREATE TABLE with {construct}"
    for element in create.table_elts:
        match element.WhichOneof("node"):
            case "column_def":
                harm = _column_harm(element.column_def, _KEYS, _DEFAULT_FUNCTIONS)
            case "constraint":
                harm = _constraint_harm(element.constraint, _KEYS, _DEFAULT_FUNCTIONS)
            case _:
                harm = "LIKE"
        if harm:
            return f"CREATE TABLE with {harm}"
    return ""


def alter_table_harm(alter: Any) -> str:
    """ALTER TABLE: the subcommands that read no stored value but to test it for NULL."""
    if alter.objtype != pb.OBJECT_TABLE:
        return "ALTER of this object"
    for node in alter.cmds:
        command = node.alter_table_cmd
        if command.subtype in _PLAIN_ALTERATIONS:
            continue
        if command.subtype == pb.AT_ColumnDefault:
            if getattr(command, "def").WhichOneof("node") is None or _is_literal(getattr(command, "def"), frozenset()):
                continue
            return "ALTER TABLE with a DEFAULT that is not a literal"
        if command.subtype == pb.AT_AddColumn:
            harm = _column_harm(getattr(command, "def").column_def, frozenset(), frozenset())
            if harm:
                return f"ALTER TABLE ADD COLUMN with {harm}"
            continue
        return "This form of ALTER TABLE"
    return ""


def _column_harm(column: Any, allowed: frozenset[int], functions: frozenset[str]) -> str:
    for is_there, construct in (
        (column.fdwoptions, "OPTIONS"),
        (column.generated, "a generated column"),
        (column.HasField("cooked_default"), "a DEFAULT that is not a literal"),
        (column.HasField("raw_default") and not _is_literal(column.raw_default, functions), "this DEFAULT"),
    ):
        if is_there:
            return construct
    for node in column.constraints:
        if harm := _constraint_harm(node.constraint, allowed, functions):
            return harm
    return ""


def _constraint_harm(constraint: Any, allowed: frozenset[int], functions: frozenset[str]) -> str:
    kind = constraint.contype
    if kind in _ATTRIBUTES or (kind in _KEYS and kind in allowed):
        return ""
    if kind == pb.CONSTR_DEFAULT and _is_literal(constraint.raw_expr, functions):
        return ""
    return _CONSTRAINT_NAMES.get(kind, "this constraint")


def _is_literal(node: Any, functions: frozenset[str]) -> bool:
    """A constant, a cast of one to a built-in type, an array of them, or one of `functions` over them."""
    match node.WhichOneof("node"):
        case "a_const" | "sqlvalue_function":
            return True
        case "type_cast":
            return _is_builtin_type(node.type_cast.type_name) and _is_literal(node.type_cast.arg, functions)
        case "a_array_expr":
            return all(_is_literal(element, functions) for element in node.a_array_expr.elements)
        case "a_expr":
            expression = node.a_expr
            is_signed = not expression.HasField("lexpr") and _operator(expression) in ("-", "+")
            return is_signed and _is_literal(expression.rexpr, functions)
        case "func_call":
            call = node.func_call
            return _is_plain_call(call, functions) and all(_is_literal(argument, functions) for argument in call.args)
        case _:
            return False


def _is_plain_call(call: Any, functions: frozenset[str]) -> bool:
    names = _names(call.funcname)
    return names[-1] in functions and names[:-1] in ((), ("pg_catalog",)) and not call.HasField("agg_filter")


def _is_builtin_type(type_name: Any) -> bool:
    names = _names(type_name.names)
    return names[-1] in _BUILTIN_TYPES and names[:-1] in ((), ("pg_catalog",))


def _operator(expression: Any) -> str:
    names = _names(expression.name)
    return names[0] if len(names) == 1 else ""


def _names(nodes: Iterable[Any]) -> tuple[str, ...]:
    return tuple(node.string.sval for node in nodes)
