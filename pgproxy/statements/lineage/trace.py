"""From a tree to a `Lineage`."""

from __future__ import annotations

from typing import Final

from pgproxy.catalog.model import FIRST_NORMAL_OID, Catalog
from pgproxy.errors import StatementDenied
from pgproxy.statements.lineage.builtins import (
    HARMLESS_COLUMNS,
    SECRET_COLUMNS,
    SET_CONFIG,
    STATEMENT_TEXT_COLUMN,
    STATEMENT_TEXTS,
)
from pgproxy.statements.lineage.queries import SELECT, Traced
from pgproxy.statements.lineage.refusals import SIMPLER, refuse
from pgproxy.statements.lineage.walk import Walk
from pgproxy.statements.model import ColumnId, Lineage, Output, Source, Write
from pgproxy.statements.tree import Node, reached

_TOO_DEEP: Final = "the statement is nested too deeply"


def trace(tree: Node, catalog: Catalog) -> Lineage:
    """What the statement reads, where each output comes from, what decides its rows, and what it writes.

    Args:
        tree: as `read_tree` gives it: all queries that the server made of one statement.
        catalog: with everything that `reached` names.
    Raises:
        NotUnderstood: some part is not understood completely.
        StatementDenied: it uses a function, or reads a system table, that no client may.
    """
    walk = Walk(catalog)
    named = reached(tree)
    try:
        outputs = _walk_all(walk, tree)
    except RecursionError:
        refuse(_TOO_DEEP, hint=SIMPLER)
    for oid in named.functions:
        walk.functions.check(oid)
    for oid in named.operators:
        walk.functions.check_operator(oid)
    _check_types(walk, named.types)
    _check_system_columns(walk, outputs)
    return Lineage(
        outputs=tuple(
            Output(
                traced.name,
                traced.type_oid,
                _stored(traced.value.sources),
                traced.origin,
            )
            for traced in outputs
        ),
        uses=frozenset(use for use in walk.uses if use.column.relation != STATEMENT_TEXTS),
        writes=tuple(Write(write.target, _stored(write.sources)) for write in walk.writes),
        written_relations=frozenset(walk.written),
        relations=frozenset(walk.relations),
        functions=named.functions,
        opaque=tuple(walk.opaque),
        is_read_only=walk.is_read_only,
        sets_configuration=SET_CONFIG in named.functions,
        materialized={column: _stored(sources) for column, sources in walk.materialized.items()},
    )


def _stored(sources: frozenset[Source]) -> frozenset[Source]:
    """Without what stands for columns of a function."""
    return frozenset(source for source in sources if source.column.relation != STATEMENT_TEXTS)


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


def _check_system_columns(walk: Walk, outputs: list[Traced]) -> None:
    """System tables hold values of users' tables, passwords and other sessions' statements in some columns."""
    read = {source.column for traced in outputs for source in traced.value.sources}
    read |= {use.column for use in walk.uses}
    read |= {source.column for sources in walk.materialized.values() for source in sources}
    read |= {source.column for write in walk.writes for source in write.sources}
    for column in read:
        if column.relation < FIRST_NORMAL_OID and _is_secret(walk.catalog, column):
            relation = walk.catalog.relations.get(column.relation)
            name = relation.qualified_name if relation else "pg_catalog.pg_stat_get_activity"
            raise StatementDenied(
                f"a column of {name} holds data of tables or secrets",
                detail=f"rule builtin.relation: {name}",
                hint="Leave the column out.",
            )


def _is_secret(catalog: Catalog, column: ColumnId) -> bool:
    if column.relation == STATEMENT_TEXTS:
        return column.attnum == STATEMENT_TEXT_COLUMN
    relation = catalog.relations.get(column.relation)
    if relation is None:
        return False
    found = relation.column(column.attnum)
    if relation.name in HARMLESS_COLUMNS:
        return found is None or found.name not in HARMLESS_COLUMNS[relation.name]
    return relation.name in SECRET_COLUMNS and (found is None or found.name in SECRET_COLUMNS[relation.name])
