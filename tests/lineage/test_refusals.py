"""What is not understood closes: unknown objects, forged trees, deep ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgproxy.catalog.model import Catalog
from pgproxy.errors import NotUnderstood, StatementDenied
from pgproxy.statements.lineage import trace
from pgproxy.statements.tree import Node, reached, read_tree
from tests.lineage.analysis import Analysis
from tests.servers import Database
from tests.tree.announcing import Announcer


@pytest.mark.parametrize(
    "missing",
    ["relations", "functions", "operators", "types"],
)
def test_an_object_that_the_catalog_lacks_closes(analysis: Analysis, missing: str) -> None:
    tree = read_tree(
        analysis.announcer.tree("select get_email(id), home from people where id <+> 1 = 2 and id > 3"),
        analysis.announcer.version,
    )
    catalog = analysis.announcer.catalog(reached(tree))
    assert trace(tree, catalog).opaque
    fewer: Catalog = replace(catalog, **{missing: {}})  # type: ignore[arg-type]
    with pytest.raises(NotUnderstood):
        trace(tree, fewer)


def test_a_materialized_view_without_its_definition_closes(analysis: Analysis) -> None:
    tree = read_tree(analysis.announcer.tree("select id from mv_users"), analysis.announcer.version)
    catalog = analysis.announcer.catalog(reached(tree))
    relations = {oid: replace(relation, definition="") for oid, relation in catalog.relations.items()}
    with pytest.raises(NotUnderstood):
        trace(tree, replace(catalog, relations=relations))


def mutated(tree: Node, tag: str, **fields: object) -> int:
    """Sets fields of every node of that tag; how many there were."""
    found: list[Node] = []
    pending: list[object] = [tree]
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending.extend(item)
        elif isinstance(item, Node):
            found.extend([item] if item.tag == tag else [])
            pending.extend(item.fields.values())
    for node in found:
        node.fields.update(fields)
    return len(found)


@pytest.mark.parametrize(
    ("tag", "fields"),
    [
        pytest.param("VAR", {"varno": 99}, id="no such range table entry"),
        pytest.param("VAR", {"varno": 65000}, id="a special number"),
        pytest.param("VAR", {"varattno": 99}, id="no such column"),
        pytest.param("VAR", {"varlevelsup": 1}, id="outside of the statement"),
        pytest.param("QUERY", {"commandType": 6}, id="a utility statement"),
        pytest.param("QUERY", {"utilityStmt": Node("QUERY", {})}, id="a node in a field that has no rule"),
        pytest.param("RANGETBLENTRY", {"rtekind": 3, "functions": [Node("ALIAS", {})]}, id="no expression"),
        pytest.param("FROMEXPR", {"fromlist": [Node("VAR", {})]}, id="no join tree"),
        pytest.param("TARGETENTRY", {"expr": None}, id="nothing where an expression belongs"),
        pytest.param("TARGETENTRY", {"expr": Node("SORTGROUPCLAUSE", {})}, id="a clause where an expression belongs"),
    ],
)
def test_a_tree_that_makes_no_sense_closes(analysis: Analysis, tag: str, fields: dict[str, object]) -> None:
    tree = read_tree(analysis.announcer.tree("select id, email from users where id = 1"), analysis.announcer.version)
    catalog = analysis.announcer.catalog(reached(tree))
    assert mutated(tree, tag, **fields) > 0
    with pytest.raises(NotUnderstood):
        trace(tree, catalog)


def test_a_deep_expression_closes(analysis: Analysis) -> None:
    assert analysis.lineage(f"select {'||'.join(['email'] * 100)} from users").outputs
    with pytest.raises(NotUnderstood, match="nested too deeply"):
        analysis.lineage(f"select {'||'.join(['email'] * 600)} from users")


def test_toast_tables_are_never_read(analysis: Analysis, database: Database) -> None:
    ((toast,),) = database.sql("select reltoastrelid::regclass::text from pg_class where oid = 'users'::regclass")
    announcer = Announcer(database.dsn())
    with pytest.raises(StatementDenied, match="pg_toast"):
        Analysis(announcer).lineage(f"select chunk_data from {toast}")
    announcer.close()


def test_a_forged_name_of_a_with_query_is_not_followed(analysis: Analysis) -> None:
    tree = read_tree(
        analysis.announcer.tree("with a as (select id from users), b as (select id from users) select * from a, b"),
        analysis.announcer.version,
    )
    catalog = analysis.announcer.catalog(reached(tree))
    mutated(tree, "COMMONTABLEEXPR", ctename="a")
    with pytest.raises(NotUnderstood):
        trace(tree, catalog)
