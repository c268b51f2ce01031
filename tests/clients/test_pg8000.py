"""pg8000, by its native interface and by DB-API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pg8000.dbapi  # type: ignore[import-untyped]
import pg8000.native  # type: ignore[import-untyped]
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.clients.people import EVERYTHING, Place
from tests.clients.statements import READS, REFUSED, WRITES, Asked


def arguments(dsn: str) -> dict[str, Any]:
    parts = conninfo_to_dict(dsn)
    names = {"dbname": "database"}
    return {names.get(name, name): int(str(value)) if name == "port" else value for name, value in parts.items()}


INTEGER_ARRAY = 1007
"""Left as text: pg8000 does not read arrays with bounds, not direct either."""


@contextmanager
def native(dsn: str) -> Iterator[Any]:
    connection = pg8000.native.Connection(**arguments(dsn))
    connection.register_in_adapter(INTEGER_ARRAY, str)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def dbapi(dsn: str) -> Iterator[Any]:
    connection = pg8000.dbapi.connect(**arguments(dsn))
    connection.register_in_adapter(INTEGER_ARRAY, str)
    try:
        yield connection
    finally:
        connection.close()


@pytest.fixture(scope="module")
def natives(place: Place) -> Iterator[tuple[Any, Any]]:
    with native(place.masked) as masked, native(place.seen) as seen:
        yield masked, seen


@pytest.fixture(scope="module")
def dbapis(place: Place) -> Iterator[tuple[Any, Any]]:
    with dbapi(place.masked) as masked, dbapi(place.seen) as seen:
        yield masked, seen


def native_result(connection: Any, asked: Asked) -> tuple[Any, Any]:
    values = {f"p{number}": value for number, value in enumerate(asked.parameters, 1)}
    rows = connection.run(asked.with_placeholders(":p{}"), **values)
    return [(column["name"], column["type_oid"]) for column in connection.columns], rows


def prepared_result(connection: Any, asked: Asked) -> Any:
    statement = connection.prepare(asked.with_placeholders(":p{}"))
    values = {f"p{number}": value for number, value in enumerate(asked.parameters, 1)}
    rows = [statement.run(**values) for _ in range(3)]
    statement.close()
    return rows


def dbapi_result(connection: Any, asked: Asked) -> tuple[Any, Any]:
    cursor = connection.cursor()
    # DB-API's parameters go by position: an argument for each place where one stands
    cursor.execute(asked.with_placeholders("%s"), [asked.parameters[int(number) - 1] for number in asked.numbers])
    return [(column[0], column[1]) for column in cursor.description], cursor.fetchall()


@pytest.mark.parametrize("asked", READS, ids=lambda asked: asked.title)
def test_rows_are_as_direct(natives: tuple[Any, Any], dbapis: tuple[Any, Any], asked: Asked) -> None:
    assert native_result(natives[0], asked) == native_result(natives[1], asked)
    assert prepared_result(natives[0], asked) == prepared_result(natives[1], asked)
    assert dbapi_result(dbapis[0], asked) == dbapi_result(dbapis[1], asked)


@pytest.mark.parametrize("asked", WRITES, ids=lambda asked: asked.title)
def test_returned_rows_are_as_direct(dbapis: tuple[Any, Any], asked: Asked) -> None:
    results = []
    for connection in dbapis:
        results.append(dbapi_result(connection, asked))
        connection.rollback()
    assert results[0] == results[1]


def test_rows_of_many_executions_come_back_masked(dbapis: tuple[Any, Any]) -> None:
    cursor, direct = (connection.cursor() for connection in dbapis)
    cursor.executemany(
        "INSERT INTO users (id, team, name) VALUES (%s, 1, %s)",
        [(number, "Ada Lovelace") for number in range(100, 110)],
    )
    cursor.execute("SELECT DISTINCT name FROM users WHERE id >= 100")
    direct.execute("SELECT name FROM users WHERE id = 1")
    assert cursor.fetchall() == direct.fetchall()
    for connection in dbapis:
        connection.rollback()


def test_denial_is_an_error_and_a_rollback_recovers(place: Place) -> None:
    with dbapi(place.masked) as connection:
        cursor = connection.cursor()
        with pytest.raises(pg8000.dbapi.DatabaseError) as denied:
            cursor.execute(REFUSED)
        assert denied.value.args[0]["C"] == "42501"
        with pytest.raises(pg8000.dbapi.DatabaseError) as aborted:
            cursor.execute("SELECT 1")
        assert aborted.value.args[0]["C"] == "25P02"
        connection.rollback()
        cursor.execute("SELECT 1")
        assert cursor.fetchall() == ([1],)
    with native(place.masked) as other:
        with pytest.raises(pg8000.native.DatabaseError):
            other.run("COPY users TO '/tmp/users'")
        assert len(other.run(EVERYTHING)) == 5
