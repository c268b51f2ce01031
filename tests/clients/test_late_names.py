"""Names in the code of functions and triggers are looked up when it runs: for cursors and portals that is later."""

from __future__ import annotations

import psycopg
import pytest

from pgproxy.wire.query import Bind, Execute, Flush, Parse, Query, Sync
from tests.clients.people import Place
from tests.clients.wire_client import Said, WireClient, connected

CODE = """
CREATE TABLE signs (id int, said text);
INSERT INTO signs VALUES (1, 'harmless');
CREATE TABLE logged (id int, note text);
CREATE FUNCTION by_code() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT max(said) FROM signs); END $$;
CREATE FUNCTION by_body() RETURNS text LANGUAGE sql AS 'SELECT max(said) FROM signs LIMIT 1';
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN NEW.note := (SELECT max(said) FROM signs); RETURN NEW; END $$;
CREATE TRIGGER note BEFORE INSERT ON logged FOR EACH ROW EXECUTE FUNCTION note();
GRANT ALL ON ALL TABLES IN SCHEMA public TO public;
"""
SHADOW = "CREATE TEMP TABLE signs AS SELECT 1 AS id, name::text AS said FROM users"
CALLS = ("by_code()", "by_body()")


@pytest.fixture(scope="module")
def late(place: Place) -> Place:
    place.database.sql(CODE)
    return place


def rows(said: list[Said]) -> list[object]:
    return [one[1] for one in said if one[0] == "DataRow"]


def is_refused(said: list[Said]) -> bool:
    return any(one[0] == "ErrorResponse" for one in said) and not rows(said)


@pytest.mark.parametrize("call", CALLS)
def test_a_cursor_goes_on_while_names_mean_the_same(late: Place, call: str) -> None:
    with psycopg.connect(late.masked) as agent:
        agent.execute(f"DECLARE c CURSOR FOR SELECT {call} FROM generate_series(1, 3)".encode())
        assert agent.execute("FETCH c").fetchall() == [("harmless",)]
        agent.execute("CREATE TEMP TABLE something AS SELECT name FROM users")
        assert agent.execute("FETCH ALL c").fetchall() == [("harmless",)] * 2


@pytest.mark.parametrize("fetched", [0, 1])
@pytest.mark.parametrize("call", CALLS)
def test_a_cursor_is_looked_at_again_before_each_fetch(late: Place, call: str, fetched: int) -> None:
    with psycopg.connect(late.masked) as agent:
        agent.execute(f"DECLARE c CURSOR FOR SELECT {call} FROM generate_series(1, 3)".encode())
        agent.execute(f"MOVE {fetched} c".encode())
        agent.execute(SHADOW.encode())
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            agent.execute("FETCH c")


@pytest.mark.parametrize("call", CALLS)
def test_a_held_cursor_runs_at_commit(late: Place, call: str) -> None:
    with psycopg.connect(late.masked, autocommit=True) as agent:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="COMMIT"):
            agent.execute(f"DECLARE c CURSOR WITH HOLD FOR SELECT {call}".encode())
        agent.execute("DECLARE c CURSOR WITH HOLD FOR SELECT id FROM signs")
        assert agent.execute("FETCH c").fetchall() == [(1,)]


LATE = (
    *(f"SELECT {call} FROM generate_series(1, 3)" for call in CALLS),
    "INSERT INTO logged VALUES (1) RETURNING note",
)


@pytest.mark.parametrize("statement", LATE)
def test_a_portal_is_looked_at_again_if_it_waits(late: Place, statement: str) -> None:
    shadow = (Parse("s", SHADOW), Bind("t", "s"), Execute("t"))
    with connected(late.masked) as client:
        assert rows(client.ask(Parse("", statement), Bind("", ""), Execute(""), Sync()))[:1] == [b"harmless"]
    with connected(late.masked) as client:  # in one packet
        assert is_refused(client.ask(Parse("", statement), Bind("p", ""), *shadow, Execute("p"), Sync()))
    with connected(late.masked) as client:
        client.ask(Query("BEGIN"))
        client.send([Parse("", statement), Bind("p", ""), Flush()])
        client.hear("BindComplete")
        assert is_refused(client.ask(*shadow, Execute("p"), Sync()))


@pytest.mark.parametrize("statement", LATE[:2])
def test_the_rest_of_a_portal_is_looked_at_again(late: Place, statement: str) -> None:
    with connected(late.masked) as client:
        client.ask(Query("BEGIN"))
        client.send([Parse("", statement), Bind("p", ""), Execute("p", 1), Flush()])
        assert rows(client.hear("PortalSuspended")) == [b"harmless"]
        client.send([Execute("p", 1), Flush()])
        assert rows(client.hear("PortalSuspended")) == [b"harmless"]
        assert is_refused(client.ask(Parse("s", SHADOW), Bind("t", "s"), Execute("t"), Execute("p", 1), Sync()))


@pytest.mark.parametrize("statement", LATE[:2])
def test_what_another_session_renames_counts(late: Place, statement: str) -> None:
    late.database.sql("CREATE SCHEMA first; GRANT USAGE ON SCHEMA first TO public")
    client = WireClient(late.masked)
    try:
        client.ask(Query("SET search_path = first, public"))
        client.ask(Query("BEGIN"))
        client.send([Parse("", statement), Bind("p", ""), Flush()])
        client.hear("BindComplete")
        late.database.sql("CREATE VIEW first.signs AS SELECT id, name::text AS said FROM public.users")
        late.database.sql("GRANT SELECT ON first.signs TO public")
        assert is_refused(client.ask(Execute("p"), Sync()))
    finally:
        client.close()
        late.database.sql("DROP SCHEMA first CASCADE")
