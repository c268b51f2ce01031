"""The shape of a tree: what statements that differ in constants share, and nothing else does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgproxy.statements.lineage import trace
from pgproxy.statements.lineage.constants import deciding_constants
from pgproxy.statements.tree import reached, read_tree
from pgproxy.statements.tree.reader import unfolded
from pgproxy.statements.tree.shape import Shape, shape_of
from tests.servers import Database
from tests.tree.announcing import Announcer

TABLE = 'CREATE TABLE shapes (id int, name text, doc jsonb, "a :location 1 b" int)'


@pytest.fixture(scope="module")
def announcer(database: Database) -> Iterator[Announcer]:
    database.sql(TABLE)
    announcer = Announcer(database.dsn())
    yield announcer
    announcer.close()


def shape(announcer: Announcer, statement: str) -> Shape:
    return shape_of(unfolded(announcer.tree(statement)))


SAME = (
    ("SELECT name FROM shapes WHERE id = 1", "SELECT name FROM shapes WHERE id = 123456789"),
    ("SELECT name FROM shapes WHERE id = 1", "SELECT  name  FROM shapes  WHERE  id = 2"),
    ("SELECT 1 FROM shapes WHERE name = 'x'", "SELECT 2 FROM shapes WHERE name = 'a much longer \\ { } ( constant'"),
    ("SELECT doc -> 'a' FROM shapes LIMIT 1", "SELECT doc -> 'b' FROM shapes LIMIT 2"),
    ("SELECT name FROM shapes WHERE id IN (1, 2)", "SELECT name FROM shapes  WHERE id IN (10, 200)"),
    ("SELECT * FROM shapes WHERE name = ANY('{a,b}')", "SELECT * FROM shapes WHERE name = ANY('{a,b,c}')"),
)
OTHER = (
    ("SELECT name FROM shapes WHERE id = 1", "SELECT name FROM shapes WHERE id = NULL"),
    ("SELECT name FROM shapes WHERE id = 1", "SELECT doc FROM shapes WHERE id = 1"),
    ("SELECT name FROM shapes WHERE id = 1", "SELECT name AS n FROM shapes WHERE id = 1"),
    ("SELECT name FROM shapes WHERE id = 1", "SELECT name FROM shapes WHERE id = 1::bigint"),
    ("SELECT name FROM shapes WHERE id = 1", "SELECT name FROM shapes WHERE id = $1"),
    ("SELECT name FROM shapes WHERE id IN (1, 2)", "SELECT name FROM shapes WHERE id IN (1, 2, 3)"),
    ('SELECT id AS "x :location 1 y" FROM shapes', 'SELECT id AS "x :location 2 y" FROM shapes'),
    ('SELECT id AS "x :constvalue 1 [ 1 ] y" FROM shapes', 'SELECT id AS "x :constvalue 1 [ 2 ] y" FROM shapes'),
)


@pytest.mark.parametrize(("one", "other"), SAME)
def test_constants_and_places_are_left_out(announcer: Announcer, one: str, other: str) -> None:
    first, second = shape(announcer, one), shape(announcer, other)
    assert first.digest == second.digest and len(first.constants) == len(second.constants)


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_everything_else_counts(announcer: Announcer, one: str, other: str) -> None:
    assert shape(announcer, one).digest != shape(announcer, other).digest


def test_the_constants_that_decide_are_found_by_their_number(announcer: Announcer) -> None:
    text = announcer.tree("SELECT doc -> 'city', 7, NULL::int, doc -> 'street' FROM shapes WHERE name = 'x'")
    tree = read_tree(text, announcer.version)
    trace(tree, announcer.catalog(reached(tree)))
    found, constants = deciding_constants(tree), shape_of(unfolded(text)).constants
    assert len(constants) == 4 and [number for number, _ in found] == [1, 3]
    assert all(constants[number] == datum for number, datum in found)
