"""Triggers: what their code reads, writes and tells, as far as it is all written in PL/pgSQL beforehand.

The code is its owner's, a client only chooses the data. What is stored comes back to the client by RETURNING of columns
that a BEFORE trigger assigns, by an error, a notice or a skipped row, by a notification, or where code changes the
session; each is a source, a use or an effect here, or not understood. What it stores elsewhere it stores for every
application's writes, and is not judged as the client's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pgproxy.catalog.model import FIRST_NORMAL_OID, FUNCTION_ROWS, Function, Relation, Source, Trigger, TriggerBit
from pgproxy.errors import NotUnderstood
from pgproxy.statements.lineage import builtins
from pgproxy.statements.lineage.failures import ERROR
from pgproxy.statements.lineage.flow import NOTHING, Value, derived, union
from pgproxy.statements.model import ColumnId, Effect, Use, UseKind
from pgproxy.statements.trigger_code import Name, TriggerCode, read_trigger_code

if TYPE_CHECKING:
    from pgproxy.statements.lineage.walk import Walk

ANY_EVENT: Final = TriggerBit.INSERT | TriggerBit.UPDATE | TriggerBit.DELETE
_TRIGGER: Final = "trigger"
_NOT_FROM_CODE: Final = (builtins.Running.DENIED, builtins.Running.SIGNAL)
_NEVER: Final = frozenset(("set_config", "ts_rewrite", *(one.name for one in FUNCTION_ROWS.values())))
_JUST_LOOKED_AT: Final = frozenset("rpmf")


class Triggers:
    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._seen: set[tuple[int, int, int]] = set()

    def fire(self, relation: Relation, events: int) -> dict[str, Value]:
        """The triggers of a relation, and those of what they write.

        Returns:
            The columns that a BEFORE trigger may give another value, by name, with what goes into it.
        """
        changed: dict[str, Value] = {}
        for trigger in relation.triggers:
            key = relation.oid, trigger.function, trigger.kind
            if not trigger.kind & events or key in self._seen:
                continue
            self._seen.add(key)
            try:
                for name, value in self._run(relation, trigger).items():
                    changed[name] = union((changed.get(name, NOTHING), value))
            except NotUnderstood as problem:
                why = problem.message.removeprefix("not provably safe: ")
                self._walk.found_opaque(f"triggers of {relation.qualified_name} ({why})")
        return changed

    def _run(self, relation: Relation, trigger: Trigger) -> Mapping[str, Value]:
        walk = self._walk
        function = walk.catalog.functions.get(trigger.function)
        source = None if function is None else function.source
        if function is None or source is None:
            raise NotUnderstood("their code is not PL/pgSQL")
        if not function.has_harmless_settings:
            raise NotUnderstood("their code changes settings")
        code = read_trigger_code(source.text)
        walk.looks_up_names = True
        called = walk.routines.reach(self.check_calls(code, source, relation), by_trigger=True)
        if trigger.is_deferrable and (code.read or code.written or called.sources):
            raise NotUnderstood("they may run as late as at COMMIT, when names in their code may mean something else")
        if called.sources or not called.is_silent:  # it may tell all that it is given
            code = replace(code, columns=None, risks=None, tells=True)
        for oid in trigger.functions:
            walk.functions.check(oid)
        for one in relation.columns:
            self.check_type(one.type_oid)

        tables = trigger.transition_tables
        read = [
            found
            for name in code.read
            if not _is_local(name, code, tables)
            for found in self.find(name, code, function)
        ]
        reads_whole = any(name.name in tables for name in code.read)
        written = [found for name in code.written for found in self.find(name, code, function, is_written=True)]
        whole = self._columns(relation, None)
        row = whole if reads_whole else self._columns(relation, code.columns)
        others = [column for found in read for column in self._columns(found, code.names)]
        others += sorted({source.column for source in called.sources})
        condition = [one for one in whole if 0 in trigger.columns or one.attnum in trigger.columns]
        decisive = [*row, *others, *condition]

        # What they return is the row that RETURNING sees.
        is_before_row = bool(trigger.kind & (TriggerBit.BEFORE | TriggerBit.INSTEAD) and trigger.kind & TriggerBit.ROW)
        if code.tells or (code.skips and is_before_row):
            self._use(decisive, _TRIGGER)
        risky = whole if reads_whole else self._columns(relation, code.risks)
        self._use([*risky, *others], ERROR)
        self._note_effects(called.effects.union(call.name for call in code.calls), decisive)
        self._note_writes(code, written, function)
        walk.trigger_relations |= {found.oid for found in (*read, *written)}
        if not is_before_row:
            return {}
        names = [one.name for one in relation.columns if code.assigned is None or one.name in code.assigned]
        numbers = {one.name: one.attnum for one in relation.columns}
        self._use_tested(relation, {numbers[name] for name in names})
        value = derived(*(self._value(column) for column in decisive))
        return dict.fromkeys(names, value)

    def check_calls(
        self,
        code: TriggerCode,
        source: Source,
        relation: Relation | None = None,
        is_harmless: Callable[[Function], bool] | None = None,
    ) -> list[Function]:
        """Every function that it may run is built in, and runs no text; or it only makes a value of its arguments, or
        is one of those that are returned.

        Args:
            relation: whose trigger it is: names of its columns after a dot are no calls.
            is_harmless: which functions of users' are the latter.

        Raises:
            NotUnderstood: with what it calls.
        """
        is_harmless = is_harmless or self._walk.harmless.is_harmless
        own = {name for name, _ in source.functions}
        unknown = {name for name, function in source.functions if not is_harmless(function)}
        if not all(map(is_harmless, source.of_types)) and self._holds_own_types(source, relation):
            unknown.add("")
        columns = {one.name for one in relation.columns} if relation is not None else set()
        if "" in unknown:
            raise NotUnderstood("operators, casts, domains or defaults in it run functions that are not built in")
        for name in sorted(code.fields - columns):  # (x).f calls f(x)
            if _is_never_called(name):
                raise NotUnderstood(f"it calls {name}")
        called = code.fields & unknown - columns
        for schema, name in code.calls:
            is_own = name in own and schema != "pg_catalog"
            is_built_in = schema in ("", "pg_catalog") and name in builtins.running()
            if _is_never_called(name):
                raise NotUnderstood(f"it calls {name}")
            if is_own and name in unknown:
                called |= {name}
            elif not is_own and not is_built_in:
                raise NotUnderstood(f"it calls {name}")
        return [self._code(name, one) for name, one in source.functions if name in called and not is_harmless(one)]

    def _code(self, name: str, named: Function) -> Function:
        """A function that is called by this name, with its source."""
        function = self._walk.catalog.functions.get(named.oid)
        source = None if function is None else function.source
        if (
            function is None
            or source is None
            or named.language != "plpgsql"
            or source.takes_any_type
            or source.runs_for_arguments
            or source.is_trigger
        ):
            raise NotUnderstood(f"it calls {name}")
        return function

    def _holds_own_types(self, source: Source, relation: Relation | None) -> bool:
        named = [self._walk.relation(oid) for oid in source.relations]
        seen = named if relation is None else [relation, *named]
        return source.holds_own_types or any(self._is_own(column.type_oid) for one in seen for column in one.columns)

    def _is_own(self, oid: int, inside: frozenset[int] = frozenset()) -> bool:
        """A type that users made, other than domains, rows and arrays of built-in ones."""
        if oid < FIRST_NORMAL_OID or oid in inside:
            return False
        found = self._walk.catalog.types.get(oid)
        if found is None or not (found.kind in "dc" or found.element):
            return True
        parts = (found.base, found.element, *found.members)
        return any(self._is_own(part, inside | {oid}) for part in parts)

    def check_type(self, oid: int) -> None:
        found = self._walk.catalog.types.get(oid)
        if found is None or found.is_user_checked:
            raise NotUnderstood("a column's type runs functions that are not built in")

    def find(
        self,
        name: Name,
        code: TriggerCode,
        function: Function,
        *,
        is_written: bool = False,
        kinds: frozenset[str] = _JUST_LOOKED_AT,
    ) -> list[Relation]:
        """All relations that the name may mean, under whatever search_path the client has."""
        assert function.source is not None
        named = [self._walk.relation(oid) for oid in function.source.relations]
        found = [one for one in named if one.name == name.name and name.schema in ("", one.schema) and one.kind != "c"]
        path = function.search_path
        if not name.schema and path is not None and "$" not in path:
            schemas = {part.strip().strip('"') for part in path.split(",")}
            found = [one for one in found if one.schema in schemas or one.is_temporary]
        found += self._built_in(name)
        if is_written and any(one.oid < FIRST_NORMAL_OID for one in found):
            raise NotUnderstood(f"it changes {name.name}, which is the server's own")
        if any(one.is_temporary for one in found):
            raise NotUnderstood(f"{name.name} is also a temporary table of this session")
        if not found and not (name.name in code.common_tables and not name.schema):
            raise NotUnderstood(f"it reaches {name.name}")
        if is_written and len(found) > 1:
            raise NotUnderstood(f"{name.name} is the name of several tables")
        if any(one.kind not in kinds for one in found):
            raise NotUnderstood(f"it reaches {name.name}, which is a view")
        return found

    def _built_in(self, name: Name) -> list[Relation]:
        """Those of the server's own: pg_catalog comes before everything else in a search_path that does not name it."""
        known = [
            one
            for one in self._walk.catalog.relations.values()
            if one.oid < FIRST_NORMAL_OID and one.name == name.name and name.schema in ("", one.schema)
        ]
        is_view = any(one.kind not in _JUST_LOOKED_AT for one in known)
        if is_view or (not known and not name.schema and name.name.startswith("pg_")):
            raise NotUnderstood(f"it reaches {name.name}, which is the server's own")
        return known

    def _columns(self, relation: Relation, names: frozenset[str] | None) -> list[ColumnId]:
        return [ColumnId(relation.oid, one.attnum) for one in relation.columns if names is None or one.name in names]

    def _value(self, column: ColumnId) -> Value:
        return self._walk.entries.relation_columns(column.relation).value(column.attnum)

    def _use(self, columns: Iterable[ColumnId], context: str) -> None:
        expression = "the code of a trigger" if context == ERROR else ""
        for source in derived(*map(self._value, columns)).sources:
            use = Use(source.column, UseKind.RANGE, context, json_path=source.json_path, expression=expression)
            self._walk.uses.add(use)

    def _note_effects(self, names: Iterable[str], columns: Iterable[ColumnId]) -> None:
        sources = derived(*map(self._value, columns)).sources
        for name in sorted({name for name in names if builtins.has_effect(name)}):
            if sources:
                self._walk.effects.append(Effect(f"pg_catalog.{name}", sources))

    def _note_writes(self, code: TriggerCode, written: Iterable[Relation], function: Function) -> None:
        """Constraints of what it writes answer the client, as those of what the statement writes do."""
        walk = self._walk
        emptied = {found.oid for name in code.emptied for found in self.find(name, code, function)}
        for relation in written:
            for one in relation.columns:
                self.check_type(one.type_oid)
            self._use_tested(relation, {one.attnum for one in relation.columns})
            if relation.oid in emptied:
                walk.deleted.add(relation.oid)
            walk.queries.runs_code(relation.oid, ANY_EVENT)

    def _use_tested(self, relation: Relation, attnums: Iterable[int]) -> None:
        written = {(relation.oid, attnum) for attnum in attnums}
        for constraint in relation.constraints:
            if written & constraint.columns:
                for oid, attnum in constraint.columns:
                    if oid in self._walk.catalog.relations:
                        self._use([ColumnId(oid, attnum)], _TRIGGER)


def _is_never_called(name: str) -> bool:
    return builtins.running().get(name) in _NOT_FROM_CODE or name in _NEVER


def _is_local(name: Name, code: TriggerCode, tables: frozenset[str]) -> bool:
    """A transition table; a WITH query may hide a table of its name, so that counts as both."""
    return not name.schema and name.name in tables
