"""Whether a WHERE says anything: one that is constant, or true by its form, is no WHERE (INTERFACE §4)."""

from __future__ import annotations

from enum import Enum, auto
from typing import Any

from google.protobuf.message import Message
from postgast import pg_query_pb2 as pb

_MAX_DEPTH = 200
"""Deeper conditions count as none: the stricter answer."""


class _Form(Enum):
    CONSTANT = auto()
    """Refers to no column."""
    ALWAYS = auto()
    """True for every row but for NULLs, by form."""
    NEVER = auto()
    """False for every row, by form."""
    DEPENDS = auto()


def is_condition(where: Any) -> bool:
    """The clause (a `Node`, perhaps unset) can choose some rows and leave others."""
    return where.WhichOneof("node") is not None and _form(where, 0) in (_Form.DEPENDS, _Form.NEVER)


def _form(node: Any, depth: int) -> _Form:
    if depth > _MAX_DEPTH:
        return _Form.CONSTANT
    match node.WhichOneof("node"):
        case "current_of_expr":
            return _Form.DEPENDS
        case "bool_expr":
            return _of_bool(node.bool_expr, depth)
        case "type_cast":
            return _form(node.type_cast.arg, depth + 1)
        case "a_expr" if node.a_expr.HasField("lexpr") and node.a_expr.HasField("rexpr"):
            return _of_comparison(node.a_expr, depth)
        case _:
            return _Form.DEPENDS if _mentions_column(node) else _Form.CONSTANT


def _of_bool(expression: Any, depth: int) -> _Form:
    forms = [_form(argument, depth + 1) for argument in expression.args]
    if expression.boolop == pb.NOT_EXPR:
        opposite = {_Form.ALWAYS: _Form.NEVER, _Form.NEVER: _Form.ALWAYS}
        return opposite.get(forms[0], forms[0])
    if expression.boolop == pb.AND_EXPR:
        if _Form.NEVER in forms:
            return _Form.NEVER
        return _Form.DEPENDS if _Form.DEPENDS in forms else _Form.CONSTANT
    # OR: one side that holds for every row is enough, and a constant may be such a side.
    if _Form.ALWAYS in forms or _Form.CONSTANT in forms:
        return _Form.ALWAYS
    return _Form.DEPENDS if _Form.DEPENDS in forms else _Form.NEVER


def _of_comparison(expression: Any, depth: int) -> _Form:
    if not _mentions_column(expression):
        return _Form.CONSTANT
    if expression.kind == pb.AEXPR_IN:
        items = expression.rexpr.list.items
        is_same = any(_same(expression.lexpr, item) for item in items)
    else:
        is_same = _same(expression.lexpr, expression.rexpr)
    if not is_same:
        return _Form.DEPENDS
    operator = expression.name[-1].string.sval if expression.name else ""
    always = {
        pb.AEXPR_OP: ("=", "<=", ">=", "~~", "@>", "<@"),
        pb.AEXPR_IN: ("=",),
        pb.AEXPR_NOT_DISTINCT: ("=",),
        pb.AEXPR_LIKE: ("~~",),
        pb.AEXPR_ILIKE: ("~~*",),
    }
    return _Form.ALWAYS if operator in always.get(expression.kind, ()) else _Form.NEVER


def _same(left: Message, right: Message) -> bool:
    """Equal but for where they stand in the text."""
    return bool(_without_locations(left) == _without_locations(right))


def _without_locations(message: Message) -> Message:
    copy = type(message)()
    copy.CopyFrom(message)
    pending: list[Any] = [copy]
    while pending:
        current = pending.pop()
        for field, value in current.ListFields():
            if field.name == "location":
                current.ClearField("location")
            elif field.message_type is not None:
                pending.extend(value if field.is_repeated else (value,))
    return copy


def _mentions_column(message: Any) -> bool:
    """A column of the statement or of a subquery in it."""
    pending = [message]
    while pending:
        current = pending.pop()
        if current.DESCRIPTOR.name == "ColumnRef":
            return True
        for field, value in current.ListFields():
            if field.message_type is not None:
                pending.extend(value if field.is_repeated else (value,))
    return False
