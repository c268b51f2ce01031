"""The bodies of SQL functions that a statement reaches, as the server itself analyses them.

`BODY_QUERY` has the language's validator parse a body (nothing of it runs), and the server announces its trees as it
does a statement's: views expanded, names resolved, under the function's own search_path. They may reach further
functions, so there are rounds: catalog, bodies, catalog of what those reach, and so on. What cannot be read is opaque.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from pgproxy.catalog.model import Catalog, Function
from pgproxy.errors import NotUnderstood, TooManyBytes
from pgproxy.session.understanding import Announced
from pgproxy.statements.lineage import called_by, names_relations
from pgproxy.statements.tree import Node, read_tree

BODIES: Final = 64
"""How many functions of one statement are read."""

BODY_QUERY: Final = """
SELECT pg_catalog.set_config('search_path', CASE WHEN c.checked IS NULL THEN c.before ELSE c.before END, true)
FROM (
  SELECT p.before, CASE WHEN pg_catalog.has_function_privilege($1::pg_catalog.oid, 'EXECUTE')
    THEN pg_catalog.fmgr_sql_validator($1::pg_catalog.oid) END AS checked
  FROM (
    SELECT o.before, pg_catalog.set_config('search_path', COALESCE($2::pg_catalog.text, o.before), true)
    FROM (SELECT pg_catalog.current_setting('search_path') AS before OFFSET 0) AS o OFFSET 0
  ) AS p OFFSET 0
) AS c
"""
"""$1 oid of an SQL function, $2 text the search_path that it sets, or NULL. Each OFFSET 0 keeps a step before the next;
the last sets search_path back, for this transaction as for the ones after it."""


def unread(announcement: Announced, catalog: Catalog, functions: Iterable[int]) -> tuple[Function, ...]:
    """The functions whose bodies are to be read next.

    Args:
        catalog: of what the announcement needs so far.
        functions: all of users' that are reached.
    """
    found = (catalog.functions[oid] for oid in sorted(functions) if oid not in announcement.tried)
    readable = [function for function in found if function.is_sql]
    if readable and not _writes(announcement.tree()):
        by_themselves = {oid for relation in catalog.relations.values() for oid in relation.write_functions}
        readable = [one for one in readable if one.oid in announcement.needed.functions or one.oid not in by_themselves]
    return tuple(readable[: max(0, BODIES - len(announcement.tried))])


def with_called(announcement: Announced, catalog: Catalog, functions: Iterable[int]) -> Announced:
    """The announcement with the functions that those in PL/pgSQL call; the same one if there are no more.

    Args:
        functions: all of users' that are reached.
    """
    pending = [oid for oid in functions if not catalog.functions[oid].is_only_mentioned]
    seen, called = set(pending), set[int]()
    while pending:
        for other in called_by(catalog.functions[pending.pop()]) - seen:
            seen.add(other)
            found = catalog.functions.get(other)
            if found is None or (found.is_only_mentioned and names_relations(found)):  # what it names is not here
                called.add(other)
            if found is not None:
                pending.append(other)
    more = sorted(called - announcement.called)[: max(0, BODIES - len(announcement.called))]
    return replace(announcement, called=announcement.called.union(more)) if more else announcement


def with_body(announcement: Announced, function: Function, trees: Sequence[bytes], server_version: int) -> Announced:
    """The announcement with a function's body.

    Args:
        trees: what the server announced for `BODY_QUERY`: one for each statement of the body.
    """
    tried = announcement.tried | {function.oid}
    try:
        body = tuple(read_tree(text, server_version) for text in trees)
    except (NotUnderstood, TooManyBytes):
        body = ()
    bodies = {**announcement.bodies, function.oid: body} if body else announcement.bodies
    return replace(announcement, bodies=bodies, tried=tried)


def _writes(tree: Node) -> bool:
    return any(node.tag == "QUERY" and node["resultRelation"] for node in tree.within())
