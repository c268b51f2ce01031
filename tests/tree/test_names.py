"""Whatever a client calls columns and tables, the tree is read as with plain names of the same length, or refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pgproxy.errors import NotUnderstood
from pgproxy.statements.tree import Node, read_tree
from tests.servers import Database
from tests.tree.announcing import Announcer

STATEMENTS = (
    "SELECT 1 AS {0}, 'x' AS {1}, count(*) AS {2} FROM pg_class AS {3} GROUP BY 1",
    "SELECT {0}.{1} AS {2} FROM (SELECT relname AS {1}, oid AS {3} FROM pg_class) AS {0} WHERE {0}.{3} > 5",
    "SELECT {0}.{1}, {0}.{2} FROM pg_am AS {0}({1}, {2}) JOIN pg_am AS {3} ON {3}.oid = {0}.{1}",
    "WITH w({0}, {1}) AS (SELECT 1, 2) SELECT w.{0}, s.* FROM w, (TABLE w) AS s({2}, {3})",
    "SELECT rank() OVER {0} AS {1}, count(*) OVER {2} AS {3} FROM pg_am WINDOW {0} AS (ORDER BY oid), {2} AS ({0})",
)

# What the printed form is made of, and what looks like it.
SIGNS = "(){}\\:<>[]$€,;'a0\xa0\" "
pieces = st.sampled_from(
    (
        *SIGNS,
        "  ",
        "<>",
        ":expr",
        ":resname",
        "[ 1 ]",
        "(o 1)",
        "{VAR",
        "}}",
        "((",
        "\\\\",
        "count(*)",
        "-1",
        "+.5",
        "--",
    )
)
names = st.lists(pieces, min_size=1, max_size=30).map("".join).filter(lambda name: len(name.encode()) <= 60)


@pytest.fixture(scope="module")
def announcer(database: Database) -> Iterator[Announcer]:
    found = Announcer(database.dsn())
    yield found
    found.close()


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def shown(value: Any, plain: dict[str, str]) -> Any:
    """The tree as nested tuples, names that a client chose replaced by the plain ones."""
    if isinstance(value, Node):
        return (value.tag, *((name, shown(field, plain)) for name, field in value.fields.items()))
    if isinstance(value, list):
        return [shown(item, plain) for item in value]
    return plain.get(value, value) if isinstance(value, str) else value


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much, HealthCheck.too_slow],
    max_examples=400,
)
@given(statement=st.sampled_from(STATEMENTS), chosen=st.lists(names, min_size=4, max_size=4, unique=True))
@example(STATEMENTS[0], [":expr", "a\\", "}" * 39 + ":expr", "a" + "}" * 45])
@example(STATEMENTS[1], ["q    z", "q   z", "<>", '""'])
@example(STATEMENTS[2], ["count(*)", "sum(price)", "{}", "users.id"])
@example(STATEMENTS[0], ["(" * 25 + "€" * 11, "[ 1 2 ]", "[", "]"])
def test_names_are_read_exactly_or_refused(announcer: Announcer, statement: str, chosen: list[str]) -> None:
    # Of the same length in the text, so that every location is the same.
    lengths = [len(quoted(name).encode()) - 2 for name in chosen]
    plain = [letter * min(length, 63) for letter, length in zip("efgh", lengths, strict=True)]
    if len(set(plain)) < 4 or max(lengths) > 63:
        return
    expected = read_tree(announcer.tree(statement.format(*map(quoted, plain))), announcer.version)
    try:
        tree = read_tree(announcer.tree(statement.format(*map(quoted, chosen))), announcer.version)
    except NotUnderstood as refusal:
        # A name that is escaped to a line's length and more cannot be told from two.
        # (Where it is cut within a character psycopg repairs the text, which makes a line too long.)
        assert "word as long as a line" in refusal.message or "line of the tree is too long" in refusal.message
        # outToken escapes a few characters; with the field's name before it a line has 78 bytes
        assert max(sum(2 if c in " (){}\\" else len(c.encode()) for c in name) for name in chosen) > 50
        return
    assert shown(tree, dict(zip(chosen, plain, strict=True))) == shown(expected, {})
