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
