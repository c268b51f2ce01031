"""Code may run functions of users' that only make a value of their arguments: by name, behind operators and casts."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.clients.people import Place

FUNCTIONS = """
CREATE FUNCTION same(bigint, text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1::text = $2';
CREATE OPERATOR = (leftarg = bigint, rightarg = text, function = same);
CREATE TYPE level AS ENUM ('low', 'high');
CREATE FUNCTION level_eq(level, level) RETURNS bool LANGUAGE plpgsql AS
  $$ BEGIN RETURN EXISTS (SELECT FROM users WHERE name LIKE 'A%'); END $$;
CREATE OPERATOR = (leftarg = level, rightarg = level, function = level_eq);

CREATE FUNCTION half(n numeric) RETURNS numeric LANGUAGE plpgsql AS $$ BEGIN RETURN n / 2; END $$;
CREATE FUNCTION quarter(n numeric) RETURNS numeric LANGUAGE plpgsql AS $$ BEGIN RETURN half(half(n)); END $$;
CREATE FUNCTION is_even(n int) RETURNS bool LANGUAGE plpgsql AS
  $$ BEGIN IF n = 0 THEN RETURN true; END IF; RETURN is_odd(n - 1); END $$;
CREATE FUNCTION is_odd(n int) RETURNS bool LANGUAGE plpgsql AS
  $$ BEGIN IF n = 0 THEN RETURN false; END IF; RETURN is_even(n - 1); END $$;
CREATE FUNCTION equal_titles() RETURNS bigint LANGUAGE plpgsql AS
  $$ BEGIN RETURN (SELECT count(*) FROM teams WHERE title = 'north' AND quarter(id) < 9); END $$;
CREATE TABLE logged (id int, half numeric);
CREATE FUNCTION halve() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.half := half(NEW.id); RETURN NEW; END $$;
CREATE TRIGGER halve BEFORE INSERT ON logged FOR EACH ROW EXECUTE FUNCTION halve();

CREATE FUNCTION spy() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT max(name::text) FROM users); END $$;
CREATE FUNCTION spied() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN spy(); END $$;
CREATE FUNCTION spied_twice() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN spied(); END $$;
CREATE FUNCTION tell(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '%', $1; RETURN $1; END $$;
CREATE FUNCTION told() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN tell('x'); END $$;
CREATE FUNCTION by_default(t text DEFAULT spy()) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN t; END $$;
CREATE FUNCTION defaulted() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN by_default(); END $$;
CREATE FUNCTION checked(text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RETURN spy() LIKE $1; END $$;
CREATE DOMAIN seen AS text CHECK (checked(VALUE));
CREATE FUNCTION of_domain(t seen) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 'a'; END $$;
CREATE FUNCTION domained() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN of_domain('A%'); END $$;
CREATE FUNCTION query_to_xml(int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN $1; END $$;
CREATE FUNCTION exported() RETURNS xml LANGUAGE plpgsql AS
  $$ BEGIN RETURN query_to_xml('SELECT name FROM users', true, false, ''); END $$;
CREATE FUNCTION levels() RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RETURN 'low'::level = 'high'; END $$;
CREATE FUNCTION level_of(l level) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RETURN l = 'high'; END $$;
CREATE FUNCTION int_level(int, level) RETURNS bool LANGUAGE plpgsql AS
  $$ BEGIN RETURN EXISTS (SELECT FROM users WHERE name LIKE 'A%'); END $$;
CREATE OPERATOR = (leftarg = int, rightarg = level, function = int_level);
CREATE FUNCTION qualified(n int) RETURNS bool LANGUAGE plpgsql AS
  $$ BEGIN RETURN n OPERATOR(public.=) 'high'; END $$;
CREATE FUNCTION changing(int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 'nothing'; END $$;
CREATE FUNCTION changed() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN changing(1); END $$;
CREATE FUNCTION pairs(a point) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RETURN a ~~ 'x'; END $$;
GRANT ALL ON logged TO public;
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
        "SELECT quarter(id), is_even(id), is_odd(7) FROM teams ORDER BY id",
        "SELECT equal_titles()",
        "SELECT id FROM users WHERE plain_visits::bigint = '42'::text",
        "INSERT INTO logged VALUES (3) RETURNING id, half",
    ],
)
def test_what_only_makes_values_is_exact(functions: Place, agent: psycopg.Connection, query: str) -> None:
    with psycopg.connect(functions.raw, autocommit=True) as direct:
        assert agent.execute(query.encode()).fetchall() == direct.execute(query.encode()).fetchall()


@pytest.mark.parametrize(
    "query",
    [
        "SELECT spied()",
        "SELECT spied_twice()",
        "SELECT tell(name::text) FROM users",
        "SELECT defaulted()",
        "SELECT domained()",
        "SELECT exported()",
        "SELECT levels()",
        "SELECT level_of('low')",
        "SELECT qualified(1)",
        "SELECT quarter(salary) FROM users",
        "SELECT id FROM users WHERE quarter(salary) > 1",
    ],
)
def test_what_may_do_more_is_refused(agent: psycopg.Connection, query: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        agent.execute(query.encode())


def test_an_operator_with_no_built_in_of_its_name_counts_always(functions: Place) -> None:
    with psycopg.connect(functions.masked, autocommit=True) as agent:
        agent.execute("SELECT quarter(4)")
        functions.database.sql(
            """
            CREATE FUNCTION point_like(point, level) RETURNS bool LANGUAGE plpgsql AS
              $$ BEGIN RETURN EXISTS (SELECT FROM users WHERE name LIKE 'A%'); END $$;
            CREATE OPERATOR ~~ (leftarg = point, rightarg = level, function = point_like);
            """
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege):  # point ~~ 'x' is that operator
            agent.execute("SELECT pairs('(1,2)')")
        functions.database.sql("DROP OPERATOR ~~ (point, level); CREATE CAST (int AS level) WITH INOUT AS IMPLICIT")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):  # integer values may become operands of level = level
            agent.execute("SELECT equal_titles()")
        functions.database.sql("DROP CAST (int AS level)")
        assert agent.execute("SELECT equal_titles()").fetchall()


def test_code_is_that_of_now(functions: Place) -> None:
    with psycopg.connect(functions.masked, autocommit=True, prepare_threshold=0) as agent:
        assert agent.execute("SELECT changed()").fetchall() == [("nothing",)]
        functions.database.sql(
            "CREATE OR REPLACE FUNCTION changing(int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN spy(); END $$"
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            agent.execute("SELECT changed()")
        functions.database.sql(
            "CREATE OR REPLACE FUNCTION changing(int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 'b'; END $$"
        )
        assert agent.execute("SELECT changed()").fetchall() == [("b",)]
        functions.database.sql("CREATE FUNCTION seen.changing(int) RETURNS text LANGUAGE sql AS 'SELECT public.spy()'")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            agent.execute("SELECT changed()")
