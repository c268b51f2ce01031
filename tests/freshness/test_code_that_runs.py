"""Code that comes to run by itself counts from the next statement, though the server announces nothing of it.

Before the change the statement runs; after it the code is opaque, and the statement is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
import pytest

from tests.freshness.conftest import Place

TABLES = """
    CREATE TABLE parent (id int PRIMARY KEY);
    CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent ON DELETE CASCADE);
    CREATE TABLE grandchild (id int, child int);
    CREATE TABLE parts (id int) PARTITION BY RANGE (id);
    CREATE TABLE part PARTITION OF parts FOR VALUES FROM (0) TO (100);
    CREATE FUNCTION own(int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS 'BEGIN EXECUTE ''SELECT 1''; RETURN true; END';
    CREATE FUNCTION own(text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
    CREATE DOMAIN word AS text; CREATE DOMAIN number AS int; CREATE TYPE pair AS (a int, b number);
    CREATE TABLE words (id int, word word);
"""
TRIGGER = (
    "CREATE TRIGGER own BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()"
)


@dataclass(frozen=True, slots=True)
class Code:
    statement: str
    change: str
    parameters: tuple[str | None, ...] = ()


CODE = {
    "a trigger on the table": Code(
        "INSERT INTO grandchild VALUES (1, 1)", TRIGGER.format(event="INSERT OR UPDATE", table="grandchild")
    ),
    "a trigger on a partition": Code(
        "INSERT INTO parts VALUES (1)", TRIGGER.format(event="INSERT OR UPDATE", table="part")
    ),
    "a trigger where a delete cascades to": Code(
        "DELETE FROM parent WHERE id = 1", TRIGGER.format(event="INSERT OR UPDATE", table="child")
    ),
    "a cascade to where a trigger is": Code(
        "DELETE FROM parent WHERE id = 1",
        f"{TRIGGER.format(event='INSERT OR UPDATE', table='grandchild')};"
        "ALTER TABLE grandchild ADD FOREIGN KEY (child) REFERENCES child ON DELETE CASCADE",
    ),
    "a check of a partition": Code("INSERT INTO parts VALUES (1)", "ALTER TABLE part ADD CHECK (own(id))"),
    "an index of a partition": Code("INSERT INTO parts VALUES (1)", "CREATE INDEX ON part (own(id))"),
    "a check of a parameter's domain": Code(
        "SELECT %s::number IS NULL", "ALTER DOMAIN number ADD CHECK (own(VALUE))", ("1",)
    ),
    "a check of a column's domain": Code("SELECT word FROM words", "ALTER DOMAIN word ADD CHECK (own(VALUE))"),
    "a check of a domain in a composite": Code("SELECT %s::pair IS NULL", "ALTER TYPE pair ADD ATTRIBUTE c word;"
        "ALTER DOMAIN word ADD CHECK (own(VALUE))", (None,)),
}  # fmt: skip


@pytest.fixture(params=CODE, ids=lambda name: name.replace(" ", "-"))
def code(request: pytest.FixtureRequest, place: Place) -> Code:
    place.change(TABLES)
    return CODE[request.param]


@pytest.mark.parametrize("in_transaction", [False, True], ids=["alone", "in a transaction"])
def test_for_a_statement_prepared_before(place: Place, code: Code, in_transaction: bool) -> None:
    with psycopg.connect(place.agent, autocommit=True) as agent:
        for _ in range(7):
            agent.execute(code.statement, code.parameters, prepare=True)
        if in_transaction:
            agent.execute("BEGIN")
        place.change(code.change)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            agent.execute(code.statement, code.parameters, prepare=True)


def test_for_a_simple_query(place: Place, code: Code) -> None:
    with psycopg.connect(place.agent, autocommit=True, cursor_factory=psycopg.ClientCursor) as agent:
        agent.execute(code.statement, code.parameters)
        place.change(code.change)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            agent.execute(code.statement, code.parameters)
