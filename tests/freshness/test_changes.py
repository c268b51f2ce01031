"""What was decided does not outlive what it was decided from.

Each change makes a statement, which reads nothing masked before it, reach a value that is masked after it. It is made
by another session past the proxy, or by the session itself; it counts from the very next statement: one prepared
before (under its name, also after the server has settled on one plan), a simple query, a cursor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import psycopg
import pytest

from tests.freshness.conftest import Place

SECRET = "079-05-1120"


@dataclass(frozen=True, slots=True)
class Change:
    before: str
    """What there is; SECRET stands in a column that is not masked yet, or is not read yet."""
    statement: str
    change: str
    since: int = 15
    """The first version that knows the change."""


FAMILY = f"""
    CREATE TABLE top (id int, x text); CREATE TABLE middle () INHERITS (top);
    CREATE TABLE leaf () INHERITS (middle); INSERT INTO leaf VALUES (1, '{SECRET}');
"""
VIEWS = f"""
    CREATE TABLE people (id int, x text, ssn text); INSERT INTO people VALUES (1, 'plain', '{SECRET}');
    CREATE VIEW inner_view AS SELECT id, x FROM people; CREATE VIEW outer_view AS SELECT id, x FROM inner_view;
"""
STORED = f"""
    CREATE TABLE base (id int, x text); INSERT INTO base VALUES (1, '{SECRET}');
    CREATE MATERIALIZED VIEW stored AS SELECT id, x FROM base;
    CREATE VIEW over_stored AS SELECT * FROM stored;
"""

CHANGES = {
    "tables swapped by renames": Change(
        f"CREATE TABLE plain (id int, x text); INSERT INTO plain VALUES (1, 'plain');"
        f"CREATE TABLE patients (id int, x text); INSERT INTO patients VALUES (1, '{SECRET}');"
        "CREATE VIEW v AS SELECT x FROM plain",
        "SELECT x FROM v",
        "ALTER TABLE plain RENAME TO c; ALTER TABLE patients RENAME TO plain; ALTER TABLE c RENAME TO patients;"
        f"UPDATE patients SET x = '{SECRET}'",
    ),
    "a table renamed under a view": Change(
        f"CREATE TABLE base (id int, x text); INSERT INTO base VALUES (1, '{SECRET}');"
        "CREATE VIEW v AS SELECT x FROM base",
        "SELECT x FROM v",
        "ALTER TABLE base RENAME TO patients",
    ),
    "a column renamed under a view": Change(
        f"CREATE TABLE base (id int, x text); INSERT INTO base VALUES (1, '{SECRET}');"
        "CREATE VIEW v AS SELECT x FROM base",
        "SELECT x FROM v",
        "ALTER TABLE base RENAME x TO secret",
    ),
    "a table moved to another schema under a view": Change(
        f"CREATE TABLE kept (id int, x text); INSERT INTO kept VALUES (1, '{SECRET}');"
        "CREATE VIEW v AS SELECT x FROM kept",
        "SELECT x FROM v",
        "ALTER TABLE kept SET SCHEMA closed",
    ),
    "columns swapped by renames": Change(
        f"CREATE TABLE t (id int, x text, secret text); INSERT INTO t VALUES (1, '{SECRET}', 'plain');"
        "CREATE VIEW v AS SELECT x FROM t",
        "SELECT x FROM v",
        "ALTER TABLE t RENAME x TO c; ALTER TABLE t RENAME secret TO x; ALTER TABLE t RENAME c TO secret",
    ),
    "a view replaced": Change(
        VIEWS, "SELECT x FROM inner_view", "CREATE OR REPLACE VIEW inner_view AS SELECT id, ssn AS x FROM people"
    ),
    "a view under a view replaced": Change(
        VIEWS, "SELECT x FROM outer_view", "CREATE OR REPLACE VIEW inner_view AS SELECT id, ssn AS x FROM people"
    ),
    "a child attached": Change(
        f"CREATE TABLE top (id int, ssn text); CREATE TABLE people (id int, ssn text);"
        f"INSERT INTO people VALUES (1, '{SECRET}')",
        "SELECT ssn AS x FROM top",
        "ALTER TABLE people INHERIT top",
    ),
    "a child attached to a child": Change(
        f"CREATE TABLE top (id int, ssn text); CREATE TABLE middle () INHERITS (top);"
        f"CREATE TABLE people (id int, ssn text); INSERT INTO people VALUES (1, '{SECRET}')",
        "SELECT ssn AS x FROM top",
        "ALTER TABLE people INHERIT middle",
    ),
    "a partition attached": Change(
        f"CREATE TABLE parts (id int, ssn text) PARTITION BY RANGE (id);"
        f"CREATE TABLE people (id int, ssn text); INSERT INTO people VALUES (1, '{SECRET}')",
        "SELECT ssn AS x FROM parts",
        "ALTER TABLE parts ATTACH PARTITION people FOR VALUES FROM (0) TO (10)",
    ),
    "a partition attached to a partition": Change(
        f"CREATE TABLE parts (id int, ssn text) PARTITION BY RANGE (id);"
        f"CREATE TABLE half PARTITION OF parts FOR VALUES FROM (0) TO (100) PARTITION BY RANGE (id);"
        f"CREATE TABLE people (id int, ssn text); INSERT INTO people VALUES (1, '{SECRET}')",
        "SELECT ssn AS x FROM parts",
        "ALTER TABLE half ATTACH PARTITION people FOR VALUES FROM (0) TO (10)",
    ),
    "the parent renamed": Change(FAMILY, "SELECT x FROM middle", "ALTER TABLE top RENAME TO patients"),
    "the parent's parent renamed": Change(FAMILY, "SELECT x FROM leaf", "ALTER TABLE top RENAME TO patients"),
    "the child renamed": Change(FAMILY, "SELECT x FROM top", "ALTER TABLE leaf RENAME TO patients"),
    "the parent of a partition renamed": Change(
        f"CREATE TABLE parts (id int, x text) PARTITION BY RANGE (id);"
        f"CREATE TABLE part PARTITION OF parts DEFAULT; INSERT INTO part VALUES (1, '{SECRET}')",
        "SELECT x FROM part",
        "ALTER TABLE parts RENAME TO patients",
    ),
    "a parent given": Change(
        f"CREATE TABLE people (id int, ssn text); CREATE TABLE lone (id int, ssn text);"
        f"INSERT INTO lone VALUES (1, '{SECRET}')",
        "SELECT ssn AS x FROM lone",
        "ALTER TABLE lone INHERIT people",
    ),
    "a parent given to the parent": Change(
        f"CREATE TABLE people (id int, ssn text); CREATE TABLE middle (id int, ssn text);"
        f"CREATE TABLE leaf () INHERITS (middle); INSERT INTO leaf VALUES (1, '{SECRET}')",
        "SELECT ssn AS x FROM leaf",
        "ALTER TABLE middle INHERIT people",
    ),
    "a stored view's table renamed": Change(STORED, "SELECT x FROM stored", "ALTER TABLE base RENAME TO patients"),
    "a stored view's column renamed": Change(STORED, "SELECT x FROM stored", "ALTER TABLE base RENAME x TO secret"),
    "the same under a view": Change(STORED, "SELECT x FROM over_stored", "ALTER TABLE base RENAME x TO secret"),
    "a generated column's expression": Change(
        f"CREATE TABLE people (id int, y text, ssn text, x text GENERATED ALWAYS AS (y) STORED);"
        f"INSERT INTO people VALUES (1, 'plain', '{SECRET}')",
        "SELECT x FROM people",
        "ALTER TABLE people ALTER x SET EXPRESSION AS (ssn)",
        since=17,
    ),
    "a virtual column's expression": Change(
        f"CREATE TABLE people (id int, y text, ssn text, x text GENERATED ALWAYS AS (y) VIRTUAL);"
        f"INSERT INTO people VALUES (1, 'plain', '{SECRET}')",
        "SELECT x FROM people",
        "ALTER TABLE people ALTER x SET EXPRESSION AS (ssn)",
        since=18,
    ),
    "a schema renamed": Change(
        f"CREATE TABLE aside.kept (id int, x text); INSERT INTO aside.kept VALUES (1, '{SECRET}');"
        "CREATE VIEW v AS SELECT x FROM aside.kept",
        "SELECT x FROM v",
        "ALTER SCHEMA closed RENAME TO was; ALTER SCHEMA aside RENAME TO closed",
    ),
    "a name taken by another table": Change(
        f"CREATE TABLE t (id int, x text); INSERT INTO t VALUES (1, '{SECRET}');CREATE VIEW v AS SELECT x FROM t",
        "SELECT x FROM v",
        "ALTER TABLE t RENAME TO patients; CREATE TABLE t (id int, x text)",
    ),
}


@pytest.fixture(params=CHANGES, ids=lambda name: name.replace(" ", "-"))
def change(request: pytest.FixtureRequest, place: Place) -> Change:
    change = CHANGES[request.param]
    if place.database.server.version < change.since:
        pytest.skip(f"PostgreSQL {change.since} has it")
    place.change(change.before)
    return change


def asked(query: Callable[[], psycopg.Cursor[tuple[object, ...]]]) -> str:
    """What the client sees, whether rows or words."""
    try:
        return str(query().fetchall())
    except psycopg.Error as error:
        return f"{error.sqlstate} {error}"


def make(change: Change, place: Place) -> None:
    place.change(change.change)
    assert SECRET in str(place.database.sql(change.statement)), "the change brings nothing to hide"


def test_for_a_statement_prepared_before(place: Place, change: Change) -> None:
    with psycopg.connect(place.agent, autocommit=True) as agent:
        for _ in range(7):  # five plans of its own, then one for all
            agent.execute(change.statement, prepare=True)
        make(change, place)
        for _ in range(2):
            assert SECRET not in asked(lambda: agent.execute(change.statement, prepare=True))


def test_for_a_statement_prepared_before_in_an_open_transaction(place: Place, change: Change) -> None:
    with psycopg.connect(place.agent, autocommit=True) as agent:
        agent.execute(change.statement, prepare=True)
        agent.execute("BEGIN")
        make(change, place)
        assert SECRET not in asked(lambda: agent.execute(change.statement, prepare=True))


def test_for_a_simple_query(place: Place, change: Change) -> None:
    with psycopg.connect(place.agent, autocommit=True, cursor_factory=psycopg.ClientCursor) as agent:
        agent.execute(change.statement)
        make(change, place)
        assert SECRET not in asked(lambda: agent.execute(change.statement))


def test_for_a_cursor(place: Place, change: Change) -> None:
    with psycopg.connect(place.agent) as agent:
        agent.execute(f"DECLARE c CURSOR FOR {change.statement}")
        agent.execute("FETCH ALL FROM c")
        agent.rollback()
        make(change, place)

        def fetched() -> psycopg.Cursor[tuple[object, ...]]:
            agent.execute(f"DECLARE c CURSOR FOR {change.statement}")
            return agent.execute("FETCH ALL FROM c")

        assert SECRET not in asked(fetched)
