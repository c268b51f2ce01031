"""SQL that functions make of constants and execute is decided as a statement of its own."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.clients.people import Place

CODE = """
CREATE TABLE sights (id int, place text);
INSERT INTO sights VALUES (1, 'here'), (2, 'there');
CREATE TABLE "Odd Name" (id int);
INSERT INTO "Odd Name" VALUES (7);
CREATE VIEW known AS SELECT id, name FROM users;
CREATE FUNCTION explained(text) RETURNS SETOF text LANGUAGE plpgsql AS $$ DECLARE line text; BEGIN
  FOR line IN EXECUTE format('EXPLAIN (COSTS off) %s', $1) LOOP RETURN NEXT line; END LOOP; END $$;
CREATE FUNCTION run(q text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE r text; BEGIN
  EXECUTE q INTO r; RETURN r; END $$;
CREATE FUNCTION run(q text, other text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE r text; BEGIN
  EXECUTE other INTO r; RETURN r || q; END $$;
CREATE FUNCTION tried(q text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE r text; BEGIN
  EXECUTE q INTO r; RETURN 'none'; EXCEPTION WHEN OTHERS THEN RETURN SQLERRM; END $$;
CREATE FUNCTION top(t text, n int, is_loud boolean DEFAULT false) RETURNS SETOF int LANGUAGE plpgsql AS $$
  DECLARE q text; BEGIN q := 'SELECT id FROM ' || quote_ident(t) || ' ORDER BY id LIMIT ' || n;
  IF is_loud THEN RAISE NOTICE 'top'; END IF; RETURN QUERY EXECUTE q; END $$;
CREATE FUNCTION at(p text) RETURNS bigint LANGUAGE plpgsql AS $$ DECLARE r bigint; BEGIN
  EXECUTE format('SELECT count(*) FROM %I WHERE %2$I = %3$L', 'sights', 'place', p) INTO r; RETURN r; END $$;
CREATE FUNCTION again(q text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE r text; BEGIN
  q := 'SELECT max(name::text) FROM users'; EXECUTE q INTO r; RETURN r; END $$;
CREATE FUNCTION hidden(q text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE r text; BEGIN
  DECLARE q text := 'SELECT max(name::text) FROM users'; BEGIN EXECUTE q INTO r; END; RETURN r; END $$;
CREATE FUNCTION other_name(q text, p text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE r text; BEGIN
  DECLARE q ALIAS FOR $2; BEGIN EXECUTE q INTO r; END; RETURN r; END $$;
CREATE FUNCTION stored() RETURNS text LANGUAGE plpgsql AS $$ DECLARE r text; q text := 'SELECT 1'; BEGIN
  SELECT place INTO q FROM sights LIMIT 1; EXECUTE q INTO r; RETURN r; END $$;
CREATE FUNCTION of_error(q text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE r text; BEGIN
  RAISE EXCEPTION '%', q; EXCEPTION WHEN OTHERS THEN EXECUTE SQLERRM INTO r; RETURN r; END $$;
CREATE FUNCTION by_using(q text, v text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE r text; BEGIN
  EXECUTE q INTO r USING v; RETURN r; END $$;
CREATE FUNCTION owned(q text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$ DECLARE r text; BEGIN
  EXECUTE q INTO r; RETURN r; END $$;
CREATE FUNCTION elsewhere(q text) RETURNS text LANGUAGE plpgsql SET search_path = other_place AS $$ DECLARE r text;
  BEGIN EXECUTE q INTO r; RETURN r; END $$;
CREATE FUNCTION by_default(q text DEFAULT 'SELECT max(name::text) FROM users') RETURNS text LANGUAGE plpgsql AS $$
  DECLARE r text; BEGIN EXECUTE q INTO r; RETURN r; END $$;
CREATE FUNCTION inside() RETURNS text LANGUAGE sql AS $$ SELECT run('SELECT 1') $$;
CREATE FUNCTION step(text, text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE r text; BEGIN
  EXECUTE $2 INTO r; RETURN r; END $$;
CREATE AGGREGATE ran(text) (sfunc = step, stype = text);
CREATE OPERATOR <!> (rightarg = text, function = run);
CREATE VIEW runs AS SELECT run('SELECT max(place) FROM sights') AS r;
CREATE VIEW runs_masked AS SELECT run('SELECT max(name::text) FROM users') AS r;
CREATE SCHEMA other_place CREATE VIEW sights AS SELECT id, name::text AS place FROM public.users;
GRANT USAGE ON SCHEMA other_place TO public;
GRANT ALL ON ALL TABLES IN SCHEMA public, other_place TO public;
"""


@pytest.fixture(scope="module")
def texts(place: Place) -> Place:
    place.database.sql(CODE)
    return place


@pytest.fixture
def agent(texts: Place) -> Iterator[psycopg.Connection]:
    with psycopg.connect(texts.masked, autocommit=True) as connection:
        yield connection


PASSES = (
    "SELECT * FROM explained('SELECT place FROM sights WHERE id = 1')",
    "SELECT run('SELECT max(place) FROM sights'), run('SELECT ''%'' || count(*) FROM users')",
    "SELECT run('x', 'SELECT place FROM sights ORDER BY id')",
    "SELECT tried('SELECT 1 / (id - 1) FROM sights')",
    "SELECT * FROM top('Odd Name', 3) a, top('sights', 1, true) b",
    "SELECT at('here'), at('it''s'), at('a\\b')",
    "SELECT * FROM runs",
    "SELECT run('SELECT max(id) FROM users')",
    "SELECT * FROM ts_stat('SELECT to_tsvector(''simple'', place) FROM sights') ORDER BY word",
)


@pytest.mark.parametrize("statement", PASSES)
def test_what_uses_nothing_masked_is_exact(texts: Place, agent: psycopg.Connection, statement: str) -> None:
    with psycopg.connect(texts.raw, autocommit=True) as direct:
        assert agent.execute(statement.encode()).fetchall() == direct.execute(statement.encode()).fetchall()


NAMES = "SELECT max(name::text) FROM users"


@pytest.mark.parametrize(
    "statement",
    [
        f"SELECT run('{NAMES}')",
        "SELECT run('SELECT id FROM users ORDER BY name LIMIT 1')",
        "SELECT run('SELECT count(*) FROM users WHERE name LIKE ''A%''')",
        "SELECT run('SELECT u::text FROM users u')",
        "SELECT run('SELECT max(name::text) FROM known')",
        r"SELECT run(E'SELECT max(n\x61me::text) FROM users')",
        r"SELECT run('SELECT max(U&" "n\0061me" "::text) FROM users')",
        f"SELECT run('x', '{NAMES}')",
        f"SELECT run(q => '{NAMES}')",
        f"SELECT run('SELECT 1', other => '{NAMES}')",
        f"SELECT * FROM explained('{NAMES}')",
        "SELECT tried('SELECT 1 / (ascii(name::text) - 65) FROM users')",
        "SELECT tried('UPDATE users SET id = id')",
        "SELECT * FROM top('users', 1) t, run('SELECT name::text FROM users') r",
        "SELECT * FROM ts_stat('SELECT to_tsvector(name::text) FROM users')",
        "SELECT ts_rewrite('a'::tsquery, 'SELECT ''a''::tsquery, plainto_tsquery(name::text) FROM users')",
        "SELECT query_to_xml('SELECT name FROM users', true, false, '')",
        "SELECT query_to_xml('SELECT 1; SELECT name FROM users', true, false, '')",
        "SELECT r FROM runs_masked",
        f"SELECT again('SELECT 1'), '{NAMES}'",
        "SELECT hidden('SELECT 1')",
        f"SELECT other_name('SELECT 1', '{NAMES}')",
        "SELECT stored()",
        f"SELECT of_error('{NAMES}')",
        "SELECT by_using('SELECT $1', 'x')",
        "SELECT owned('SELECT 1')",
        "SELECT elsewhere('SELECT max(place) FROM sights')",
        "SELECT by_default()",
        "SELECT inside()",
        f"SELECT run('SELECT run(''{NAMES}'')')",
        "SELECT run('SELECT run(''SELECT 1'')')",
        f"SELECT ran('{NAMES}')",
        f"SELECT <!> '{NAMES}'",
        "SELECT run(place) FROM sights",
        "SELECT run('SELECT ' || 1)",
        f"SELECT run('SELECT 1; {NAMES}')",
        "SELECT run('CREATE TABLE made AS SELECT name FROM users')",
        "SELECT run('COPY users TO STDOUT')",
        "SELECT run('SET search_path = other_place')",
        "SELECT run('DO $x$ BEGIN END $x$')",
        "SELECT run('EXECUTE q')",
        "SELECT * FROM explained('EXECUTE q')",
        "SELECT run('SELECT set_config(''search_path'', ''other_place'', false)')",
        "SELECT set_config('search_path', 'other_place, public', false), run('SELECT max(place) FROM sights')",
        "SELECT run('SELECT pg_read_file(''PG_VERSION'')')",
    ],
)
def test_what_may_use_a_masked_column_is_refused(agent: psycopg.Connection, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        agent.execute(statement.encode())


def test_a_parameter_is_no_constant(agent: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        agent.execute("SELECT run(%s::text)", ["SELECT 1"])


def test_names_in_a_text_are_those_of_now(texts: Place, agent: psycopg.Connection) -> None:
    call = "SELECT run('SELECT max(place) FROM sights')"
    assert agent.execute(call.encode()).fetchall() == [("there",)]
    agent.execute("SET search_path = other_place, public")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        agent.execute(call.encode())
    agent.execute("SET search_path = public")
    assert agent.execute(call.encode()).fetchall() == [("there",)]
    agent.execute("CREATE TEMP TABLE sights AS SELECT name::text AS place FROM users")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        agent.execute(call.encode())


def test_it_is_looked_at_again_each_time_it_runs(texts: Place) -> None:
    call = b"SELECT run('SELECT max(place) FROM sights')"
    shadow = b"CREATE TEMP TABLE sights AS SELECT name::text AS place FROM users"
    with psycopg.connect(texts.masked, autocommit=True, prepare_threshold=0) as agent:
        assert agent.execute(call).fetchall() == [("there",)]
        agent.execute(shadow)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            agent.execute(call)
    with psycopg.connect(texts.masked) as agent:
        agent.execute(b"DECLARE c CURSOR FOR " + call)
        agent.execute(shadow)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            agent.execute("FETCH c")


def test_a_changed_function_counts(texts: Place) -> None:
    with psycopg.connect(texts.masked, autocommit=True, prepare_threshold=0) as agent:
        texts.database.sql("CREATE FUNCTION changes(q text) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'")
        assert agent.execute(f"SELECT changes('{NAMES}')".encode()).fetchall() == [(1,)]
        texts.database.sql(
            "CREATE OR REPLACE FUNCTION changes(q text) RETURNS int LANGUAGE plpgsql AS"
            " 'DECLARE r int; BEGIN EXECUTE q INTO r; RETURN r; END'"
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            agent.execute(f"SELECT changes('{NAMES}')".encode())


def test_what_a_text_writes_is_written(agent: psycopg.Connection) -> None:
    assert agent.execute("SELECT run('INSERT INTO sights VALUES (3, ''far'') RETURNING place')").fetchall() == [
        ("far",)
    ]
    assert agent.execute("SELECT run('DELETE FROM sights WHERE id = 3 RETURNING id')").fetchall() == [("3",)]
