"""The texts that code executes as SQL, where constants and the arguments of its call alone make them.

What an expression of PL/pgSQL makes of them is computed as the server does; a variable stands for all that it is ever
given. What cannot be computed so is not understood. Nothing is resolved here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final, NamedTuple, NoReturn

from pgproxy.errors import NotUnderstood
from pgproxy.statements.grammar_parser import SyntaxProblem, keyword_of, parse_tree

MADE_BY: Final = frozenset(("format", "quote_ident", "quote_literal", "quote_nullable"))
"""Built-in functions that are computed here."""

_ALTERNATIVES: Final = 16
"""How many texts one EXECUTE may come to."""
_PLACES: Final = re.compile(r"%(?:(%)|(?:([0-9]{1,3})\$)?(.))?", re.DOTALL)
_PLAIN_IDENTIFIER: Final = re.compile(r"[a-z_][a-z0-9_]*")

Value = str | None
"""None: NULL."""
ArgumentOf = Callable[[int], Value]
"""May raise NotUnderstood."""


@dataclass(frozen=True, slots=True)
class Given:
    """A constant."""

    value: Value


@dataclass(frozen=True, slots=True)
class Argument:
    """Of the call, counted from 0 among those that it takes."""

    number: int


@dataclass(frozen=True, slots=True)
class Call:
    """Of `||` or of one of `MADE_BY`."""

    name: str
    parts: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class OneOf:
    """A variable."""

    texts: tuple[Text, ...]


Text = Given | Argument | Call | OneOf


def possible_texts(text: Text, argument: ArgumentOf) -> frozenset[str]:
    """All that may be executed in a call; nothing is, where the text is NULL.

    Args:
        argument: the call's, by number.

    Raises:
        NotUnderstood: it cannot be computed, or may be too many.
    """
    try:
        found = {value for quotes_all in (False, True) for value in _values(text, argument, quotes_all)}
    except RecursionError:
        _unknown("too many parts")
    return frozenset(value for value in found if value is not None)


def _values(text: Text, argument: ArgumentOf, quotes_all: bool) -> frozenset[Value]:
    match text:
        case Given():
            return frozenset((text.value,))
        case Argument():
            return frozenset((argument(text.number),))
        case OneOf():
            found = frozenset(one for part in text.texts for one in _values(part, argument, quotes_all))
        case Call():
            ways = [_values(part, argument, quotes_all) for part in text.parts]
            count = 1
            for way in ways:
                count *= len(way)
            if count > _ALTERNATIVES:
                _unknown("too many alternatives")
            found = frozenset(_called(text.name, parts, quotes_all) for parts in product(*ways))
    if len(found) > _ALTERNATIVES:
        _unknown("too many alternatives")
    return found


def _called(name: str, parts: Sequence[Value], quotes_all: bool) -> Value:
    first, *rest = parts
    if name == "format":
        return None if first is None else _formatted(first, rest, quotes_all)
    if name == "quote_nullable":
        return "NULL" if first is None else _quoted_literal(first)
    given = [part for part in parts if part is not None]
    if len(given) < len(parts):
        return None
    if name == "||":
        return "".join(given)
    return _quoted_identifier(given[0], quotes_all) if name == "quote_ident" else _quoted_literal(given[0])


def _formatted(template: str, arguments: Sequence[Value], quotes_all: bool) -> str:
    following = 0

    def filled(place: re.Match[str]) -> str:
        nonlocal following
        if place[1]:
            return "%"
        at = following if place[2] is None else int(place[2]) - 1
        following = at + 1
        if not 0 <= at < len(arguments):
            _unknown("a format without arguments")
        value = arguments[at]
        match place[3]:
            case "s":
                return value or ""
            case "L":
                return "NULL" if value is None else _quoted_literal(value)
            case "I" if value is not None:
                return _quoted_identifier(value, quotes_all)
        _unknown("this format")

    return _PLACES.sub(filled, template)


def _quoted_literal(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "''")
    return f"E'{escaped}'" if "\\" in value else f"'{escaped}'"


def _quoted_identifier(value: str, quotes_all: bool) -> str:
    """As quote_ident does, which depends on a setting."""
    is_plain = _PLAIN_IDENTIFIER.fullmatch(value) is not None
    if is_plain and keyword_of(value) not in ("", "UNRESERVED_KEYWORD"):
        _unknown("a keyword as an identifier")  # not of every server version
    if is_plain and not quotes_all:
        return value
    return '"' + value.replace('"', '""') + '"'


class Variable(NamedTuple):
    name: str
    is_text: bool
    has_default: bool


class Variables:
    """The variables of one function, and what each may stand for."""

    def __init__(
        self,
        parameters: Sequence[tuple[str, bool]],
        variables: Sequence[Variable],
        assigned: Mapping[int, Sequence[str | None]],
    ) -> None:
        """
        Args:
            parameters: name and whether the call gives it, of all, in order.
            variables: of all, parameters first.
            assigned: by number of the variable: the expressions that it is given; None: something else.
        """
        self._parameters = parameters
        self._variables = variables
        self._assigned = assigned
        self._open: list[int] = []

    def text(self, expression: str) -> Text:
        """What an expression stands for.

        Raises:
            NotUnderstood: more than constants, arguments and variables made of them go into it.
        """
        try:
            statements = parse_tree(f"SELECT {expression}").stmts
        except SyntaxProblem:
            _unknown("an expression that cannot be read")
        select = statements[0].stmt.select_stmt
        fields = {descriptor.name for descriptor, _ in select.ListFields()}
        if len(statements) != 1 or not fields <= {"target_list", "limit_option", "op"} or len(select.target_list) != 1:
            _unknown("a query")
        try:
            return self._node(select.target_list[0].res_target.val)
        except RecursionError:
            _unknown("too many parts")

    def _node(self, node: Any) -> Text:
        match node.WhichOneof("node"):
            case "a_const":
                return _constant(node.a_const)
            case "param_ref":
                return self._parameter(node.param_ref.number - 1)
            case "column_ref":
                parts = [part.string.sval for part in node.column_ref.fields]
                if len(parts) == 1:
                    return self._named(parts[0])
            case "a_expr":
                operator = node.a_expr
                if operator.kind == _OPERATOR and [one.string.sval for one in operator.name] == ["||"]:
                    return Call("||", (self._node(operator.lexpr), self._node(operator.rexpr)))
            case "func_call":
                return self._call(node.func_call)
            case "type_cast":
                names = [one.string.sval for one in node.type_cast.type_name.names]
                is_text = names in (["text"], ["pg_catalog", "text"])
                if is_text and not node.type_cast.type_name.typmods and not node.type_cast.type_name.array_bounds:
                    return self._node(node.type_cast.arg)
        _unknown("more than constants and arguments")

    def _call(self, call: Any) -> Text:
        names = [one.string.sval for one in call.funcname]
        fields = {descriptor.name for descriptor, _ in call.ListFields()}
        is_known = names[-1] in MADE_BY and names[:-1] in ([], ["pg_catalog"])
        if not is_known or not call.args or not fields <= {"funcname", "args", "funcformat", "location"}:
            _unknown(f"{names[-1]}()")
        if names[-1] != "format" and len(call.args) != 1:
            _unknown(f"{names[-1]}()")
        return Call(names[-1], tuple(self._node(argument) for argument in call.args))

    def _parameter(self, number: int) -> Text:
        if not 0 <= number < len(self._parameters):
            _unknown("a parameter that it does not have")
        return self._variable(number)

    def _named(self, name: str) -> Text:
        """All variables of that name: which one is meant depends on the block."""
        found = [number for number, one in enumerate(self._variables) if one.name == name]
        found += [at for at, (one, _) in enumerate(self._parameters) if one == name and at not in found]
        if not found:
            _unknown(f"{name}, which is no variable")
        return OneOf(tuple(map(self._variable, found)))

    def _variable(self, number: int) -> Text:
        assigned = self._assigned.get(number, ())
        is_parameter = number < len(self._parameters)
        if (assigned or not is_parameter) and not self._variables[number].is_text:
            _unknown("a variable of another type than text")
        if number in self._open:
            _unknown("a text that grows")
        is_given = is_parameter and self._parameters[number][1]
        self._open.append(number)
        try:
            texts = [self.text(one) if one is not None else _unknown("what a statement finds") for one in assigned]
        finally:
            self._open.pop()
        if is_given:
            texts.append(Argument(sum(given for _, given in self._parameters[:number])))
        elif not self._variables[number].has_default:
            texts.append(Given(None))
        return OneOf(tuple(texts))


_OPERATOR: Final = 1
"""A_Expr_Kind AEXPR_OP of libpg_query's protobuf."""


def _constant(constant: Any) -> Text:
    if constant.isnull:
        return Given(None)
    match constant.WhichOneof("val"):
        case "sval":
            return Given(constant.sval.sval)
        case "ival":
            return Given(str(constant.ival.ival))
    _unknown("such a constant")


def _unknown(what: str) -> NoReturn:
    raise NotUnderstood(f"it executes SQL made of {what}")
