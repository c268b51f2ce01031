"""Writes to views with INSTEAD OF triggers: what RETURNING brings back is what the view and the trigger's code make."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.clients.people import Place

SCHEMA = """
CREATE TABLE cities (id int, city text, people int);
INSERT INTO cities VALUES (1, 'Oslo', 700), (2, 'Brno', 400);
CREATE VIEW large AS SELECT id, city, people, length(city) AS letters FROM cities WHERE people > 100;
CREATE FUNCTION into_cities() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF TG_OP = 'DELETE' THEN
    DELETE FROM cities WHERE id = OLD.id;
    RETURN OLD;
  ELSIF TG_OP = 'UPDATE' THEN
    UPDATE cities SET city = NEW.city, people = NEW.people WHERE id = OLD.id;
  ELSE
    INSERT INTO cities VALUES (NEW.id, NEW.city, NEW.people);
  END IF;
  NEW.letters := length(NEW.city);
  RETURN NEW;
END $$;
CREATE TRIGGER into_cities INSTEAD OF INSERT OR UPDATE OR DELETE ON large
  FOR EACH ROW EXECUTE FUNCTION into_cities();

CREATE VIEW staff AS SELECT id, team, name AS who, plain_name FROM users;
CREATE FUNCTION staffed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER staffed INSTEAD OF INSERT OR UPDATE ON staff FOR EACH ROW EXECUTE FUNCTION staffed();
GRANT ALL ON cities, large, staff TO public;
"""
DROP = "DROP TABLE IF EXISTS cities CASCADE; DROP VIEW IF EXISTS staff; DROP FUNCTION IF EXISTS into_cities, staffed"


@pytest.fixture
def views(place: Place) -> Iterator[Place]:
    place.database.sql(DROP)
    place.database.sql(SCHEMA)
    yield place
    place.database.sql(DROP)


def agent(place: Place) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(place.masked, autocommit=True)


def staffed(place: Place, body: str) -> None:
    """Replace what happens instead of a write to `staff`."""
    place.database.sql(f"CREATE OR REPLACE FUNCTION staffed() RETURNS trigger LANGUAGE plpgsql AS $b${body}$b$")


def test_a_view_of_unmasked_columns_is_written(views: Place) -> None:
    with agent(views) as connection:
        made = connection.execute("INSERT INTO large VALUES (3, 'Lund', 120) RETURNING *")
        assert made.fetchall() == [(3, "Lund", 120, 4)]
        changed = connection.execute("UPDATE large SET city = city || '!' WHERE people < 500 RETURNING id, city, large")
        assert changed.fetchall() == [(2, "Brno!", "(2,Brno!,400,5)"), (3, "Lund!", "(3,Lund!,120,5)")]
        gone = connection.execute("DELETE FROM large WHERE id = 1 RETURNING city")
        assert gone.fetchall() == [("Oslo",)]
        assert connection.execute("SELECT id FROM cities ORDER BY id").fetchall() == [(2,), (3,)]


def test_a_masked_column_of_the_view_comes_back_masked(views: Place) -> None:
    masked = views.database.sql("SELECT name FROM seen.users WHERE id = 1")
    with agent(views) as connection:
        query = "UPDATE staff SET team = 5 WHERE id = 1 RETURNING id, who, team"
        ((number, who, team),) = connection.execute(query).fetchall()
        assert (number, team) == (1, 5)
        ((real,),) = views.database.sql("SELECT name FROM users WHERE id = 1")
        assert who != real
        assert [(who,)] == masked


@pytest.mark.parametrize(
    "body",
    [
        "BEGIN NEW.team := length(OLD.who); RETURN NEW; END",
        "BEGIN NEW.team := (SELECT count(*) FROM users WHERE name LIKE 'A%'); RETURN NEW; END",
        "BEGIN NEW.plain_name := NEW.who; RETURN NEW; END",
        "BEGIN RAISE NOTICE '%', OLD.who; RETURN NEW; END",
        "BEGIN IF OLD.who LIKE 'A%' THEN RETURN NULL; END IF; RETURN NEW; END",
        "BEGIN PERFORM pg_notify('told', OLD.who); RETURN NEW; END",
        "BEGIN PERFORM 1 / (ascii(OLD.who) - 65); RETURN NEW; END",
        "DECLARE r staff; BEGIN r := OLD; r.plain_name := r.who; RETURN r; END",
    ],
)
def test_what_the_code_makes_of_a_masked_column_does_not_come_out(views: Place, body: str) -> None:
    staffed(views, body)
    query = "UPDATE staff SET team = 5 WHERE id = 1 RETURNING id, team, plain_name"
    with psycopg.connect(views.raw, autocommit=True) as direct:
        told: list[str] = []
        direct.add_notice_handler(lambda notice: told.append(str(notice.message_primary)))
        try:
            real = direct.execute(query).fetchall()
        except psycopg.Error as error:
            real = [(error.sqlstate,)]
    with agent(views) as connection:
        shown: list[str] = []
        connection.add_notice_handler(lambda notice: shown.append(str(notice.message_primary)))
        try:
            found = connection.execute(query).fetchall()
        except psycopg.errors.InsufficientPrivilege:
            return
        assert found != real
        assert not shown


@pytest.mark.parametrize(
    "query",
    [
        "UPDATE staff SET team = 5 WHERE who LIKE 'A%'",
        "UPDATE staff SET plain_name = who WHERE id = 1 RETURNING plain_name",
        "UPDATE staff SET team = 5 WHERE id = 1 RETURNING staff::text",
        "INSERT INTO staff (id, plain_name) SELECT id, name FROM users RETURNING plain_name",
    ],
)
def test_what_a_table_would_not_take_a_view_does_not(views: Place, query: str) -> None:
    with agent(views) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(query.encode())
