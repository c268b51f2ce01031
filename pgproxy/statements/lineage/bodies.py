"""Calls of SQL functions: their bodies are walked as subqueries, with the arguments in place of the parameters.

What has no readable body (other languages, bodies that the server could not analyse, recursion) is opaque.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pgproxy.catalog.model import Function
from pgproxy.errors import NotUnderstood
from pgproxy.statements.lineage.failures import ERRORS
from pgproxy.statements.lineage.flow import (
    NOTHING,
    Value,
    derived,
    influence,
    influence_of,
    row_value,
)
from pgproxy.statements.lineage.refusals import refuse
from pgproxy.statements.lineage.types import SAME_TEXT
from pgproxy.statements.model import Use, UseKind
from pgproxy.statements.tree import Node, reached

if TYPE_CHECKING:
    from pgproxy.statements.lineage.queries import Traced
    from pgproxy.statements.lineage.walk import Walk

_CALLS: Final = 500
"""Bodies walked for one statement."""


class Calls:
    """The functions whose bodies are being walked, outermost first, and how many were."""

    __slots__ = ("count", "open")

    def __init__(self) -> None:
        self.open: list[int] = []
        self.count = 0


class SqlFunctions:
    def __init__(self, walk: Walk) -> None:
        self._walk = walk

    def has_body(self, oid: int) -> bool:
        return oid in self._walk.bodies

    def is_closed(self, oid: int) -> bool:
        """Whether its result is made from its arguments alone, and it does nothing else."""
        pending, seen = [oid], set[int]()
        while pending:
            one = pending.pop()
            if one in seen:
                continue
            seen.add(one)
            function = self._walk.catalog.functions.get(one)
            known = function is not None and (function.is_builtin or function.is_alias or one in self._walk.bodies)
            if function is None or not known:
                return False
            if function.is_builtin and not self._walk.functions.is_pure(one):
                return False
            for tree in self._walk.bodies.get(one, ()):
                named = reached(tree)
                if named.relations or any(not self._is_built_in_type(oid) for oid in named.types):
                    return False
                pending.extend(named.functions)
                pending.extend(self._walk.catalog.operators.get(operator, 0) for operator in named.operators)
            if not function.is_builtin:
                pending.extend(function.calls)
        return True

    def _is_built_in_type(self, oid: int) -> bool:
        found = self._walk.catalog.types.get(oid)
        return found is not None and not found.is_user_checked

    def value(self, node: Node, oid: int, arguments: Sequence[Value]) -> Value:
        """The result of a call in an expression: of its first row, or of each."""
        function = self._walk.catalog.functions[oid]
        with self._walk.collecting() as uses:
            outputs = self._outputs(function, node.nodes("args"), arguments)
        if outputs is None:
            return derived(*arguments)
        columns = [self._as_declared(output, at, function) for at, output in enumerate(outputs)]
        decided = _decided(uses)
        if function.is_strict and node["funcretset"]:
            self._walk.predicates.use(derived(*arguments), UseKind.RANGE, "function")
        if function.is_strict:
            decided = derived(decided, *arguments)
        columns = [influence(column, decided) for column in columns]
        return columns[0] if len(columns) == 1 else row_value(dict(enumerate(columns, 1)))

    def columns(self, node: Node, oid: int, arguments: Sequence[Value], count: int) -> list[Value]:
        """The columns of a call in FROM."""
        function = self._walk.catalog.functions[oid]
        with self._walk.collecting() as uses:
            outputs = self._outputs(function, node.nodes("args"), arguments)
        if function.is_strict:
            self._walk.predicates.use(derived(*arguments), UseKind.RANGE, "function")
        if outputs is None:
            return [derived(*arguments)] * count
        if not node["funcretset"]:  # there is a row whatever the body finds
            decided = _decided(uses)
            outputs = [replace(output, value=influence(output.value, decided)) for output in outputs]
        columns = [self._as_declared(output, at, function) for at, output in enumerate(outputs)]
        if len(columns) == 1 and count > 1 and columns[0].fields is not None:
            columns = [columns[0].fields[at] for at in sorted(columns[0].fields) if at > 0]
        if len(columns) != count:
            return [derived(*columns)] * count
        return columns

    def _as_declared(self, output: Traced, at: int, function: Function) -> Value:
        """The server casts what a body gives to what the function returns."""
        types = self._declared(function)
        if output.value.fields is not None:
            return output.value
        if at < len(types):
            given, declared = map(self._walk.expressions.base_type, (output.type_oid, types[at]))
            if given == declared or {given, declared} <= SAME_TEXT:
                return output.value
        return derived(output.value)

    def _declared(self, function: Function) -> tuple[int, ...]:
        if len(function.result_types) == 1:
            composite = self._walk.catalog.types.get(function.result_types[0])
            if composite is not None and composite.kind == "c":
                return composite.members
        return function.result_types

    def _outputs(self, function: Function, nodes: Sequence[Any], arguments: Sequence[Value]) -> list[Traced] | None:
        """What the last statement of the body gives; None: opaque, as was noted."""
        walk, calls = self._walk, self._walk.calls
        for oid in function.calls:
            walk.functions.check(oid)
        if function.oid in calls.open:
            walk.found_opaque(f"function {function.schema}.{function.name}, which calls itself,")
            return None
        calls.count += 1
        if calls.count > _CALLS:
            refuse("functions that call too many others")
        inner = walk.for_function(_parameters(nodes, arguments))
        outputs: list[Traced] = []
        calls.open.append(function.oid)
        try:
            for tree in walk.bodies[function.oid]:
                for query in tree["queries"]:
                    result = inner.queries.select(query, None)
                    if query["canSetTag"]:
                        outputs = result
                inner.functions.check_named(reached(tree))
        except NotUnderstood as error:
            walk.found_opaque(f"function {function.schema}.{function.name} ({error.message})")
            return None
        finally:
            calls.open.pop()
            walk.uses |= inner.uses
            walk.is_read_only = walk.is_read_only and inner.is_read_only
        walk.relations |= inner.relations
        if function.security_definer and any(walk.relation(oid).has_policies for oid in inner.relations):
            walk.found_opaque(f"function {function.schema}.{function.name} with its owner's row-level security")
        return outputs


def _decided(uses: Iterable[Use]) -> Value:
    """What the conditions of a body tell by the value that comes out."""
    return influence_of(use for use in uses if use.context not in ERRORS)


def _parameters(nodes: Sequence[Any], arguments: Sequence[Value]) -> Mapping[int, Value]:
    """By number; a parameter without an argument has its default, which holds nothing stored."""
    given: dict[int, Value] = {}
    for at, (node, value) in enumerate(zip(nodes, arguments, strict=True), 1):
        named = isinstance(node, Node) and node.tag == "NAMEDARGEXPR"
        given[node["argnumber"] + 1 if named else at] = value
    return given


def parameter(parameters: Mapping[int, Value], number: int) -> Value:
    return parameters.get(number, NOTHING)
