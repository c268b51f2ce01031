"""Functions and triggers in PL/pgSQL that call others: what those reach counts as theirs."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.clients.people import Place

CODE = """
CREATE SCHEMA apart;
CREATE TABLE steps (id int, said text);
CREATE TABLE kept (id int, said text);
CREATE FUNCTION twice(int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 2 * $1; END $$;
CREATE FUNCTION four_times(int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN twice(twice($1)); END $$;
CREATE FUNCTION factorial_of(n int) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN
  RETURN CASE WHEN n <= 1 THEN 1 ELSE n * factorial_of(n - 1) END; END $$;
CREATE FUNCTION keep(int, text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO kept VALUES ($1, $2); RETURN upper($2); END $$;
CREATE FUNCTION keep_all() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN
  PERFORM keep(id, title) FROM teams; RETURN (SELECT count(*) FROM kept); END $$;

CREATE FUNCTION leaks() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT max(name::text) FROM users); END $$;
CREATE FUNCTION second() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN leaks(); END $$;
CREATE FUNCTION third() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN lower(second()); END $$;
CREATE FUNCTION ping(n int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
  IF n = 0 THEN RETURN ''; END IF; RETURN pong(n - 1); END $$;
CREATE FUNCTION pong(n int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
  IF n = 0 THEN RETURN (SELECT max(name::text) FROM users); END IF; RETURN ping(n - 1); END $$;
CREATE FUNCTION innocent(int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN $1; END $$;
CREATE FUNCTION apart.innocent(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
  RETURN (SELECT max(name::text) FROM users); END $$;
CREATE FUNCTION by_name() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN innocent(1); END $$;
CREATE FUNCTION secret(teams) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
  RETURN (SELECT max(name::text) FROM users); END $$;
CREATE FUNCTION dotted() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT max(t.secret) FROM teams t); END $$;
CREATE FUNCTION run(text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE r text; BEGIN EXECUTE $1 INTO r; RETURN r; END $$;
CREATE FUNCTION runs(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN run($1); END $$;
CREATE FUNCTION runs_itself(text, n int) RETURNS text LANGUAGE plpgsql AS $$ DECLARE r text; BEGIN
  IF n > 0 THEN RETURN runs_itself('SELECT max(name::text) FROM users', 0); END IF;
  EXECUTE $1 INTO r; RETURN r; END $$;
CREATE FUNCTION in_sql() RETURNS text LANGUAGE sql AS 'SELECT max(name::text) FROM users';
CREATE FUNCTION calls_sql() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN in_sql(); END $$;
CREATE FUNCTION defaulted(text DEFAULT in_sql()) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN $1; END $$;
CREATE FUNCTION by_default() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN defaulted(); END $$;
CREATE FUNCTION settles() RETURNS text LANGUAGE plpgsql AS $$ BEGIN
  RETURN set_config('client_min_messages', 'log', false); END $$;
CREATE FUNCTION calls_settles() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN settles(); END $$;
CREATE FUNCTION pg_read_file(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN ''; END $$;
CREATE FUNCTION reads_file() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN pg_read_file('PG_VERSION'); END $$;
CREATE FUNCTION says(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE NOTICE '%', $1; RETURN $1; END $$;
CREATE FUNCTION says_so(int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN says($1) > 0; END $$;
CREATE TABLE checked (id int, CHECK (says_so(id)));

CREATE TABLE logged (id int, said text);
CREATE FUNCTION log_it() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE it ALIAS FOR NEW; BEGIN
  it.said := keep(it.id, it.said); RETURN it; END $$;
CREATE TRIGGER t BEFORE INSERT ON logged FOR EACH ROW EXECUTE FUNCTION log_it();
CREATE TABLE told (id int, said text);
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.said := second(); RETURN NEW; END $$;
CREATE TRIGGER t BEFORE INSERT ON told FOR EACH ROW EXECUTE FUNCTION tell();
CREATE TABLE aliased (id int, said text);
CREATE FUNCTION alias_it() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE it ALIAS FOR NEW; BEGIN
  NEW.said := (SELECT max(it.name::text) FROM users it); RETURN NEW; END $$;
CREATE TRIGGER t BEFORE INSERT ON aliased FOR EACH ROW EXECUTE FUNCTION alias_it();
CREATE TABLE late (id int);
CREATE FUNCTION look() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
  IF EXISTS (SELECT FROM kept WHERE said LIKE 'A%') THEN RAISE EXCEPTION 'yes'; END IF; END $$;
CREATE FUNCTION look_late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM look(); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER t AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION look_late();
CREATE FUNCTION judge(text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
  IF $1 LIKE 'A%' THEN RAISE EXCEPTION 'no'; END IF; END $$;
CREATE FUNCTION judge_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  PERFORM judge(NEW.name::text); RETURN NULL; END $$;
CREATE TRIGGER judge AFTER UPDATE ON users FOR EACH ROW EXECUTE FUNCTION judge_row();
GRANT USAGE ON SCHEMA apart TO public;
GRANT ALL ON ALL TABLES IN SCHEMA public TO public;
"""


@pytest.fixture(scope="module")
def calls(place: Place) -> Place:
    place.database.sql(CODE)
    return place


@pytest.fixture
def agent(calls: Place) -> Iterator[psycopg.Connection]:
    with psycopg.connect(calls.masked, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT four_times(3)",
        "SELECT factorial_of(5)",
        "SELECT keep_all() > 0",
        "SELECT four_times(id) FROM users ORDER BY id",
        "INSERT INTO logged VALUES (1, 'so') RETURNING said",
    ],
)
def test_what_reaches_nothing_masked_is_exact(calls: Place, agent: psycopg.Connection, statement: str) -> None:
    with psycopg.connect(calls.raw, autocommit=True) as direct:
        assert agent.execute(statement.encode()).fetchall() == direct.execute(statement.encode()).fetchall()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT second()",
        "SELECT third()",
        "SELECT ping(3)",
        "SELECT ping(0), pong(1)",
        "SELECT by_name()",
        "SELECT dotted()",
        "SELECT runs('SELECT 1')",
        "SELECT runs_itself('SELECT 1', 1)",
        "SELECT calls_sql()",
        "SELECT by_default()",
        "SELECT calls_settles()",
        "SELECT reads_file()",
        "SELECT keep(id, name::text) FROM users",
        "SELECT four_times(age) FROM users",
        "INSERT INTO checked VALUES (1)",
        "INSERT INTO told VALUES (1) RETURNING said",
        "INSERT INTO late VALUES (1)",
        "INSERT INTO aliased VALUES (1) RETURNING said",
        "UPDATE users SET id = id",
    ],
)
def test_what_may_reach_a_masked_column_is_refused(agent: psycopg.Connection, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        agent.execute(statement.encode())


def test_code_that_is_called_is_that_of_now(calls: Place) -> None:
    with psycopg.connect(calls.masked, autocommit=True, prepare_threshold=0) as agent:
        for change in (
            "CREATE OR REPLACE FUNCTION inner_one(int) RETURNS text LANGUAGE plpgsql AS"
            " 'BEGIN RETURN (SELECT max(name::text) FROM users); END'",
            "CREATE FUNCTION apart.inner_one(text) RETURNS text LANGUAGE plpgsql AS"
            " 'BEGIN RETURN (SELECT max(name::text) FROM users); END'",
        ):
            calls.database.sql(
                "DROP FUNCTION IF EXISTS inner_one, outer_one;"
                "CREATE FUNCTION inner_one(int) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';"
                "CREATE FUNCTION outer_one(int) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN inner_one($1); END'"
            )
            assert agent.execute("SELECT outer_one(1)").fetchall() == [("1",)]
            assert agent.execute("SELECT outer_one(1)").fetchall() == [("1",)]
            calls.database.sql(change)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                agent.execute("SELECT outer_one(1)")
            agent.execute("DEALLOCATE ALL")


def test_a_temporary_table_under_a_name_in_called_code(agent: psycopg.Connection) -> None:
    agent.execute("BEGIN")
    agent.execute("DECLARE c CURSOR FOR SELECT keep_all() FROM generate_series(1, 2)")
    agent.execute("CREATE TEMP TABLE kept AS SELECT id, name::text AS said FROM users")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        agent.execute("FETCH c")
