"""Scopes, and the columns of the entries of a range table: what each kind of FROM item is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from pgproxy.catalog.model import FIRST_NORMAL_OID, FUNCTION_ROWS, Relation
from pgproxy.errors import StatementDenied
from pgproxy.statements.lineage.flow import NOTHING, Value, alternatives, column_value, derived, row_value, union
from pgproxy.statements.lineage.refusals import refuse
from pgproxy.statements.lineage.sequences import next_in_values
from pgproxy.statements.model import ColumnId, Use, UseKind
from pgproxy.statements.tree import Node, read_stored

if TYPE_CHECKING:
    from pgproxy.statements.lineage.walk import Walk

RELATION, SUBQUERY, JOIN, FUNCTION, TABLE_FUNCTION, VALUES, CTE, RESULT, GROUP = 0, 1, 2, 3, 4, 5, 6, 8, 9
"""rtekind (nodes/parsenodes.h, RTEKind)."""

_OLD_ROW: Final = 1
"""varreturningtype (18): VAR_RETURNING_OLD."""
_INSERT: Final = 3
_TABLEOID: Final = -6
_DEFINITION_DEPTH: Final = 32


class Columns:
    """The columns of one range table entry, by attribute number; 0 is the whole row."""

    __slots__ = ("_get", "_row", "_row_value")

    def __init__(self, get: Callable[[int], Value | None], row: Callable[[], Value]) -> None:
        self._get = get
        self._row = row
        self._row_value: Value | None = None

    @classmethod
    def of(cls, values: Mapping[int, Value]) -> Columns:
        return cls(values.get, lambda: row_value(values))

    def value(self, attnum: int) -> Value:
        if attnum == 0:
            if self._row_value is None:
                self._row_value = self._row()
            return self._row_value
        found = self._get(attnum)
        if found is None:
            refuse("the statement names a column that its table does not have")
        return found


class Scope:
    """One query that is being walked, inside those around it."""

    __slots__ = (
        "assigned",
        "columns",
        "ctes",
        "entries",
        "excluded",
        "leaves",
        "multi_assignments",
        "open_entries",
        "parent",
        "query",
        "result_relation",
        "windows",
    )

    def __init__(self, query: Node, parent: Scope | None) -> None:
        self.query = query
        self.parent = parent
        self.entries: list[Node] = query.nodes("rtable")
        self.columns: dict[int, Columns] = {}
        self.open_entries: set[int] = set()
        self.ctes: dict[str, CommonTable] = {}
        self.leaves: frozenset[int] = frozenset()
        """Entries that are the branches of this query's set operation: a column of any stands for all."""
        self.result_relation: int = query["resultRelation"]
        self.assigned: dict[int, Value] | None = None
        """While RETURNING and checks are walked: what the statement itself puts into the target's columns."""
        self.excluded: int = 0
        """The entry that stands for the row an INSERT … ON CONFLICT proposed."""
        self.multi_assignments: dict[int, list[Value]] = {}
        """SET (a, b) = (SELECT …): the columns by sublink number."""
        self.windows: dict[int, Value] = {}

    def up(self, levels: int) -> Scope:
        scope: Scope | None = self
        for _ in range(levels):
            scope = scope.parent if scope is not None else None
        if scope is None:
            refuse("the statement refers to a query outside of it")
        return scope


class CommonTable:
    """One WITH query: its columns, and the uses that decide its rows."""

    __slots__ = ("columns", "is_open", "node", "uses")

    def __init__(self, node: Node) -> None:
        self.node = node
        self.columns: list[Value] | None = None
        self.is_open = False
        self.uses: set[Use] = set()


class Entries:
    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._relations: dict[int, Columns] = {}

    def value(self, scope: Scope, var: Node) -> Value:
        """The value of a Var."""
        owner = scope.up(var["varlevelsup"])
        number = var["varno"]
        attnum = var["varattno"]
        if number == owner.result_relation and owner.assigned is not None:
            return self._target_value(owner, number, attnum, var.get("varreturningtype") == _OLD_ROW)
        return self.columns(owner, number).value(attnum)

    def columns(self, scope: Scope, number: int) -> Columns:
        """The columns of entry `number` (from 1)."""
        known = scope.columns.get(number)
        if known is not None:
            return known
        if not 1 <= number <= len(scope.entries):
            refuse("the statement refers to an unknown range table entry")
        if number in scope.open_entries:
            refuse("range table entries that refer to each other in a circle")
        scope.open_entries.add(number)
        made = self._leaf_columns(scope) if number in scope.leaves else self._made(scope, number)
        scope.open_entries.discard(number)
        scope.columns[number] = made
        return made

    def relation_columns(self, oid: int) -> Columns:
        """The stored columns of a relation; of a view those that it is made of."""
        if oid not in self._relations:
            relation = self._walk.relation(oid)
            made = self.defined_columns(relation) if relation.kind == "v" else self._stored_columns(relation)
            self._relations[oid] = made
        return self._relations[oid]

    def _made(self, scope: Scope, number: int) -> Columns:
        entry = scope.entries[number - 1]
        kind = entry["rtekind"]
        if kind == RELATION:
            if not (number == scope.result_relation and scope.query["commandType"] == _INSERT):
                self._note_partition(entry["relid"])
            return self._relation_entry(entry)
        if kind == SUBQUERY:
            values = [output.value for output in self._walk.queries.select(entry["subquery"], scope)]
            self.note_view(entry, values)
            return Columns.of(dict(enumerate(values, 1)))
        if kind == JOIN:
            return self._expression_columns(scope, entry.nodes("joinaliasvars"))
        if kind == GROUP:
            return self._expression_columns(scope, entry.nodes("groupexprs"))
        if kind == FUNCTION:
            return self._function_columns(scope, entry)
        if kind == TABLE_FUNCTION:
            return self._table_function_columns(scope, entry)
        if kind == VALUES:
            rows = [
                [self._value_in_values(item, scope, (at, place)) for place, item in enumerate(row or ())]
                for at, row in enumerate(entry["values_lists"])
            ]
            return Columns.of({at: alternatives(column) for at, column in enumerate(zip(*rows, strict=True), 1)})
        if kind == CTE:
            return self._common_table_columns(scope, entry)
        if kind == RESULT:
            return Columns.of({})
        refuse(f"a range table entry of kind {kind}")

    def _value_in_values(self, item: Any, scope: Scope, place: tuple[int, int]) -> Value:
        value = self._walk.expressions.value(item, scope)
        if scope.query["commandType"] != _INSERT:
            return value
        return next_in_values(item, self._walk, place) or value

    # Relations

    def _relation_entry(self, entry: Node) -> Columns:
        oid = entry["relid"]
        relation = self._walk.relation(oid)
        if relation.schema.startswith("pg_toast"):
            raise StatementDenied(
                "tables of pg_toast hold values of other tables and are never read directly",
                detail="rule builtin.relation: pg_toast",
            )
        self._walk.relations.add(oid)
        if relation.kind == "m":
            return self._only_when_named(lambda: self.relation_columns(oid))
        if relation.kind == "v":
            if self._walk.definition_depth or relation.triggers:
                return self._only_when_named(lambda: self.relation_columns(oid))
            # (15) The row that a view's rule calls OLD or NEW: never scanned.
            return Columns(lambda attnum: refuse("a view that the server did not expand"), lambda: NOTHING)
        return self.relation_columns(oid)

    def _note_partition(self, oid: int) -> None:
        """The rows of one partition are those whose key is in its bounds."""
        for ancestor in self._walk.catalog.ancestors(oid):
            for attnum in self._walk.relation(ancestor).partition_key:
                self._walk.uses.add(Use(ColumnId(ancestor, attnum), UseKind.RANGE, "partition"))

    def _tells_partition(self, relation: Relation) -> bool:
        """Whether tableoid depends on a partition key."""
        catalog = self._walk.catalog
        pending, seen = [relation.oid, *catalog.ancestors(relation.oid)], set[int]()
        while pending:
            oid = pending.pop()
            if oid not in seen:
                seen.add(oid)
                one = self._walk.relation(oid)
                if one.partition_key:
                    return True
                pending.extend(one.children)
        return False

    def _only_when_named(self, make: Callable[[], Columns]) -> Columns:
        """Columns made when one is named: on 15 a view's own rule lists the view itself, as OLD and NEW."""
        made: list[Columns] = []

        def columns() -> Columns:
            if not made:
                made.append(make())
            return made[0]

        return Columns(lambda attnum: columns().value(attnum), lambda: columns().value(0))

    def note_view(self, entry: Node, values: Sequence[Value]) -> None:
        """A subquery that may stand for a view.

        Args:
            values: of its columns.
        """
        oid = entry.get("relid")
        if oid:
            self._walk.relations.add(oid)
        if oid and oid >= FIRST_NORMAL_OID:
            for at, value in enumerate(values, 1):
                self._walk.views[ColumnId(oid, at)] = value.sources

    def _stored_columns(self, relation: Relation) -> Columns:
        """As stored. What generated columns and inheritance add to that is in the catalog, not in the tree."""
        oid = relation.oid
        values = {column.attnum: column_value(ColumnId(oid, column.attnum)) for column in relation.columns}
        row = row_value(values, ColumnId(oid, 0))
        if relation.kind == "m" and oid >= FIRST_NORMAL_OID:
            defined = self.defined_columns(relation)
            for attnum in values:
                self._walk.materialized[ColumnId(oid, attnum)] = defined.value(attnum).sources
        # ctid, xmin and the like say nothing about a stored value; tableoid says which partition the key chose.
        if self._tells_partition(relation):
            values[_TABLEOID] = column_value(ColumnId(oid, _TABLEOID))
        return Columns(lambda attnum: values.get(attnum, NOTHING if attnum < 0 else None), lambda: row)

    def defined_columns(self, relation: Relation) -> Columns:
        """What a stored view was made from: the columns of its definition's tree."""
        if not relation.definition:
            refuse("a materialized view whose definition is not known yet")
        if self._walk.definition_depth >= _DEFINITION_DEPTH:
            refuse("views nested too deeply")
        inner = self._walk.for_definition()
        tree = read_stored(relation.definition.encode(), self._walk.catalog.server_version)
        queries = tree["queries"]
        if len(queries) != 1:
            refuse("a materialized view whose definition is not one query")
        outputs = inner.queries.select(queries[0], None)
        return Columns.of(dict(enumerate((output.value for output in outputs), 1)))

    def _target_value(self, scope: Scope, number: int, attnum: int, is_old: bool) -> Value:
        """A column of the target in RETURNING: what is stored together with what this statement assigns."""
        stored = self.columns(scope, number).value(attnum)
        assigned = scope.assigned or {}
        if is_old or attnum < 0:
            return stored
        if attnum == 0:
            fields = {at: self._target_value(scope, number, at, False) for at in (stored.fields or {})}
            return Value(stored.sources | row_value(assigned).sources, fields=fields)
        relation = self._walk.relation(scope.entries[number - 1]["relid"])
        column = relation.column(attnum)
        computed = derived(*(assigned[at] for at in (column.sources if column else ()) if at in assigned))
        return union((stored, assigned.get(attnum, NOTHING), computed))

    def proposed_columns(self, values: Mapping[int, Value]) -> Columns:
        """The row that an INSERT … ON CONFLICT proposed."""
        row = row_value(values)
        return Columns(lambda attnum: NOTHING if attnum < 0 else values.get(attnum), lambda: row)

    # Other kinds

    def _leaf_columns(self, scope: Scope) -> Columns:
        columns = Columns.of(dict(enumerate(self._walk.queries.set_operation_columns(scope), 1)))
        for leaf in scope.leaves:
            scope.columns[leaf] = columns
        return columns

    def _expression_columns(self, scope: Scope, expressions: list[Any]) -> Columns:
        """Columns that are expressions over their siblings: of a join, of GROUP BY."""
        values: dict[int, Value] = {}

        def get(attnum: int) -> Value | None:
            if attnum not in values:
                if not 1 <= attnum <= len(expressions):
                    return None
                expression = expressions[attnum - 1]
                values[attnum] = NOTHING if expression is None else self._walk.expressions.value(expression, scope)
            return values[attnum]

        def row() -> Value:
            return row_value({at: value for at in range(1, len(expressions) + 1) if (value := get(at)) is not None})

        return Columns(get, row)

    def _function_columns(self, scope: Scope, entry: Node) -> Columns:
        """Every column of a function may hold any of its arguments, and so may the number of rows."""
        values: dict[int, Value] = {}
        for function in entry.nodes("functions"):
            expression = function["funcexpr"]
            is_call = isinstance(expression, Node) and expression.tag == "FUNCEXPR"
            first = len(values) + 1
            numbers = range(first, first + function["funccolcount"])
            told_apart = FUNCTION_ROWS.get(expression["funcid"]) if is_call else None
            if told_apart is not None:
                self._walk.relations.add(told_apart.oid)
                for column in told_apart.columns:
                    values[first + column.attnum - 1] = column_value(ColumnId(told_apart.oid, column.attnum))
                for argument in expression.nodes("args"):
                    value = derived(self._walk.expressions.value(argument, scope))
                    self._walk.predicates.use(value, UseKind.RANGE, "function")
                    values.update((at, union((values.get(at, NOTHING), value))) for at in numbers)
                values.update((at, NOTHING) for at in numbers if at not in values)
                continue
            if is_call and self._walk.sql_functions.has_body(expression["funcid"]):
                given = self._walk.expressions.call_columns(expression, scope, len(numbers))
                values.update(zip(numbers, given, strict=True))
                continue
            value = self._walk.expressions.value(expression, scope)
            value = derived(value) if value.sources or len(numbers) > 1 else value
            if not (is_call and not expression["funcretset"]):
                self._walk.predicates.use(value, UseKind.RANGE, "function")
            values.update(dict.fromkeys(numbers, value))
        if entry["funcordinality"]:
            values[len(values) + 1] = NOTHING
        return Columns.of(values)

    def _table_function_columns(self, scope: Scope, entry: Node) -> Columns:
        """XMLTABLE and JSON_TABLE: every column may hold anything of the document, of paths and of defaults."""
        table = entry["tablefunc"]
        document = derived(self._walk.expressions.value(table["docexpr"], scope))
        with self._walk.expressions.placeholder(document):
            value = derived(document, *self._walk.expressions.children(table, scope, ("docexpr",)))
        self._walk.predicates.use(value, UseKind.RANGE, "function")
        return Columns.of({at: value for at in range(1, len(table.nodes("colnames")) + 1)})

    def _common_table_columns(self, scope: Scope, entry: Node) -> Columns:
        owner = scope.up(entry["ctelevelsup"])
        table = owner.ctes.get(entry["ctename"])
        if table is None:
            refuse("the statement refers to a WITH query that it does not have")
        columns = self._walk.queries.common_table(owner, table)
        # Who depends on whether there is a row depends on what decided that here.
        self._walk.uses |= table.uses
        return Columns.of(dict(enumerate(columns, 1)))
