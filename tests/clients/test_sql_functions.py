"""Masks follow their columns into functions whose bodies are SQL; what other bodies do is unknown."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.clients.people import Place

FUNCTIONS = """
CREATE FUNCTION mail_of(int) RETURNS text STABLE BEGIN ATOMIC SELECT email FROM users WHERE id = $1; END;
CREATE FUNCTION directory_of(team int) RETURNS TABLE (number int, who text, title text) LANGUAGE sql AS
  'SELECT d.id, d.who, t.title FROM directory d JOIN teams t ON t.id = d.team WHERE d.team = $1';
CREATE FUNCTION as_owner(int) RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS
  'SELECT name FROM users WHERE id = $1';
CREATE FUNCTION title_of(int) RETURNS text LANGUAGE sql AS 'SELECT title FROM teams WHERE id = $1';
CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
CREATE FUNCTION tell(text) RETURNS void LANGUAGE sql AS 'SELECT pg_notify(''told'', $1)';
CREATE FUNCTION lost(int) RETURNS text LANGUAGE sql SET search_path = nowhere AS 'SELECT ''x''';
CREATE FUNCTION long(text) RETURNS int LANGUAGE internal IMMUTABLE STRICT AS 'textlen';
CREATE FUNCTION put(regclass, bigint) RETURNS bigint LANGUAGE internal STRICT AS 'setval_oid';
CREATE FUNCTION read_file(text) RETURNS text LANGUAGE internal STRICT AS 'pg_read_file_all';
CREATE FUNCTION activity(int) RETURNS SETOF record LANGUAGE internal AS 'pg_stat_get_activity';
CREATE FUNCTION swap(text, text, boolean) RETURNS text LANGUAGE internal AS 'set_config_by_name';
CREATE TYPE textrange AS RANGE (subtype = text);
CREATE SEQUENCE taken; GRANT ALL ON taken TO public;
CREATE FUNCTION lookup(int) RETURNS text LANGUAGE sql AS 'SELECT title FROM teams WHERE id = $1';
"""


@pytest.fixture(scope="module")
def functions(place: Place) -> Place:
    place.database.sql(FUNCTIONS)
    return place


@pytest.fixture
def agent(functions: Place) -> Iterator[psycopg.Connection]:
    with psycopg.connect(functions.masked, autocommit=True) as connection:
        yield connection


def rows(connection: psycopg.Connection, statement: str, *parameters: object) -> list[tuple[object, ...]]:
    return connection.execute(statement.encode(), parameters or None).fetchall()


@pytest.mark.parametrize(
    ("call", "column"),
    [
        ("SELECT mail_of(1)", "SELECT email FROM users WHERE id = 1"),
        ("SELECT mail_of(id) FROM users ORDER BY id", "SELECT email FROM users ORDER BY id"),
        ("SELECT as_owner(1)", "SELECT name FROM users WHERE id = 1"),
        (
            "SELECT number, who, title FROM directory_of(1) ORDER BY number",
            "SELECT d.id, d.who, t.title FROM directory d JOIN teams t ON t.id = d.team WHERE team = 1 ORDER BY d.id",
        ),
        (
            "SELECT title_of(team), twice(id) FROM users ORDER BY id",
            "SELECT title, users.id * 2 FROM users JOIN teams ON teams.id = team ORDER BY users.id",
        ),
    ],
)
def test_a_call_comes_back_as_its_columns_do(
    functions: Place, agent: psycopg.Connection, call: str, column: str
) -> None:
    assert rows(agent, call) == rows(agent, column)
    with psycopg.connect(functions.raw, autocommit=True) as direct:
        is_masked = "title_of" not in call
        assert (rows(direct, call) == rows(agent, call)) is not is_masked


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("SELECT id FROM users ORDER BY mail_of(id)", "public.users.email"),
        ("SELECT id FROM teams WHERE mail_of(id) LIKE 'a%'", "public.users.email"),
        ("SELECT tell(name) FROM users", "public.users.name"),
        ("INSERT INTO teams SELECT 100 + id, as_owner(id) FROM users", "public.users.name"),
    ],
)
def test_what_a_function_reads_is_used_as_written_out(agent: psycopg.Connection, statement: str, rule: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege) as refused:
        agent.execute(statement.encode())
    assert refused.value.diag.message_detail is not None
    assert refused.value.diag.message_detail.startswith(f"rule {rule}")


def test_a_body_that_changed_counts_from_the_next_execution(functions: Place) -> None:
    with psycopg.connect(functions.masked, autocommit=True, prepare_threshold=0) as agent:
        assert rows(agent, "SELECT lookup(%s)", 1) == [("north",)]
        functions.database.sql(
            "CREATE OR REPLACE FUNCTION lookup(int) RETURNS text LANGUAGE sql AS 'SELECT name FROM users WHERE id = $1'"
        )
        assert rows(agent, "SELECT lookup(%s)", 1) == rows(agent, "SELECT name FROM users WHERE id = %s", 1)
        functions.database.sql(
            "CREATE VIEW shown AS SELECT 1 AS id, 'nobody'::text AS name; GRANT SELECT ON shown TO public"
        )
        functions.database.sql(
            "CREATE OR REPLACE FUNCTION lookup(int) RETURNS text LANGUAGE sql AS 'SELECT name FROM shown WHERE id = $1'"
        )
        assert rows(agent, "SELECT lookup(%s)", 1) == [("nobody",)]
        functions.database.sql("CREATE OR REPLACE VIEW shown AS SELECT id, name FROM users")
        assert rows(agent, "SELECT lookup(%s)", 1) == rows(agent, "SELECT name FROM users WHERE id = %s", 1)


def test_the_search_path_stays_what_it_was(agent: psycopg.Connection) -> None:
    before = rows(agent, "SHOW search_path")
    with agent.transaction():
        agent.execute("SET LOCAL search_path = seen, public")
        assert rows(agent, "SELECT as_owner(1)") == rows(agent, "SELECT name FROM public.users WHERE id = 1")
        assert rows(agent, "SHOW search_path") == [("seen, public",)]
        rows(agent, "SELECT lost(1)")
        assert rows(agent, "SHOW search_path") == [("seen, public",)]
    assert rows(agent, "SHOW search_path") == before


def test_another_name_for_built_in_code_is_that_code(agent: psycopg.Connection) -> None:
    assert rows(agent, "SELECT long(title), textrange('a', 'b')::text FROM teams WHERE id = 1") == [(5, "[a,b)")]
    assert rows(agent, "SELECT put('taken', 5)") == [(5,)]
    lengths = rows(agent, "SELECT length(name) FROM users ORDER BY id")
    assert rows(agent, "SELECT long(name) FROM users ORDER BY id") == lengths


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("SELECT read_file('PG_VERSION')", "rule builtin.function"),
        ("SELECT put('taken', age) FROM users", "public.users.age"),
        ("SELECT a FROM activity(NULL) AS a(x int)", "defaults.opaque"),
        ("SELECT swap('role', 'postgres', false)", "rule builtin.function"),
        ("SELECT id FROM users WHERE long(name) > 3", "public.users.name"),
    ],
)
def test_another_name_hides_nothing(agent: psycopg.Connection, statement: str, what: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege) as refused:
        agent.execute(statement.encode())
    assert what in f"{refused.value.diag.message_detail} {refused.value}"


def test_partitions_on_both_sides_of_a_foreign_key(functions: Place, agent: psycopg.Connection) -> None:
    functions.database.sql(
        """
        CREATE TABLE orders (id int PRIMARY KEY) PARTITION BY RANGE (id);
        CREATE TABLE orders_1 PARTITION OF orders FOR VALUES FROM (0) TO (100) PARTITION BY RANGE (id);
        CREATE TABLE orders_11 PARTITION OF orders_1 FOR VALUES FROM (0) TO (100);
        CREATE TABLE items (id int REFERENCES orders) PARTITION BY RANGE (id);
        CREATE TABLE items_1 PARTITION OF items FOR VALUES FROM (0) TO (100) PARTITION BY RANGE (id);
        CREATE TABLE items_11 PARTITION OF items_1 FOR VALUES FROM (0) TO (100);
        GRANT ALL ON ALL TABLES IN SCHEMA public TO public
        """
    )
    for statement in (
        "INSERT INTO orders VALUES (1)",
        "INSERT INTO items VALUES (1)",
        "UPDATE orders SET id = 1",
        "DELETE FROM items",
        "DELETE FROM orders",
    ):
        agent.execute(statement.encode())


def test_an_aggregate_is_the_functions_that_it_is_made_of(functions: Place, agent: psycopg.Connection) -> None:
    functions.database.sql(
        """
        CREATE AGGREGATE add(int) (sfunc = int4pl, stype = int, initcond = 0);
        CREATE FUNCTION keep(bigint, bigint) RETURNS bigint LANGUAGE sql AS 'SELECT setval(''taken'', $2)';
        CREATE AGGREGATE kept(bigint) (sfunc = keep, stype = bigint, initcond = 0);
        CREATE FUNCTION add_and_tell(int, int) RETURNS int LANGUAGE plpgsql AS
          'BEGIN RAISE NOTICE ''%'', $2; RETURN $1; END';
        CREATE AGGREGATE told(int) (sfunc = add_and_tell, stype = int, initcond = 0);
        """
    )
    assert rows(agent, "SELECT add(id) FROM teams") == rows(agent, "SELECT sum(id)::int FROM teams")
    for call in ("kept(age)", "told(age)"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            rows(agent, f"SELECT {call} FROM users")
