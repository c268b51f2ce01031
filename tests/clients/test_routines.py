"""PL/pgSQL functions pass where all that they can reach is known and nothing of it is masked."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.clients.people import Place

FUNCTIONS = """
CREATE SCHEMA other;
CREATE TABLE other.teams_copy (id int, title text);
CREATE TABLE visits (id int, place text);
CREATE VIEW people AS SELECT id, name FROM users;
CREATE VIEW places AS SELECT id, place FROM visits;
CREATE TABLE ruled (id int, said text);
CREATE RULE other AS ON INSERT TO ruled DO INSTEAD UPDATE users SET id = id RETURNING id, name::text;
CREATE TABLE watched (id int);
CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF EXISTS (SELECT FROM users WHERE name LIKE 'A%') THEN RAISE EXCEPTION 'some'; END IF; RETURN NEW; END $$;
CREATE TRIGGER watch BEFORE INSERT ON watched FOR EACH ROW EXECUTE FUNCTION watch();
CREATE TABLE parent (id int);
CREATE TABLE child (salary int) INHERITS (parent);

CREATE TYPE pair_of AS (a int, b int);
CREATE DOMAIN ordered AS pair_of CHECK ((VALUE).a < (VALUE).b);

CREATE FUNCTION plus(a int, b int DEFAULT 1) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
  $$ DECLARE c ALIAS FOR $1; BEGIN RETURN c + b; END $$;
CREATE FUNCTION echo(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '%', $1; RETURN $1; END $$;
CREATE FUNCTION titles(n int) RETURNS TABLE (number int, title text) LANGUAGE plpgsql AS $$ BEGIN
  FOR number, title IN SELECT t.id, t.title FROM teams t WHERE t.id <= n ORDER BY t.id LOOP RETURN NEXT; END LOOP;
  RETURN QUERY SELECT 0, 'none'; END $$;
CREATE FUNCTION visit(p text, OUT number int) LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO visits VALUES (1, p) RETURNING id INTO number; END $$;
CREATE FUNCTION all_places() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT count(*) FROM places); END $$;
CREATE FUNCTION likes(text, text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN
  RAISE NOTICE '%', $1; RETURN $1 = $2; END $$;
CREATE OPERATOR <~> (leftarg = text, rightarg = text, function = likes);

CREATE FUNCTION named(n int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
  RETURN (SELECT u.name FROM users u WHERE u.id = n); END $$;
CREATE FUNCTION counted() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT count(*) FROM users); END $$;
CREATE FUNCTION seen() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT max(name::text) FROM people); END $$;
CREATE FUNCTION row_of() RETURNS users LANGUAGE plpgsql AS $$ DECLARE r users%ROWTYPE; BEGIN
  SELECT * INTO r FROM users LIMIT 1; RETURN r; END $$;
CREATE FUNCTION any_table(t text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE r text; BEGIN
  EXECUTE format('SELECT max(name::text) FROM %I', t) INTO r; RETURN r; END $$;
CREATE FUNCTION all_of(t text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN
  RETURN QUERY EXECUTE 'SELECT name::text FROM ' || t; END $$;
CREATE FUNCTION xml_of(t regclass) RETURNS xml LANGUAGE plpgsql AS $$ BEGIN
  RETURN table_to_xml(t, true, false, ''); END $$;
CREATE FUNCTION cursor_of() RETURNS refcursor LANGUAGE plpgsql AS $$ DECLARE c refcursor := 'c'; BEGIN
  OPEN c FOR SELECT id FROM teams; RETURN c; END $$;
CREATE FUNCTION settle() RETURNS text LANGUAGE plpgsql AS $$ BEGIN
  RETURN set_config('client_min_messages', 'log', false); END $$;
CREATE FUNCTION quiet() RETURNS int LANGUAGE plpgsql AS $$ BEGIN SET debug_print_rewritten = off; RETURN 1; END $$;
CREATE FUNCTION through() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN named(1); END $$;
CREATE FUNCTION dotted() RETURNS text LANGUAGE plpgsql AS $$ DECLARE r record; BEGIN
  SELECT t AS t INTO r FROM teams t; RETURN (SELECT (x).secret_of FROM teams x LIMIT 1); END $$;
CREATE FUNCTION secret_of(teams) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
  RETURN (SELECT max(name::text) FROM users); END $$;
CREATE FUNCTION statistics() RETURNS text LANGUAGE plpgsql AS $$ BEGIN
  RETURN (SELECT max(most_common_vals::text) FROM pg_stats); END $$;
CREATE FUNCTION activity() RETURNS text LANGUAGE plpgsql AS $$ BEGIN
  RETURN (SELECT string_agg(query, '') FROM pg_stat_get_activity(NULL)); END $$;
CREATE FUNCTION statements() RETURNS text LANGUAGE plpgsql AS $$ BEGIN
  RETURN (SELECT string_agg(statement, '') FROM pg_prepared_statement()); END $$;
CREATE FUNCTION words(t text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN (t).ts_stat; END $$;
CREATE FUNCTION anyone() RETURNS text LANGUAGE sql AS 'SELECT max(name::text) FROM users';
CREATE TABLE greeted (id int, whom text DEFAULT anyone());
CREATE FUNCTION by_default() RETURNS text LANGUAGE plpgsql AS $$ DECLARE s text; BEGIN
  INSERT INTO greeted VALUES (1) RETURNING whom INTO s; RETURN s; END $$;
CREATE FUNCTION by_rule() RETURNS text LANGUAGE plpgsql AS $$ DECLARE s text; BEGIN
  INSERT INTO ruled VALUES (1, 'x') RETURNING said INTO s; RETURN s; END $$;
CREATE FUNCTION caught() RETURNS text LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO watched VALUES (1); RETURN 'none'; EXCEPTION WHEN OTHERS THEN RETURN SQLERRM; END $$;
CREATE FUNCTION of_teams() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT count(*) FROM teams_copy); END $$;
CREATE FUNCTION changing() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 'nothing'; END $$;
GRANT USAGE ON SCHEMA other TO public;
GRANT ALL ON ALL TABLES IN SCHEMA public, other TO public;
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
    "call",
    [
        "SELECT plus(id), plus(1, b => 2) FROM teams ORDER BY id",
        "SELECT echo(title) FROM teams ORDER BY id",
        "SELECT * FROM titles(1)",
        "SELECT number FROM visit('here')",
        "SELECT all_places() >= 0",
        "SELECT '(1,2)'::ordered::text",
        "SELECT id FROM teams WHERE title <~> 'north'",
        "SELECT id FROM users WHERE plus(id, 1) = 2",
    ],
)
def test_what_reaches_nothing_masked_is_exact(functions: Place, agent: psycopg.Connection, call: str) -> None:
    with psycopg.connect(functions.raw, autocommit=True) as direct:
        assert agent.execute(call.encode()).fetchall() == direct.execute(call.encode()).fetchall()


@pytest.mark.parametrize(
    ("call", "what"),
    [
        ("SELECT named(1)", "public.users."),
        ("SELECT counted()", "public.users."),
        ("SELECT seen()", "public.users."),
        ("SELECT row_of()", "public.users."),
        ("SELECT echo(name::text) FROM users", "public.users.name"),
        ("SELECT plus(age) FROM users", "public.users.age"),
        ("SELECT visit(name::text) FROM users", "public.users.name"),
        ("SELECT id FROM users WHERE name::text <~> 'Ada Lovelace'", "public.users.name"),
        ("SELECT id FROM users WHERE name = echo('Ada Lovelace')", "public.users.name"),
        ("SELECT any_table('users')", "executes"),
        ("SELECT * FROM all_of('users')", "executes"),
        ("SELECT xml_of('users')", "table_to_xml"),
        ("SELECT cursor_of()", "open"),
        ("SELECT settle()", "set_config"),
        ("SELECT quiet()", "no query"),
        ("SELECT through()", "public.users."),
        ("SELECT dotted()", "public.users."),
        ("SELECT statistics()", "pg_stats"),
        ("SELECT activity()", "pg_stat_get_activity"),
        ("SELECT statements()", "pg_prepared_statement"),
        ("SELECT words('SELECT to_tsvector(name) FROM users')", "ts_stat"),
        ("SELECT by_default()", "defaults"),
        ("SELECT by_rule()", "rules"),
        ("SELECT caught()", "public.users."),
    ],
)
def test_what_may_reach_a_masked_column_is_refused(agent: psycopg.Connection, call: str, what: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege) as refused:
        agent.execute(call.encode())
    assert what.lower() in f"{refused.value.diag.message_detail} {refused.value}".lower()


def test_code_and_names_are_those_of_now(functions: Place) -> None:
    with psycopg.connect(functions.masked, autocommit=True, prepare_threshold=0) as agent:
        agent.execute("SET search_path = public, other")
        assert agent.execute("SELECT changing()").fetchall() == [("nothing",)]
        functions.database.sql(
            "CREATE OR REPLACE FUNCTION changing() RETURNS text LANGUAGE plpgsql AS"
            " $$ BEGIN RETURN (SELECT max(name::text) FROM users); END $$"
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            agent.execute("SELECT changing()")
        assert agent.execute("SELECT of_teams()").fetchall()
        agent.execute("CREATE TEMP TABLE teams_copy AS SELECT name FROM users")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="temporary"):
            agent.execute("SELECT of_teams()")
        agent.execute("DROP TABLE teams_copy")
        assert agent.execute("SELECT of_teams()").fetchall()
        functions.database.sql("CREATE VIEW public.teams_copy AS SELECT name FROM users")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            agent.execute("SELECT of_teams()")
        functions.database.sql("DROP VIEW public.teams_copy")


def test_casts_and_operators_of_own_types_count_where_such_values_are(functions: Place) -> None:
    functions.database.sql(
        """
        CREATE TYPE shade AS ENUM ('dark', 'light');
        CREATE TYPE tint AS ENUM ('red');
        CREATE TABLE shades (s shade);
        CREATE TABLE two (a int);
        INSERT INTO two VALUES (1);
        INSERT INTO shades VALUES ('dark');
        CREATE FUNCTION spy(int) RETURNS shade LANGUAGE plpgsql AS
          $$ BEGIN RETURN (SELECT 'dark' FROM users WHERE name LIKE 'A%'); END $$;
        CREATE CAST (int AS shade) WITH FUNCTION spy(int) AS IMPLICIT;
        CREATE FUNCTION spy_row(two) RETURNS tint LANGUAGE plpgsql AS
          $$ BEGIN RETURN (SELECT 'red' FROM users LIMIT 1); END $$;
        CREATE FUNCTION of_param(shade) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RETURN $1 IN (1); END $$;
        CREATE FUNCTION of_any(anyelement) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN $1; END $$;
        CREATE FUNCTION of_name() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 1::shade::text; END $$;
        CREATE FUNCTION of_array() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN ('{dark}'::shade[])[1]; END $$;
        CREATE FUNCTION of_column() RETURNS bigint LANGUAGE plpgsql AS
          $$ BEGIN RETURN (SELECT count(*) FROM shades WHERE s IN (1)); END $$;
        CREATE FUNCTION of_result() RETURNS shade LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$;
        CREATE FUNCTION of_out(OUT x shade) LANGUAGE plpgsql AS $$ BEGIN x := 1; END $$;
        CREATE FUNCTION of_row() RETURNS text LANGUAGE plpgsql AS
          $$ DECLARE r two; BEGIN SELECT * INTO r FROM two; RETURN two FROM two; END $$;
        CREATE DOMAIN small AS int CHECK (VALUE < 9);
        CREATE FUNCTION of_domain(pair_of, s small DEFAULT 2) RETURNS small LANGUAGE plpgsql AS
          $$ DECLARE t small; p pair_of; BEGIN t := $1.b + s; RETURN t; END $$;
        CREATE TABLE with_shade (id int, s shade);
        CREATE TABLE without_shade (id int, s text);
        CREATE FUNCTION on_write() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.s := 1; RETURN NEW; END $$;
        CREATE TRIGGER t BEFORE INSERT ON with_shade FOR EACH ROW EXECUTE FUNCTION on_write();
        CREATE TRIGGER t BEFORE INSERT ON without_shade FOR EACH ROW EXECUTE FUNCTION on_write();
        GRANT ALL ON ALL TABLES IN SCHEMA public TO public;
        """
    )
    calls = (
        "of_param('dark')",
        "of_any('dark'::shade)",
        "of_any(ROW(1))",
        "of_name()",
        "of_array()",
        "of_column()",
        "of_result()",
        "of_out()",
    )
    with psycopg.connect(functions.masked, autocommit=True) as agent:
        assert agent.execute("SELECT plus(1)").fetchall() == [(2,)]
        assert agent.execute("SELECT of_row(), of_any(1)").fetchall() == [("(1)", "1")]
        assert agent.execute("SELECT of_domain('(1,2)')").fetchall() == [(4,)]
        assert agent.execute("INSERT INTO without_shade VALUES (1) RETURNING s").fetchall() == [("1",)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            agent.execute("INSERT INTO with_shade VALUES (1) RETURNING s")
        for call in calls:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                agent.execute(f"SELECT {call}".encode())
        # An operand is cast to a type that the source does not name.
        functions.database.sql(
            """
            CREATE FUNCTION differ(int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RETURN $1 === 1.5; END $$;
            CREATE FUNCTION harmless(shade, numeric) RETURNS bool LANGUAGE internal AS 'texteq';
            CREATE OPERATOR === (leftarg = shade, rightarg = numeric, function = harmless);
            """
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            agent.execute("SELECT differ(1)")
        functions.database.sql("DROP OPERATOR === (shade, numeric); DROP FUNCTION harmless")
        assert agent.execute("SELECT plus(1)").fetchall() == [(2,)]
        # The row type of a table.
        functions.database.sql("CREATE CAST (two AS tint) WITH FUNCTION spy_row(two)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            agent.execute("SELECT of_row()")
        functions.database.sql("DROP CAST (two AS tint); DROP CAST (int AS shade)")
