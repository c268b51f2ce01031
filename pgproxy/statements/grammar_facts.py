"""What a statement mentions, from libpg_query's parse tree: relations, columns, parameters, names, WHERE clauses.

One walk over every field of every message, so that nothing a newer grammar adds stays unseen: what is not known to be a
value counts as a name. Names are as the grammar folds them and nothing is resolved, except that a CTE in scope is no
relation.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

from postgast import pg_query_pb2 as pb

from pgproxy.errors import NotUnderstood
from pgproxy.statements.grammar_parser import parse_tree
from pgproxy.statements.grammar_where import is_condition
from pgproxy.statements.model import Handling, RawStatement, StatementClass

_NODE = pb.Node.DESCRIPTOR

_CACHED_TEXT_CHARACTERS = 16 * 1024
_STRUCTURE = frozenset("\\{}()")

_QUERY_CLASSES = {
    "SelectStmt": StatementClass.SELECT,
    "InsertStmt": StatementClass.INSERT,
    "UpdateStmt": StatementClass.UPDATE,
    "DeleteStmt": StatementClass.DELETE,
    "MergeStmt": StatementClass.MERGE,
}
_ACTION_CLASSES = {
    pb.CMD_INSERT: StatementClass.INSERT,
    pb.CMD_UPDATE: StatementClass.UPDATE,
    pb.CMD_DELETE: StatementClass.DELETE,
}
_WRITES = frozenset({"InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"})

_VALUES = frozenset(
    {
        ("A_Expr", "name"),  # operators; the analysed tree has their OIDs
        ("SubLink", "oper_name"),
        ("SortBy", "use_op"),
        ("CommentStmt", "comment"),
        ("NotifyStmt", "payload"),
        ("TransactionStmt", "gid"),
        ("DefElem", "arg"),
        ("VariableSetStmt", "args"),
        ("ObjectWithArgs", "objname"),  # of a function or operator in COMMENT or GRANT
    }
)
"""Fields whose strings are values or operators, never names of the analysed tree."""

_WITHOUT_NAMES = frozenset(
    {Handling.TRANSACTION, Handling.SETTING, Handling.SHOW, Handling.FETCH, Handling.REFUSE, Handling.CODE}
)
"""Kinds of which the server prints no tree."""

_DROPPED_RELATIONS = frozenset(
    {pb.OBJECT_TABLE, pb.OBJECT_VIEW, pb.OBJECT_MATVIEW, pb.OBJECT_SEQUENCE, pb.OBJECT_FOREIGN_TABLE}
)


class Name(NamedTuple):
    """A name as written, in parts, and where it stands (byte offset in the statement's text)."""

    location: int
    parts: tuple[str, ...]

    def __str__(self) -> str:
        return ".".join(self.parts)


@dataclass(frozen=True, slots=True)
class GrammarFacts:
    """Everything the agreement and the facts need of a parse tree, in order of appearance."""

    relations: tuple[Name, ...] = ()
    """Every relation, CTE references left out."""
    cte_references: tuple[Name, ...] = ()
    columns: tuple[Name, ...] = ()
    """Every column reference; a star is the last part "*". A subquery of SET (a, b) = (…) counts once."""
    locked: frozenset[str] = frozenset()
    """Names of FOR UPDATE OF: aliases of relations named elsewhere."""
    parameters: frozenset[int] = frozenset()
    functions: frozenset[tuple[str, ...]] = frozenset()
    output_count: int | None = None
    """Result columns of a query or of RETURNING; None where a star leaves it open."""
    classes: frozenset[StatementClass] = frozenset()
    """Kinds of query within, those of CTEs and of the statement inside EXPLAIN, COPY, … included."""
    has_where: bool = True
    """No UPDATE or DELETE within lacks a WHERE that is more than constant or true by form."""
    unsafe_name: str = ""
    """Why a name in the text could be misread in the server's printed tree; "" where none could."""

    def without_places(self) -> GrammarFacts:
        """The same wherever the names stand in the text."""
        relations, references, columns = (
            tuple(Name(0, one.parts) for one in names) for names in (self.relations, self.cte_references, self.columns)
        )
        return replace(self, relations=relations, cte_references=references, columns=columns)


def grammar_facts(raw: RawStatement) -> GrammarFacts:
    """What the statement mentions; recent ones are remembered.

    Raises:
        SyntaxProblem, NotUnderstood: as `grammar.split`.
    """
    return _remembered(raw.text) if len(raw.text) <= _CACHED_TEXT_CHARACTERS else _just_read(raw.text)


def check_identifiers(raw: RawStatement) -> None:
    """Refuse names that must not be read from the server's printed tree.

    The tree's reader gives every name back exactly or refuses the tree (`tree.reader.unfolded`), and takes no name for
    structure, so a name may hold what BI tools write: "count(*)", ":x". Two kinds stay outside all the same: control
    characters, since the print folds lines at newlines of its own, and the odd names of CTEs, the only names that say
    what a statement reads.

    Raises:
        NotUnderstood: names the rule, never the name.
    """
    if raw.handling in _WITHOUT_NAMES:
        return
    problem = grammar_facts(raw).unsafe_name
    if problem:
        raise NotUnderstood(
            f"not provably safe: a name in the statement {problem}",
            detail="rule builtin.identifiers",
            hint="Leave out control characters; in names of WITH also backslashes, braces and parentheses.",
        )


@lru_cache(maxsize=64)
def _remembered(text: str) -> GrammarFacts:
    return _read(text)


@lru_cache(maxsize=1)
def _just_read(text: str) -> GrammarFacts:
    """A long text takes a second, and one statement is asked about several times on its way."""
    return _read(text)


def _read(text: str) -> GrammarFacts:
    statements = parse_tree(text).stmts
    if len(statements) != 1:
        raise NotUnderstood("not provably safe: the text is not one statement", detail="rule builtin.split")
    return _Walk().read(statements[0].stmt)


class _Scope:
    """The CTEs that a place in the text sees: those before it in its WITH, and those around that."""

    __slots__ = ("around", "before", "positions")

    def __init__(self, around: _Scope | None, positions: Mapping[str, int], before: int) -> None:
        self.around = around
        self.positions = positions
        self.before = before

    def has(self, name: str) -> bool:
        scope: _Scope | None = self
        while scope is not None:
            if scope.positions.get(name, scope.before) < scope.before:
                return True
            scope = scope.around
        return False


class _Walk:
    """One pass over a tree, without recursion: a client decides how deep it is."""

    def __init__(self) -> None:
        self.relations: list[Name] = []
        self.cte_references: list[Name] = []
        self.columns: list[Name] = []
        self.locked: set[str] = set()
        self.parameters: set[int] = set()
        self.functions: set[tuple[str, ...]] = set()
        self.classes: set[StatementClass] = set()
        self.has_where = True
        self.unsafe_name = ""
        self.pending: list[tuple[Any, _Scope | None]] = []

    def read(self, statement: Any) -> GrammarFacts:
        top = getattr(statement, statement.WhichOneof("node"))
        self.pending.append((top, None))
        while self.pending:
            self.visit(*self.pending.pop())
        return GrammarFacts(
            relations=tuple(sorted(self.relations)),
            cte_references=tuple(sorted(self.cte_references)),
            columns=tuple(sorted(self.columns)),
            locked=frozenset(self.locked),
            parameters=frozenset(self.parameters),
            functions=frozenset(self.functions),
            output_count=_output_count(top),
            classes=frozenset(self.classes),
            has_where=self.has_where,
            unsafe_name=self.unsafe_name,
        )

    def visit(self, message: Any, scope: _Scope | None) -> None:
        """Note what this message is, then put its children on the list."""
        kind = message.DESCRIPTOR.name
        match kind:
            case "A_Const":
                return
            case "String":
                self.unsafe_name = self.unsafe_name or _unsafe(message.sval)
                return
            case "ParamRef":
                self.parameters.add(message.number)
                return
            case "RangeVar":
                self.relation(message, scope)
            case "ColumnRef":
                parts = tuple(_parts(message.fields))
                self.columns.append(Name(message.location, parts))
            case "FuncCall":
                self.functions.add(tuple(_parts(message.funcname)))
            case "LockingClause":
                names = [node.range_var.relname for node in message.locked_rels]
                self.locked.update(names)
                self.unsafe_name = self.unsafe_name or next(filter(None, map(_unsafe, names)), "")
                return
            case "MultiAssignRef" if message.colno > 1:
                return  # the same subquery once for every column
            case "DropStmt" if message.remove_type in _DROPPED_RELATIONS:
                self.relations.extend(
                    Name(index, tuple(_parts(node.list.items))) for index, node in enumerate(message.objects)
                )
            case "SelectStmt" | "InsertStmt" | "UpdateStmt" | "DeleteStmt" | "MergeStmt":
                self.query(kind, message, scope)
                return
        self.children(kind, message, scope)

    def query(self, kind: str, message: Any, scope: _Scope | None) -> None:
        self.classes.add(_QUERY_CLASSES[kind])
        if kind in ("UpdateStmt", "DeleteStmt"):
            self.has_where = self.has_where and is_condition(message.where_clause)
        elif kind == "MergeStmt":
            self.merge_actions(message)
        elif kind == "InsertStmt" and message.on_conflict_clause.action == pb.ONCONFLICT_UPDATE:
            self.classes.add(StatementClass.UPDATE)
        if kind in _WRITES:
            # The target is always a stored relation, also where a CTE has its name.
            self.visit(message.relation, None)
        if message.HasField("with_clause"):
            clause = message.with_clause
            positions: dict[str, int] = {}
            for index, node in enumerate(clause.ctes):
                name = node.common_table_expr.ctename
                positions.setdefault(name, index)
                self.unsafe_name = self.unsafe_name or _unsafe_query_name(name)
            whole = _Scope(scope, positions, len(clause.ctes))
            for index, node in enumerate(clause.ctes):
                self.pending.append((_content(node), whole if clause.recursive else _Scope(scope, positions, index)))
            scope = whole
        self.children(kind, message, scope, leaving=("with_clause", "relation"))

    def merge_actions(self, message: Any) -> None:
        """What a MERGE does is what its actions do; their rows are named by its ON and each one's own condition."""
        for node in message.merge_when_clauses:
            action = node.merge_when_clause
            done = _ACTION_CLASSES.get(action.command_type)
            if done is None:
                continue
            self.classes.add(done)
            if done is not StatementClass.INSERT:
                is_narrowed = is_condition(message.join_condition) or is_condition(action.condition)
                self.has_where = self.has_where and is_narrowed

    def children(self, kind: str, message: Any, scope: _Scope | None, leaving: tuple[str, ...] = ()) -> None:
        for field, value in message.ListFields():
            if (kind, field.name) in _VALUES or field.name in leaving:
                continue
            if field.message_type is not None:
                for item in value if field.is_repeated else (value,):
                    child = _content(item)
                    if child is not None:
                        self.pending.append((child, scope))
            elif field.type == field.TYPE_STRING and not self.unsafe_name:
                self.unsafe_name = _unsafe(value)

    def relation(self, message: Any, scope: _Scope | None) -> None:
        parts = tuple(part for part in (message.catalogname, message.schemaname, message.relname) if part)
        is_cte = len(parts) == 1 and scope is not None and scope.has(parts[0])
        (self.cte_references if is_cte else self.relations).append(Name(message.location, parts))


def _content(message: Any) -> Any:
    """What a `Node` holds; None for an empty one, as in a list with a gap. Other messages are their own."""
    if message.DESCRIPTOR is not _NODE:
        return message
    field = message.WhichOneof("node")
    return None if field is None else getattr(message, field)


def _parts(nodes: Any) -> Iterator[str]:
    for node in nodes:
        yield node.string.sval if node.WhichOneof("node") == "string" else "*"


def _unsafe(name: str) -> str:
    is_safe = name.isidentifier() or all(unicodedata.category(character) != "Cc" for character in name)
    return "" if is_safe else "contains a control character"


def _unsafe_query_name(name: str) -> str:
    if name[:1] in (":", "<", '"'):
        return "in WITH begins with : < or a double quote"
    return "in WITH contains a backslash, a brace or a parenthesis" if _STRUCTURE.intersection(name) else ""


def _output_count(top: Any) -> int | None:
    kind = top.DESCRIPTOR.name
    if kind == "SelectStmt":
        while top.HasField("larg"):
            top = top.larg
        if top.values_lists:
            return len(top.values_lists[0].list.items)
        targets = top.target_list
    elif kind in _WRITES:
        targets = top.returning_clause.exprs
    else:
        return None
    return None if any(_is_star(node.res_target.val) for node in targets) else len(targets)


def _is_star(value: Any) -> bool:
    match value.WhichOneof("node"):
        case "column_ref":
            last = value.column_ref.fields[-1]
        case "a_indirection":
            last = value.a_indirection.indirection[-1]
        case _:
            return False
    return bool(last.WhichOneof("node") == "a_star")


def column_counts(facts: GrammarFacts) -> Mapping[tuple[str, ...], int]:
    """How often each column is referred to."""
    return Counter(name.parts for name in facts.columns)
