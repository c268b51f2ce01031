"""Functions that a statement calls and no tree shows: what their source can reach, by the names in it.

These are in PL/pgSQL, or in SQL and polymorphic: the server analyses a polymorphic body only when it runs.
One whose statements are all written in it passes if nothing that it can reach is masked, and nothing masked is an
argument (`Effect`: it may raise, catch and store whatever it sees). Its names count for all that they may mean under
any search_path. Which columns are masked is `policy`'s business.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pgproxy.catalog.model import FIRST_NORMAL_OID, Function, Relation, Source
from pgproxy.errors import NotUnderstood
from pgproxy.statements.lineage import builtins
from pgproxy.statements.lineage.flow import NO_SOURCES, NOTHING, Sources, Value, derived, row_value
from pgproxy.statements.lineage.triggers import ANY_EVENT
from pgproxy.statements.model import Effect
from pgproxy.statements.trigger_code import TriggerCode, read_block, read_function_code, read_sql_code

if TYPE_CHECKING:
    from pgproxy.statements.lineage.walk import Walk

_READ_KINDS: Final = frozenset("rpmfv")
_LANGUAGE: Final = "plpgsql"


def called_by(function: Function) -> frozenset[int]:
    """The functions in PL/pgSQL that a function of that language may call by their names."""
    source = function.source
    named = {} if source is None else {one.oid: name for name, one in source.functions if one.language == _LANGUAGE}
    if source is None or function.language != _LANGUAGE or not named:
        return frozenset()
    try:
        code = read_function_code(source.text, source.header)
    except NotUnderstood:
        return frozenset()
    words = {call.name for call in code.calls} | code.fields
    return frozenset(oid for oid, name in named.items() if name in words)


def names_relations(function: Function) -> bool:
    """Whether the code of a function that `called_by` gave reads or writes tables; or cannot be read."""
    try:
        code = None if function.source is None else read_function_code(function.source.text, function.source.header)
    except NotUnderstood:
        return True
    return code is None or bool(code.read or code.written)


def read_code(language: str, source: Source) -> TriggerCode:
    """Raises NotUnderstood."""
    return read_sql_code(source.text) if language == "sql" else read_function_code(source.text, source.header)


@dataclass(frozen=True, slots=True)
class Reach:
    """What one function can do."""

    sources: Sources
    """Every column of all that it may read, write or set off."""
    effects: frozenset[str]
    """The built-in functions that it calls and that do more than give a result."""
    is_silent: bool
    """It does nothing but make a value of its arguments."""
    executes: bool = False
    """Texts, in each call its own."""


class Routines:
    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._known: dict[int, Reach] = {}

    def has_source(self, oid: int) -> bool:
        function = self._walk.catalog.functions.get(oid)
        return function is not None and not function.is_builtin and function.source is not None

    def check(self, function: Function, *, is_call: bool, is_part: bool, arguments: Sequence[Any] | None) -> None:
        """
        Args:
            is_call: `note_call` sees its arguments; else it runs by itself.
            is_part: of an aggregate: `note_call` sees the aggregate's.
            arguments: their nodes, where they are known.

        Raises:
            NotUnderstood: what it does is not all known; the message says why.
        """
        reach = self._known.get(function.oid)
        if reach is None:
            reach = self._known[function.oid] = self.reach([function])
        takes_any_type = function.source is not None and function.source.takes_any_type
        if not is_call and (not reach.is_silent or (takes_any_type and not is_part)):
            raise NotUnderstood("it runs by itself")
        if reach.executes:
            self._walk.executed_texts.check(function, arguments if is_call else None)

    def note_call(self, oid: int, types: Iterable[int], arguments: Iterable[Value]) -> None:
        """A call of a function that `check` let pass: nothing masked goes into it, or is in its reach.

        Args:
            types: of the arguments. What is polymorphic runs the operators of these, unseen.
        """
        reach, function = self._known.get(oid), self._walk.catalog.functions[oid]
        source = function.source
        if source is not None and source.takes_any_type and not all(map(self._is_built_in_type, types)):
            named = f"function {function.schema}.{function.name} in {function.language}"
            self._walk.found_opaque(f"{named} (it is polymorphic, and called with a type that is not built in)")
        if reach is not None:
            sources = derived(Value(reach.sources), *arguments).sources
            if sources:
                self._walk.effects.append(Effect(f"{function.schema}.{function.name}", sources))

    def run(self, function: Function) -> None:
        """A DO block, as a function without arguments.

        It looks names up while it runs, and nobody refuses what another session puts under one meanwhile (as is done
        for those in the source of functions): so they may only be the server's own, which are looked up first.

        Raises:
            NotUnderstood, as `check`.
        """
        assert function.source is not None
        code = read_block(function.source.text)
        for name in (*code.read, *code.written):
            found = self._walk.triggers.find(name, code, function, kinds=_READ_KINDS)
            if not found or any(one.oid >= FIRST_NORMAL_OID for one in found):
                raise NotUnderstood(f"it reaches {name.name}, a name that may change its meaning while it runs")
        reach, called = self._read(function, by_trigger=False)
        if called:
            raise NotUnderstood(f"it calls {called[0].name}")
        if reach.sources:
            self._walk.effects.append(Effect(function.name, reach.sources))

    def reach(self, functions: Iterable[Function], *, by_trigger: bool = False) -> Reach:
        """What these functions, and those that they call, can do.

        Args:
            by_trigger: a trigger calls them: what they write is not the client's doing.

        Raises:
            NotUnderstood.
        """
        given = list(functions)
        pending, found, called = list(given), dict[int, Reach](), set[int]()
        while pending:
            one = pending.pop()
            if one.oid not in found:
                found[one.oid], others = self._read(one, by_trigger=by_trigger)
                called |= {other.oid for other in others}
                pending.extend(others)
        if any(one.executes and (by_trigger or oid in called) for oid, one in found.items()):
            raise NotUnderstood("it executes SQL inside another function")
        parts = found.values()
        return Reach(
            frozenset().union(*(one.sources for one in parts)),
            frozenset().union(*(one.effects for one in parts)),
            is_silent=all(one.is_silent for one in parts),
            executes=any(one.executes for one in parts),
        )

    def _read(self, function: Function, *, by_trigger: bool) -> tuple[Reach, list[Function]]:
        """What one can do by itself, and the functions that it calls."""
        walk, source = self._walk, function.source
        if source is None:
            raise NotUnderstood("its code cannot be read")
        if not function.has_harmless_settings:
            raise NotUnderstood("it changes settings")
        code = read_code(function.language, source)
        walk.looks_up_names = True
        called = walk.triggers.check_calls(code, source)
        for oid in function.result_types:
            if oid >= FIRST_NORMAL_OID:
                self._check_type(oid)
        for oid in source.relations:
            for column in walk.relation(oid).columns:
                self._check_type(column.type_oid)
        read = [one for name in code.read for one in walk.triggers.find(name, code, function, kinds=_READ_KINDS)]
        written = self._written(code, function, by_trigger=by_trigger)
        for one in (*read, *written):
            if one.has_policies:
                raise NotUnderstood(f"{one.name} has row-level security")
        walk.relations |= {one.oid for one in read}
        reached = [*read, *written]
        if written:
            reached += [walk.relation(oid) for oid in sorted(walk.trigger_relations)]
        sources = derived(*(self._whole(one) for one in reached)).sources if reached else NO_SOURCES
        effects = frozenset(call.name for call in code.calls if builtins.has_effect(call.name))
        if written or effects:
            walk.is_read_only = False
        is_silent = not (reached or effects or code.tells or code.texts)
        return Reach(sources, effects, is_silent=is_silent, executes=bool(code.texts)), called

    def _written(self, code: TriggerCode, function: Function, *, by_trigger: bool) -> list[Relation]:
        """What it writes and what that changes in turn, whose errors it may catch. Their code is looked at."""
        walk = self._walk
        targets = [one for name in code.written for one in walk.triggers.find(name, code, function, is_written=True)]
        (walk.trigger_relations if by_trigger else walk.written).update(one.oid for one in targets)
        walk.deleted |= {
            one.oid for name in code.emptied for one in walk.triggers.find(name, code, function, is_written=True)
        }
        found: dict[int, Relation] = {}
        pending = [one.oid for one in targets]
        while pending:
            relation = walk.relation(pending.pop())
            if relation.oid in found:
                continue
            if relation.has_rules:
                raise NotUnderstood(f"{relation.name} has rules")
            found[relation.oid] = relation
            pending.extend((*relation.children, *relation.parents, *relation.cascades))
        for one in targets:
            walk.queries.runs_code(one.oid, ANY_EVENT)
        return list(found.values())

    def _whole(self, relation: Relation) -> Value:
        """Everything in a relation."""
        columns = self._walk.entries.relation_columns(relation.oid)
        values = {one.attnum: columns.value(one.attnum) for one in relation.columns}
        return row_value(values) if values else NOTHING

    def _is_built_in_type(self, oid: int) -> bool:
        """A row of no declared type may hold anything."""
        found = self._walk.catalog.types.get(oid)
        return found is not None and oid < FIRST_NORMAL_OID and found.kind != "p"

    def _check_type(self, oid: int) -> None:
        self._walk.triggers.check_type(oid)
        found = self._walk.catalog.types[oid]
        if oid >= FIRST_NORMAL_OID and found.kind == "b" and not found.element:
            raise NotUnderstood(f"type {found.name} is not built in")
