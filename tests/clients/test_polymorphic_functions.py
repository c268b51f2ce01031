"""Polymorphic functions in SQL pass by the names in their source: the server shows no tree of them."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.clients.people import Place

FUNCTIONS = """
CREATE TYPE word AS ENUM ('A%', 'x');
CREATE FUNCTION word_eq(word, word) RETURNS bool LANGUAGE sql STABLE AS
  'SELECT EXISTS (SELECT FROM users WHERE name LIKE $1::text)';
CREATE OPERATOR = (leftarg = word, rightarg = word, function = word_eq);

CREATE FUNCTION either(a anyelement, b anyelement DEFAULT 7) RETURNS anyelement LANGUAGE sql AS
  'SELECT coalesce(a, $2)';
CREATE FUNCTION least_of(VARIADIC anyarray) RETURNS anyelement LANGUAGE sql AS
  'SELECT min(m) FROM unnest($1) AS m';
CREATE FUNCTION twice(a anyelement, OUT b anyelement, OUT c anyarray) LANGUAGE sql AS
  'SELECT $1, ARRAY[$1, $1]';
CREATE FUNCTION titled(a anyelement) RETURNS TABLE (number int, title text) LANGUAGE sql AS
  'SELECT t.id, t.title FROM teams t WHERE t.id::text LIKE a::text';
CREATE FUNCTION added(anyarray, anyelement) RETURNS anyarray LANGUAGE sql AS 'SELECT $1 || $2';
CREATE AGGREGATE listed(anyelement) (sfunc = added, stype = anyarray, initcond = '{}');
CREATE FUNCTION is_among(a anyelement, b anyelement) RETURNS bool LANGUAGE sql AS 'SELECT $1 IN ($2)';

CREATE FUNCTION named(a anyelement) RETURNS text LANGUAGE sql AS
  'SELECT who FROM directory WHERE id::text LIKE $1::text';
CREATE FUNCTION named_step(text, anyelement) RETURNS text LANGUAGE sql AS 'SELECT max(who) FROM directory';
CREATE AGGREGATE names(anyelement) (sfunc = named_step, stype = text);
CREATE FUNCTION word_step(anyelement, int) RETURNS anyelement LANGUAGE sql AS
  'SELECT CASE WHEN $1 IN ($1) THEN $1 END';
CREATE FUNCTION word_end(word) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE moved(int) (sfunc = int4pl, stype = int, initcond = '0', msfunc = word_step, minvfunc = word_step,
  mstype = word, minitcond = 'A%', mfinalfunc = word_end);
CREATE FUNCTION by_default(a anyelement DEFAULT 'A%'::word) RETURNS bool LANGUAGE sql AS 'SELECT $1 IN ($1)';
CREATE FUNCTION through(a anyelement) RETURNS text LANGUAGE sql AS 'SELECT named($1)';
CREATE FUNCTION dotted(a anyelement) RETURNS text LANGUAGE sql AS 'SELECT (t).secret_of FROM teams t LIMIT 1';
CREATE FUNCTION secret_of(teams) RETURNS text LANGUAGE sql AS 'SELECT max(name::text) FROM users';
CREATE FUNCTION settle(a anyelement) RETURNS text LANGUAGE sql AS
  $$ SELECT set_config('client_min_messages', 'log', false) $$;
CREATE FUNCTION made(a anyelement) RETURNS int LANGUAGE sql AS 'SET debug_print_rewritten = off; SELECT 1';
CREATE FUNCTION escaped(a anyelement) RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM U&"u\\0073ers" $$;
CREATE FUNCTION changing(a anyelement) RETURNS text LANGUAGE sql AS $$ SELECT 'nothing' $$;
CREATE TABLE checked (id int CHECK (is_among(id, id)));
GRANT ALL ON checked TO public;
"""


@pytest.fixture(scope="module")
def functions(place: Place) -> Place:
    place.database.sql(FUNCTIONS)
    return place


@pytest.fixture
def agent(functions: Place) -> Iterator[psycopg.Connection]:
    with psycopg.connect(functions.masked, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize(
    "query",
    [
        "SELECT either(id), either(NULL, 2), either('a'::text, 'b') FROM teams ORDER BY id",
        "SELECT least_of(3, 1, 2), least_of(title, 'a') FROM teams ORDER BY title",
        "SELECT * FROM twice(1.5)",
        "SELECT (twice(title)).c FROM teams ORDER BY id",
        "SELECT * FROM titled(1)",
        "SELECT listed(id ORDER BY id), listed(DISTINCT title ORDER BY title) FROM teams",
        "SELECT id, listed(id) OVER (ORDER BY id) FROM teams",
        "SELECT id FROM users WHERE is_among(id, 2)",
    ],
)
def test_what_reaches_nothing_masked_is_exact(functions: Place, agent: psycopg.Connection, query: str) -> None:
    with psycopg.connect(functions.raw, autocommit=True) as direct:
        assert agent.execute(query.encode()).fetchall() == direct.execute(query.encode()).fetchall()


@pytest.mark.parametrize(
    ("query", "what"),
    [
        ("SELECT named(1)", "public.users."),
        ("SELECT either(name, name) FROM users", "public.users.name"),
        ("SELECT id FROM users WHERE is_among(name, 'Ada Lovelace')", "public.users.name"),
        ("SELECT listed(name) FROM users", "public.users.name"),
        ("SELECT names(id) FROM teams", "named_step"),
        ("SELECT id, names(id) OVER (ORDER BY id) FROM teams", "named_step"),
        ("SELECT is_among('A%'::word, 'x'::word)", "not built in"),
        ("SELECT is_among(ROW(1), ROW(1))", "not built in"),
        ("SELECT listed('x'::word) FROM teams", "not built in"),
        ("SELECT id, moved(id) OVER (ORDER BY id ROWS 1 PRECEDING) FROM teams", "not built in"),
        ("SELECT by_default()", "not built in"),
        ("SELECT through(1)", "calls named"),
        ("SELECT dotted(1)", "not built in"),
        ("SELECT settle(1)", "set_config"),
        ("SELECT made(1)", "no query"),
        ("SELECT escaped(1)", "u&"),
        ("INSERT INTO checked VALUES (1)", "runs by itself"),
    ],
)
def test_what_may_reach_a_masked_column_is_refused(agent: psycopg.Connection, query: str, what: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege) as refused:
        agent.execute(query.encode())
    assert what.lower() in f"{refused.value.diag.message_detail} {refused.value}".lower()


def test_code_is_that_of_now(functions: Place) -> None:
    with psycopg.connect(functions.masked, autocommit=True, prepare_threshold=0) as agent:
        assert agent.execute("SELECT changing(1)").fetchall() == [("nothing",)]
        functions.database.sql(
            "CREATE OR REPLACE FUNCTION changing(a anyelement) RETURNS text LANGUAGE sql AS"
            " 'SELECT max(name::text) FROM users'"
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            agent.execute("SELECT changing(1)")
