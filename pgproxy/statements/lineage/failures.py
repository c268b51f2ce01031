"""Whether an expression can fail for some stored values and not for others: success is an answer, too.

`1 / (ascii(ssn) - 48)` tells by its error what the column holds, even where its result never comes out. So each call
with stored columns in it counts as a use of them, unless it is known that it fails for no value (`totality`). Where the
constants beside a column decide, an error tells whether it is NULL; parameters are not known yet, and do not pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from pgproxy.statements.lineage.flow import Size, Value
from pgproxy.statements.model import Form, Use, UseKind
from pgproxy.statements.tree import Node

if TYPE_CHECKING:
    from pgproxy.statements.lineage.walk import Walk

ERROR, AGGREGATE_ERROR, AGGREGATE_GROWTH = "error", "aggregate_error", "aggregate_growth"
ERRORS: Final = frozenset((ERROR, AGGREGATE_ERROR, AGGREGATE_GROWTH))
"""Contexts of uses: expressions over single values, over aggregates of them alone, aggregates that only grow."""


class Failures:
    def __init__(self, walk: Walk) -> None:
        self._walk = walk

    def call(
        self, oid: int, nodes: Sequence[Any], arguments: Sequence[Value], *, is_aggregate: bool = False
    ) -> Size | None:
        """A call of that function with these arguments: how large its result is."""
        if not any(value.sources for value in arguments):
            return None
        functions, totality = self._walk.functions, self._walk.totality
        name, called = functions.code_name(oid), functions.called(oid)
        if is_aggregate and totality.grows(name, nodes):
            if name.endswith("_object_agg"):  # no key may be NULL
                self._note(arguments[0], UseKind.NULL_TEST, called, AGGREGATE_ERROR)
            for value in arguments:
                self._note(value, UseKind.RANGE, called, AGGREGATE_GROWTH)
            return Size() if name == "string_agg" else None
        for value, kind in zip(arguments, totality.failures(name, nodes, arguments), strict=True):
            if kind is not None:
                self._note(value, kind, called, AGGREGATE_ERROR if is_aggregate else "")
        return totality.size(name, nodes, arguments)

    def operator(self, oid: int, nodes: Sequence[Any], arguments: Sequence[Value]) -> Size | None:
        return self.call(self._walk.catalog.operators.get(oid, 0), nodes, arguments)

    def note(self, expression: str, *values: Value, is_aggregate: bool = False) -> None:
        """An expression over these values that may fail."""
        for value in values:
            self._note(value, UseKind.RANGE, expression, AGGREGATE_ERROR if is_aggregate else "")

    def _note(self, value: Value, kind: UseKind, expression: str, context: str) -> None:
        """A count tells no more than itself."""
        for source in value.sources:
            if source.form is not Form.COUNT:
                where = context or (AGGREGATE_ERROR if source.form is Form.AGGREGATE else ERROR)
                use = Use(source.column, kind, where, json_path=source.json_path, expression=expression)
                self._walk.uses.add(use)

    def array(self, entries: Sequence[Node], outputs: Sequence[Value]) -> None:
        """ARRAY(SELECT …): of arrays it fails where their dimensions differ."""
        selected = next((entry["expr"] for entry in entries if not entry["resjunk"]), None)
        found = self._walk.catalog.types.get(self._walk.expressions.type_of(selected))
        if found is None or found.element:
            self.note("an array of arrays", *outputs)
