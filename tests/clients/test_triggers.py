"""Tables that note the time by a trigger can be written under masks; what another trigger does is unknown."""

from __future__ import annotations

import psycopg
import pytest

from tests.clients.people import Place

TABLE = """
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.at := now();
  RETURN NEW;
END;
$$;
CREATE TABLE notes (id int, body text, at timestamptz);
CREATE TRIGGER touch BEFORE INSERT OR UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION touch();
GRANT ALL ON notes TO public;
"""
TELLS = """
CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.body := (SELECT name FROM users WHERE users.id = 1);
  RETURN NEW;
END;
$$;
"""


def test_a_trigger_that_notes_the_time_lets_writes_pass_until_it_does_more(place: Place) -> None:
    place.database.sql(TABLE)
    insert = "INSERT INTO notes (id, body) VALUES (%s, 'x') RETURNING id, body, at IS NOT NULL"
    with psycopg.connect(place.masked, autocommit=True, prepare_threshold=0) as agent:
        assert agent.execute(insert, (1,)).fetchall() == [(1, "x", True)]
        assert agent.execute(insert, (2,)).fetchall() == [(2, "x", True)]
        place.database.sql(TELLS)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="triggers of public"):
            agent.execute(insert, (3,))
