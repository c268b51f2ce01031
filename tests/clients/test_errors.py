"""Errors and notices of the server about masked tables: the SQLSTATE stays, no value comes along."""

from __future__ import annotations

from typing import Any

import asyncpg
import psycopg
import pytest

from tests.clients.people import Place

VALUES = ("Ada", "ada@lovelace", "75000", "1815", "Stone", "+44")

FAILING = {
    "unique violation": ("23505", "INSERT INTO users (id, team, email) VALUES (1, 1, 'ada@lovelace.example')"),
    "unique violation by copying": ("23505", "INSERT INTO users SELECT * FROM users"),
    "not null": ("23502", "INSERT INTO users (id, team, name) SELECT id + 100, NULL, name FROM users"),
    "not null by update": ("23502", "UPDATE users SET team = NULL WHERE id = 1"),
    "domain": ("23514", "UPDATE users SET phone = 'Ada' || repeat('x', 50)"),
    "too long": ("22001", "UPDATE users SET email = 'Ada' || repeat('x', 100)"),
}


def texts(error: psycopg.Error) -> str:
    """Everything that a client is told."""
    said = error.diag
    parts = (said.message_primary, said.message_detail, said.message_hint, said.context, said.internal_query)
    return " ".join(filter(None, (str(error), *parts)))


@pytest.mark.parametrize("prepare", [False, True], ids=["once", "prepared"])
@pytest.mark.parametrize("name", FAILING)
def test_error_keeps_its_code_and_tells_no_value(place: Place, name: str, prepare: bool) -> None:
    sqlstate, statement = FAILING[name]
    with psycopg.connect(place.masked) as connection:
        with pytest.raises(psycopg.Error) as failed:
            connection.execute(statement, prepare=prepare)
        assert failed.value.sqlstate == sqlstate
        assert not [value for value in VALUES if value in texts(failed.value)]
        connection.rollback()


def test_violation_names_the_constraint(place: Place) -> None:
    with psycopg.connect(place.masked, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.UniqueViolation) as failed:
            connection.execute(FAILING["unique violation"][1])
        said = failed.value.diag
        assert (said.schema_name, said.table_name, said.constraint_name) == ("public", "users", "users_pkey")


async def test_violation_of_asyncpg_tells_no_value(place: Place) -> None:
    connection: Any = await asyncpg.connect(place.masked)
    with pytest.raises(asyncpg.UniqueViolationError) as failed:
        await connection.execute("INSERT INTO users (id, team, email) VALUES ($1, 1, $2)", 1, "ada@lovelace.example")
    assert "ada@lovelace" not in f"{failed.value} {failed.value.as_dict()}"
    await connection.close()


def test_error_about_an_unmasked_table_is_as_direct(place: Place) -> None:
    said = []
    for dsn in (place.masked, place.raw):
        with psycopg.connect(dsn, autocommit=True) as connection:
            with pytest.raises(psycopg.errors.UniqueViolation) as failed:
                connection.execute("INSERT INTO teams VALUES (1, 'east')")
            said.append((failed.value.diag.message_primary, failed.value.diag.message_detail))
    assert said[0] == said[1]
    assert said[0][1] == "Key (id)=(1) already exists."


DEFINITIONS = (
    "CREATE TEMP TABLE fresh (id int PRIMARY KEY)",
    "CREATE TEMP TABLE alike (LIKE users)",
    "CREATE TEMP VIEW seen AS SELECT id FROM teams",
    "CREATE TEMP SEQUENCE numbers",
    "LOCK TABLE teams",
    "DROP TABLE IF EXISTS none",
)


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_definition_leaves_later_errors_of_the_transaction_as_direct(place: Place, definition: str) -> None:
    said = []
    for dsn in (place.masked, place.raw):
        with psycopg.connect(dsn) as connection:
            connection.execute(definition.encode())
            with pytest.raises(psycopg.errors.UniqueViolation) as failed:
                connection.execute("INSERT INTO teams VALUES (1, 'east')")
            said.append((failed.value.diag.message_primary, failed.value.diag.message_detail))
            connection.rollback()
    assert said[0] == said[1]


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_definition_does_not_end_what_is_withheld(place: Place, definition: str) -> None:
    with psycopg.connect(place.masked) as connection:
        connection.execute("UPDATE users SET team = team WHERE id = 1")
        connection.execute(definition.encode())
        with pytest.raises(psycopg.errors.UniqueViolation, match="withheld"):
            connection.execute("INSERT INTO teams VALUES (1, 'east')")
        connection.rollback()
