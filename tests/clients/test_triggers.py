"""Writes that fire triggers: what their code brings back to the client is masked, what cannot be read is refused."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.clients.people import Place

SCHEMA = """
CREATE TABLE notes (id int, body text, slug text, seen text, at timestamptz);
CREATE TABLE trail (id int GENERATED ALWAYS AS IDENTITY, op text, was jsonb);
CREATE TABLE counters (name text PRIMARY KEY, n int NOT NULL);
INSERT INTO counters VALUES ('notes', 0);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.at := now();
  NEW.slug := lower(replace(NEW.body, ' ', '-'));
  RETURN NEW;
END;
$$;
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  r record;
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.body IS DISTINCT FROM OLD.body THEN
    INSERT INTO trail (op, was) VALUES ('changed', to_jsonb(OLD));
  ELSE
    INSERT INTO trail (op, was) VALUES (TG_OP, to_jsonb(COALESCE(NEW, OLD)));
  END IF;
  UPDATE counters SET n = n + 1 WHERE name = TG_TABLE_NAME;
  FOR r IN SELECT name FROM counters LOOP
    NULL;
  END LOOP;
  RETURN NULL;
END;
$$;
CREATE TRIGGER touch BEFORE INSERT OR UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER keep AFTER INSERT OR UPDATE OR DELETE ON notes FOR EACH ROW EXECUTE FUNCTION keep();
GRANT ALL ON notes, trail, counters TO public;
"""


@pytest.fixture
def notes(place: Place) -> Iterator[Place]:
    drop = "DROP TABLE IF EXISTS notes, trail, counters; DROP FUNCTION IF EXISTS touch, keep"
    place.database.sql(drop)
    place.database.sql(SCHEMA)
    yield place
    place.database.sql(drop)


def touch(place: Place, body: str, declare: str = "") -> None:
    """Replace what the trigger does before a row is written."""
    place.database.sql(f"CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $b${declare} {body}$b$")


def agent(place: Place) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(place.masked, autocommit=True, prepare_threshold=0)


def test_an_applications_triggers_run(notes: Place) -> None:
    with agent(notes) as client:
        insert = "INSERT INTO notes (id, body) VALUES (%s, 'A b') RETURNING id, body, slug, at IS NOT NULL"
        assert client.execute(insert, (1,)).fetchall() == [(1, "A b", "a-b", True)]
        assert client.execute("UPDATE notes SET body = 'C' WHERE id = 1 RETURNING slug").fetchall() == [("c",)]
        assert client.execute("DELETE FROM notes WHERE id = 1").rowcount == 1
        assert client.execute("SELECT n FROM counters").fetchall() == [(3,)]
        assert client.execute("SELECT op FROM trail ORDER BY id").fetchall() == [("INSERT",), ("changed",), ("DELETE",)]


def test_a_trigger_that_reads_masked_columns_refuses_the_write(notes: Place) -> None:
    """Whether its code fails would tell of them, and RETURNING would bring what it made of them."""
    touch(notes, "BEGIN NEW.seen := (SELECT name FROM users WHERE users.id = NEW.id); RETURN NEW; END")
    with agent(notes) as client, pytest.raises(psycopg.errors.InsufficientPrivilege, match="the code of a trigger"):
        client.execute("INSERT INTO notes (id, body) VALUES (1, 'x') RETURNING body, seen")


@pytest.mark.parametrize(
    "body",
    [
        "BEGIN SELECT name INTO NEW.seen FROM users WHERE users.id = 1; RETURN NEW; END",
        "DECLARE r record; BEGIN r := NEW; r.seen := (SELECT name FROM users WHERE id = 1); RETURN r; END",
        "DECLARE r record; BEGIN r := NEW; r.seen := (SELECT name FROM users WHERE id = 1); NEW := r; RETURN NEW; END",
        "BEGIN FOR NEW.seen IN SELECT name FROM users LOOP EXIT; END LOOP; RETURN NEW; END",
        "DECLARE p users; BEGIN SELECT * INTO p FROM users WHERE id = 1; NEW.seen := p.name; RETURN NEW; END",
        "BEGIN WITH p AS (SELECT name FROM users WHERE id = 1) SELECT name INTO NEW.seen FROM p; RETURN NEW; END",
        "DECLARE mine ALIAS FOR NEW; BEGIN SELECT name INTO mine.seen FROM users WHERE id = 1; RETURN mine; END",
        "DECLARE a ALIAS FOR NEW; b ALIAS FOR a; BEGIN b.seen := (SELECT name FROM users WHERE id = 1); RETURN a; END",
    ],
)
def test_every_way_into_new_is_seen(notes: Place, body: str) -> None:
    touch(notes, body)
    with agent(notes) as client:
        try:
            rows = client.execute("INSERT INTO notes (id, body) VALUES (1, 'x') RETURNING seen").fetchall()
        except psycopg.errors.InsufficientPrivilege:
            return
        assert rows == [(None,)]


@pytest.mark.parametrize(
    "body",
    [
        "BEGIN EXECUTE 'select 1'; RETURN NEW; END",
        "BEGIN PERFORM set_config('debug_print_rewritten', 'off', true); RETURN NEW; END",
        "BEGIN SET LOCAL work_mem = '1MB'; RETURN NEW; END",
        "BEGIN EXECUTE 'deallocate all'; RETURN NEW; END",
        "DECLARE k refcursor := 'cc'; BEGIN CLOSE k; OPEN k FOR SELECT name FROM users; RETURN NEW; END",
        "BEGIN NOTIFY changes; RETURN NEW; END",
        "BEGIN PERFORM pg_notify('changes', (SELECT name FROM users WHERE id = 1)); RETURN NEW; END",
        "BEGIN PERFORM query_to_xml('select 1', true, true, ''); RETURN NEW; END",
        "BEGIN PERFORM keep(NEW); RETURN NEW; END",
        "BEGIN IF (SELECT name FROM users WHERE id = 1) < NEW.body THEN RAISE EXCEPTION 'no'; END IF; RETURN NEW; END",
        "BEGIN IF (SELECT name FROM users WHERE id = 1) < NEW.body THEN RETURN NULL; END IF; RETURN NEW; END",
        "BEGIN IF (SELECT name FROM users WHERE id = 1) < NEW.body THEN RAISE NOTICE 'no'; END IF; RETURN NEW; END",
        "DECLARE mine ALIAS FOR NEW; BEGIN IF (SELECT name FROM users WHERE id = 1) < mine.body THEN RETURN NULL;"
        " END IF; RETURN mine; END",
        "DECLARE mine ALIAS FOR NEW; BEGIN mine.seen := (SELECT mine.name FROM users mine LIMIT 1); RETURN mine; END",
        "DECLARE p ALIAS FOR NEW; BEGIN DECLARE p users; BEGIN SELECT * INTO p FROM users LIMIT 1;"
        " NEW.seen := p.name; RETURN NEW; END; END",
        "BEGIN CREATE TEMP TABLE IF NOT EXISTS x (i int); RETURN NEW; END",
        "BEGIN NEW.seen := (SELECT rolpassword FROM pg_authid LIMIT 1); RETURN NEW; END",
        "BEGIN NEW.seen := (SELECT query FROM pg_stat_activity LIMIT 1); RETURN NEW; END",
    ],
)
def test_code_that_reaches_the_client_in_another_way_is_refused(notes: Place, body: str) -> None:
    touch(notes, body)
    with agent(notes) as client, pytest.raises(psycopg.errors.InsufficientPrivilege):
        client.execute("INSERT INTO notes (id, body) VALUES (1, 'x')")


def test_a_replaced_function_is_noticed_behind_a_prepared_statement(notes: Place) -> None:
    insert = "INSERT INTO notes (id, body) VALUES (%s, 'x') RETURNING id"
    with agent(notes) as client:
        assert client.execute(insert, (1,)).fetchall() == client.execute(insert, (1,)).fetchall() == [(1,)]
        touch(notes, "BEGIN EXECUTE 'select 1'; RETURN NEW; END")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match=r"triggers of public\.notes"):
            client.execute(insert, (1,))


def test_a_temporary_table_cannot_take_the_place_of_one_that_a_trigger_names(notes: Place) -> None:
    insert = "INSERT INTO notes (id, body) VALUES (%s, 'x') RETURNING id"
    with agent(notes) as client:
        client.execute(insert, (1,))
        client.execute(insert, (1,))
        client.execute("CREATE TEMP TABLE trail (op text, was jsonb)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="temporary table"):
            client.execute(insert, (1,))
        client.execute("DROP TABLE pg_temp.trail")
        client.execute(insert, (1,))


def test_a_check_of_unmasked_columns_tells_its_reason(notes: Place) -> None:
    touch(notes, "BEGIN IF NEW.id < 0 THEN RAISE EXCEPTION 'id % is negative', NEW.id; END IF; RETURN NEW; END")
    with agent(notes) as client, pytest.raises(psycopg.errors.RaiseException, match="id -1 is negative"):
        client.execute("INSERT INTO notes (id, body) VALUES (-1, 'x')")
