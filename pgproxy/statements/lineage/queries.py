"""Queries as a whole: clauses, WITH, set operations, and what INSERT, UPDATE, DELETE and MERGE write and return."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from pgproxy.catalog.model import TriggerBit
from pgproxy.statements.lineage.entries import RELATION, CommonTable, Scope
from pgproxy.statements.lineage.flow import NO_ROWS, NOTHING, Value, alternatives, derived, union
from pgproxy.statements.lineage.refusals import refuse
from pgproxy.statements.lineage.sequences import next_for_rows
from pgproxy.statements.lineage.triggers import ANY_EVENT
from pgproxy.statements.lineage.types import expression_type
from pgproxy.statements.model import ColumnId, UseKind, Write
from pgproxy.statements.tree import Node

if TYPE_CHECKING:
    from pgproxy.statements.lineage.walk import Walk

SELECT, UPDATE, INSERT, DELETE, MERGE = 1, 2, 3, 4, 5
"""commandType (nodes/nodes.h, CmdType)."""

_EVENTS: Final = {INSERT: TriggerBit.INSERT, DELETE: TriggerBit.DELETE}
_INTERSECT, _EXCEPT = 2, 3
"""SetOperation."""
_CONFLICT_UPDATE: Final = 2
_ROUNDS: Final = 200
"""Of a recursive WITH query. Each round but the last adds a source to a column, so few are ever needed."""

_HANDLED: Final = frozenset(
    """
    cteList rtable rteperminfos jointree mergeActionList mergeJoinCondition targetList onConflict returningList
    groupClause groupingSets havingQual windowClause distinctClause sortClause limitOffset limitCount rowMarks
    setOperations withCheckOptions constraintDeps
    """.split()
)
"""Fields of a query that hold nodes and have a rule here. A query with any other is refused."""


@dataclass(frozen=True, slots=True)
class Traced:
    """One output of a query."""

    name: str
    type_oid: int
    value: Value
    origin: ColumnId | None


class Queries:
    def __init__(self, walk: Walk) -> None:
        self._walk = walk

    def select(self, query: Any, parent: Scope | None) -> list[Traced]:
        """Walk a query to its end; its outputs (of a data-modifying one: what it returns)."""
        if not isinstance(query, Node) or query.tag != "QUERY":
            refuse("a subquery that is no query")
        for name, field in query.fields.items():
            if isinstance(field, (Node, list)) and name not in _HANDLED:
                refuse(f"a query with {name}")
        scope = Scope(query, parent)
        self._open(scope)
        command = query["commandType"]
        if command == SELECT:
            outputs = self._outputs(query.nodes("targetList"), scope)
        elif command in (INSERT, UPDATE, DELETE, MERGE):
            outputs = self._modify(scope, command)
        else:
            refuse("a query that neither reads nor writes")
        self._clauses(scope)
        return outputs

    def _open(self, scope: Scope) -> None:
        """WITH queries, range table and join tree."""
        query = scope.query
        if query["setOperations"] is not None:
            scope.leaves = frozenset(_leaves(query["setOperations"]))
        for node in query.nodes("cteList"):
            if node["ctename"] in scope.ctes:
                refuse("two WITH queries of one name")
            scope.ctes[node["ctename"]] = CommonTable(node)
        for table in scope.ctes.values():
            self.common_table(scope, table)
            self._walk.uses |= table.uses
        predicates = self._walk.predicates
        for number, entry in enumerate(scope.entries, 1):
            self._walk.entries.columns(scope, number)
            predicates.condition(entry["securityQuals"], scope, "policy")
            sample = entry.get("tablesample")
            if sample is not None:
                self._walk.functions.check(sample["tsmhandler"])
                for value in self._walk.expressions.children(sample, scope):
                    predicates.use(value, UseKind.RANGE, "sample")
        # The condition of a MERGE is a field of its own since 17.
        self._join_tree(query["jointree"], scope, "join" if query["commandType"] == MERGE else "where")
        predicates.condition(query.get("mergeJoinCondition"), scope, "join")

    def _join_tree(self, node: Any, scope: Scope, context: str) -> None:
        pending: list[tuple[Any, str]] = [(node, context)]
        while pending:
            item, where = pending.pop()
            if item is None:
                continue
            if not isinstance(item, Node):
                refuse("a join tree that is no tree")
            if item.tag == "FROMEXPR":
                pending.extend((part, where) for part in item.nodes("fromlist"))
                self._walk.predicates.condition(item["quals"], scope, where)
            elif item.tag == "JOINEXPR":
                pending.extend(((item["larg"], where), (item["rarg"], where)))
                self._walk.predicates.condition(item["quals"], scope, "join")
            elif item.tag != "RANGETBLREF":
                refuse(f"{item.tag} in a join tree")

    def _clauses(self, scope: Scope) -> None:
        query, predicates = scope.query, self._walk.predicates
        self._sorted_by(scope, query.nodes("groupClause"), UseKind.GROUP, "group")
        for item in query.nodes("groupingSets"):
            if item.tag != "GROUPINGSET":
                refuse(f"{item.tag} in grouping sets")
        predicates.condition(query["havingQual"], scope, "having")
        for clause in query.nodes("windowClause"):
            self.window(scope, clause["winref"])
        self._sorted_by(scope, query.nodes("distinctClause"), UseKind.GROUP, "distinct")
        self._sorted_by(scope, query.nodes("sortClause"), UseKind.ORDER, "order")
        for name in ("limitOffset", "limitCount"):
            if query[name] is not None:
                predicates.use(self._walk.expressions.value(query[name], scope), UseKind.RANGE, "limit")
        if query.nodes("rowMarks"):
            self._walk.is_read_only = False

    def _outputs(self, entries: list[Node], scope: Scope) -> list[Traced]:
        outputs: list[Traced] = []
        for entry in entries:
            value = self._walk.expressions.value(entry["expr"], scope)
            if not entry["resjunk"]:
                origin = ColumnId(entry["resorigtbl"], entry["resorigcol"]) if entry["resorigtbl"] else None
                type_oid = expression_type(entry["expr"], self._walk.catalog)
                outputs.append(Traced(entry["resname"] or "", type_oid, value, origin))
        return outputs

    def _sorted_by(self, scope: Scope, clauses: list[Node], kind: UseKind, context: str) -> list[Value]:
        values: list[Value] = []
        for clause in clauses:
            self._walk.expressions.check_sort_clause(clause)
            value = self._walk.expressions.value(_sort_target(scope.query, clause["tleSortGroupRef"]), scope)
            self._walk.predicates.use(value, kind, context)
            values.append(value)
        return values

    def window(self, scope: Scope, number: int) -> Value:
        """What the rows and the order of a window depend on."""
        known = scope.windows.get(number)
        if known is not None:
            return known
        clause = next((item for item in scope.query.nodes("windowClause") if item["winref"] == number), None)
        if clause is None:
            refuse("a window function without its window")
        walk = self._walk
        values = self._sorted_by(scope, clause.nodes("partitionClause"), UseKind.GROUP, "window")
        values.extend(self._sorted_by(scope, clause.nodes("orderClause"), UseKind.ORDER, "window"))
        for name in ("startOffset", "endOffset"):
            if clause[name] is not None:
                offset = walk.expressions.value(clause[name], scope)
                walk.predicates.use(offset, UseKind.RANGE, "window")
                values.append(offset)
        values.extend(walk.expressions.value(item, scope) for item in clause.nodes("runCondition"))
        for name in ("startInRangeFunc", "endInRangeFunc"):
            if clause[name]:
                walk.functions.check(clause[name])
        scope.windows[number] = derived(*values)
        return scope.windows[number]

    # WITH

    def common_table(self, scope: Scope, table: CommonTable) -> list[Value]:
        """The columns of a WITH query of that scope."""
        if table.columns is not None:
            return table.columns
        if table.is_open:
            refuse("WITH queries that refer to each other in a circle")
        table.is_open = True
        recursive = bool(table.node["cterecursive"])
        if recursive:
            table.columns = [NO_ROWS] * len(table.node.nodes("ctecolnames"))
        for _ in range(_ROUNDS):
            with self._walk.collecting_apart() as uses:
                columns = [output.value for output in self.select(table.node["ctequery"], scope)]
            if recursive:  # each round may make new values from the constants of the one before
                columns = [
                    replace(value, size=None) if value.sources or value.is_null else NOTHING for value in columns
                ]
            done = not recursive or columns == table.columns
            table.columns, table.uses = columns, uses
            if done:
                self._search_and_cycle(scope, table)
                table.is_open = False
                return columns
        refuse("a recursive query that does not come to rest")

    def _search_and_cycle(self, scope: Scope, table: CommonTable) -> None:
        """CYCLE compares whole paths; what SEARCH and CYCLE compute is part of the query's columns already."""
        cycle = table.node["cycle_clause"]
        if cycle is not None:
            if cycle["cycle_mark_neop"]:
                self._walk.functions.check_operator(cycle["cycle_mark_neop"])
            for name in ("cycle_mark_value", "cycle_mark_default"):
                value = self._walk.expressions.value(cycle[name], scope)
                self._walk.predicates.use(value, UseKind.RANGE, "cycle")

    # Set operations

    def set_operation_columns(self, scope: Scope) -> list[Value]:
        return self._set_columns(scope, scope.query["setOperations"])

    def _set_columns(self, scope: Scope, node: Node) -> list[Value]:
        if node.tag == "RANGETBLREF":
            entry = scope.entries[node["rtindex"] - 1]
            values = [output.value for output in self.select(entry["subquery"], scope)]
            self._walk.entries.note_view(entry, values)
            return values
        left = self._set_columns(scope, node["larg"])
        right = self._set_columns(scope, node["rarg"])
        if len(left) != len(right):
            refuse("a set operation of unequal branches")
        for clause in node.nodes("groupClauses"):
            self._walk.expressions.check_sort_clause(clause)
        removes = not node["all"] or node["op"] in (_INTERSECT, _EXCEPT)
        for one, other in zip(left, right, strict=True):
            if removes:
                # Which rows stay is decided by comparing the branches, and each with itself.
                self._walk.predicates.equality(one, other, "set")
                self._walk.predicates.use(one, UseKind.GROUP, "set")
                self._walk.predicates.use(other, UseKind.GROUP, "set")
        return [alternatives(pair) for pair in zip(left, right, strict=True)]

    # Writing

    def _modify(self, scope: Scope, command: int) -> list[Traced]:
        walk, query = self._walk, scope.query
        target = self._target(scope)
        assigned: dict[int, Value] = {}
        changes_rows = command != INSERT
        conflict = query["onConflict"]
        changes_rows = changes_rows or (conflict is not None and conflict["action"] == _CONFLICT_UPDATE)
        if command in (INSERT, UPDATE):
            assigned = self._assign(scope, target, query.nodes("targetList"), changes_rows=command == UPDATE)
        elif command == MERGE:
            assigned = self._merge(scope, target)
        else:
            walk.deleted.add(target)
            for entry in query.nodes("targetList"):
                walk.expressions.value(entry["expr"], scope)
        events = _EVENTS.get(command, ANY_EVENT) if not changes_rows or command == DELETE else ANY_EVENT
        changed = self.runs_code(target, events, checks=command != DELETE, cascades=changes_rows)
        if conflict is not None:
            for attnum, value in changed.items():
                assigned[attnum] = union((assigned.get(attnum, NOTHING), value))
            assigned = self._on_conflict(scope, target, conflict, assigned)
        for attnum, value in changed.items():
            assigned[attnum] = union((assigned.get(attnum, NOTHING), value))
        scope.assigned = assigned
        for check in query.nodes("withCheckOptions"):
            walk.predicates.condition(check["qual"], scope, "check")
        outputs = self._outputs(query.nodes("returningList"), scope)
        scope.assigned = None
        return outputs

    def _target(self, scope: Scope) -> int:
        number = scope.result_relation
        if not 1 <= number <= len(scope.entries) or scope.entries[number - 1]["rtekind"] != RELATION:
            refuse("a target that is no table")
        oid = int(scope.entries[number - 1]["relid"])
        self._walk.written.add(oid)
        self._walk.is_read_only = False
        return oid

    def _assign(self, scope: Scope, target: int, entries: list[Node], *, changes_rows: bool) -> dict[int, Value]:
        """The target's columns that get a value, with what goes into it."""
        walk = self._walk
        for entry in entries:
            if entry["resjunk"]:
                walk.expressions.value(entry["expr"], scope)
        assigned: dict[int, Value] = {}
        stored = walk.entries.columns(scope, scope.result_relation)
        for entry in entries:
            if entry["resjunk"]:
                continue
            attnum = entry["resno"]
            # Inside an assignment to a part of a column, the placeholder is the column as it was.
            with walk.expressions.placeholder(derived(stored.value(attnum))):
                value = walk.expressions.value(entry["expr"], scope)
            if scope.query["commandType"] == INSERT and not changes_rows:
                value = next_for_rows(entry["expr"], walk, scope.query) or value
            known = assigned.get(attnum)
            assigned[attnum] = value if known is None else derived(known, value)
            origin = ColumnId(target, attnum)
            walk.writes.append(Write(origin, value.sources, value.is_null, value.constants, changes_rows))
        return assigned

    def _merge(self, scope: Scope, target: int) -> dict[int, Value]:
        together: dict[int, Value] = {}
        for entry in scope.query.nodes("targetList"):
            self._walk.expressions.value(entry["expr"], scope)
        for action in scope.query.nodes("mergeActionList"):
            self._walk.predicates.condition(action["qual"], scope, "where")
            assigned = self._assign(
                scope, target, action.nodes("targetList"), changes_rows=action["commandType"] == UPDATE
            )
            if action["commandType"] == DELETE:
                self._walk.deleted.add(target)
            for attnum, value in assigned.items():
                known = together.get(attnum)
                together[attnum] = value if known is None else alternatives((known, value))
        return together

    def _on_conflict(self, scope: Scope, target: int, conflict: Node, proposed: dict[int, Value]) -> dict[int, Value]:
        """Whether a row conflicts compares what is proposed with what is stored."""
        walk = self._walk
        stored = walk.entries.relation_columns(target)
        elements = [item["expr"] for item in conflict.nodes("arbiterElems")]
        keys = {item["varattno"] for item in elements if isinstance(item, Node) and item.tag == "VAR"}
        for item in elements:
            if not (isinstance(item, Node) and item.tag == "VAR"):
                walk.predicates.use(walk.expressions.value(item, scope), UseKind.RANGE, "conflict")
        for attnum in keys or proposed.keys():
            walk.predicates.equality(stored.value(attnum), proposed.get(attnum, NOTHING), "conflict")
        walk.predicates.condition(conflict["arbiterWhere"], scope, "conflict")
        if conflict["exclRelIndex"]:
            columns = {column.attnum: proposed.get(column.attnum, NOTHING) for column in walk.relation(target).columns}
            scope.columns[conflict["exclRelIndex"]] = walk.entries.proposed_columns(columns)
        for entry in conflict.nodes("exclRelTlist"):
            walk.expressions.value(entry["expr"], scope)
        updated = self._assign(scope, target, conflict.nodes("onConflictSet"), changes_rows=True)
        walk.predicates.condition(conflict["onConflictWhere"], scope, "conflict")
        together = dict(proposed)
        for attnum, value in updated.items():
            known = together.get(attnum)
            together[attnum] = value if known is None else alternatives((known, value))
        return together

    def runs_code(self, target: int, events: int, *, checks: bool = True, cascades: bool = True) -> dict[int, Value]:
        """Triggers, and functions of checks, generated columns and indexes, run by themselves when rows are written.

        Args:
            events: bits of `TriggerBit` for what happens to rows of the target.

        Returns:
            What BEFORE triggers may put into the target's columns.
        """
        walk = self._walk
        changed: dict[int, Value] = {}
        pending, seen = [target], set[int]()
        family = {target, *walk.catalog.descendants(target)}
        while pending:
            oid = pending.pop()
            if oid in seen:
                continue
            seen.add(oid)
            relation = walk.relation(oid)
            values = walk.triggers.fire(relation, events if oid in family else ANY_EVENT)
            if oid in family:
                for column in walk.relation(target).columns:
                    if column.name in values:
                        known = changed.get(column.attnum, NOTHING)
                        changed[column.attnum] = union((known, values[column.name]))
            if checks or oid != target:
                for function in relation.write_functions:
                    walk.functions.check(function)
            pending.extend(relation.children)
            if cascades:
                pending.extend(relation.cascades)
        return changed


def _leaves(node: Any) -> list[int]:
    """Range table numbers of a set operation's branches."""
    pending, found = [node], []
    while pending:
        item = pending.pop()
        if isinstance(item, Node) and item.tag == "SETOPERATIONSTMT":
            pending.extend((item["larg"], item["rarg"]))
        elif isinstance(item, Node) and item.tag == "RANGETBLREF":
            found.append(item["rtindex"])
        else:
            refuse("a set operation of something else than queries")
    return found


def _sort_target(query: Node, reference: int) -> Any:
    for entry in query.nodes("targetList"):
        if entry["ressortgroupref"] == reference:
            return entry["expr"]
    refuse("a clause that sorts by nothing")
