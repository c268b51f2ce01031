"""What a condition reveals: notes a use for each column in it, with the kind that policy asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgproxy.statements.lineage.entries import Scope
from pgproxy.statements.lineage.flow import NOTHING, Value, derived
from pgproxy.statements.lineage.refusals import refuse
from pgproxy.statements.lineage.types import expression_type
from pgproxy.statements.model import ColumnId, Constant, Form, Source, Use, UseKind
from pgproxy.statements.tree import Node

if TYPE_CHECKING:
    from pgproxy.statements.lineage.walk import Walk

_COPIES = frozenset((Form.COPY, Form.WHOLE))


class Predicates:
    def __init__(self, walk: Walk) -> None:
        self._walk = walk

    def condition(self, node: Any, scope: Scope, context: str) -> Value:
        """A condition (or None): notes its uses, and returns what its outcome depends on."""
        if node is None:
            return NOTHING
        if isinstance(node, list):
            return derived(*(self.condition(item, scope, context) for item in node))
        if not isinstance(node, Node):
            refuse("a condition that is no expression")
        tag = node.tag
        value = self._walk.expressions.value
        if tag == "BOOLEXPR":
            return derived(*(self.condition(item, scope, context) for item in node.nodes("args")))
        if tag in ("OPEXPR", "DISTINCTEXPR") and len(node.nodes("args")) == 2:
            self._walk.functions.check_operator(node["opno"], is_call=True)
            left, right = (value(argument, scope) for argument in node["args"])
            self._walk.expressions.check_operator_call(node, (left, right))
            functions = self._walk.functions
            if functions.is_equality(node["opno"]) or (tag == "OPEXPR" and functions.is_inequality(node["opno"])):
                if self._is_given_array(node, left, right):
                    self.use(derived(left, right), UseKind.RANGE, context)
                    return derived(left, right)
                self.equality(left, right, context)
                self._note_compared(node, left, right)
                return derived(left, right)
            outcome = self._walk.expressions.operator_value(node, [left, right], scope)
            self.use(outcome, UseKind.RANGE, context)
            return derived(outcome)
        if tag == "SCALARARRAYOPEXPR":
            self._walk.functions.check_operator(node["opno"])
            left, right = (value(argument, scope) for argument in node["args"])
            # = ANY and <> ALL: IN and NOT IN.
            functions = self._walk.functions
            compares = functions.is_equality if node["useOr"] else functions.is_inequality
            if compares(node["opno"]) and right.constants is not None:
                self.equality(left, right, context)
                self._note_compared(node, left, right)
            else:
                self.use(derived(left, right), UseKind.RANGE, context)
            return derived(left, right)
        if tag == "NULLTEST":
            operand = value(node["arg"], scope)
            for source in operand.sources:
                keeps_null = source.form in _COPIES or source.form is Form.COUNT or _is_row(node["arg"], source)
                self._note(source, UseKind.NULL_TEST if keeps_null or operand.is_unchanged else UseKind.RANGE, context)
            return derived(operand)
        if tag == "SUBLINK":
            return derived(self._walk.expressions.sublink(node, scope, context))
        outcome = value(node, scope)
        self.use(outcome, UseKind.RANGE, context)
        return derived(outcome)

    def equality(self, left: Value, right: Value, context: str) -> None:
        """`left = right`, with an operator whose equality is that of the stored values."""
        for one, other in ((left, right), (right, left)):
            if not one.sources:
                continue
            if other.is_null:
                self.use(one, UseKind.NULL_TEST, context)
            elif not one.is_plain:
                self.use(one, UseKind.RANGE, context)
            elif other.constants is not None:
                for source in one.sources:
                    self._note(source, UseKind.LITERAL, context, constants=tuple(sorted(other.constants)))
            elif other.is_plain:
                for source in one.sources:
                    for partner in other.sources:
                        self._note(source, UseKind.JOIN, context, other=partner.column)
            else:
                self.use(one, UseKind.RANGE, context)

    def _is_given_array(self, node: Node, left: Value, right: Value) -> bool:
        """Whether a whole array is compared with one that the client gives: its elements are what would be counted, and
        few of them make many arrays."""
        types = self._walk.catalog.types
        compared = (types.get(expression_type(one, self._walk.catalog)) for one in node["args"])
        is_array = any(one is not None and one.element for one in compared)
        return is_array and (left.constants is not None or right.constants is not None)

    def _note_compared(self, node: Node, left: Value, right: Value) -> None:
        for one, other in ((left, right), (right, left)):
            if one.is_plain and other.constants:
                columns = self._walk.compared.setdefault(id(node), set())
                columns.update(source.column for source in one.sources)

    def use(self, value: Value, kind: UseKind, context: str) -> None:
        """A use of everything in the value. A count reveals no more than a null test does."""
        for source in value.sources:
            if source.form is Form.COUNT:
                self._note(source, UseKind.NULL_TEST, context)
            elif kind is UseKind.GROUP and not (source.form in _COPIES or value.is_unchanged):
                self._note(source, UseKind.RANGE, context)
            else:
                self._note(source, kind, context)
                if kind is UseKind.GROUP:  # values of a union are compared with each other's
                    for other in value.sources - {source}:
                        self._note(source, UseKind.JOIN, context, other=other.column)

    def _note(
        self,
        source: Source,
        kind: UseKind,
        context: str,
        other: ColumnId | None = None,
        constants: tuple[Constant, ...] = (),
    ) -> None:
        self._walk.uses.add(Use(source.column, kind, context, other, constants, source.json_path))


def _is_row(node: Any, source: Source) -> bool:
    """`t IS NULL` of a whole stored row: whether all columns are."""
    return source.column.attnum == 0 and isinstance(node, Node) and node.tag == "VAR"
