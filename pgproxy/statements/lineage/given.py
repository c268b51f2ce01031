"""Values that the client gives: literals, parameters, and expressions over these alone.

Whoever compares one with a masked column asks one question, and policy counts questions. So an expression counts as one
value only if it is: built-in scalar functions that give the same for the same arguments. Anything that makes several
(an array of a text, a series, a random number) gives no `Value.constants`, and equality with it is no literal equality.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from itertools import product
from typing import Final

from pgproxy.statements.lineage.constants import constant_text, constant_texts, element_count, raw_constant
from pgproxy.statements.lineage.flow import NOTHING, Value
from pgproxy.statements.model import Constant, Lasts
from pgproxy.statements.tree import Node

_MOST: Final = 10_000
"""Combinations of alternatives that are still told apart."""

_SAME_FOR_SAME: Final = frozenset(
    """
    abs age anytextcat ascii bit_length bpchar btrim ceil ceiling char char_length character_length chr concat concat_ws
    convert_from convert_to date date_part date_trunc decode encode extract float4 float8 floor format initcap int2
    int4 int8 interval left length lower lpad ltrim make_date make_interval make_time make_timestamp mod md5 name
    numeric octet_length overlay position power quote_literal repeat replace reverse right round rpad rtrim sha224
    sha256 sha384 sha512 sign split_part sqrt strpos substr substring text textanycat textcat time timestamp
    timestamptz timetz to_char to_date to_hex to_number to_timestamp translate trunc upper uuid varchar
    """.split()
)
_ARITHMETIC: Final = re.compile(
    r"""
    (int[248]|int(24|28|42|48|82|84)|float[48]|float48|float84)(pl|mi|mul|div|mod|um|up|abs)
    | numeric_(add|sub|mul|div|mod|uminus|uplus|abs)
    | (date|timestamp|timestamptz|interval|time|timetz)_(pl|mi|mul|div|um|pli|mii)
      (_(interval|date|timestamp|timestamptz|time))?
    | interval_pl_(date|time|timestamp|timestamptz|timetz) | integer_pl_date | datetime(tz)?_pl | mul_d_interval
    """,
    re.VERBOSE,
)
_SERVER_CHOOSES: Final = {
    "current_database": Lasts.FOREVER,
    "current_user": Lasts.FOREVER,
    "getpgusername": Lasts.FOREVER,
    "session_user": Lasts.FOREVER,
    "now": Lasts.MOMENT,
    "statement_timestamp": Lasts.MOMENT,
    "transaction_timestamp": Lasts.MOMENT,
    "pg_backend_pid": Lasts.EXECUTION,
}
"""Not nextval, lastval, random or current_schema: a client sets the sequence, the seed and the search path."""
_CHOSEN_ROW_BY_ROW: Final = frozenset("clock_timestamp gen_random_uuid uuidv4 uuidv7".split())
"""What is computed from these is as many values as there are rows."""
_SQL_VALUES: Final = {0: Lasts.DAY, **dict.fromkeys(range(1, 9), Lasts.MOMENT)}
"""CURRENT_DATE, and the others that tell the time (nodes/primnodes.h, SQLValueFunctionOp)."""
_MOVING: Final = re.compile(r"(timestamp|timestamptz)(_(pl|mi)_interval)?|interval_pl_timestamp(tz)?")
"""What makes a moment of a moment."""


def literal(node: Node, is_array: bool, location: int) -> Value:
    """Of a CONST that is not NULL; of an array each element.

    Args:
        location: in the client's text; -1: it is not in it.
    """
    text = constant_text(node)
    if text is not None:
        return Value(constants=frozenset((Constant(text, (), location),)))
    texts = constant_texts(node)
    if texts is not None:
        return Value(constants=frozenset(Constant(one, (), location) for one in texts))
    unread = "\0" + hashlib.sha256(raw_constant(node)).hexdigest()
    if not is_array:
        return Value(constants=frozenset((Constant(unread, (), location),)))
    count = element_count(node)
    if count is None:
        return NOTHING
    return Value(constants=frozenset(Constant(f"{unread} {number}", (), location) for number in range(count)))


def computed(name: str, arguments: Sequence[Value]) -> Value:
    """A call of that built-in function (or of an operator's) with arguments in which nothing is stored."""
    if name in _SERVER_CHOOSES:
        return _chosen(name, _SERVER_CHOOSES[name])
    if name in _CHOSEN_ROW_BY_ROW:
        return SERVER_CHOSEN
    if name not in _SAME_FOR_SAME and not _ARITHMETIC.fullmatch(name):
        return NOTHING
    return combined(name, arguments)


def sql_value(op: int) -> Value:
    """CURRENT_DATE, CURRENT_TIMESTAMP, CURRENT_USER and the like, but CURRENT_SCHEMA."""
    return _chosen(f"value {op}", _SQL_VALUES.get(op, Lasts.FOREVER))


def _chosen(form: str, lasts: Lasts) -> Value:
    return Value(constants=frozenset(), chosen=Constant(f"\0{form}", lasts=lasts))


def cast(form: str, argument: Value) -> Value:
    """A cast of a value in which nothing is stored; of what the server chooses it is still that."""
    if argument.is_null or not argument.constants:
        return argument
    return combined(form, [argument])


def combined(form: str, arguments: Sequence[Value]) -> Value:
    """One value for each combination of what the arguments may be."""
    ways: list[tuple[Constant, ...]] = []
    count = 1
    for value in arguments:
        given = (_NULL,) if value.is_null and value.constants is not None else tuple(sorted(value.constants or ()))
        if not given and value.chosen is not None:
            given = (value.chosen,)
        if not given:  # not known, or chosen by the server row by row
            return NOTHING
        ways.append(given)
        count *= len(given)
    if count > _MOST:
        return NOTHING
    return Value(constants=frozenset(_applied(form, way) for way in product(*ways)))


def _applied(form: str, way: tuple[Constant, ...]) -> Constant:
    parts = ", ".join(repr(one.text) + repr(one.parameters) if one.parameters else repr(one.text) for one in way)
    numbers = tuple(number for one in way for number in one.parameters)
    location = max((one.location for one in way), default=-1)
    return Constant(f"\0{form}({parts})", numbers, location, _lasts(form, way))


def _lasts(form: str, way: tuple[Constant, ...]) -> Lasts:
    longest = max((one.lasts for one in way), default=Lasts.FOREVER)
    if longest is not Lasts.MOMENT:
        return longest
    is_one_moment = sum(one.lasts is not Lasts.FOREVER for one in way) == 1
    if is_one_moment and _MOVING.fullmatch(form):
        return Lasts.MOMENT
    is_day = form == "date" or (form == "date_trunc" and way[0].text in _DAYS_AND_MORE and len(way) == 2)
    return Lasts.DAY if is_one_moment and is_day else Lasts.EXECUTION


_DAYS_AND_MORE: Final = frozenset("day week month quarter year".split())
SERVER_CHOSEN: Final = Value(constants=frozenset())
"""now(), CURRENT_USER: the client had no say in it, so there is nothing to count."""
_NULL: Final = Constant("\0NULL")
