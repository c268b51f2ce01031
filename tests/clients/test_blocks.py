"""DO passes where its code reaches nothing but the server's own relations, and no secret of those."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import ClientCursor, errors

from tests.clients.people import Place

OBJECTS = """
CREATE TABLE visits (id int, place text);
CREATE VIEW people AS SELECT id, name FROM users;
CREATE FUNCTION anyone() RETURNS text LANGUAGE sql AS 'SELECT max(name::text) FROM users';
GRANT ALL ON ALL TABLES IN SCHEMA public TO public;
GRANT CREATE ON SCHEMA public TO public;
"""


@pytest.fixture(scope="module")
def objects(place: Place) -> Place:
    place.database.sql(OBJECTS)
    return place


@pytest.fixture(params=["simple", "extended"])
def agent(objects: Place, request: pytest.FixtureRequest) -> Iterator[psycopg.Connection]:
    factory = ClientCursor if request.param == "simple" else psycopg.Cursor
    with psycopg.connect(objects.masked, autocommit=True, cursor_factory=factory) as connection:
        yield connection


def said(connection: psycopg.Connection, code: str) -> list[str]:
    """The notices of a block."""
    notices: list[str] = []
    connection.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
    connection.execute(f"DO $do$ {code} $do$".encode())
    return notices


@pytest.mark.parametrize(
    ("code", "notices"),
    [
        ("BEGIN END", []),
        ("BEGIN RAISE NOTICE 'n %', 1 + 1; RAISE WARNING 'w' USING HINT = 'h', ERRCODE = '01234'; END", ["n 2", "w"]),
        ("BEGIN IF NOT EXISTS (SELECT FROM pg_type WHERE typname = 'none') THEN RAISE NOTICE 'none'; END IF; END",
         ["none"]),
        ("BEGIN PERFORM 1 / 0; EXCEPTION WHEN division_by_zero THEN RAISE NOTICE 'caught'; END", ["caught"]),
    ],
)  # fmt: skip
def test_block_that_reaches_nothing_masked_runs(agent: psycopg.Connection, code: str, notices: list[str]) -> None:
    assert said(agent, code) == notices


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("DECLARE r text; BEGIN SELECT name INTO r FROM users LIMIT 1; RAISE NOTICE '%', r; END", "users"),
        ("BEGIN PERFORM count(*) FROM public.users; END", "users"),
        ("BEGIN UPDATE public.users SET id = id; END", "users"),
        ("BEGIN PERFORM FROM people; END", "people"),
        # What another session puts under a name while it runs.
        ("BEGIN PERFORM pg_sleep(3); PERFORM FROM visits; END", "visits"),
        ("BEGIN INSERT INTO visits VALUES (1); END", "visits"),
        ("BEGIN PERFORM FROM none; END", "none"),
        ("BEGIN PERFORM (WITH x AS (SELECT 1) SELECT 1); PERFORM FROM x; END", "it reaches x"),
        ("BEGIN RAISE NOTICE '%', anyone(); END", "anyone"),
        ("BEGIN EXECUTE 'SELECT 1'; END", "execute"),
        ("BEGIN CREATE TEMP TABLE t AS SELECT name FROM users; END", "no query"),
        ("BEGIN SET search_path = x; END", "no query"),
        ("BEGIN COMMIT; END", "commit"),
        ("DECLARE c refcursor := 'c'; BEGIN OPEN c FOR SELECT name FROM users; END", "open"),
        ("BEGIN PERFORM set_config('debug_print_rewritten', 'off', false); END", "set_config"),
        ("BEGIN PERFORM query_to_xml('SELECT name FROM users', true, true, ''); END", "query_to_xml"),
        # A function of one argument, called as a field is read.
        ("BEGIN RAISE NOTICE '%', ('SELECT to_tsvector(name) FROM users'::text).ts_stat; END", "ts_stat"),
        ("DECLARE t text := 'SELECT 1'; BEGIN t := (t).ts_stat; END", "ts_stat"),
        ("DECLARE n int := 1; BEGIN n := (n).pg_cancel_backend::int; END", "pg_cancel_backend"),
        ("DECLARE r record; BEGIN FOR r IN SELECT * FROM pg_prepared_statement() LOOP END LOOP; END",
         "pg_prepared_statement"),
        ("DECLARE r record; BEGIN FOR r IN SELECT * FROM pg_cursor() LOOP END LOOP; END", "pg_cursor"),
        ("DECLARE r record; BEGIN SELECT * INTO r FROM pg_statistic; END", "pg_statistic"),
        ("DECLARE r record; BEGIN SELECT * INTO r FROM pg_catalog.pg_authid; END", "rolpassword"),
        ("DECLARE r record; BEGIN SELECT * INTO r FROM pg_stats; END", "pg_stats"),
    ],
)  # fmt: skip
def test_block_that_may_reach_a_masked_column_is_refused(agent: psycopg.Connection, code: str, what: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege) as refused:
        said(agent, code)
    assert what in f"{refused.value.diag.message_detail} {refused.value}".lower()
    assert agent.execute("SELECT 1").fetchone() == (1,)


def test_own_table_of_a_system_name_hides_nothing(objects: Place, agent: psycopg.Connection) -> None:
    """pg_catalog is searched first, whatever search_path says."""
    agent.execute("CREATE TABLE IF NOT EXISTS public.pg_stats (tablename text, most_common_vals text)")
    try:
        code = "DECLARE r record; BEGIN SELECT * INTO r FROM pg_stats LIMIT 1; RAISE NOTICE '%', r; END"
        with pytest.raises(errors.InsufficientPrivilege, match="the server's own"):
            said(agent, code)
    finally:
        agent.execute("DROP TABLE public.pg_stats")


def test_names_are_those_of_now(objects: Place, agent: psycopg.Connection) -> None:
    code = "BEGIN PERFORM FROM pg_type; RAISE NOTICE 'passed'; END"
    assert said(agent, code) == ["passed"]
    agent.execute("CREATE TEMP TABLE pg_type AS SELECT name FROM users")
    with pytest.raises(errors.InsufficientPrivilege, match="temporary"):
        said(agent, code)
    agent.execute("DROP TABLE pg_temp.pg_type")
    agent.execute("SET search_path = public, pg_catalog")
    with pytest.raises(errors.InsufficientPrivilege, match="search_path"):
        said(agent, code)
    agent.execute("RESET search_path")
    # As prepared once and executed again.
    agent.pgconn.prepare(b"again", f"DO $do$ {code} $do$".encode())
    assert agent.pgconn.exec_prepared(b"again", []).status == 1
    agent.execute("CREATE TEMP TABLE pg_type AS SELECT name FROM users")
    assert b"temporary" in agent.pgconn.exec_prepared(b"again", []).error_message


def test_one_in_a_string_of_statements_and_one_that_fails(objects: Place) -> None:
    with psycopg.connect(objects.masked, autocommit=True) as agent:
        cursor = ClientCursor(agent)
        cursor.execute("SELECT 1; DO $$ BEGIN PERFORM FROM pg_type; END $$; SELECT 2")
        assert [cursor.statusmessage, cursor.nextset() and cursor.statusmessage] == ["SELECT 1", "DO"]
        with pytest.raises(errors.InvalidSqlStatementName, match="as raised"):
            agent.execute("DO $$ BEGIN RAISE EXCEPTION 'as raised' USING ERRCODE = '26000'; END $$")
        agent.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        with pytest.raises(errors.InsufficientPrivilege, match="other objects"):
            agent.execute("DO $$ BEGIN PERFORM FROM pg_type; END $$")
        agent.execute("ROLLBACK")
