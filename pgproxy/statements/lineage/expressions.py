"""The value of an expression: which stored columns go into it, and how.

Every field of every node is walked: a node without a rule of its own is DERIVED from all expressions inside it, and a
tag that is no expression is refused. Rules only say more exactly what a node keeps.
In one file, though long: the rules call each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pgproxy.catalog.model import FIRST_NORMAL_OID, FUNCTION_ROWS
from pgproxy.statements.lineage import builtins
from pgproxy.statements.lineage.bodies import parameter
from pgproxy.statements.lineage.entries import Scope
from pgproxy.statements.lineage.failures import ERRORS
from pgproxy.statements.lineage.flow import (
    NOTHING,
    NULL,
    Value,
    alternatives,
    combined_size,
    derived,
    influence,
    influence_of,
    joined_sources,
    weakened,
)
from pgproxy.statements.lineage.given import cast, computed, literal, sql_value
from pgproxy.statements.lineage.json_steps import at_path, constant_steps
from pgproxy.statements.lineage.refusals import refuse
from pgproxy.statements.lineage.types import SAME_TEXT, expression_type
from pgproxy.statements.model import ColumnId, Constant, Form, Source, UseKind
from pgproxy.statements.tree import Node
from pgproxy.wire.formats.oids import ELEMENT_OF_ARRAY

if TYPE_CHECKING:
    from pgproxy.statements.lineage.walk import Walk

_CURRENT_SCHEMA = 14
"""SQLValueFunctionOp (nodes/primnodes.h); the client sets the search path."""
_EXTERNAL, _SUBLINK, _MULTI = 0, 2, 3
"""paramkind (nodes/primnodes.h): $n, a column of the sublink's query, a column of SET (…) = (SELECT …)."""
_EXISTS, _ALL, _ANY, _ROW_COMPARE, _EXPRESSION, _MULTI_EXPRESSION, _ARRAY = range(7)
"""subLinkType."""

_EXPLICIT_CAST, _IMPLICIT_CAST = 1, 2
"""funcformat."""

_ANY_EXPRESSION: Final = frozenset(
    """
    ARRAYCOERCEEXPR ARRAYEXPR BOOLEANTEST BOOLEXPR CASEWHEN COERCEVIAIO DISTINCTEXPR FIELDSTORE GROUPINGFUNC
    JSONBEHAVIOR JSONCONSTRUCTOREXPR JSONEXPR JSONISPREDICATE JSONTABLEPATH JSONTABLEPATHSCAN JSONTABLESIBLINGJOIN
    JSONVALUEEXPR MERGESUPPORTFUNC MINMAXEXPR NAMEDARGEXPR NEXTVALUEEXPR NULLIFEXPR NULLTEST OPEXPR ROWCOMPAREEXPR
    SCALARARRAYOPEXPR SUBSCRIPTINGREF TARGETENTRY XMLEXPR
    """.split()
)
"""Expressions without a rule, or whose rule falls back on the general one."""
_MAY_FAIL: Final = frozenset(("JSONBEHAVIOR", "JSONEXPR", "XMLEXPR"))
_NO_EXPRESSION: Final = frozenset(("ALIAS", "JSONFORMAT", "JSONRETURNING", "SORTGROUPCLAUSE"))
"""Nodes inside expressions that hold none."""


class Expressions:
    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._sublink_columns: list[list[Value]] = []
        """Innermost last: the columns that PARAM of kind sublink stands for."""
        self._placeholders: list[Value] = []
        """Innermost last: what CASETESTEXPR stands for."""
        self._rules: dict[str, Callable[[Node, Scope], Value]] = {
            "VAR": self._var,
            "CONST": self._const,
            "PARAM": self._param,
            "FUNCEXPR": self._function_call,
            "OPEXPR": self._operator_call,
            "AGGREF": self._aggregate,
            "WINDOWFUNC": self._window_function,
            "SUBLINK": lambda node, scope: self.sublink(node, scope, None),
            "RELABELTYPE": self._relabel,
            "COERCETODOMAIN": self._to_domain,
            "COERCEVIAIO": self._via_text,
            "COLLATEEXPR": lambda node, scope: _kept_whole(self.value(node["arg"], scope)),
            "CONVERTROWTYPEEXPR": self._convert_row,
            "ARRAYCOERCEEXPR": self._array_coerce,
            "CASEEXPR": self._case,
            "CASETESTEXPR": self._placeholder,
            "COALESCEEXPR": self._coalesce,
            "ROWEXPR": self._row,
            "FIELDSELECT": self._field,
            "ARRAYEXPR": self._array,
            "SUBSCRIPTINGREF": self._subscript,
            "JSONCONSTRUCTOREXPR": self._json_constructor,
            "RETURNINGEXPR": lambda node, scope: self.value(node["retexpr"], scope),
            # Which row it stands on its FETCH told, and each cursor's query has been decided, with its order.
            "CURRENTOFEXPR": lambda node, scope: NOTHING,
            "GROUPINGFUNC": lambda node, scope: NOTHING,
            "NEXTVALUEEXPR": self._next_value,
            "SQLVALUEFUNCTION": lambda node, scope: NOTHING if node["op"] == _CURRENT_SCHEMA else sql_value(node["op"]),
        }

    def value(self, node: Any, scope: Scope) -> Value:
        """The value of an expression node.

        Raises:
            NotUnderstood: it is no expression.
        """
        if not isinstance(node, Node):
            refuse("an expression that is no node")
        rule = self._rules.get(node.tag)
        if rule is not None:
            return rule(node, scope)
        if node.tag not in _ANY_EXPRESSION:
            refuse(f"{node.tag} where an expression should be")
        return self._general(node, scope)

    def children(self, node: Node, scope: Scope, skipped: Iterable[str] = ()) -> list[Value]:
        """The values of all expressions in the node's fields, except the skipped fields."""
        found: list[Value] = []
        for name, field in node.fields.items():
            if name not in skipped and isinstance(field, (Node, list)):
                self._collect(field, scope, found)
        return found

    def _collect(self, field: Any, scope: Scope, found: list[Value]) -> None:
        if isinstance(field, list):
            for item in field:
                if isinstance(item, (Node, list)):
                    self._collect(item, scope, found)
        elif field.tag not in _NO_EXPRESSION:
            found.append(self.value(field, scope))

    def _general(self, node: Node, scope: Scope) -> Value:
        for name in ("opno", "opnos"):
            operators = node.get(name)
            for oid in operators if isinstance(operators, list) else (operators,) if operators else ():
                self._walk.functions.check_operator(oid)
        if node.tag == "MINMAXEXPR" and self._has_unknown_order(node["minmaxtype"]):
            self._walk.found_opaque("an order that is not built in")
        values = self.children(node, scope)
        if node.tag in ("DISTINCTEXPR", "NULLIFEXPR", "SCALARARRAYOPEXPR"):
            self._walk.failures.operator(node["opno"], node.nodes("args"), values)
        elif node.tag in _MAY_FAIL:
            self._walk.failures.note("a JSON or XML expression", *values)
        outcome = derived(*values)
        if node.tag in ("MINMAXEXPR", "NULLIFEXPR") and outcome.sources:
            return self._sized(outcome, node.nodes("args"), values)
        return outcome

    def _sized(self, outcome: Value, nodes: Iterable[Any], values: Iterable[Value]) -> Value:
        """As large as one of these."""
        if not outcome.sources:
            return outcome
        sizes = (self._walk.totality.size_of(node, value) for node, value in zip(nodes, values, strict=True))
        return replace(outcome, size=combined_size(sizes))

    def _has_unknown_order(self, type_oid: int) -> bool:
        """Greatest and least use the type's own comparison, which the tree does not name."""
        found = self._walk.catalog.types.get(type_oid)
        return type_oid >= FIRST_NORMAL_OID and (found is None or (found.kind == "b" and not found.element))

    # Leaves

    def _var(self, node: Node, scope: Scope) -> Value:
        value = self._walk.entries.value(scope, node)
        return replace(value, size=self._walk.totality.stored_size(node, value)) if value.sources else value

    def _const(self, node: Node, scope: Scope) -> Value:
        if node["constisnull"]:
            return NULL
        return literal(node, self._is_array(node["consttype"]), self._walk.location(node))

    def _is_array(self, type_oid: int) -> bool:
        found = self._walk.catalog.types.get(self.base_type(type_oid))
        return type_oid in ELEMENT_OF_ARRAY if found is None else bool(found.element)

    def _param(self, node: Node, scope: Scope) -> Value:
        kind, number = int(node["paramkind"]), int(node["paramid"])
        if kind == _EXTERNAL and self._walk.parameters is not None:
            return parameter(self._walk.parameters, number)
        if kind == _EXTERNAL:
            return Value(constants=frozenset((Constant("", (number,)),)))
        if kind == _SUBLINK and self._sublink_columns and 1 <= number <= len(self._sublink_columns[-1]):
            return self._sublink_columns[-1][number - 1]
        if kind == _MULTI:
            columns = scope.multi_assignments.get(number >> 16)
            if columns is not None and 1 <= number & 0xFFFF <= len(columns):
                return columns[(number & 0xFFFF) - 1]
        refuse("a parameter that stands for nothing here")

    def _placeholder(self, node: Node, scope: Scope) -> Value:
        if not self._placeholders:
            refuse("a placeholder that stands for nothing here")
        return self._placeholders[-1]

    @contextmanager
    def placeholder(self, standing_for: Value) -> Iterator[None]:
        """Inside, CASETESTEXPR stands for another value."""
        self._placeholders.append(standing_for)
        try:
            yield
        finally:
            self._placeholders.pop()

    # Calls

    def _function_call(self, node: Node, scope: Scope) -> Value:
        oid = node["funcid"]
        if not self._walk.functions.check_signal(oid, node.nodes("args")):
            self._walk.functions.check(oid, is_call=True, arguments=node.nodes("args"))
        arguments = [self.value(argument, scope) for argument in node.nodes("args")]
        if oid == builtins.SET_CONFIG:
            self._walk.functions.check_setting(node.nodes("args"), arguments)
        return self._call(node, oid, node.nodes("args"), arguments, scope, is_set=node["funcretset"])

    def call_columns(self, node: Node, scope: Scope, count: int) -> list[Value]:
        """The columns of a call of an SQL function in FROM."""
        self._walk.functions.check(node["funcid"], is_call=True)
        arguments = [self.value(argument, scope) for argument in node.nodes("args")]
        return self._walk.sql_functions.columns(node, node["funcid"], arguments, count)

    def _operator_call(self, node: Node, scope: Scope) -> Value:
        self._walk.functions.check_operator(node["opno"], is_call=True)
        arguments = [self.value(argument, scope) for argument in node.nodes("args")]
        self.check_operator_call(node, arguments)
        return self.operator_value(node, arguments, scope)

    def check_operator_call(self, node: Node, arguments: Sequence[Value]) -> None:
        self._walk.functions.check_call(self._operator_function(node), node.nodes("args"), arguments)

    def operator_value(self, node: Node, arguments: list[Value], scope: Scope) -> Value:
        """The value of an operator whose operands were walked already."""
        return self._call(
            node, self._operator_function(node), node.nodes("args"), arguments, scope, is_set=node["opretset"]
        )

    def _operator_function(self, node: Node) -> int:
        return self._walk.catalog.operators.get(node["opno"], 0)

    def _call(
        self, node: Node, oid: int, nodes: list[Any], arguments: list[Value], scope: Scope, *, is_set: bool
    ) -> Value:
        functions = self._walk.functions
        if self._walk.sql_functions.has_body(oid):
            return self._walk.sql_functions.value(node, oid, arguments)
        functions.check_call(oid, nodes, arguments)
        size = self._walk.failures.call(oid, nodes, arguments)
        name = functions.name(oid)
        if oid in FUNCTION_ROWS:
            # In FROM its columns are told apart (`entries`); here it is one row.
            return derived(*arguments, Value(frozenset((Source(ColumnId(oid, 0), Form.ROW),))))
        if is_set:
            if oid == builtins.UNNEST and not arguments[0].sources:
                return arguments[0]  # an array's constants are its elements
            self._walk.predicates.use(derived(*arguments), UseKind.RANGE, "function")
        elif name in builtins.JSON_STEP and len(nodes) == 2:
            return at_path(arguments[0], constant_steps(nodes[1]), derived(*arguments))
        elif not (
            any(value.sources for value in arguments)
            or self._walk.routines.has_source(oid)
            or functions.executes_texts(oid)
        ):
            is_cast = node.get("funcformat") == _IMPLICIT_CAST and arguments
            return arguments[0] if is_cast else computed(name, arguments)
        elif name in builtins.KEEP_WHOLE and len(arguments) == 1:
            return replace(weakened(arguments[0], Form.WHOLE), size=size)
        return replace(derived(*arguments), size=size)

    def _aggregate(self, node: Node, scope: Scope) -> Value:
        """args and aggdirectargs are what is aggregated; order, DISTINCT and FILTER decide what comes of it."""
        oid = node["aggfnoid"]
        self._walk.functions.check(oid)
        walk = self._walk
        entries = [entry for entry in node.nodes("args")]
        values = {entry["ressortgroupref"]: self.value(entry["expr"], scope) for entry in entries if entry["resjunk"]}
        arguments: list[Value] = []
        for entry in entries:
            if not entry["resjunk"]:
                argument = self.value(entry["expr"], scope)
                arguments.append(argument)
                values[entry["ressortgroupref"]] = argument
        direct = [self.value(item, scope) for item in node.nodes("aggdirectargs")]
        given = [entry["expr"] for entry in entries if not entry["resjunk"]]
        walk.functions.check_call(oid, [*given, *node.nodes("aggdirectargs")], [*arguments, *direct])
        size = walk.failures.call(oid, given, arguments, is_aggregate=True)
        walk.failures.note("an aggregate's own argument", *direct, is_aggregate=True)
        conditions: list[Value] = []
        if node["aggfilter"] is not None:
            conditions.append(walk.predicates.condition(node["aggfilter"], scope, "filter"))
        orders = self._aggregate_order(node, values)
        if oid == builtins.COUNT_ANY and len(arguments) == 1:
            result = self._count(entries[0]["expr"], arguments[0])
        else:
            over = [weakened(value, Form.AGGREGATE).sources for value in (*arguments, *direct, *orders)]
            result = Value(joined_sources(over), size=size)
        return influence(result, derived(*conditions))

    def _aggregate_order(self, node: Node, values: dict[int, Value]) -> list[Value]:
        """What ORDER BY and DISTINCT inside an aggregate sort by.

        In percentile_cont, rank and the like (aggkind o, h) the order is over the arguments, and the value is about it.
        """
        orders: list[Value] = []
        for name, kind in (("aggorder", UseKind.ORDER), ("aggdistinct", UseKind.GROUP)):
            for clause in node.nodes(name):
                self.check_sort_clause(clause)
                sorted_by = values.get(clause["tleSortGroupRef"])
                if sorted_by is None:
                    refuse("an aggregate sorted by nothing")
                if node["aggkind"] == "n":
                    self._walk.predicates.use(sorted_by, kind, "aggregate")
                    orders.append(sorted_by)
        return orders

    def _count(self, node: Any, argument: Value) -> Value:
        if isinstance(node, Node) and node.tag == "VAR" and node["varattno"] == 0:
            return Value(frozenset(Source(source.column, Form.COUNT) for source in argument.sources))
        return weakened(argument, Form.COUNT)

    def _window_function(self, node: Node, scope: Scope) -> Value:
        oid = node["winfnoid"]
        self._walk.functions.check(oid)
        arguments = [self.value(argument, scope) for argument in node.nodes("args")]
        self._walk.functions.check_call(oid, node.nodes("args"), arguments)
        window = self._walk.queries.window(scope, node["winref"])
        conditions = [self._walk.predicates.condition(node["aggfilter"], scope, "filter")]
        conditions.extend(self.value(item, scope) for item in node.nodes("runCondition"))
        size = self._walk.failures.call(oid, node.nodes("args"), arguments, is_aggregate=bool(node["winagg"]))
        name = self._walk.functions.name(oid)
        if name in builtins.SAME_VALUE_WINDOWS:
            first, *others = arguments
            result = alternatives((first, others[1])) if len(others) == 2 else first
            conditions.extend(others[:1])
        elif oid == builtins.COUNT_ANY and len(arguments) == 1:
            result = self._count(node["args"][0], arguments[0])
        elif node["winagg"]:
            over = [weakened(argument, Form.AGGREGATE).sources for argument in arguments]
            result = Value(joined_sources(over), size=size)
        else:
            result = derived(*arguments)
        return influence(result, derived(window, *conditions))

    def _next_value(self, node: Node, scope: Scope) -> Value:
        self._walk.is_read_only = False
        return NOTHING

    def check_sort_clause(self, clause: Node) -> None:
        """The functions behind the operators of a SORTGROUPCLAUSE."""
        for name in ("eqop", "sortop"):
            if clause[name]:
                self._walk.functions.check_operator(clause[name])

    # Sublinks

    def sublink(self, node: Node, scope: Scope, context: str | None) -> Value:
        """A subquery inside an expression.

        Args:
            context: where it stands as a condition; then its comparison is noted as a use. None: it is a value.
        """
        kind = node["subLinkType"]
        with self._walk.collecting() as uses:
            outputs = [output.value for output in self._walk.queries.select(node["subselect"], scope)]
        implicit = influence_of(use for use in uses if use.context not in ERRORS)
        if kind == _MULTI_EXPRESSION:
            scope.multi_assignments[node["subLinkId"]] = [influence(value, implicit) for value in outputs]
            return NOTHING
        if kind == _EXISTS:
            return implicit
        if kind == _EXPRESSION and len(outputs) == 1:
            return influence(outputs[0], implicit) if implicit.sources else outputs[0]
        if kind == _ARRAY and len(outputs) == 1:
            self._walk.failures.array(node["subselect"].nodes("targetList"), outputs)
            return influence(derived(outputs[0]), implicit)
        if kind not in (_ALL, _ANY, _ROW_COMPARE):
            refuse("a subquery of unknown kind")
        self._sublink_columns.append(outputs)
        try:
            if context is None:
                outcome = self.value(node["testexpr"], scope)
            else:
                # Which rows the subquery has tells as much as the comparison does.
                outcome = self._walk.predicates.condition(node["testexpr"], scope, context)
        finally:
            self._sublink_columns.pop()
        return influence(derived(outcome, *outputs), implicit)

    # Casts

    def _relabel(self, node: Node, scope: Scope) -> Value:
        argument = self.value(node["arg"], scope)
        if not argument.sources:
            return argument
        before, after = self._cast_types(node)
        if before == after or (before in SAME_TEXT and after in SAME_TEXT):
            return argument
        return replace(derived(argument), size=argument.size)

    def _to_domain(self, node: Node, scope: Scope) -> Value:
        argument = self.value(node["arg"], scope)
        self._walk.failures.note(self._cast(node), argument)
        before, after = self._cast_types(node)
        return argument if before == after else derived(argument)

    def _via_text(self, node: Node, scope: Scope) -> Value:
        """A cast by the text of the value: to text it is kept whole."""
        argument = self.value(node["arg"], scope)
        if not argument.sources:
            # The text of an array may be any number of values.
            is_one = not self._is_array(node["resulttype"])
            return cast(f"{node['resulttype']}", argument) if is_one else NOTHING
        if self.base_type(node["resulttype"]) in SAME_TEXT:
            size = self._walk.totality.size_of(node["arg"], argument)
            return replace(weakened(argument, Form.WHOLE), size=size)
        self._walk.failures.note(self._cast(node), argument)
        return derived(argument)

    def _cast(self, node: Node) -> str:
        found = self._walk.catalog.types.get(node["resulttype"])
        return f"a cast to {found.name}" if found is not None else "a cast"

    def _convert_row(self, node: Node, scope: Scope) -> Value:
        # The row of a child as one of its parent: other attribute numbers, so what was known of them goes.
        return replace(self.value(node["arg"], scope), fields=None)

    def _array_coerce(self, node: Node, scope: Scope) -> Value:
        argument = self.value(node["arg"], scope)
        with self.placeholder(argument):
            element = self.value(node["elemexpr"], scope)
        outcome = derived(argument, element)
        return outcome if outcome.sources else element

    def _cast_types(self, node: Node) -> tuple[int, int]:
        before = expression_type(node["arg"], self._walk.catalog)
        return self.base_type(before), self.base_type(node["resulttype"])

    def type_of(self, node: Any) -> int:
        """The type of an expression, under domains; 0 where its node does not say."""
        return self.base_type(expression_type(node, self._walk.catalog))

    def base_type(self, oid: int) -> int:
        """The type under domains."""
        for _ in range(32):
            found = self._walk.catalog.types.get(oid)
            if found is None or not found.base:
                return oid
            oid = found.base
        return oid

    # Choices

    def _case(self, node: Node, scope: Scope) -> Value:
        tested = None if node["arg"] is None else self.value(node["arg"], scope)
        tests: list[Value] = []
        branches: list[Value] = []
        for when in node["args"]:
            if tested is None:
                tests.append(self._walk.predicates.condition(when["expr"], scope, "case"))
            else:
                with self.placeholder(tested):
                    tests.append(self._walk.predicates.condition(when["expr"], scope, "case"))
            branches.append(self.value(when["result"], scope))
        default = node["defresult"]
        branches.append(NULL if default is None else self.value(default, scope))
        results = [*(when["result"] for when in node["args"]), *([] if default is None else [default])]
        outcome = self._sized(alternatives(branches), results, branches[: len(results)])
        return influence(outcome, derived(*tests))

    def _coalesce(self, node: Node, scope: Scope) -> Value:
        values = [self.value(argument, scope) for argument in node["args"]]
        chosen = self._sized(alternatives(values), node["args"], values)
        with_null = len(values) > 1 and any(value.is_null for value in values)
        return _kept_whole(chosen) if with_null else chosen

    # Parts and wholes

    def _row(self, node: Node, scope: Scope) -> Value:
        values = [self.value(argument, scope) for argument in node.nodes("args")]
        return replace(derived(*values), fields=dict(enumerate(values, 1)))

    def _field(self, node: Node, scope: Scope) -> Value:
        row = self.value(node["arg"], scope)
        field = None if row.fields is None else row.fields.get(node["fieldnum"])
        return derived(row) if field is None else field

    def _array(self, node: Node, scope: Scope) -> Value:
        values = [self.value(element, scope) for element in node.nodes("elements")]
        if node["multidims"]:
            self._walk.failures.note("an array of arrays", *values)  # their dimensions must agree
        outcome = derived(*values)
        if not outcome.sources and all(value.constants is not None for value in values):
            return Value(constants=frozenset().union(*(value.constants or () for value in values)))
        return outcome

    def _subscript(self, node: Node, scope: Scope) -> Value:
        everything = derived(*self.children(node, scope, ("refexpr",)), *self._assigned_container(node, scope))
        upper = node.nodes("refupperindexpr")
        if node["refassgnexpr"] is not None:
            self._walk.failures.note("an assignment to a part", everything)
        if node["refassgnexpr"] is not None or node["refexpr"] is None:
            return everything
        container = self.value(node["refexpr"], scope)
        if node.nodes("reflowerindexpr"):
            return derived(container, everything)
        if self.base_type(node["refcontainertype"]) == _JSONB:
            steps = [step for index in upper for step in (constant_steps(index) or [""])]
            known = all(constant_steps(index) is not None for index in upper)
            return at_path(container, steps if known else None, derived(container, everything))
        return derived(container, everything)

    def _assigned_container(self, node: Node, scope: Scope) -> list[Value]:
        if node["refassgnexpr"] is not None and node["refexpr"] is not None:
            return [self.value(node["refexpr"], scope)]
        return []

    def _json_constructor(self, node: Node, scope: Scope) -> Value:
        """JSON_OBJECT and the like: `coercion` works on the result of `func` or on the arguments."""
        made = derived(*self.children(node, scope, ("coercion",)))
        self._walk.failures.note("a JSON expression", made)
        if node["coercion"] is None:
            return made
        with self.placeholder(made):
            return derived(made, self.value(node["coercion"], scope))


_JSONB: Final = 3802


def _kept_whole(value: Value) -> Value:
    return weakened(value, Form.WHOLE) if value.sources else value
