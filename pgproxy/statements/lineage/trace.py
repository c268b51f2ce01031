"""From a tree to a `Lineage`."""

from __future__ import annotations

from typing import Final

from pgproxy.catalog.model import FIRST_NORMAL_OID, Catalog, Function, Source
from pgproxy.errors import NotUnderstood
from pgproxy.statements.lineage.builtins import SET_CONFIG
from pgproxy.statements.lineage.executed import NOTHING_EXECUTED, Executed
from pgproxy.statements.lineage.operands import given_in
from pgproxy.statements.lineage.paths import note_moved_paths
from pgproxy.statements.lineage.queries import SELECT, Traced
from pgproxy.statements.lineage.refusals import SIMPLER, refuse
from pgproxy.statements.lineage.walk import NO_BODIES, Bodies, Walk
from pgproxy.statements.model import Lineage, Output
from pgproxy.statements.tree import Node, reached

_TOO_DEEP: Final = "the statement is nested too deeply"


def trace(tree: Node, catalog: Catalog, bodies: Bodies = NO_BODIES, executed: Executed = NOTHING_EXECUTED) -> Lineage:
    """What the statement reads, where each output comes from, what decides its rows, and what it writes.

    Args:
        tree: as `read_tree` gives it: all queries that the server made of one statement.
        catalog: with everything that `reached` names, of the tree and of the bodies.
        bodies: of the SQL functions that could be read.
        executed: what was found of the texts that it executes.
    Raises:
        NotUnderstood: some part is not understood completely.
        StatementDenied: it calls set_config for a setting that the analysis rests on, or reads a toast table.
    """
    walk = Walk(catalog, bodies, executed)
    named = reached(tree)
    try:
        outputs = _walk_all(walk, tree)
    except RecursionError:
        refuse(_TOO_DEEP, hint=SIMPLER)
    walk.functions.check_named(named)
    inside = [reached(body) for trees in bodies.values() for body in trees]
    note_moved_paths(walk)
    sets_configuration = any(SET_CONFIG in one.functions for one in (named, *inside))
    sets_configuration = sets_configuration or any(one.sets_configuration for one in executed.values())
    if executed and sets_configuration:
        walk.found_opaque("SQL made at run time together with set_config")
    _check_types(walk, named.types.union(*(one.types for one in inside)))
    return Lineage(
        outputs=tuple(
            Output(
                traced.name,
                traced.type_oid,
                traced.value.sources,
                traced.origin,
                traced.value.constants,
            )
            for traced in outputs
        ),
        uses=frozenset(walk.uses),
        writes=tuple(walk.writes),
        written_relations=frozenset(walk.written),
        deleted_relations=frozenset(walk.deleted),
        relations=frozenset(walk.relations),
        trigger_relations=frozenset(walk.trigger_relations),
        functions=named.functions.union(bodies),
        opaque=tuple(walk.opaque),
        effects=tuple(walk.effects),
        denied_functions=tuple(walk.denied_functions),
        signals=frozenset(walk.signals),
        reads_bodies=bool(bodies or executed),
        looks_up_names=bool(bodies) or walk.looks_up_names,
        is_read_only=walk.is_read_only,
        sets_configuration=sets_configuration,
        materialized=walk.materialized,
        views=walk.views,
        given=given_in(tree, walk.compared),
    )


def trace_block(source: Source, catalog: Catalog) -> Lineage:
    """What a DO block can do.

    Args:
        source: its code, with what the words in it may mean.
        catalog: with the relations of `source`.
    """
    walk = Walk(catalog)
    try:
        walk.routines.run(Function(0, "", "DO", language="plpgsql", source=source))
    except NotUnderstood as problem:
        walk.found_opaque(f"DO ({problem.message.removeprefix('not provably safe: ')})")
    return Lineage(
        uses=frozenset(walk.uses),
        written_relations=frozenset(walk.written),
        deleted_relations=frozenset(walk.deleted),
        relations=frozenset(walk.relations),
        trigger_relations=frozenset(walk.trigger_relations),
        opaque=tuple(walk.opaque),
        effects=tuple(walk.effects),
        denied_functions=tuple(walk.denied_functions),
        reads_bodies=True,
        is_read_only=walk.is_read_only,
        materialized=walk.materialized,
    )


def _walk_all(walk: Walk, tree: Node) -> list[Traced]:
    outputs: list[Traced] = []
    for query in tree["queries"]:
        result = walk.queries.select(query, None)
        if query["canSetTag"]:
            outputs = result
        elif result or query["commandType"] == SELECT:
            refuse("a rule of a table that returns rows of its own")
    return outputs


def _check_types(walk: Walk, types: frozenset[int]) -> None:
    for oid in sorted(types):
        found = walk.catalog.types.get(oid)
        if found is None and oid >= FIRST_NORMAL_OID:
            refuse("the statement reaches a type that is not known yet")
        if found is not None and found.is_user_checked:
            walk.found_opaque(f"type {found.schema}.{found.name}, whose checks run functions that are not built in")
